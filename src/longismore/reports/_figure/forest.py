"""Raw beside length-controlled win rates with their intervals, for each test set and all pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._figure.style import BLUE, SOFT, frame_percents, headings, label, write_heading
from longismore.reports._words import named_rates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged
    from longismore.reports._figure.style import Axes, Canvas
    from longismore.reports._rates import Interval, Results

__all__ = ["draw_forest", "forest_height"]

_APART = 0.16
"""Of a row, from its middle to a mark."""


def forest_height(results: Sequence[Results]) -> float:
    """Give the height in inches for so many rows."""
    headings = len(results) if len(results) > 1 else 0
    return 0.8 + 0.23 * (sum(len(named_rates(each)) for each in results) + headings)


def draw_forest(figure: Canvas, judged: Sequence[Judged], results: Sequence[Results]) -> None:
    """Draw a row for each test set and one for all pairs of each comparison, headed where there are several."""
    axes = figure.add_subplot()
    names: dict[float, str] = {}
    limits = [50.0]
    place = 0.0
    for heading, result in zip(headings(judged), results, strict=True):
        if len(judged) > 1:
            write_heading(axes, place, heading)
            place += 1
        for name, rates in named_rates(result):
            names[place] = f"{label(name, 18)} (n = {rates.n})"
            limits += _mark(axes, place - _APART, rates.win_rate, rates.win_rate_ci, raw=True)
            limits += _mark(axes, place + _APART, rates.lc_win_rate, rates.lc_win_rate_ci, raw=False)
            place += 1
    frame_percents(axes, names, limits, rows=place, about="candidate preferred, % (95% interval)")
    _legend(figure)


def _mark(axes: Axes, place: float, rate: float | None, interval: Interval | None, *, raw: bool) -> list[float]:
    """Draw a rate with its interval; give the percentages it covers."""
    if rate is None or interval is None:
        return []
    low, high = 100 * interval[0], 100 * interval[1]
    colour, width, mark, face = (SOFT, 1.0, "o", "white") if raw else (BLUE, 1.5, "D", BLUE)
    axes.plot([low, high], [place, place], color=colour, linewidth=width, solid_capstyle="butt", zorder=2)
    axes.plot([100 * rate], [place], mark, color=colour, markerfacecolor=face, markersize=3.2, zorder=3)
    return [low, high]


def _legend(figure: Canvas) -> None:
    from matplotlib.lines import Line2D

    raw = Line2D([], [], color=SOFT, marker="o", markerfacecolor="white", markersize=3.2, linewidth=1.0, label="raw")
    controlled = Line2D([], [], color=BLUE, marker="D", markersize=3.2, linewidth=1.5, label="at equal length")
    figure.legend(handles=[raw, controlled], loc="outside upper left", ncols=2)
