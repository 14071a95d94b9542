"""The verdict against the length difference: the win rate in bins, what the model fits, and every pair as a tick."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from longismore.records import Outcome
from longismore.reports._figure.style import BLUE, FIVE, INK, SOFT, compared, label, write_title
from longismore.reports._page.length import length_bins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged, Verdict
    from longismore.reports._figure.style import Axes, Canvas
    from longismore.reports._rates import Rates

__all__ = ["draw_length", "length_scale"]

_STRIPS = {Outcome.WIN: -6.0, Outcome.TIE: -13.0, Outcome.LOSE: -20.0}
"""Where the ticks of each outcome stand, in percent below the scale."""
_COLOURS = {Outcome.WIN: FIVE["win_win"], Outcome.TIE: SOFT, Outcome.LOSE: FIVE["lose_lose"]}
_APART = 0.13
"""Of the scale across, between two labels."""
_BASES = (5, 1, 2)
_POWERS = 6


def length_scale(judged: Sequence[Verdict]) -> float:
    """Give the standard deviation of the length differences, in characters; 0 where there is no spread."""
    if len(judged) <= 1:
        return 0.0
    differences = [verdict.candidate_chars - verdict.reference_chars for verdict in judged]
    mean = sum(differences) / len(differences)
    return math.sqrt(math.fsum((each - mean) ** 2 for each in differences) / (len(differences) - 1))


def draw_length(figure: Canvas, comparison: Judged, rates: Rates) -> None:
    """Draw how the win rate goes with the length difference; some lengths must differ."""
    judged = [verdict for verdict in comparison.verdicts if verdict.outcome is not None]
    scale = length_scale(judged)
    axes = figure.add_subplot()
    places = [math.tanh((verdict.candidate_chars - verdict.reference_chars) / scale) for verdict in judged]
    low, high = min(-0.1, *places), max(0.1, *places)
    axes.axhline(50, color=INK, linewidth=0.8, zorder=1)
    axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
    _fitted(axes, rates, low, high)
    for each in length_bins(judged, scale):
        limits = [100 * limit for limit in each.win_rate_ci]
        axes.plot([each.place] * 2, limits, color=INK, linewidth=1.0, zorder=3)
        axes.plot([each.place], [100 * each.win_rate], "o", color=INK, markersize=3.5, zorder=4)
    for outcome, height in _STRIPS.items():
        found = [place for place, verdict in zip(places, judged, strict=True) if verdict.outcome is outcome]
        axes.vlines(found, height - 2.5, height + 2.5, color=_COLOURS[outcome], linewidth=0.5, alpha=0.8)
    _scales(axes, low, high, scale)
    write_title(figure, compared(comparison), f"judged by {label(comparison.judge)}")


def _fitted(axes: Axes, rates: Rates, low: float, high: float) -> None:
    rate, slope = rates.lc_win_rate, rates.length_slope
    if rate is None or slope is None or not 0 < rate < 1:
        return
    across = [low + (high - low) * step / 60 for step in range(61)]
    middle = math.log(rate / (1 - rate))
    shares = [50 * (1 + math.tanh((middle + slope * place) / 2)) for place in across]
    axes.plot(across, shares, color=BLUE, linewidth=1.4, zorder=2)


def _scales(axes: Axes, low: float, high: float, scale: float) -> None:
    chosen = _round_differences(low, high, scale)
    axes.set_xticks([math.tanh(chars / scale) for chars in chosen], [_chars(chars) for chars in chosen])
    axes.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))
    axes.set_ylim(min(_STRIPS.values()) - 4, 103)
    names = {height: outcome.value for outcome, height in _STRIPS.items()}
    shares = {float(share): str(share) for share in range(0, 101, 25)}
    axes.set_yticks([*names, *shares], [*names.values(), *shares.values()])
    axes.set_xlabel("candidate \N{MINUS SIGN} reference, characters")
    axes.set_ylabel("win rate, %")


def _round_differences(low: float, high: float, scale: float) -> list[int]:
    """Choose round numbers of characters that lie far enough apart: 0 first, then 5, 1 and 2 times powers of ten."""
    chosen: list[int] = [0]
    for base in _BASES:
        for chars in (sign * base * 10**power for power in range(_POWERS) for sign in (1, -1)):
            place = math.tanh(chars / scale)
            near = min(abs(place - math.tanh(other / scale)) for other in chosen)
            if low <= place <= high and near >= _APART * (high - low):
                chosen.append(chars)
    return sorted(chosen)


def _chars(chars: int) -> str:
    return f"{chars:+,d}".replace("-", "\N{MINUS SIGN}").replace(",", "\N{NO-BREAK SPACE}") if chars else "0"
