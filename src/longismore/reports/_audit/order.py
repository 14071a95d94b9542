"""What the order of the answers does to a judge.

Source: Zheng et al., MT-Bench, https://arxiv.org/abs/2306.05685, section 3.3 (position bias).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.records import Order, Outcome, Status
from longismore.reports._audit.data import share, side

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longismore.reports._audit.data import AuditedPair
    from longismore.reports.winrate import Interval

__all__ = ["OrderFigures", "order_figures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFigures:
    """How steady a judge is when the answers change places; shares are ``None`` where there is nothing to count."""

    n_both_orders: int
    """Pairs that could be read in both orders: the shares of swaps are of these."""
    swap_consistency: float | None
    """Share with the same outcome in both orders."""
    swap_consistency_ci: Interval | None
    swap_flip: float | None
    """Share fully reversed."""
    swap_flip_ci: Interval | None
    flips_favour_first: int
    """Reversed pairs in which the answer shown first won both times."""
    flips_favour_second: int
    n_same_answer: int
    """Pairs that were asked in both orders, readable or not."""
    same_answer: float | None
    """Share of these with the same answer, where unreadable twice is the same: as LLMBar counts it."""
    calls_read: int
    """Calls with a readable answer: the shares of calls are of these."""
    first_wins: float | None
    """Share of calls in which the answer shown first won."""
    first_wins_ci: Interval | None
    second_wins: float | None
    equal: float | None
    """Share of calls that say neither."""
    calls_reference: int
    """Calls that the reference won."""
    calls_candidate: int
    calls_equal: int
    n_scores: int
    """Calls with scores of both answers."""
    score_first_minus_second: float | None
    """Mean lead of the answer shown first."""
    wins_truncated: int | None
    """Wins if scores were cut to whole numbers, as the published plotting scripts do; ``None`` without all scores."""
    ties_truncated: int | None
    losses_truncated: int | None
    winning_score_truncated: float | None


def order_figures(pairs: Sequence[AuditedPair]) -> OrderFigures:
    """Count what the order does."""
    both = list(_both(pairs))
    consistency, consistency_ci = share([(float(first == second), key) for first, second, key in both])
    flip, flip_ci = share([(float(first * second < 0), key) for first, second, key in both])
    flips = Counter(second - first for first, second, _ in both if first * second < 0)
    asked = [pair.verdict for pair in pairs if Status.FAILED not in pair.verdict.statuses]
    asked = [verdict for verdict in asked if None not in verdict.statuses]
    same = sum(_said(*verdict.preferences) for verdict in asked)
    calls = list(_calls(pairs))
    first_wins, first_wins_ci = share([(float(lead > 0), key) for lead, _, key in calls])
    said = Counter(verdict for _, verdict, _ in calls)
    leads = list(_leads(pairs))
    cut = _truncated(pairs)
    return OrderFigures(
        n_both_orders=len(both),
        swap_consistency=consistency,
        swap_consistency_ci=consistency_ci,
        swap_flip=flip,
        swap_flip_ci=flip_ci,
        flips_favour_first=flips[2],
        flips_favour_second=flips[-2],
        n_same_answer=len(asked),
        same_answer=_ratio(same, len(asked)),
        calls_read=len(calls),
        first_wins=first_wins,
        first_wins_ci=first_wins_ci,
        second_wins=_ratio(sum(lead < 0 for lead, *_ in calls), len(calls)),
        equal=_ratio(said[0], len(calls)),
        calls_reference=said[-1],
        calls_candidate=said[1],
        calls_equal=said[0],
        n_scores=len(leads),
        score_first_minus_second=_ratio(sum(leads), len(leads)),
        wins_truncated=None if cut is None else cut[Outcome.WIN],
        ties_truncated=None if cut is None else cut[Outcome.TIE],
        losses_truncated=None if cut is None else cut[Outcome.LOSE],
        winning_score_truncated=None if cut is None else 1 + (cut[Outcome.WIN] - cut[Outcome.LOSE]) / cut.total(),
    )


def _ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def _both(pairs: Sequence[AuditedPair]) -> Iterator[tuple[int, int, str]]:
    """What the two orders say of the candidate, and the cluster."""
    for pair in pairs:
        first, second = pair.verdict.preferences
        if first is not None and second is not None:
            yield side(first), side(second), pair.cluster


def _said(first: float | None, second: float | None) -> bool:
    """Whether both orders say the same, of which one may be nothing."""
    if first is None or second is None:
        return first is second
    return side(first) == side(second)


def _calls(pairs: Sequence[AuditedPair]) -> Iterator[tuple[int, int, str]]:
    """What each readable call says of the answer shown first, what of the candidate, and the cluster."""
    for pair in pairs:
        for order, preference in zip(Order, pair.verdict.preferences, strict=True):
            if preference is not None:
                said = side(preference)
                yield said if order is Order.CANDIDATE_FIRST else -said, said, pair.cluster


def _leads(pairs: Sequence[AuditedPair]) -> Iterator[float]:
    """The lead of the answer shown first, in points, of each call with scores."""
    for pair in pairs:
        for order, scores in zip(Order, pair.scores, strict=True):
            if scores is not None:
                reference, candidate = scores
                yield candidate - reference if order is Order.CANDIDATE_FIRST else reference - candidate


def _truncated(pairs: Sequence[AuditedPair]) -> Counter[Outcome] | None:
    """The outcomes from scores without their fractions."""
    outcomes: Counter[Outcome] = Counter()
    for pair in pairs:
        if None in pair.verdict.preferences:
            continue
        signed = 0
        for scores in pair.scores:
            if scores is None:
                return None
            reference, candidate = (int(score) for score in scores)
            signed += (candidate > reference) - (candidate < reference)
        outcomes[Outcome.WIN if signed > 0 else Outcome.TIE if signed == 0 else Outcome.LOSE] += 1
    return outcomes or None
