"""Length control of several candidates in one fit, with its bootstrap.

Letters: B draws, K candidates, N pairs of the union, S test sets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from longismore.reports._joint.fit import Design, Fitted, Weights, fit_joint
from longismore.reports._length.draws import Drawn, drawn_prior
from longismore.reports._length.fit import Estimate, Sample
from longismore.reports._length.glm import Array, sigmoid
from longismore.reports.length_control import controls_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Verdict
    from longismore.reports.length_control import LengthControl, LengthPrior

__all__ = ["control_together"]

_DEVIATION = 0.3**2
"""Variance of the candidates' slopes around the common one: among the official fits of AlpacaEval their sd is 0.33."""
_SPREADS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Standard deviations of the difficulties that are tried; the one with the largest evidence is taken."""
_QUANTILES = (0.025, 0.975)
_PSEUDO = 2


def control_together(
    candidates: Sequence[Sequence[Verdict]],
    clusters: Sequence[Sequence[str]],
    *,
    prior: LengthPrior,
    seed: int,
    draws: int,
) -> list[tuple[LengthControl, dict[str, LengthControl]]]:
    """Fit candidates that one judge compared with one reference; see `longismore.reports.joint`.

    Args:
        candidates: The judged verdicts of each.
        clusters: The keys of their prompts.
        prior: Of the common slope.
        seed: Of the resampling.
        draws: How often is resampled.
    """
    ordered = [
        sorted(zip(each, keys, strict=True), key=lambda pair: (pair[1], pair[0].testset, pair[0].id))
        for each, keys in zip(candidates, clusters, strict=True)
    ]
    samples = [Sample.of([verdict for verdict, _ in each], [key for _, key in each]) for each in ordered]
    places = [[(verdict.testset, verdict.id) for verdict, _ in each] for each in ordered]
    keys = {f"{verdict.testset}/{verdict.id}": key for each in ordered for verdict, key in each}
    joint = _Joint.of(Design.of(samples, places, keys), prior)
    column = {place: number for number, place in enumerate(sorted({place for each in places for place in each}))}
    drawn = joint.draw(prior, seed=seed, draws=draws)
    found = []
    for row, (sample, each) in enumerate(zip(samples, places, strict=True)):
        offset = joint.design.ease(joint.fitted)[[column[place] for place in each]]
        shifted = replace(sample, offset=offset, _counted=[])
        found.append(controls_of(shifted, prior, joint.estimate(row, shifted, prior), drawn[row].of(sample.names)))
    return found


@dataclass(frozen=True, slots=True)
class _CandidateDrawn:
    """The draws of one candidate; test sets are those of the union."""

    pooled: Array
    """(B,)"""
    sets: Array
    """(B, S)"""
    slopes: Array
    """(B,)"""
    names: tuple[str, ...]

    def of(self, names: Sequence[str]) -> Drawn:
        """The intervals of the test sets *names*."""
        chosen = [_interval(self.sets[:, self.names.index(name)]) for name in names]
        return Drawn(_interval(self.pooled), chosen, _interval(self.slopes))


@dataclass(frozen=True, slots=True)
class _Joint:
    """The design, and the fit to it."""

    design: Design
    matrix: Array
    fitted: Fitted
    spread: float
    """Standard deviation of the difficulties."""

    @classmethod
    def of(cls, design: Design, prior: LengthPrior) -> _Joint:
        """Fit, with the spread of the difficulties that the pairs speak for."""
        matrix, times = design.matrix(), np.ones(len(design.group))
        tried = []
        for spread in _SPREADS:
            weights = Weights(times, prior.mean, prior.sd**2, _DEVIATION, spread**2)
            tried.append((fit_joint(design, matrix, weights), spread))
        fitted, spread = max(tried, key=lambda pair: pair[0].evidence)
        return cls(design, matrix, fitted, spread)

    def _rates(self, fitted: Fitted, times: Array) -> tuple[Array, Array, Array]:
        """(K,) pooled rates at equal length, (K, S) those of the sets, and (K,) slopes."""
        candidates, groups = len(self.design.covariate), self.design.groups
        intercepts = fitted.parameters[: candidates * groups].reshape(candidates, groups)
        chances = sigmoid(intercepts[:, self.design.group] + self.design.ease(fitted))
        counts = self.design.present * times
        indicator = np.eye(groups)[self.design.group]
        sizes = counts @ indicator
        sets = np.where(sizes > 0, (chances * counts) @ indicator / np.maximum(sizes, 1e-300), sigmoid(intercepts))
        total = np.maximum(counts.sum(axis=1), 1e-300)
        slopes = fitted.parameters[candidates * groups] + fitted.parameters[candidates * groups + 1 : -1]
        return (chances * counts).sum(axis=1) / total, sets, slopes

    def estimate(self, row: int, sample: Sample, prior: LengthPrior) -> Estimate:
        """What the fit says of one candidate."""
        pooled, sets, slopes = self._rates(self.fitted, np.ones(len(self.design.group)))
        place = len(self.design.covariate) * self.design.groups
        covariance = np.linalg.inv(self.fitted.information)
        which = [place, place + 1 + row]
        variance = float(covariance[np.ix_(which, which)].sum())
        return Estimate(
            pooled=float(pooled[row]),
            sets=[float(sets[row, self.names.index(name)]) for name in sample.names],
            slope=float(slopes[row]),
            prior_weight=min(1.0, variance / (prior.sd**2 + _DEVIATION)),
            length_only=0.0,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """(S,) the test sets of the union."""
        return self.design.names

    def draw(self, prior: LengthPrior, *, seed: int, draws: int) -> list[_CandidateDrawn]:
        """Refit on resampled prompts, with the prior's centre drawn anew each time."""
        stream = np.random.RandomState(seed)  # its stream never changes between versions of numpy
        prompts = int(self.design.cluster.max()) + 1
        chosen = (stream.random_sample((draws, prompts + _PSEUDO)) * (prompts + _PSEUDO)).astype(int)
        kinds = np.array([0.0, 0.5, 0.5, 1.0])[(stream.random_sample((draws, _PSEUDO)) * 4).astype(int)]
        centre, variance = drawn_prior(prior, stream, draws)
        size = len(self.design.group) / prompts
        pooled, sets, slopes = [], [], []
        for number in range(draws):
            times = np.bincount(chosen[number], minlength=prompts + _PSEUDO).astype(float)
            added = size * times[prompts:]
            wins = float(added @ kinds[number])
            weights = Weights(
                times=times[:prompts][self.design.cluster],
                centre=float(centre[number]),
                variance=float(variance[number]),
                deviation=_DEVIATION,
                difficulty=self.spread**2,
                pseudo=(wins, float(added.sum()) - wins),
            )
            fitted = fit_joint(self.design, self.matrix, weights, start=self.fitted, tolerance=1e-4)
            found = self._rates(fitted, weights.times)
            pooled.append(found[0])
            sets.append(found[1])
            slopes.append(found[2])
        columns = np.array(pooled), np.array(sets), np.array(slopes)
        return [
            _CandidateDrawn(columns[0][:, row], columns[1][:, row], columns[2][:, row], self.names)
            for row in range(len(self.design.covariate))
        ]


def _interval(values: Array) -> tuple[float, float]:
    low, high = np.quantile(values, _QUANTILES)
    return float(low), float(high)
