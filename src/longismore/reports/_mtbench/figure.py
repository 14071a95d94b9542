"""A radar of the categories: a line for each model, so that one sees where it is strong and where not.

Lines differ in colour, dash and mark, because people see few colours and printers fewer. The order of the categories
is always the same; what area a line encloses depends on that order and means nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from longismore.errors import DataError
from longismore.reports._figure.style import INK, SOFT, label, write_title
from longismore.reports._mtbench.rates import ModelRate
from longismore.reports._mtbench.words import category_names, model_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports._figure.style import Axes, Canvas
    from longismore.reports._mtbench.scores import Mean, ModelScore

__all__ = ["MOST_DRAWN", "check_radar", "draw_radar", "radar_height"]

_LINES = (
    ("#1d5c9e", "-", "o"),
    ("#dd8b35", "-", "s"),
    ("#1c2126", "--", "^"),
    ("#5aa9e6", "-.", "D"),
    ("#a84a00", ":", "v"),
    ("#8b6bb1", "--", "P"),
)
MOST_DRAWN = len(_LINES)
"""More lines cannot be told apart."""
_FEWEST = 3
_WITH_BANDS = 2
"""More bands lie over each other."""
_SCORES, _PERCENTS = (2, 4, 6, 8, 10), (25, 50, 75, 100)
"""The rings; the last is the rim."""
_LEFT, _RIGHT = -0.1, 0.1


def check_radar(scores: Sequence[ModelScore] | Sequence[ModelRate]) -> None:
    """Make sure that there is something to draw.

    Raises:
        DataError: Fewer than three categories have scores.
    """
    names = category_names(scores)
    if len(names) < _FEWEST:
        raise DataError(
            f"a radar needs at least {_FEWEST} categories, found {', '.join(names) or 'none'}; tables can be written "
            "of any number"
        )


def radar_height(scores: Sequence[ModelScore] | Sequence[ModelRate]) -> float:
    """Give the height in inches for so many models."""
    return 3.3 + 0.14 * min(len(scores), MOST_DRAWN)


def draw_radar(figure: Canvas, scores: Sequence[ModelScore] | Sequence[ModelRate], *, title: Sequence[str]) -> None:
    """Draw the best models, at most six; bands are 95 % intervals, where there are one or two lines.

    Args:
        figure: An empty one.
        scores: Of models, the best of a judge first.
        title: Lines above the picture.

    Raises:
        DataError: Fewer than three categories have scores.
    """
    check_radar(scores)
    names = category_names(scores)
    share = isinstance(scores[0], ModelRate)
    axes = figure.add_subplot(projection="polar")
    _frame(axes, names, _PERCENTS if share else _SCORES)
    categories = [score.categories for score in scores]
    drawn = list(zip(model_names(scores, 34), categories, strict=True))[:MOST_DRAWN]
    for place, (name, found) in enumerate(drawn):
        means = [found.get(each) for each in names]
        if len(drawn) <= _WITH_BANDS:
            _band(axes, means, place, scale=100 if share else 1)
        _line(axes, means, place, name, scale=100 if share else 1)
    if share:
        axes.plot([2 * math.pi * part / 180 for part in range(181)], [50] * 181, color=INK, linewidth=0.8, zorder=1.5)
    figure.legend(loc="outside lower left", handlelength=3.2)
    write_title(figure, *(label(line, 70) for line in [*title, *_remarks(len(scores))]))


def _remarks(models: int) -> list[str]:
    if models <= _WITH_BANDS:
        return ["bands: 95% intervals, clustered by question"]
    return [f"the first {MOST_DRAWN} of {models} models"] if models > MOST_DRAWN else []


def _frame(axes: Axes, names: Sequence[str], rings: Sequence[int]) -> None:
    axes.set_theta_offset(math.pi / 2)
    axes.set_theta_direction(-1)
    axes.set_ylim(0, rings[-1])
    axes.set_yticks(rings, [str(ring) for ring in rings])
    axes.set_rlabel_position(180 / len(names))  # between two spokes
    axes.tick_params(axis="y", labelsize=5.5, labelcolor=SOFT)
    axes.set_xticks(_angles(len(names)), [label(name, 16) for name in names])
    axes.tick_params(axis="x", pad=-1)
    for text, angle in zip(axes.get_xticklabels(), _angles(len(names)), strict=True):
        across = math.sin(angle)
        text.set_horizontalalignment("left" if across > _RIGHT else "right" if across < _LEFT else "center")
    axes.spines["polar"].set_color(SOFT)


def _angles(count: int) -> list[float]:
    return [2 * math.pi * place / count for place in range(count)]


def _line(axes: Axes, means: Sequence[Mean | None], place: int, name: str, *, scale: float) -> None:
    """Draw a closed line, with a gap where a category has no score."""
    colour, dash, mark = _LINES[place]
    values = [math.nan if each is None or each.mean is None else scale * each.mean for each in means]
    angles = _angles(len(means))
    axes.plot(
        [*angles, angles[0]],
        [*values, values[0]],
        color=colour,
        linestyle=dash,
        marker=mark,
        linewidth=1.3,
        markersize=3.2,
        clip_on=False,
        zorder=3,
        label=name,
    )


def _band(axes: Axes, means: Sequence[Mean | None], place: int, *, scale: float) -> None:
    limits = [None if each is None else each.mean_ci for each in means]
    low, high = (
        [math.nan if each is None else max(0.0, scale * each[end]) for each in [*limits, limits[0]]] for end in (0, 1)
    )
    angles = _angles(len(means))
    axes.fill_between([*angles, angles[0]], low, high, color=_LINES[place][0], alpha=0.15, linewidth=0, zorder=2)
