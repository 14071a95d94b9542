"""Win rates of the candidate, with intervals, and how steady the judge was.

The win rate alone misleads: it hides how often the judge changed its mind when the answers changed places, how
much longer the candidate's answers are, and how many pairs were never judged. So one call computes all of them,
for each test set and pooled, and none is reported without the others.

Source: Chen et al., AlpaGasus, https://arxiv.org/abs/2307.08701, section 3 (verdict and winning score); Zhao et al.,
Long Is More for Alignment, https://arxiv.org/abs/2402.04833, section 3; Zheng et al., MT-Bench,
https://arxiv.org/abs/2306.05685, section 3.3 (swapped positions).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeAlias

from longismore._collector import few_collections
from longismore.errors import DataError
from longismore.records import Outcome, Status
from longismore.reports._interval import cluster_key, mean_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longismore.records import Verdict

__all__ = ["Interval", "Rates", "Results", "same_outcome", "summarize"]

Interval: TypeAlias = tuple[float, float]
"""Lower and upper limit of a 95 % interval."""

_EVEN = 0.5
_VALUE = {Outcome.WIN: 1.0, Outcome.TIE: _EVEN, Outcome.LOSE: 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one group of pairs says of the candidate; rates are 0..1, and ``None`` where no pair was judged."""

    pairs: int
    """All pairs given."""
    n: int
    """Pairs that enter the rates: both orders could be read."""
    wins: int
    ties: int
    losses: int
    win_rate: float | None
    """(wins + ties/2) / n."""
    win_rate_ci: Interval | None
    winning_score: float | None
    """(wins - losses)/n + 1, so 0..2."""
    winning_score_ci: Interval | None
    tie_rate: float | None
    preference: float | None
    """Mean of the candidate's share over both orders: the soft measure."""
    preference_ci: Interval | None
    swap_consistency: float | None
    """Share of pairs with the same outcome in both orders."""
    swap_consistency_ci: Interval | None
    swap_flip: float | None
    """Share of pairs with a win in one order and a loss in the other."""
    length_ratio: float | None
    """Characters of the candidate over characters of the reference, summed over the n pairs."""
    mean_chars_reference: float | None
    mean_chars_candidate: float | None
    empty_reference: int
    """Empty answers of the reference among all pairs."""
    empty_candidate: int
    partial: int
    """Pairs with exactly one readable order."""
    unjudged: float | None
    """Share of all pairs that do not enter the rates."""
    unparsed: int
    """Judge calls whose answer could not be read."""
    refused: int
    """Judge calls that the judge or its provider would not answer."""
    failed: int
    """Judge calls that failed for a technical reason."""
    clusters: int
    """Distinct prompts among the n pairs."""

    def to_dict(self) -> dict[str, object]:
        """Give the fields as JSON knows them, at full precision."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Results:
    """The rates over all pairs and for each test set, in the order in which the sets first appeared."""

    pooled: Rates
    testsets: dict[str, Rates]

    def to_dict(self) -> dict[str, object]:
        """Give the content of ``results.json``."""
        testsets = {name: rates.to_dict() for name, rates in self.testsets.items()}
        return {"pooled": self.pooled.to_dict(), "testsets": testsets}


def summarize(verdicts: Sequence[Verdict]) -> Results:
    """Compute the rates of the candidate, pooled and for each test set.

    Intervals are two-sided, 95 %, and clustered by prompt (case, white space and punctuation do not count).

    Args:
        verdicts: One a pair, also of the pairs that could not be judged: they are counted.

    Raises:
        DataError: A verdict has an outcome but not both preferences, or the other way round.
    """
    with few_collections():
        keyed = [(verdict, cluster_key(verdict.prompt)) for verdict in verdicts]
        groups: dict[str, list[tuple[Verdict, str]]] = {}
        for verdict, key in keyed:
            _check(verdict)
            groups.setdefault(verdict.testset, []).append((verdict, key))
        return Results(_rates(keyed), {name: _rates(group) for name, group in groups.items()})


def _check(verdict: Verdict) -> None:
    if (verdict.outcome is None) != (None in verdict.preferences):
        raise DataError(
            f"verdict {verdict.testset}/{verdict.id}: outcome {verdict.outcome} does not fit the preferences "
            f"{verdict.preferences}; a pair has an outcome exactly when both orders could be read"
        )


def _rates(keyed: Sequence[tuple[Verdict, str]]) -> Rates:
    everything = [verdict for verdict, _ in keyed]
    judged = [(verdict, key) for verdict, key in keyed if verdict.outcome is not None]
    verdicts, keys = [verdict for verdict, _ in judged], [key for _, key in judged]
    n = len(verdicts)
    hard = [_VALUE[verdict.outcome] for verdict in verdicts if verdict.outcome is not None]
    wins, ties, losses = hard.count(1.0), hard.count(_EVEN), hard.count(0.0)
    win_rate_ci = _interval(hard, keys)
    shares = _shares(verdicts)
    soft = [(first + second) / 2 for first, second in shares]
    same = [float(same_outcome(first, second)) for first, second in shares]
    reference_chars = sum(verdict.reference_chars for verdict in verdicts)
    candidate_chars = sum(verdict.candidate_chars for verdict in verdicts)
    statuses = Counter(status for verdict in everything for status in verdict.statuses)
    return Rates(
        pairs=len(everything),
        n=n,
        wins=wins,
        ties=ties,
        losses=losses,
        win_rate=_ratio(wins + ties / 2, n),
        win_rate_ci=win_rate_ci,
        winning_score=_ratio(wins - losses + n, n),
        winning_score_ci=None if win_rate_ci is None else (2 * win_rate_ci[0], 2 * win_rate_ci[1]),
        tie_rate=_ratio(ties, n),
        preference=_ratio(math.fsum(soft), n),
        preference_ci=_interval(soft, keys),
        swap_consistency=_ratio(math.fsum(same), n),
        swap_consistency_ci=_interval(same, keys),
        swap_flip=_ratio(sum(_side(first) * _side(second) < 0 for first, second in shares), n),
        length_ratio=_ratio(candidate_chars, reference_chars),
        mean_chars_reference=_ratio(reference_chars, n),
        mean_chars_candidate=_ratio(candidate_chars, n),
        empty_reference=sum(verdict.reference_is_empty for verdict in everything),
        empty_candidate=sum(verdict.candidate_is_empty for verdict in everything),
        partial=[verdict.preferences.count(None) for verdict in everything].count(1),
        unjudged=_ratio(len(everything) - n, len(everything)),
        unparsed=statuses[Status.UNPARSED],
        refused=statuses[Status.REFUSED],
        failed=statuses[Status.FAILED],
        clusters=len(set(keys)),
    )


def _shares(verdicts: Iterable[Verdict]) -> list[tuple[float, float]]:
    """Give the preferences of verdicts with both orders, as numbers."""
    both = (verdict.preferences for verdict in verdicts)
    return [(first, second) for first, second in both if first is not None and second is not None]


def same_outcome(first: float, second: float) -> bool:
    """Whether the candidate's shares in the two orders say the same of it: win, tie or lose."""
    return _side(first) == _side(second)


def _side(preference: float) -> int:
    """Give 1, 0 or -1: what one order says of the candidate."""
    return (preference > _EVEN) - (preference < _EVEN)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _interval(values: Sequence[float], keys: Sequence[str]) -> Interval | None:
    return mean_interval(values, keys) if values else None
