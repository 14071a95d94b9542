"""The verdict against the length difference: single pairs, the share of wins in bins, and what the model fits.

The scale across is that of length control, tanh(difference / its standard deviation), so that a few endless answers
do not push all others together; its ticks are characters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.records import Outcome
from longismore.reports._interval import cluster_key, mean_interval
from longismore.reports._page.frame import figure
from longismore.reports._page.svg import Axis, chart, circle, line, path, text, upright
from longismore.reports._words import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Verdict
    from longismore.reports.winrate import Interval, Rates

__all__ = ["LengthBin", "length_bins", "length_figure"]

_WIDTH, _HEIGHT = 400, 326
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 376, 12, 222
_STRIPS = {Outcome.WIN: 230, Outcome.TIE: 244, Outcome.LOSE: 258}
_STRIP = 10
_VALUE = {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSE: 0.0}
_IN_A_BIN, _MOST_BINS = 20, 10
_TICKS = [0, *(sign * base * 10**power for power in range(6) for base in (1, 2, 5) for sign in (1, -1))]
_APART = 0.11
"""Of the scale across, between two ticks."""
_PREFERRED = (5, 1, 2)
_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthBin:
    """Pairs of neighbouring length differences."""

    n: int
    place: float
    """Mean of tanh(difference / scale)."""
    low: int
    """Smallest difference, in characters."""
    high: int
    win_rate: float
    win_rate_ci: Interval


def length_bins(verdicts: Sequence[Verdict], scale: float) -> list[LengthBin]:
    """Sort judged pairs into at most ten bins of about equal size, from candidate shorter to candidate longer.

    Pairs of equal difference stay together, and a bin holds 20 pairs or more where there are as many.

    Args:
        verdicts: All have an outcome.
        scale: Characters at which the difference is tanh(1).
    """
    sorted_ = sorted(verdicts, key=_difference)
    count = min(max(len(sorted_) // _IN_A_BIN, 1), _MOST_BINS)
    bins: list[list[Verdict]] = [[]]
    for number, verdict in enumerate(sorted_):
        full = number * count >= len(bins) * len(sorted_)
        if full and _difference(verdict) != _difference(bins[-1][-1]):
            bins.append([])
        bins[-1].append(verdict)
    return [_bin(members, scale) for members in bins if members]


def _difference(verdict: Verdict) -> int:
    return verdict.candidate_chars - verdict.reference_chars


def _bin(members: Sequence[Verdict], scale: float) -> LengthBin:
    values = [_VALUE[verdict.outcome] for verdict in members if verdict.outcome is not None]
    return LengthBin(
        n=len(members),
        place=math.fsum(math.tanh(_difference(verdict) / scale) for verdict in members) / len(members),
        low=_difference(members[0]),
        high=_difference(members[-1]),
        win_rate=math.fsum(values) / len(values),
        win_rate_ci=mean_interval(values, [cluster_key(verdict.prompt) for verdict in members]),
    )


def length_figure(verdicts: Sequence[Verdict], rates: Rates) -> str:
    """Draw how the win rate goes with the length difference; nothing where all differences are equal."""
    judged = [verdict for verdict in verdicts if verdict.outcome is not None]
    scale = _deviation([_difference(verdict) for verdict in judged])
    if not scale:
        return ""
    places = [math.tanh(_difference(verdict) / scale) for verdict in judged]
    across = Axis(min(-0.1, *places), max(0.1, *places), _LEFT, _RIGHT)
    up = Axis(0.0, 1.0, _BOTTOM, _TOP)
    bins = length_bins(judged, scale)
    shapes = [*_frame(across, up, scale), *_strips(judged, places, across)]
    shapes += _fitted(rates, across, up)
    shapes += [shape for each in bins for shape in _shapes(each, across, up)]
    label = "Win rate by length difference: " + "; ".join(
        f"{percent(each.win_rate)} percent of {each.n} pairs from {each.low:+d} to {each.high:+d} characters"
        for each in bins
    )
    return figure(chart(_WIDTH, _HEIGHT, label, shapes), "Does the longer answer win?", _caption(judged, bins))


def _deviation(values: Sequence[int]) -> float:
    if len(values) < 2:  # noqa: PLR2004  one value does not deviate
        return 0.0
    mean = sum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _frame(across: Axis, up: Axis, scale: float) -> list[str]:
    shapes = [upright("win rate", 12, (_TOP + _BOTTOM) / 2)]
    for quarter in range(5):
        y = up.at(quarter / 4)
        shapes += [line("grid", _LEFT, y, _RIGHT, y), text(f"{25 * quarter}%", _LEFT - 6, y + 4, anchor="end")]
    end = max(_STRIPS.values()) + _STRIP
    for chars in _ticks(across, scale):
        x = across.at(math.tanh(chars / scale))
        shapes += [line("half" if chars == 0 else "grid", x, _TOP, x, end), text(_chars(chars), x, end + 16)]
    title = f"candidate{_MINUS}reference, characters"
    shapes += [text(title, (_LEFT + _RIGHT) / 2, end + 35, kind="title")]
    return [*shapes, line("half", _LEFT, up.at(0.5), _RIGHT, up.at(0.5))]


def _ticks(across: Axis, scale: float) -> list[int]:
    """Choose round numbers of characters that lie far enough apart: 0 first, then 5, 1 and 2 times powers of ten."""
    chosen: list[int] = []
    wide = _APART * (across.high - across.low)
    for chars in sorted(_TICKS, key=lambda chars: (chars != 0, _PREFERRED.index(int(str(abs(chars))[0]) or 1), chars)):
        place = math.tanh(chars / scale)
        if not across.low <= place <= across.high:
            continue
        if all(abs(place - math.tanh(other / scale)) >= wide for other in chosen):
            chosen.append(chars)
    return chosen


def _chars(chars: int) -> str:
    return f"{chars:+,d}".replace("-", _MINUS).replace(",", "\N{NARROW NO-BREAK SPACE}") if chars else "0"


def _strips(judged: Sequence[Verdict], places: Sequence[float], across: Axis) -> list[str]:
    """Draw every pair as a tick in the strip of its outcome."""
    shapes = []
    for outcome, top in _STRIPS.items():
        marks = sorted({round(across.at(place), 1) for verdict, place in zip(judged, places, strict=True)
                        if verdict.outcome is outcome})  # fmt: skip
        drawn = "".join(f"M{mark:g} {top}v{_STRIP}" for mark in marks)
        shapes.append(text(outcome.value, _LEFT - 6, top + 9, anchor="end"))
        shapes += [f'<path class="rug {outcome.value}" d="{drawn}"/>'] if drawn else []
    return shapes


def _fitted(rates: Rates, across: Axis, up: Axis) -> list[str]:
    rate, slope = rates.lc_win_rate, rates.length_slope
    if rate is None or slope is None or not 0 < rate < 1:
        return []
    middle = math.log(rate / (1 - rate))
    steps = (across.low + (across.high - across.low) * step / 40 for step in range(41))
    return [path("fit", [(across.at(x), up.at(_logistic(middle + slope * x))) for x in steps])]


def _logistic(value: float) -> float:
    return (1 + math.tanh(value / 2)) / 2


def _shapes(each: LengthBin, across: Axis, up: Axis) -> list[str]:
    x, (low, high) = across.at(each.place), each.win_rate_ci
    return [line("whisker", x, up.at(low), x, up.at(high)), circle("mark", x, up.at(each.win_rate), 4)]


def _caption(judged: Sequence[Verdict], bins: Sequence[LengthBin]) -> str:
    decided = [
        (verdict.outcome is Outcome.WIN) == (_difference(verdict) > 0)
        for verdict in judged
        if verdict.outcome is not Outcome.TIE and _difference(verdict)
    ]
    sizes = sorted({each.n for each in bins})
    size = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return _longer(decided) + (
        f"Dots are the win rate of the candidate among {size} pairs of similar difference, a tie counting half, with "
        "95% intervals; the line is what length control fits; below, each tick is a pair."
    )


def _longer(decided: Sequence[bool]) -> str:
    if not decided:
        return "No pair of unequal lengths was decided. "
    share = percent(sum(decided) / len(decided))
    return f"The longer answer won {share}% of the {len(decided)} pairs that were decided. "
