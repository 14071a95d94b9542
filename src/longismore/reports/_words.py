"""The rates in words and in percent: the same in the terminal, in Markdown and in HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._escape import name_text

if TYPE_CHECKING:
    from longismore.reports.winrate import Interval, Rates, Results

__all__ = [
    "BETTER_OR_LONGER",
    "BY_THEMSELVES",
    "LENGTH",
    "counted",
    "explain",
    "named_rates",
    "not_judged",
    "number",
    "percent",
    "percent_interval",
    "percent_sentence",
    "times",
]

_STEADY = 0.7
_UNJUDGED = 0.02
_EVEN = 0.5
_LEVEL = 0.05
BETTER_OR_LONGER = "better, or only longer?"
LENGTH = "length:"
BY_THEMSELVES = "test sets that differ from 50% by themselves,"
"""How the sentences of `explain` begin that are no warnings."""
_DASH = "\N{EN DASH}"


def percent(rate: float | None) -> str:
    """Write a rate of 0..1 in percent, with one decimal and without the sign."""
    return _DASH if rate is None else f"{100 * rate:.1f}"


def percent_interval(rate: float | None, interval: Interval | None) -> str:
    """Write a rate and its interval in percent: ``57.2 (50.6-63.6)``, with an en dash."""
    if interval is None:
        return percent(rate)
    return f"{percent(rate)} ({percent(interval[0])}{_DASH}{percent(interval[1])})"


def percent_sentence(rate: float | None, interval: Interval | None) -> str:
    """Write a rate and its interval as in a sentence: ``57.2% (50.6-63.6)``."""
    first, *rest = percent_interval(rate, interval).split(" ")
    return " ".join([f"{first}%", *rest])


def counted(count: int, noun: str) -> str:
    """Write a count with its noun, which gets an s unless there is one: ``1 row``, ``2 rows``."""
    return f"{count} {noun if count == 1 else noun + 's'}"


def number(value: float | None, digits: int) -> str:
    """Write a number with so many digits after the point."""
    return _DASH if value is None else f"{value:.{digits}f}"


def times(ratio: float | None) -> str:
    """Write a ratio: ``1.21x``."""
    return _DASH if ratio is None else f"{ratio:.2f}x"


def not_judged(rates: Rates) -> list[str]:
    """Say what is missing: pairs that are partial or missing both orders, then calls by their state."""
    counts = {
        "partial": rates.partial,
        "missing": rates.pairs - rates.n - rates.partial,
        "unparsed": rates.unparsed,
        "refused": rates.refused,
        "failed": rates.failed,
    }
    return [f"{count} {state}" for state, count in counts.items() if count] or ["0"]


def named_rates(results: Results) -> list[tuple[str, Rates]]:
    """Give the rows of a table: every test set, then ``pooled`` where there is more than one."""
    rows = [(name_text(name), rates) for name, rates in results.testsets.items()]
    return rows if len(rows) == 1 else [*rows, ("pooled", results.pooled)]


def explain(results: Results, *, note: str | None = None) -> list[str]:
    """Say in plain words what the pooled rates mean and what to beware of.

    Args:
        results: What `summarize` gave.
        note: A remark on the judge, e.g. that it is a control; it is given as it is.

    Returns:
        Sentences, the result first, then the warnings.
    """
    rates = results.pooled
    warnings = [note] if note else []
    if rates.win_rate is None or rates.win_rate_ci is None:
        return [f"no pair was judged in both orders (0 of {rates.pairs}): there is no result", *warnings]
    return [_result(rates), *_length(rates), *_sets(results), *warnings, *_warnings(rates, rates.win_rate_ci)]


def _result(rates: Rates) -> str:
    shown = percent_sentence(rates.win_rate, rates.win_rate_ci)
    parts = [f"candidate wins {shown} of {rates.n} {'pair' if rates.n == 1 else 'pairs'}, a tie counting half"]
    if rates.length_ratio is not None:
        parts.append(f"its answers are {times(rates.length_ratio)} as long as the reference's")
    if rates.swap_consistency is None:
        parts.append("the judge saw each pair in one order only")
    else:
        parts.append(
            f"the judge kept its verdict in {percent(rates.swap_consistency)}% of the pairs when the order was swapped"
        )
    return "; ".join(parts)


def _sets(results: Results) -> list[str]:
    """Say which test sets decide by themselves, where there are several."""
    tested = {name: rates.p_value_holm for name, rates in results.testsets.items() if rates.p_value_holm is not None}
    if len(tested) < 2:  # noqa: PLR2004  a single one is the pooled rate
        return []
    found = ", ".join(name_text(name) for name, p_value in tested.items() if p_value < _LEVEL)
    correction = f"after Holm's correction for {len(tested)}"
    return [f"{BY_THEMSELVES} {correction}: {found or 'none'}"]


def _length(rates: Rates) -> list[str]:
    """Answer the question: better, or only longer?"""
    if rates.length_verdict is None or rates.length_points is None or rates.length_points_ci is None:
        return []
    low, high = (f"{100 * points:+.1f}" for points in rates.length_points_ci)
    gained = f"{100 * rates.length_points:+.1f}"
    return [
        f"{BETTER_OR_LONGER} {rates.length_verdict}: {rates.length_reason}",
        f"{LENGTH} this judge gives {gained} points for an answer twice as long as the reference's ({low} to {high})",
    ]


def _warnings(rates: Rates, interval: Interval) -> list[str]:
    warnings = []
    if interval[0] <= _EVEN <= interval[1]:
        detectable = "" if rates.mde is None else f"; they would find a difference of {percent(rates.mde)} points"
        warnings.append(f"the interval includes 50%: these pairs do not show which model is better{detectable}")
    if rates.length_warning is not None:
        warnings.append(rates.length_warning)
    if rates.swap_consistency is not None and rates.swap_consistency < _STEADY:
        changed = percent(1 - rates.swap_consistency)
        warnings.append(f"the judge is unsteady: in {changed}% of the pairs its verdict depends on the order")
    if rates.unjudged is not None and rates.unjudged > _UNJUDGED:
        missing = f"{rates.pairs - rates.n} of {rates.pairs} pairs ({percent(rates.unjudged)}%)"
        warnings.append(f"{missing} are not judged and enter no rate; the others may not stand for them")
    return warnings
