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
from dataclasses import replace
from typing import TYPE_CHECKING

from longismore._collector import few_collections
from longismore.errors import DataError
from longismore.records import Outcome, Status
from longismore.reports._interval import cluster_key, mean_interval, standard_error
from longismore.reports._length.words import answer, warning
from longismore.reports._rates import Interval, Rates, Results
from longismore.reports._tests import holm, mean_p_value
from longismore.reports.length_control import DEFAULT_PRIOR, control_length, preference_of
from longismore.reports.power import minimum_detectable_effect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.records import Verdict
    from longismore.reports.length_control import Controls, LengthControl, LengthPrior

__all__ = ["Interval", "Rates", "Results", "same_outcome", "summarize"]

_EVEN = 0.5
_ORDERS = 2
_FIVE = {2: "win_win", 1: "win_tie", 0: "even", -1: "lose_tie", -2: "lose_lose"}
"""By the sum of the two signs."""
_VALUE = {Outcome.WIN: 1.0, Outcome.TIE: _EVEN, Outcome.LOSE: 0.0}


def summarize(
    verdicts: Sequence[Verdict],
    *,
    prior: LengthPrior = DEFAULT_PRIOR,
    seed: int = 0,
    draws: int = 1000,
    controls: Controls | None = None,
) -> Results:
    """Compute the rates of the candidate, pooled and for each test set, raw and at equal length.

    Intervals are two-sided, 95 %, and clustered by prompt (case, white space and punctuation do not count).

    Args:
        verdicts: One a pair, also of the pairs that could not be judged: they are counted.
        prior: What is believed of the length slope before the pairs are seen.
        seed: Of the resampling behind the intervals at equal length; the raw ones need none.
        draws: How often is resampled.
        controls: The length control, where another fit has made it; see `longismore.reports.joint`.

    Raises:
        DataError: A verdict has an outcome but not the preferences it needs, or the other way round.
    """
    with few_collections():
        keyed = [(verdict, cluster_key(verdict.prompt)) for verdict in verdicts]
        groups: dict[str, list[tuple[Verdict, str]]] = {}
        for verdict, key in keyed:
            _check(verdict)
            groups.setdefault(verdict.testset, []).append((verdict, key))
        pooled = _rates(keyed)
        if controls is None:
            controls = control_length(verdicts, [key for _, key in keyed], prior=prior, seed=seed, draws=draws)
        control, by_set = controls or (None, {})
        pooled = _controlled(pooled, control)
        if len(groups) == 1:
            only = replace(pooled, p_value_holm=pooled.p_value)
            return Results(only, dict.fromkeys(groups, only))
        sets = _adjusted({name: _rates(group) for name, group in groups.items()})
        return Results(pooled, {name: _controlled(rates, by_set.get(name)) for name, rates in sets.items()})


def _adjusted(sets: dict[str, Rates]) -> dict[str, Rates]:
    """Add the p values of the test sets, adjusted for there being several."""
    known = {name: rates.p_value for name, rates in sets.items() if rates.p_value is not None}
    adjusted = dict(zip(known, holm(list(known.values())), strict=True))
    return {name: replace(rates, p_value_holm=adjusted.get(name)) for name, rates in sets.items()}


def _controlled(rates: Rates, control: LengthControl | None) -> Rates:
    """Add what length control says."""
    if control is None or rates.preference is None or rates.preference_ci is None:
        return rates
    verdict, reason = answer(rates.preference, rates.preference_ci, control)
    return replace(
        rates,
        lc_win_rate=control.lc_win_rate,
        lc_win_rate_ci=control.lc_win_rate_ci,
        length_slope=control.slope,
        length_slope_ci=control.slope_ci,
        length_tipping_slope=control.tipping_slope,
        length_verdict=verdict,
        length_reason=reason,
        length_warning=warning(control),
        length_points=control.points,
        length_points_ci=control.points_ci,
        overlap=control.overlap,
        length_prior={"mean": control.prior.mean, "sd": control.prior.sd, "source": control.prior.source},
        length_prior_weight=control.prior_weight,
        length_curve=control.curve,
    )


def _check(verdict: Verdict) -> None:
    wanted = 1 if verdict.one_order else 2
    if (verdict.outcome is not None) != (2 - verdict.preferences.count(None) >= wanted):
        orders = "the order that was asked" if verdict.one_order else "both orders"
        raise DataError(
            f"verdict {verdict.testset}/{verdict.id}: outcome {verdict.outcome} does not fit the preferences "
            f"{verdict.preferences}; a pair has an outcome exactly when {orders} could be read"
        )


def _rates(keyed: Sequence[tuple[Verdict, str]]) -> Rates:
    everything = [verdict for verdict, _ in keyed]
    judged = [(verdict, key) for verdict, key in keyed if verdict.outcome is not None]
    verdicts, keys = [verdict for verdict, _ in judged], [key for _, key in judged]
    n = len(verdicts)
    hard = [_VALUE[verdict.outcome] for verdict in verdicts if verdict.outcome is not None]
    wins, ties, losses = hard.count(1.0), hard.count(_EVEN), hard.count(0.0)
    win_rate_ci = _interval(hard, keys)
    soft = [share for verdict in verdicts if (share := preference_of(verdict)) is not None]
    sides = Counter(verdict.preferences for verdict in verdicts)  # few are different, so each is looked at once
    by_sides = Counter[tuple[int, ...]]()
    for preferences, count in sides.items():
        by_sides[_sides(preferences)] += count
    twice = [(verdict.preferences, key) for verdict, key in judged if None not in verdict.preferences]
    both = {preferences: float(len(set(_sides(preferences))) == 1) for preferences in sides}
    same = [both[preferences] for preferences, _ in twice]
    flips = by_sides[1, -1] + by_sides[-1, 1]
    error = standard_error(hard, keys)
    reference_chars = sum(verdict.reference_chars for verdict in verdicts)
    candidate_chars = sum(verdict.candidate_chars for verdict in verdicts)
    statuses = Counter[Status | None]()
    for pair, count in Counter(verdict.statuses for verdict in everything).items():
        for status in pair:
            statuses[status] += count
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
        swap_consistency=_ratio(math.fsum(same), len(twice)),
        swap_consistency_ci=_interval(same, [key for _, key in twice]),
        swap_flip=_ratio(flips, len(twice)),
        length_ratio=_ratio(candidate_chars, reference_chars),
        mean_chars_reference=_ratio(reference_chars, n),
        mean_chars_candidate=_ratio(candidate_chars, n),
        empty_reference=sum(verdict.reference_is_empty for verdict in everything),
        empty_candidate=sum(verdict.candidate_is_empty for verdict in everything),
        partial=sum(
            verdict.preferences.count(None) == 1
            for verdict in (everything if n < len(everything) else ())
            if verdict.outcome is None
        ),
        unjudged=_ratio(len(everything) - n, len(everything)),
        unparsed=statuses[Status.UNPARSED],
        refused=statuses[Status.REFUSED],
        failed=statuses[Status.FAILED],
        clusters=len(set(keys)),
        outcomes=_five(by_sides),
        p_value=mean_p_value(hard, keys) if hard else None,
        mde=None if error is None else minimum_detectable_effect(error),
    )


def _sides(preferences: tuple[float | None, float | None]) -> tuple[int, ...]:
    """Give what each order says of the candidate, without those that were not asked."""
    return tuple(_side(preference) for preference in preferences if preference is not None)


def _five(by_sides: Mapping[tuple[int, ...], int]) -> dict[str, int]:
    """Count the five things that two orders can say together; a single order says it with full weight."""
    counts = dict.fromkeys(_FIVE.values(), 0)
    for sides, count in by_sides.items():
        counts[_FIVE[sum(sides) * _ORDERS // len(sides)]] += count
    return counts


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
