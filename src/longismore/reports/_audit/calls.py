"""What became of a judge's calls, what they cost, and whether asking again gives the same."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.records import Status
from longismore.reports._audit.data import share, side

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longismore.records import Judgment
    from longismore.reports._audit.data import AuditedPair, Call
    from longismore.reports.winrate import Interval

__all__ = ["CallFigures", "call_figures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFigures:
    """Calls by their state, with tokens, money and time; sums are over what is known, ``None`` where nothing is."""

    calls: int
    """Calls on the pairs: one in each order that was asked."""
    unparsed: int
    """Calls whose answer could not be read."""
    unparsed_rate: float | None
    unparsed_reference_first: int
    unparsed_candidate_first: int
    refused: int
    """Calls that the judge or its provider would not answer."""
    refused_rate: float | None
    failed: int
    """Calls that failed for a technical reason."""
    failed_rate: float | None
    n_repeated: int
    """Questions that were asked more than once in the same order, and read at least twice."""
    repeatability: float | None
    """Share of two answers to such a question that say the same."""
    repeatability_ci: Interval | None
    cost_usd: float | None
    n_without_cost: int
    """Answers whose cost is not known."""
    input_tokens: int | None
    output_tokens: int | None
    mean_latency_s: float | None


def call_figures(pairs: Sequence[AuditedPair], calls: Sequence[Call]) -> CallFigures:
    """Count calls.

    Args:
        pairs: One entry a pair.
        calls: What came of each question; more than one judgment where it was asked again.
    """
    statuses = [pair.verdict.statuses for pair in pairs]
    states = Counter(status for both in statuses for status in both if status is not None)
    asked = states.total()
    again = [(same, call.cluster) for call in calls if (same := _repeated(call.judgments)) is not None]
    repeatability, repeatability_ci = share(again)
    made = [judgment for call in calls for judgment in call.judgments]
    return CallFigures(
        calls=asked,
        unparsed=states[Status.UNPARSED],
        unparsed_rate=_rate(states[Status.UNPARSED], asked),
        unparsed_reference_first=sum(first is Status.UNPARSED for first, _ in statuses),
        unparsed_candidate_first=sum(second is Status.UNPARSED for _, second in statuses),
        refused=states[Status.REFUSED],
        refused_rate=_rate(states[Status.REFUSED], asked),
        failed=states[Status.FAILED],
        failed_rate=_rate(states[Status.FAILED], asked),
        n_repeated=len(again),
        repeatability=repeatability,
        repeatability_ci=repeatability_ci,
        cost_usd=_sum(judgment.cost_usd for judgment in made),
        n_without_cost=sum(judgment.cost_usd is None for judgment in made),
        input_tokens=_whole(judgment.input_tokens for judgment in made),
        output_tokens=_whole(judgment.output_tokens for judgment in made),
        mean_latency_s=_mean([judgment.latency_s for judgment in made if judgment.latency_s is not None]),
    )


def _rate(count: int, asked: int) -> float | None:
    return count / asked if asked else None


def _repeated(judgments: Iterable[Judgment]) -> float | None:
    """The share of two answers that say the same, over all twos; ``None`` with fewer than two readable ones."""
    said = Counter(side(judgment.preference) for judgment in judgments if judgment.preference is not None)
    n = said.total()
    return sum(count * (count - 1) for count in said.values()) / (n * (n - 1)) if n > 1 else None


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if known else None


def _whole(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
