"""The sensitivity of the length-controlled win rate: what it would be for every assumed taste for length."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from longismore.reports._page.frame import figure
from longismore.reports._page.svg import Axis, chart, circle, line, path, rect, text, ticks, upright
from longismore.reports._words import number, percent, percent_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports.winrate import Rates

__all__ = ["curve_figure"]

_WIDTH, _HEIGHT = 400, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 376, 48, 246
_ROWS = (12, 34)
"""Where the labels stand, above the picture."""
_LEFT_PART, _RIGHT_PART = 0.25, 0.7
_EVEN = 0.5
_STEP = 0.1
"""The scale of the rates ends at a multiple of this."""


def curve_figure(rates: Rates) -> str:
    """Draw the curve with the measured slope and its interval, the tipping slope and the line of 50 %."""
    curve = sorted(rates.length_curve or ())
    if len(curve) < 2 or rates.length_slope is None or rates.lc_win_rate is None:  # noqa: PLR2004  a line has two ends
        return ""
    across = Axis(curve[0][0], curve[-1][0], _LEFT, _RIGHT)
    up = _rates_axis([_EVEN, *(rate for _, rate in curve), *(rates.lc_win_rate_ci or ())])
    shapes = [*_frame(across, up), *_measured(rates, rates.length_slope, rates.lc_win_rate, across, up)]
    shapes.append(path("curve", [(across.at(slope), up.at(rate)) for slope, rate in curve]))
    tipping = rates.length_tipping_slope
    if tipping is not None and across.low <= tipping <= across.high:
        shapes.append(circle("tip", across.at(tipping), up.at(_EVEN), 4.5))
    shapes += _point(rates.length_slope, rates.lc_win_rate, rates.lc_win_rate_ci, across, up)
    said = f"measured slope {_slope(rates)}, {_tips(rates.length_tipping_slope)}"
    label = (
        f"Length-controlled win rate over the assumed length slope: {percent(curve[0][1])} percent at "
        f"{curve[0][0]:g}, {percent(curve[-1][1])} percent at {curve[-1][0]:g}; {said}"
    )
    picture = chart(_WIDTH, _HEIGHT, label, shapes)
    return figure(picture, "What if the judge liked length more, or less?", _caption(rates))


def _rates_axis(rates: list[float]) -> Axis:
    low = math.floor(round(min(rates) / _STEP, 9)) * _STEP
    high = math.ceil(round(max(rates) / _STEP, 9)) * _STEP
    return Axis(max(0.0, low - _STEP * (high == low)), min(1.0, high + _STEP * (high == low)), _BOTTOM, _TOP)


def _frame(across: Axis, up: Axis) -> list[str]:
    shapes = []
    for rate in ticks(up.low, up.high, 6):
        shapes.append(line("grid", _LEFT, up.at(rate), _RIGHT, up.at(rate)))
        shapes.append(text(f"{100 * rate:g}%", _LEFT - 6, up.at(rate) + 4, anchor="end"))
    for slope in ticks(across.low, across.high, 7):
        shapes.append(line("grid", across.at(slope), _BOTTOM, across.at(slope), _BOTTOM + 4))
        shapes.append(text(f"{slope:g}".replace("-", "\N{MINUS SIGN}"), across.at(slope), _BOTTOM + 17))
    shapes.append(text("assumed length slope (log odds)", (_LEFT + _RIGHT) / 2, _BOTTOM + 36, kind="title"))
    shapes.append(upright("length-controlled win rate", 12, (_TOP + _BOTTOM) / 2))
    shapes.append(line("half", _LEFT, up.at(_EVEN), _RIGHT, up.at(_EVEN)))
    return shapes


def _measured(rates: Rates, slope: float, rate: float, across: Axis, up: Axis) -> list[str]:
    """Draw the measured slope as a line with its interval as a band, and the tipping slope, each with its label."""
    low, high = rates.length_slope_ci or (slope, slope)
    start, end = across.at(low), across.at(high)
    marks = [(slope, f"measured {_number(slope)}", "measured", up.at(rate))]
    tipping = rates.length_tipping_slope
    if tipping is not None and across.low <= tipping <= across.high:
        marks.append((tipping, f"tips at {_number(tipping)}", "tipping", up.at(_EVEN)))
    shapes = [rect("band", start, _TOP, max(end - start, 1), _BOTTOM - _TOP)]
    for (value, label, kind, foot), (row, anchor) in zip(
        marks, _rows([mark[0] for mark in marks], across), strict=True
    ):
        shapes.append(line(kind, across.at(value), row + 6, across.at(value), foot))
        shapes.append(text(label, across.at(value), row, kind="strong", anchor=anchor))
    return shapes


def _rows(values: Sequence[float], across: Axis) -> list[tuple[int, str]]:
    """Choose height and anchor of labels so that no line from above runs through the label below."""
    if len(values) == 1:
        return [(_ROWS[0], across.anchor(values[0]))]
    left, right = min(values), max(values)
    if across.share(right) < _RIGHT_PART:
        chosen = [(_ROWS[0], "start"), (_ROWS[1], "start")]
    else:
        chosen = [(_ROWS[1], "start" if across.share(left) < _LEFT_PART else "end"), (_ROWS[0], "end")]
    return chosen if values[0] == left else chosen[::-1]


def _point(slope: float, rate: float, interval: tuple[float, float] | None, across: Axis, up: Axis) -> list[str]:
    place = across.at(slope)
    low, high = interval or (rate, rate)
    return [line("whisker lc", place, up.at(low), place, up.at(high)), circle("lc", place, up.at(rate), 5)]


def _number(slope: float) -> str:
    return number(slope, 2).replace("-", "\N{MINUS SIGN}")


def _slope(rates: Rates) -> str:
    shown = "" if rates.length_slope is None else _number(rates.length_slope)
    if rates.length_slope_ci is None:
        return shown
    low, high = rates.length_slope_ci
    return f"{shown} (95% interval {_number(low)} to {_number(high)})"


def _tips(slope: float | None) -> str:
    if slope is None:
        return "no slope from -10 to 10 brings the rate to 50 percent"
    return f"the rate is 50 percent at a slope of {_number(slope)}"


def _caption(rates: Rates) -> str:
    controlled = percent_sentence(rates.lc_win_rate, rates.lc_win_rate_ci)
    parts = [
        "The line is the length-controlled win rate for every assumed slope; 0 means no length control.",
        f"Measured here: {_slope(rates)}, the band; length-controlled {controlled}, the dot and its upright line.",
    ]
    if rates.length_tipping_slope is None:
        parts.append("No slope from \N{MINUS SIGN}10 to 10 would bring the rate to 50%.")
    else:
        parts.append(f"The rate would be 50% if the slope were {_number(rates.length_tipping_slope)}.")
    if rates.length_points is not None:
        gain = f"{100 * rates.length_points:+.1f}".replace("-", "\N{MINUS SIGN}")
        parts.append(f"At the measured slope an answer twice as long gains {gain} percentage points from this judge.")
    return " ".join(parts)
