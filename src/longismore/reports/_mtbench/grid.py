"""The numbers of MT-Bench's tables, before a terminal, Markdown or LaTeX gives them their look."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from longismore.reports._escape import name_text
from longismore.reports._mtbench.words import category_names, interval_text, mean_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.reports._mtbench.rates import ModelRate
    from longismore.reports._mtbench.scores import Mean, ModelScore

__all__ = ["Cell", "Grid", "rate_grids", "score_grids"]

_Each = TypeVar("_Each", "ModelScore", "ModelRate")
_LONGEST = 120
_DASH = "\N{EN DASH}"


class Cell(NamedTuple):
    """A number, and its interval where it has one."""

    value: str
    interval: str = ""
    brief: str = ""
    """The interval with fewer digits, where there are many columns."""


class Grid(NamedTuple):
    """A table: a row for each model."""

    title: str
    heads: tuple[str, ...]
    """Of the columns but the first."""
    rows: list[tuple[str, list[Cell]]]
    """Models with their cells."""


def score_grids(scores: Sequence[ModelScore]) -> list[Grid]:
    """Lay out mean scores, for each judge by itself: by turn, then by category where categories are known.

    Args:
        scores: What `score_models` gave.
    """
    heads = ("both turns", "turn 1", "turn 2", "scores", "no score")

    def cells(score: ModelScore) -> list[Cell]:
        return [*map(_cell, (score.both, score.first, score.second)), Cell(str(score.both.n)), Cell(str(score.unread))]

    grids = []
    for judge, members in _by_judge(scores):
        grids.append(
            Grid(f"MT-Bench, 1 to 10, graded by {judge}", heads, [(_name(each), cells(each)) for each in members])
        )
        grids += _by_category(members, f"By category, graded by {judge}", _cell)
    return grids


def rate_grids(rates: Sequence[ModelRate]) -> list[Grid]:
    """Lay out win rates, for each judge by itself: by turn, then by category where categories are known.

    Args:
        rates: What `compare_models` gave.
    """
    heads = ("win rate %", "turn 1 %", "turn 2 %", "win/tie/lose", "inconsistent", "not read")

    def cells(rate: ModelRate) -> list[Cell]:
        counts = (f"{rate.wins}/{rate.ties}/{rate.losses}", str(rate.inconsistent), str(rate.unread))
        return [*map(_share, (rate.adjusted, rate.first, rate.second)), *map(Cell, counts)]

    grids = []
    for judge, members in _by_judge(rates):
        baseline = members[0].baseline
        against = "each other" if baseline is None else name_text(baseline, _LONGEST)
        grids.append(
            Grid(
                f"MT-Bench, against {against}, judged by {judge}",
                heads,
                [(_name(each), cells(each)) for each in members],
            )
        )
        grids += _by_category(members, f"Win rate % by category, judged by {judge}", _share)
    return grids


def _cell(mean: Mean | None) -> Cell:
    if mean is None:
        return Cell(_DASH)
    return Cell(mean_text(mean), interval_text(mean, digits=2), interval_text(mean, digits=1))


def _share(mean: Mean | None) -> Cell:
    if mean is None:
        return Cell(_DASH)
    limits = [interval_text(mean, digits=digits, scale=100) for digits in (1, 0)]
    return Cell(mean_text(mean, share=True), *limits)


def _by_category(
    members: Sequence[ModelScore] | Sequence[ModelRate], title: str, cell: Callable[[Mean | None], Cell]
) -> list[Grid]:
    names = category_names(members)
    if not names:
        return []
    rows = [(_name(each), [cell(each.categories.get(name)) for name in names]) for each in members]
    return [Grid(title, tuple(name_text(name, _LONGEST) or "unnamed" for name in names), rows)]


def _by_judge(members: Sequence[_Each]) -> list[tuple[str, list[_Each]]]:
    judges: dict[str, list[_Each]] = {}
    for each in members:
        judges.setdefault(each.judge, []).append(each)
    return [(name_text(judge, _LONGEST) or "an unnamed judge", found) for judge, found in judges.items()]


def _name(score: ModelScore | ModelRate) -> str:
    return name_text(score.model, _LONGEST) or "unnamed"
