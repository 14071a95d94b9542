"""A paired comparison in words and in percentage points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._escape import name_text
from longismore.reports._words import number, percent

if TYPE_CHECKING:
    from longismore.reports.paired import PairedComparison, PairedRates
    from longismore.reports.winrate import Interval

__all__ = ["p_text", "paired_sentences", "points"]

_LEVEL = 0.05
_SMALLEST = 0.001
_MINUS = "\N{MINUS SIGN}"


def points(difference: float) -> str:
    """Write a difference of rates in percentage points, with its sign: ``+5.2``."""
    shown = f"{100 * abs(difference):.1f}"
    if float(shown) == 0:
        return shown
    return f"{_MINUS if difference < 0 else '+'}{shown}"


def p_text(p_value: float) -> str:
    """Write a p value: ``p = 0.012``, ``p < 0.001``."""
    return f"p < {_SMALLEST}" if p_value < _SMALLEST else f"p = {p_value:.2g}"


def paired_sentences(comparison: PairedComparison) -> list[str]:
    """Say which candidate is better, and what to beware of; the result comes first."""
    rates = comparison.pooled
    a, b = name_text(comparison.candidate_a), name_text(comparison.candidate_b)
    if a == b:
        a, b = f"{a} (first)", f"{b} (second)"
    if rates.difference is None or rates.difference_ci is None:
        return [f"no pair was judged for both {a} and {b}: there is no result", *_left_out(rates, a, b)]
    return [
        _result(rates, rates.difference, rates.difference_ci, a, b),
        *_lengths(rates, rates.difference_ci, a, b),
        *_sets(comparison, a, b),
        *_power(rates),
        *_left_out(rates, a, b),
    ]


def _result(rates: PairedRates, difference: float, interval: Interval, a: str, b: str) -> str:
    test = "" if rates.p_value is None else f", {p_text(rates.p_value)}"
    shown = f"{points(difference)} points ({_span(interval)}{test})"
    on = f"on the same {rates.n} {'pair' if rates.n == 1 else 'pairs'}"
    start = f"{a} wins {percent(rates.win_rate_a)}% and {b} {percent(rates.win_rate_b)}% {on}: {shown}"
    side = _side(interval)
    if side == 0:
        return f"{start}; the interval includes 0, so these pairs do not show which of the two is better"
    return f"{start}; {a if side > 0 else b} is better by this judge"


def _lengths(rates: PairedRates, raw: Interval, a: str, b: str) -> list[str]:
    if rates.lc_difference is None or rates.lc_difference_ci is None:
        return []
    shown = f"{points(rates.lc_difference)} points ({_span(rates.lc_difference_ci)})"
    ratio = "" if rates.length_ratio is None else f"; {a} writes {rates.length_ratio:.2f}x as much as {b}"
    before, after = _side(raw), _side(rates.lc_difference_ci)
    if before and after == before:
        verdict = "; the advantage remains at equal length"
    elif before:
        verdict = f"; the advantage of {a if before > 0 else b} is not shown to be more than length"
    elif after:
        verdict = f"; at equal length {a if after > 0 else b} is better"
    else:
        verdict = ""
    return [f"at the reference's length the difference is {shown}{ratio}{verdict}"]


def _sets(comparison: PairedComparison, a: str, b: str) -> list[str]:
    tested = {name: rates for name, rates in comparison.testsets.items() if rates.p_value_holm is not None}
    if len(tested) <= 1:
        return []
    found = [
        f"{name_text(name)} ({points(rates.difference)}, for {a if rates.difference > 0 else b})"
        for name, rates in tested.items()
        if rates.p_value_holm is not None and rates.p_value_holm < _LEVEL and rates.difference is not None
    ]
    shown = ", ".join(found) if found else "none"
    return [f"test sets that differ after Holm's correction for {len(tested)} tests: {shown}"]


def _power(rates: PairedRates) -> list[str]:
    if rates.mde is None:
        return []
    said = f"a true difference of {100 * rates.mde:.1f} points would have been seen with 80% probability"
    if rates.narrower is None:
        return [said]
    gain = rates.narrower
    change = f"{number(gain, 2)} times narrower" if gain >= 1 else f"{number(1 / gain, 2)} times wider"
    return [f"{said}; the same prompts for both make the interval {change} than different prompts would"]


def _left_out(rates: PairedRates, a: str, b: str) -> list[str]:
    counts = {
        f"judged for {a} only": rates.only_a,
        f"judged for {b} only": rates.only_b,
        "without an outcome for at least one of them": rates.unjudged,
    }
    said = [f"{count} {what}" for what, count in counts.items() if count]
    return [f"pairs left out: {', '.join(said)}"] if said else []


def _side(interval: Interval) -> int:
    """Give 1 or -1 where the interval lies on one side of 0, else 0."""
    return (interval[0] > 0) - (interval[1] < 0)


def _span(interval: Interval) -> str:
    return f"{points(interval[0])} to {points(interval[1])}"
