"""Raw beside length-controlled win rates of every strategy against random, over the band in which chance alone lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._figure.style import BLUE, SOFT, frame_percents, label, write_heading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports._figure.style import Axes, Canvas
    from longismore.reports._rates import Interval
    from longismore.reports._study.rows import StudyResults, StudyRow

__all__ = ["draw_study", "study_height"]

_APART = 0.17
"""Of a row, from its middle to a mark."""
_BAND = "#e8ebee"
_HALF = 0.48
"""Of a row, that the band covers."""


def study_height(results: StudyResults) -> float:
    """Give the height in inches for so many rows."""
    groups = _groups(results)
    return 0.8 + 0.25 * (len(results.rows) + (len(groups) if len(groups) > 1 else 0))


def _groups(results: StudyResults) -> list[tuple[str, list[StudyRow]]]:
    """The rows of each data set and budget, headed by both."""
    found: dict[tuple[str, int], list[StudyRow]] = {}
    for row in results.rows:
        if row.estimate.rates.n:
            found.setdefault((row.data, row.budget), []).append(row)
    return [(f"{label(data, 24)}, {budget:,} rows", rows) for (data, budget), rows in found.items()]


def draw_study(figure: Canvas, results: StudyResults) -> None:
    """Draw a row for each strategy, below a heading for each data set and budget where there are several."""
    axes = figure.add_subplot()
    names: dict[float, str] = {}
    limits = [50.0]
    place = 0.0
    groups = _groups(results)
    for heading, rows in groups:
        if len(groups) > 1:
            write_heading(axes, place, heading)
            place += 1
        limits += _band(axes, place, rows)
        for row in rows:
            rates = row.estimate.rates
            names[place] = label(row.strategy, 20)
            limits += _mark(axes, place - _APART, rates.win_rate, rates.win_rate_ci, raw=True)
            limits += _mark(axes, place + _APART, rates.lc_win_rate, rates.lc_win_rate_ci, raw=False)
            for shift, attribute, colour in ((-_APART, "win_rate", SOFT), (_APART, "lc_win_rate", BLUE)):
                dots = [100 * rate for match in row.estimate.matches if (rate := getattr(match, attribute)) is not None]
                axes.plot(dots, [place + shift] * len(dots), "|", color=colour, markersize=3.5, zorder=2.5)
                limits += dots
            place += 1
    frame_percents(axes, names, limits, rows=place, about="preferred to random, % (95% interval; |: each trial)")
    _legend(figure)


def _band(axes: Axes, place: float, rows: Sequence[StudyRow]) -> list[float]:
    """Shade what random does against random, raw above and at equal length below."""
    covered = []
    for row in range(len(rows)):
        floor = rows[row].floor
        edges = (None, None) if floor is None else (floor.raw, floor.controlled)
        for edge, (top, bottom) in zip(edges, ((-_HALF, 0.0), (0.0, _HALF)), strict=True):
            if edge is not None:
                low, high = 50 - 100 * edge, 50 + 100 * edge
                span = [place + row + top, place + row + bottom]
                axes.fill_betweenx(span, low, high, color=_BAND, linewidth=0, zorder=0.5)
                covered += [low, high]
    return covered


def _mark(axes: Axes, place: float, rate: float | None, interval: Interval | None, *, raw: bool) -> list[float]:
    """Draw a rate with its interval; give the percentages it covers."""
    if rate is None or interval is None:
        return []
    low, high = 100 * interval[0], 100 * interval[1]
    colour, width, mark, face = (SOFT, 1.0, "o", "white") if raw else (BLUE, 1.5, "D", BLUE)
    axes.plot([low, high], [place, place], color=colour, linewidth=width, solid_capstyle="butt", zorder=2)
    axes.plot([100 * rate], [place], mark, color=colour, markerfacecolor=face, markersize=3.2, zorder=3, clip_on=False)
    return [low, high]


def _legend(figure: Canvas) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    raw = Line2D([], [], color=SOFT, marker="o", markerfacecolor="white", markersize=3.2, linewidth=1.0, label="raw")
    controlled = Line2D([], [], color=BLUE, marker="D", markersize=3.2, linewidth=1.5, label="at equal length")
    floor = Patch(facecolor=_BAND, label="random to random")
    figure.legend(handles=[raw, controlled, floor], loc="outside upper left", ncols=3)
