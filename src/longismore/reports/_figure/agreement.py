"""How far several judges agree on the same pairs, as a matrix of shades and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._figure.style import BLUE, INK, compared, label, write_title
from longismore.reports._words import number, percent, percent_interval
from longismore.reports.agreement import pair_agreement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged
    from longismore.reports._figure.style import Axes, Canvas
    from longismore.reports.agreement import PairAgreement

__all__ = ["agreement_height", "draw_agreement"]

_FEW = 3
"""With more judges a cell is too small for an interval, and columns have numbers for names."""
_DARK = 0.6
"""From this agreement on, text in a cell is white."""
_KAPPA = "\N{GREEK SMALL LETTER KAPPA}"


def agreement_height(judged: Sequence[Judged]) -> float:
    """Give the height in inches for so many judges."""
    return 0.85 + (0.45 if len(judged) <= _FEW else 0.3) * len(judged)


def draw_agreement(figure: Canvas, judged: Sequence[Judged], *, draws: int) -> None:
    """Draw the share of pairs with the same outcome and Cohen's kappa for each two judges.

    Of up to three judges with intervals; of more, shares stand above the diagonal and kappa below.

    Args:
        figure: An empty one.
        judged: What several judges said of the same two models.
        draws: Of the intervals of `pair_agreement`.
    """
    from matplotlib.colors import LinearSegmentedColormap

    axes = figure.add_subplot()
    shades = LinearSegmentedColormap.from_list("agreement", ["#ffffff", BLUE])
    count = len(judged)
    for row, one in enumerate(judged):
        axes.text(row, row, "\N{EN DASH}", ha="center", va="center")
        for column in range(row + 1, count):
            found = pair_agreement(one.verdicts, judged[column].verdicts, draws=draws if count <= _FEW else 1)
            share = found.agreement or 0.0
            for x, y in ((column, row), (row, column)):
                edges = (x - 0.5, x + 0.5), (y - 0.5, y + 0.5)
                axes.fill_betweenx(edges[1], *edges[0], color=shades(share), linewidth=0)
                said = _both(found) if count <= _FEW else _one(found, kappa=x < y)
                axes.text(x, y, said, color="white" if share >= _DARK else INK, ha="center", va="center")
    _names(axes, judged)
    what = f"same outcome, % (95% interval), and Cohen's {_KAPPA}"
    if count > _FEW:
        what = f"above: same outcome, %; below: Cohen's {_KAPPA}"
    write_title(figure, compared(judged[0]), what)


def _names(axes: Axes, judged: Sequence[Judged]) -> None:
    count = len(judged)
    names = [label(each.judge, 18) for each in judged]
    numbered = [f"{name} ({number})" for number, name in enumerate(names, 1)]
    axes.set_xticks(range(count), names if count <= _FEW else [f"({number})" for number in range(1, count + 1)])
    axes.set_yticks(range(count), names if count <= _FEW else numbered)
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    axes.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def _both(found: PairAgreement) -> str:
    if not found.n:
        return "no shared pair"
    return f"{percent_interval(found.agreement, found.agreement_ci)}\n{_KAPPA} = {_one(found, kappa=True)}"


def _one(found: PairAgreement, *, kappa: bool) -> str:
    return number(found.cohen_kappa, 2).replace("-", "\N{MINUS SIGN}") if kappa else percent(found.agreement)
