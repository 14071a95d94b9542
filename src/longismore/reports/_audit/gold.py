"""How often a judge is right, where it is known which answer is better.

Source: Zeng et al., LLMBar, https://arxiv.org/abs/2310.07641, section 3 (accuracy in both orders and their average).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.records import Status
from longismore.reports._audit.data import share, side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports._audit.data import AuditedPair
    from longismore.reports.winrate import Interval

__all__ = ["GoldFigures", "gold_figures"]

_ANSWERED = frozenset({Status.JUDGED, Status.UNPARSED, Status.REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldFigures:
    """Accuracy against gold labels.

    A call is right if it says what the label says, a tie included. A call that could not be read is not right, as
    LLMBar counts it; a call that failed or was not made is left out.
    """

    n_gold: int
    """Pairs with a label."""
    n_acc_reference_first: int
    """Calls with the reference first on pairs with a label."""
    acc_reference_first: float | None
    acc_reference_first_ci: Interval | None
    n_acc_candidate_first: int
    acc_candidate_first: float | None
    acc_candidate_first_ci: Interval | None
    n_acc_mean: int
    """Calls in either order."""
    acc_mean: float | None
    acc_mean_ci: Interval | None
    n_acc_both: int
    """Pairs with a label that were asked in both orders."""
    acc_both: float | None
    """Share of these in which both calls are right."""
    acc_both_ci: Interval | None
    n_acc_read: int
    """Calls that could be read."""
    acc_read: float | None
    """Share of these that are right."""
    acc_read_ci: Interval | None
    n_gold_prefers_longer: int
    """Pairs of unequal length whose label is no tie."""
    gold_prefers_longer: float | None
    """Share of these whose label favours the longer answer."""


def gold_figures(pairs: Sequence[AuditedPair]) -> GoldFigures:
    """Compare a judge with the labels."""
    labelled = [pair for pair in pairs if pair.gold is not None]
    first, second = (_right(labelled, index) for index in (0, 1))
    both = [
        (one * other, key)
        for (one, key), (other, _) in zip(first, second, strict=True)
        if one is not None and other is not None
    ]
    calls = [(right, key) for right, key in [*first, *second] if right is not None]
    read = [
        (float(side(preference) == side(pair.gold)), pair.cluster)
        for pair in labelled
        for preference in pair.verdict.preferences
        if preference is not None and pair.gold is not None
    ]
    in_first, in_second = ([(right, key) for right, key in order if right is not None] for order in (first, second))
    acc_first, acc_first_ci = share(in_first)
    acc_second, acc_second_ci = share(in_second)
    acc_mean, acc_mean_ci = share(calls)
    acc_both, acc_both_ci = share(both)
    acc_read, acc_read_ci = share(read)
    longer = _longer(labelled)
    return GoldFigures(
        n_gold=len(labelled),
        n_acc_reference_first=len(in_first),
        acc_reference_first=acc_first,
        acc_reference_first_ci=acc_first_ci,
        n_acc_candidate_first=len(in_second),
        acc_candidate_first=acc_second,
        acc_candidate_first_ci=acc_second_ci,
        n_acc_mean=len(calls),
        acc_mean=acc_mean,
        acc_mean_ci=acc_mean_ci,
        n_acc_both=len(both),
        acc_both=acc_both,
        acc_both_ci=acc_both_ci,
        n_acc_read=len(read),
        acc_read=acc_read,
        acc_read_ci=acc_read_ci,
        n_gold_prefers_longer=len(longer),
        gold_prefers_longer=sum(longer) / len(longer) if longer else None,
    )


def _right(pairs: Sequence[AuditedPair], index: int) -> list[tuple[float | None, str]]:
    """Whether the call of each pair in one order is right, ``None`` where there is no answer; with the cluster."""
    return [(_is_right(pair, index), pair.cluster) for pair in pairs]


def _is_right(pair: AuditedPair, index: int) -> float | None:
    if pair.gold is None or pair.verdict.statuses[index] not in _ANSWERED:
        return None
    preference = pair.verdict.preferences[index]
    return float(preference is not None and side(preference) == side(pair.gold))


def _longer(pairs: Sequence[AuditedPair]) -> list[bool]:
    """Whether the label favours the longer answer."""
    found = []
    for pair in pairs:
        longer = pair.verdict.candidate_chars - pair.verdict.reference_chars
        if pair.gold is not None and longer and side(pair.gold):
            found.append(longer * side(pair.gold) > 0)
    return found
