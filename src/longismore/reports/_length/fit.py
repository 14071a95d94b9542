"""The numbers behind `longismore.reports.length_control`: the sample, and the fits to it.

Letters: B fits, n pairs, C cells, S test sets, G clusters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from longismore.reports._length.glm import INTERCEPT_PRECISION, Array, Cells, fit, sigmoid
from longismore.reports.length_control import LENGTH_ONLY, preference_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Verdict
    from longismore.reports.length_control import LengthPrior

__all__ = ["Estimate", "Rates", "Sample", "Tipping"]

_FIXED = 1e-12
"""Variance of the prior of a slope that is given."""
_FREE = 1e6
"""Variance of the prior of a slope that the pairs alone decide."""
_CHI_SQUARE = 3.841458820694124
"""The 0.95 quantile with one degree of freedom."""
_GRID = tuple(float(slope) for slope in range(-10, 11))
"""Slopes between which the tipping slope is looked for."""
_STEPS = 60
_CLOSE = 1e-12
_EVEN = 0.5
_MANY = 4000
"""Pairs; beyond, the curve and the bootstrap count pairs in cells of equal covariate, rounded to 0.01."""


@dataclass(frozen=True, slots=True)
class Rates:
    """``lc_win_rate`` pooled and by test set, for each of some assumed slopes."""

    pooled: list[float]
    sets: list[list[float]]


@dataclass(frozen=True, slots=True)
class Tipping:
    """The slope at which the rate would be 0.5."""

    pooled: float | None
    sets: list[float | None]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The fit to the sample itself."""

    pooled: float
    sets: list[float]
    slope: float
    prior_weight: float
    length_only: float
    """How probable it is that the judge likes nothing but length."""


def _beyond(belief: Array, before: Array) -> Array:
    """Let a kind of judge beside the first count only as far as the pairs speak for it."""
    other = np.maximum(0.0, (belief[1:] - before[1:]) / (1.0 - before[1:]))
    return np.concatenate([[1.0 - other.sum()], other])


@dataclass(frozen=True, slots=True)
class Sample:
    """The judged pairs as arrays, in an order of their own."""

    names: list[str]
    """(S,) test sets, sorted."""
    group: np.ndarray[tuple[int], np.dtype[np.int64]]
    """(n,)"""
    outcome: Array
    """(n,) the candidate's share."""
    delta: Array
    """(n,) characters of the candidate minus characters of the reference."""
    covariate: Array
    """(n,) tanh(delta / sd(delta)), or the sign of delta where all are equal."""
    scale: float
    """sd(delta), with n - 1."""
    reference_chars: Array
    """(n,)"""
    cluster: np.ndarray[tuple[int], np.dtype[np.int64]]
    """(n,) 0..G-1, in the order of the keys."""
    offset: Array | None = None
    """(n,) how easy each prompt is for all candidates of a joint fit."""
    _counted: list[tuple[Cells, np.ndarray[tuple[int], np.dtype[np.int64]]]] = field(
        default_factory=list, repr=False, compare=False
    )
    """Filled on first use: many fits share it."""

    @classmethod
    def of(cls, verdicts: Sequence[Verdict], clusters: Sequence[str]) -> Sample:
        """Make the sample of judged *verdicts*; *clusters* has the key of each one's prompt."""
        names = sorted({verdict.testset for verdict in verdicts})
        number = {name: place for place, name in enumerate(names)}
        keys = {key: place for place, key in enumerate(sorted(set(clusters)))}
        # In this order sums are the same however the pairs were given.
        ordered = sorted(zip(verdicts, clusters, strict=True), key=lambda pair: (pair[1], pair[0].testset, pair[0].id))
        delta = np.array([verdict.candidate_chars - verdict.reference_chars for verdict, _ in ordered], float)
        scale = float(delta.std(ddof=1)) if len(delta) > 1 else 0.0
        return cls(
            names=names,
            group=np.array([number[verdict.testset] for verdict, _ in ordered]),
            outcome=np.array([preference_of(verdict) for verdict, _ in ordered], float),
            delta=delta,
            covariate=np.tanh(delta / scale) if scale > 0 else np.sign(delta),
            scale=scale,
            reference_chars=np.array([verdict.reference_chars for verdict, _ in ordered], float),
            cluster=np.array([keys[cluster] for _, cluster in ordered]),
        )

    def cells(self) -> Cells:
        """Every pair as a cell of its own."""
        return Cells(self.group, self.covariate, len(self.names), self.offset)

    def counted(self) -> tuple[Cells, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        """Cells for many fits, and the cell of each pair; beyond 4,000 pairs their covariate is rounded to 0.01."""
        if not self._counted:
            self._counted.append(self._count())
        return self._counted[0]

    def _count(self) -> tuple[Cells, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        if len(self.group) <= _MANY or self.offset is not None:
            return self.cells(), np.arange(len(self.group))
        rounded = np.round(self.covariate * 100).astype(int)
        keys, cell = np.unique(self.group * 1000 + rounded + 500, return_inverse=True)
        return Cells(keys // 1000, (keys % 1000 - 500) / 100, len(self.names)), cell

    def rates(self, intercepts: Array) -> Array:
        """(B, S) the rates at equal length that intercepts (B, S) stand for, averaged over the pairs of each set."""
        if self.offset is None:
            return sigmoid(intercepts)
        each = sigmoid(intercepts[:, self.group] + self.offset)
        return each @ self.cells().indicator() / self.sizes()

    def sizes(self) -> Array:
        """(S,) pairs of each test set."""
        return np.bincount(self.group, minlength=len(self.names)).astype(float)

    def _members(self, group: int | None) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.ones(len(self.group), bool) if group is None else self.group == group

    def overlap(self, group: int | None) -> float:
        """Twice the smaller of the shares of longer and shorter candidates."""
        delta = self.delta[self._members(group)]
        longer = float((np.sign(delta) + 1).mean() / 2)
        return 2 * min(longer, 1 - longer)

    def doubled(self, group: int | None) -> float:
        """The covariate of an answer twice as long as the mean reference."""
        mean = float(self.reference_chars[self._members(group)].mean())
        if self.scale > 0:
            return float(np.tanh(mean / self.scale))
        return float(mean > 0)

    def estimate(self, prior: LengthPrior) -> Estimate:
        """Fit once for each kind of judge, and average them by how well they explain the pairs."""
        kinds = [(prior.mean, prior.sd, INTERCEPT_PRECISION, 1 - prior.length_only)]
        kinds += [(*LENGTH_ONLY, 1.0, prior.length_only)] if prior.length_only else []
        means, sds, precisions, shares = (np.array(column, float) for column in zip(*kinds, strict=True))
        ones, wins = np.ones((len(means), len(self.group))), np.tile(self.outcome, (len(means), 1))
        fits = fit(self.cells(), ones, wins, centre=means, variance=sds**2, intercept_precision=precisions)
        odds = shares * np.exp(fits.evidence - fits.evidence.max())
        belief = _beyond(odds / odds.sum(), shares)
        sets = belief @ self.rates(fits.intercepts)
        weight = np.minimum(1.0, 1 / sds**2 / fits.information)
        return Estimate(
            pooled=float(sets @ self.sizes() / len(self.group)),
            sets=[float(rate) for rate in sets],
            slope=float(belief @ fits.slopes),
            prior_weight=float(belief @ weight),
            length_only=float(belief[1:].sum()),
        )

    def curve(self, slopes: Sequence[float]) -> Rates:
        """Fit the intercepts for each of some given slopes."""
        count = len(slopes)
        cells, cell = self.counted()
        fits = fit(
            cells,
            np.tile(np.bincount(cell).astype(float), (count, 1)),
            np.tile(np.bincount(cell, self.outcome), (count, 1)),
            centre=np.array(slopes, float),
            variance=np.full(count, _FIXED),
        )
        sets = self.rates(fits.intercepts)
        pooled = sets @ self.sizes() / len(self.group)
        return Rates([float(rate) for rate in pooled], [[float(rate) for rate in rates] for rates in sets.T])

    def tipping(self, *, near: float) -> Tipping:
        """Find the slopes at which the rates would be 0.5; of several, that nearest to *near*."""
        rates = self.curve(_GRID)
        return Tipping(
            self._crossing(None, rates.pooled, near),
            [self._crossing(number, each, near) for number, each in enumerate(rates.sets)],
        )

    def _crossing(self, group: int | None, rates: list[float], near: float) -> float | None:
        above = [rate - _EVEN for rate in rates]
        places = [place for place in range(len(_GRID) - 1) if above[place] * above[place + 1] <= 0]
        places = [place for place in places if above[place] != above[place + 1]]  # even whatever the slope: no tipping
        if not places:
            return None
        place = min(places, key=lambda place: abs((_GRID[place] + _GRID[place + 1]) / 2 - near))
        (low, high), (first, last) = _GRID[place : place + 2], above[place : place + 2]
        for _ in range(_STEPS):  # the Illinois variant of the rule of false position
            middle = low - first * (high - low) / (last - first)
            found = self.curve([middle])
            value = (found.pooled if group is None else found.sets[group])[0] - _EVEN
            if abs(value) < _CLOSE:
                return middle
            if (value > 0) == (last > 0):
                high, last, first = middle, value, first / 2
            else:
                low, high, first, last = high, middle, last, value
        return middle

    def rejects_only_length(self, group: int | None) -> bool:
        """Whether the pairs by themselves, whatever the slope, speak against models that differ in length only.

        A likelihood ratio test at 5 %: the intercept 0 against a free one, both with a free slope. A prompt that
        repeats counts once.
        """
        members = self._members(group)
        cells = Cells(np.zeros(int(members.sum()), int), self.covariate[members], 1)
        weights = 1.0 / np.bincount(self.cluster[members])[self.cluster[members]]
        objective = [
            fit(
                cells,
                weights[None],
                (weights * self.outcome[members])[None],
                centre=np.zeros(1),
                variance=np.full(1, _FREE),
                intercept_precision=precision,
                tolerance=1e-6,
            ).objective[0]
            for precision in (1e-6, 1e6)
        ]
        return bool(2 * (objective[0] - objective[1]) > _CHI_SQUARE)
