"""How far judges agree on the same pairs: raw, where both decide, and beyond what chance would give.

Raw agreement flatters a judge who says "tie" of most pairs, and agreement where both decide hides the ties, so both
stand beside coefficients that take chance out. For Cohen's kappa and Krippendorff's alpha 1 is full agreement, 0 what
raters would reach who draw their verdicts by lot (from what each of them says altogether for kappa, from what all say
together for alpha), and below 0 they contradict each other more than lots would. Quadratic and ordinal forms count a
win against a tie as less of a disagreement than a win against a loss.

Intervals are 95 % and clustered by prompt: of shares as in every report, of coefficients from drawing prompts with
replacement, seeded and independent of the order of the pairs.

Source: Cohen, Educational and Psychological Measurement 20 (1960) and Psychological Bulletin 70 (1968); Krippendorff,
Computing Krippendorff's Alpha-Reliability (2011), https://repository.upenn.edu/asc_papers/43.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from longismore.errors import DataError
from longismore.records import Order, Outcome
from longismore.reports._coefficients import alpha, bootstrap, coincidences, kappa, plain
from longismore.reports._interval import cluster_key, mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from longismore.records import Verdict
    from longismore.reports._coefficients import Array
    from longismore.reports.winrate import Interval

__all__ = ["GroupAgreement", "Matched", "PairAgreement", "group_agreement", "match_verdicts", "pair_agreement"]

_Rated: TypeAlias = "list[tuple[Outcome, Outcome, str]]"
"""What the first and the second judge say of a pair, and its cluster."""


_PLACES = {Outcome.LOSE: 0, Outcome.TIE: 1, Outcome.WIN: 2}
_EVEN = 0.5
_KAPPAS = {
    "cohen_kappa": lambda tables: kappa(tables, "nominal"),
    "cohen_kappa_quadratic": lambda tables: kappa(tables, "quadratic"),
}
_ALPHAS = {
    "krippendorff_alpha": lambda tables: alpha(tables, "nominal"),
    "krippendorff_alpha_ordinal": lambda tables: alpha(tables, "ordinal"),
}


def _values(record: object) -> dict[str, Any]:
    """The fields of a record as JSON knows them."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}  # type: ignore[arg-type]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAgreement:
    """How far two judges agree; ``None`` where nothing can be said, e.g. when both give every pair one verdict."""

    n: int
    """Pairs of which both judges have an outcome: all but ``n_decided`` and the orders are of these."""
    only_first: int
    """Pairs that the second judge was not asked about."""
    only_second: int
    unjudged: int
    """Pairs that both were asked about and of which at least one has no outcome."""
    agreement: float | None
    """Share of pairs with the same outcome."""
    agreement_ci: Interval | None
    n_decided: int
    """Pairs that neither judge calls a tie."""
    agreement_decided: float | None
    agreement_decided_ci: Interval | None
    cohen_kappa: float | None
    cohen_kappa_ci: Interval | None
    cohen_kappa_quadratic: float | None
    cohen_kappa_quadratic_ci: Interval | None
    krippendorff_alpha: float | None
    """For nominal data."""
    krippendorff_alpha_ci: Interval | None
    krippendorff_alpha_ordinal: float | None
    krippendorff_alpha_ordinal_ci: Interval | None
    n_reference_first: int
    """Pairs of which both judges have a readable answer in this order."""
    agreement_reference_first: float | None
    agreement_reference_first_ci: Interval | None
    cohen_kappa_reference_first: float | None
    cohen_kappa_reference_first_ci: Interval | None
    n_candidate_first: int
    agreement_candidate_first: float | None
    agreement_candidate_first_ci: Interval | None
    cohen_kappa_candidate_first: float | None
    cohen_kappa_candidate_first_ci: Interval | None
    outcomes: Mapping[str, int]
    """How often the first judge says the one and the second the other: ``win_tie`` and so on, all nine."""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON knows them, at full precision."""
        return _values(self) | {"outcomes": dict(self.outcomes)}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAgreement:
    """How far any number of raters agree; ``None`` where nothing can be said."""

    n: int
    """Units with at least two ratings: the others cannot show agreement and are left out."""
    ratings: int
    """Ratings of these units."""
    krippendorff_alpha: float | None
    """For nominal data."""
    krippendorff_alpha_ci: Interval | None
    krippendorff_alpha_ordinal: float | None
    krippendorff_alpha_ordinal_ci: Interval | None

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON knows them, at full precision."""
        return _values(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The pairs that two judges share, and how many each has alone."""

    pairs: tuple[tuple[Verdict, Verdict], ...]
    only_first: int = 0
    only_second: int = 0

    def agreement(self, *, seed: int = 0, draws: int = 1000) -> PairAgreement:
        """How far the two agree; see `pair_agreement`."""
        rated = self._rated()
        decided = [entry for entry in rated if Outcome.TIE not in entry[:2]]
        tables = _tables(rated)
        units = _by_cluster(coincidences(_one_hot(rated, 0) + _one_hot(rated, 1)), [key for *_, key in rated])
        outcomes = Counter((one, other) for one, other, _ in rated)
        figures: dict[str, Any] = {
            **_share("agreement", rated),
            **_share("agreement_decided", decided),
            **_measured(_KAPPAS, tables, seed=seed, draws=draws),
            **_measured(_ALPHAS, units, seed=seed, draws=draws),
        }
        for index, order in enumerate(Order):
            said = self._said(index)
            nominal = {f"cohen_kappa_{order}": _KAPPAS["cohen_kappa"]}
            figures |= {f"n_{order}": len(said)} | _share(f"agreement_{order}", said)
            figures |= _measured(nominal, _tables(said), seed=seed, draws=draws)
        return PairAgreement(
            n=len(rated),
            only_first=self.only_first,
            only_second=self.only_second,
            unjudged=len(self.pairs) - len(rated),
            n_decided=len(decided),
            outcomes={f"{one}_{other}": outcomes[one, other] for one in Outcome for other in Outcome},
            **figures,
        )

    def _rated(self) -> _Rated:
        """The pairs of which both judges have an outcome."""
        both = ((one.outcome, other.outcome, cluster_key(one.prompt)) for one, other in self.pairs)
        return [(one, other, key) for one, other, key in both if one is not None and other is not None]

    def _said(self, index: int) -> _Rated:
        """What both say in one order, where both can be read."""
        both = ((one.preferences[index], other.preferences[index], one.prompt) for one, other in self.pairs)
        return [
            (_outcome(one), _outcome(other), cluster_key(prompt))
            for one, other, prompt in both
            if one is not None and other is not None
        ]


def pair_agreement(a: Sequence[Verdict], b: Sequence[Verdict], *, seed: int = 0, draws: int = 1000) -> PairAgreement:
    """Say how far two judges agree, on the pairs that both judged.

    Args:
        a: One verdict a pair, of the first judge.
        b: The same of the second, in any order: pairs are matched by test set and id.
        seed: Of the resampling.
        draws: Samples of prompts drawn for the intervals of kappa and alpha.

    Raises:
        DataError: A pair stands twice on one side, or has another prompt on the other.
    """
    return match_verdicts(a, b).agreement(seed=seed, draws=draws)


def match_verdicts(a: Sequence[Verdict], b: Sequence[Verdict]) -> Matched:
    """Find the pairs that both judges were asked about, by test set and id.

    Raises:
        DataError: A pair stands twice on one side, or has another prompt on the other.
    """
    first, second = _by_id(a), _by_id(b)
    shared = [(verdict, second[key]) for key, verdict in first.items() if key in second]
    for one, other in shared:
        if cluster_key(one.prompt) != cluster_key(other.prompt):
            raise DataError(
                f"pair {one.testset}/{one.id}: the two judges were shown different prompts, {one.prompt!r:.60} and "
                f"{other.prompt!r:.60}; compare judgments of the same test set"
            )
    return Matched(pairs=tuple(shared), only_first=len(first) - len(shared), only_second=len(second) - len(shared))


def _by_id(verdicts: Iterable[Verdict]) -> dict[tuple[str, str], Verdict]:
    found: dict[tuple[str, str], Verdict] = {}
    for verdict in verdicts:
        if found.setdefault((verdict.testset, verdict.id), verdict) is not verdict:
            raise DataError(
                f"pair {verdict.testset}/{verdict.id} stands twice among the verdicts of one judge; "
                "give the verdicts of one comparison"
            )
    return found


def group_agreement(
    ratings: Sequence[Sequence[Outcome | None]], prompts: Sequence[str], *, seed: int = 0, draws: int = 1000
) -> GroupAgreement:
    """Say how far any number of raters agree, by Krippendorff's alpha; missing ratings are skipped.

    Args:
        ratings: A row for each unit, with one rating a rater or ``None``.
        prompts: What each unit is about; units with the same prompt are drawn together.
        seed: Of the resampling.
        draws: Samples of prompts drawn for the intervals.

    Raises:
        ValueError: *ratings* and *prompts* differ in length.
    """
    counts = [[row.count(outcome) for outcome in _PLACES] for row in map(list, ratings)]
    rated = [(row, cluster_key(prompt)) for row, prompt in zip(counts, prompts, strict=True) if sum(row) > 1]
    units = np.array([row for row, _ in rated], dtype=float).reshape(-1, len(_PLACES))
    tables = _by_cluster(coincidences(units), [key for _, key in rated])
    return GroupAgreement(n=len(rated), ratings=int(units.sum()), **_measured(_ALPHAS, tables, seed=seed, draws=draws))


def _outcome(preference: float) -> Outcome:
    if preference == _EVEN:
        return Outcome.TIE
    return Outcome.WIN if preference > _EVEN else Outcome.LOSE


def _one_hot(rated: _Rated, rater: int) -> Array:
    """What one rater says, (n, k) of zeros and a one."""
    return np.eye(len(_PLACES))[[_PLACES[entry[rater]] for entry in rated]]  # type: ignore[index]


def _tables(rated: _Rated) -> Array:
    """The counts of each cluster, (g, k, k): the first rater in the rows."""
    each = _one_hot(rated, 0)[:, :, None] * _one_hot(rated, 1)[:, None, :]
    return _by_cluster(each, [key for *_, key in rated])


def _by_cluster(tables: Array, keys: Sequence[str]) -> Array:
    """Sum what is in one cluster, in the order of the keys, so that the order of the pairs decides nothing."""
    names = sorted(set(keys))
    places = {key: place for place, key in enumerate(names)}
    summed = np.zeros((len(names), *tables.shape[1:]))
    np.add.at(summed, [places[key] for key in keys], tables)
    return summed


def _share(name: str, rated: _Rated) -> dict[str, Any]:
    """How many agree, with its interval."""
    same = [float(one is other) for one, other, _ in rated]
    return {
        name: sum(same) / len(same) if same else None,
        f"{name}_ci": mean_interval(same, [key for *_, key in rated]) if same else None,
    }


def _measured(
    measures: Mapping[str, Callable[[Array], Array]], tables: Array, *, seed: int, draws: int
) -> dict[str, Any]:
    """Coefficients by name, each with its interval."""
    whole = tables.sum(axis=0)
    intervals = bootstrap(tables, measures, seed=seed, draws=draws)
    figures: dict[str, Any] = {}
    for name, measure in measures.items():
        figures |= {name: plain(measure(whole)), f"{name}_ci": intervals[name]}
    return figures
