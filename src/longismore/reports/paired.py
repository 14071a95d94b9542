"""Two candidates on the same prompts, against the same reference, by the same judge: which one is better?

Two intervals that overlap do not answer that. The same prompts are easy or hard for both candidates, so the difference
of each pair of verdicts is taken, and its interval is narrower than that of two separate comparisons by as much as
the prompts have in common. Only pairs that were judged for both candidates enter; the others are counted.

Source: Agresti & Min, Simple improved confidence intervals for comparing matched proportions, Statistics in Medicine
24 (2005), for the difference; Holm (1979), see `_tests`, for several test sets; Miller, Adding Error Bars to Evals,
https://arxiv.org/abs/2411.00640, for pairing in evaluations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from longismore.records import Outcome
from longismore.reports._interval import cluster_key, mean_interval, standard_error
from longismore.reports._paired.match import match_candidates
from longismore.reports._paired.words import paired_sentences
from longismore.reports._tests import holm, mean_p_value
from longismore.reports.length_control import DEFAULT_PRIOR, preference_of
from longismore.reports.power import minimum_detectable_effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged, Verdict
    from longismore.reports._paired.length import LengthDifference
    from longismore.reports._paired.match import Matched
    from longismore.reports.length_control import LengthPrior
    from longismore.reports.winrate import Interval

__all__ = ["PairedComparison", "PairedRates", "compare_candidates"]

_VALUE = {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSE: 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRates:
    """What one group of prompts says of candidate a beside candidate b; differences are a - b, and rates are 0..1.

    ``None`` where no pair was judged for both, or where the pairs judged cannot tell.
    """

    n: int
    """Pairs judged for both candidates: all rates are of these."""
    clusters: int
    """Distinct prompts among them."""
    only_a: int
    """Pairs that candidate b was not judged on."""
    only_b: int
    unjudged: int
    """Pairs of both candidates of which at least one has no outcome."""
    a_better: int
    """Pairs on which a does better against the reference than b: a win against a tie or loss, a tie against a loss."""
    same: int
    b_better: int
    win_rate_a: float | None
    win_rate_b: float | None
    difference: float | None
    """Of the win rates, -1..1."""
    difference_ci: Interval | None
    standard_error: float | None
    """Of the difference, clustered."""
    p_value: float | None
    """Two-sided, of no difference; below .05 exactly when the interval leaves 0 out."""
    p_value_holm: float | None
    """Adjusted for the number of test sets; ``None`` in the pooled row."""
    mde: float | None
    """Smallest difference that is seen with 80 % power in a two-sided test at 5 %."""
    narrower: float | None
    """So many times as wide would the interval be of two candidates that were asked different prompts."""
    preference_a: float | None
    preference_b: float | None
    preference_difference: float | None
    preference_difference_ci: Interval | None
    lc_win_rate_a: float | None
    lc_win_rate_b: float | None
    lc_difference: float | None
    lc_difference_ci: Interval | None
    length_ratio: float | None
    """Characters of a's answers over those of b's."""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON knows them, at full precision."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedComparison:
    """Candidate a beside candidate b over all pairs and for each test set, in the order in which the sets appear."""

    judge: str
    reference: str
    candidate_a: str
    candidate_b: str
    pooled: PairedRates
    testsets: dict[str, PairedRates]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON knows it."""
        return {
            "judge": self.judge,
            "reference": self.reference,
            "candidate_a": self.candidate_a,
            "candidate_b": self.candidate_b,
            "pooled": self.pooled.to_dict(),
            "testsets": {name: rates.to_dict() for name, rates in self.testsets.items()},
        }

    def sentences(self) -> list[str]:
        """Say in plain words which candidate is better, and what to beware of; the result comes first."""
        return paired_sentences(self)


def compare_candidates(
    a: Judged, b: Judged, *, seed: int = 0, draws: int = 1000, prior: LengthPrior = DEFAULT_PRIOR
) -> PairedComparison:
    """Compare two candidates on the pairs that were judged for both.

    The interval of the difference is `mean_interval` of (1 + difference) / 2: clustered by prompt, with Student's t
    and with Agresti & Min's pseudo-observations, which without clusters are their interval for matched pairs. That of
    the length-controlled difference comes from fitting both candidates again on the same resampled prompts, with the
    same draws of the slope's prior, because the slope belongs to the judge. docs/statistics.md has their coverage.

    Args:
        a: The candidate that differences are seen from.
        b: The other one.
        seed: Of the resampling.
        draws: How many refits.
        prior: Of the length slope.

    Raises:
        DataError: The two have another judge, reference or prompt, a pair stands twice, or one of the candidates was
            judged in one order and the other in both.
    """
    matched = match_candidates(a, b)
    known = matched.known()
    lengths = None
    if known:
        # Imported here: it needs numpy.
        from longismore.reports._paired.length import compare_lengths

        lengths = compare_lengths(known, prior=prior, seed=seed, draws=draws)
    sets = {
        name: _rates(matched.of(name), None if lengths is None else lengths[1].get(name))
        for name in dict.fromkeys(verdict.testset for verdict in (*a.verdicts, *b.verdicts))
    }
    return PairedComparison(
        judge=a.judge,
        reference=a.reference,
        candidate_a=a.candidate,
        candidate_b=b.candidate,
        pooled=_rates(matched, None if lengths is None else lengths[0]),
        testsets=_adjusted(sets),
    )


def _rates(matched: Matched, lengths: LengthDifference | None) -> PairedRates:
    known = matched.known()
    keys = [cluster_key(one.prompt) for one, _ in known]
    of_a, of_b = [one for one, _ in known], [other for _, other in known]
    hard_a, hard_b, soft_a, soft_b = _hard(of_a), _hard(of_b), _soft(of_a), _soft(of_b)
    hard = [one - other for one, other in zip(hard_a, hard_b, strict=True)]
    soft = [one - other for one, other in zip(soft_a, soft_b, strict=True)]
    error = standard_error(hard, keys)
    return PairedRates(
        n=len(known),
        clusters=len(set(keys)),
        only_a=len(matched.only_a),
        only_b=len(matched.only_b),
        unjudged=len(matched.shared) - len(known),
        a_better=sum(difference > 0 for difference in hard),
        same=hard.count(0),
        b_better=sum(difference < 0 for difference in hard),
        win_rate_a=_mean(hard_a),
        win_rate_b=_mean(hard_b),
        difference=_mean(hard),
        difference_ci=_interval(hard, keys),
        standard_error=error,
        p_value=mean_p_value([(1 + difference) / 2 for difference in hard], keys),
        p_value_holm=None,
        # Where all differences are equal there is no spread to judge by.
        mde=minimum_detectable_effect(error) if error else None,
        narrower=_narrower(hard_a, hard_b, keys, error),
        preference_a=_mean(soft_a),
        preference_b=_mean(soft_b),
        preference_difference=_mean(soft),
        preference_difference_ci=_interval(soft, keys),
        lc_win_rate_a=None if lengths is None else lengths.rate_a,
        lc_win_rate_b=None if lengths is None else lengths.rate_b,
        lc_difference=None if lengths is None else lengths.rate_a - lengths.rate_b,
        lc_difference_ci=None if lengths is None else lengths.interval,
        length_ratio=_ratio(sum(one.candidate_chars for one in of_a), sum(other.candidate_chars for other in of_b)),
    )


def _hard(verdicts: Sequence[Verdict]) -> list[float]:
    return [_VALUE[verdict.outcome] for verdict in verdicts if verdict.outcome is not None]


def _soft(verdicts: Sequence[Verdict]) -> list[float]:
    return [share for share in map(preference_of, verdicts) if share is not None]


def _mean(values: Sequence[float]) -> float | None:
    return _ratio(math.fsum(values), len(values))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _interval(differences: Sequence[float], keys: Sequence[str]) -> Interval | None:
    """Give the interval of the mean of numbers in -1..1."""
    if not differences:
        return None
    low, high = mean_interval([(1 + difference) / 2 for difference in differences], keys)
    return 2 * low - 1, 2 * high - 1


def _narrower(a: Sequence[float], b: Sequence[float], keys: Sequence[str], error: float | None) -> float | None:
    """Say how many times as wide the interval would be had the candidates been asked different prompts."""
    errors = standard_error(a, keys), standard_error(b, keys)
    return (
        math.hypot(errors[0], errors[1]) / error if error and errors[0] is not None and errors[1] is not None else None
    )


def _adjusted(sets: dict[str, PairedRates]) -> dict[str, PairedRates]:
    """Adjust the p values of the test sets for their number, those without one apart."""
    tested = {name: rates.p_value for name, rates in sets.items() if rates.p_value is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    return {name: replace(rates, p_value_holm=adjusted.get(name)) for name, rates in sets.items()}
