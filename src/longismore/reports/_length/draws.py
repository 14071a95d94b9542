"""The bootstrap behind the intervals of `longismore.reports.length_control`.

Letters: B draws, n pairs, C cells, S test sets, G clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from longismore.reports._length.glm import INTERCEPT_PRECISION, Array, Cells, Fits, fit, sigmoid
from longismore.reports.length_control import LENGTH_ONLY, LengthPrior

if TYPE_CHECKING:
    from longismore.reports._length.fit import Sample

__all__ = ["Drawn", "draw", "drawn_prior"]

_LARGE = 1000
"""Pairs of a test set; beyond, a pseudo-observation more or less plays no part."""
_MANY = 4000
"""Clusters; beyond, they are resampled in blocks."""
_BLOCKS = 1000
"""So many of them."""
_QUANTILES = (0.025, 0.975)
_PSEUDO = 2
"""Pseudo-observations of a draw; each is a win, a tie, a tie or a loss."""
_FARTHEST = 30.0
"""Centres of the prior that are drawn farther out are cut: there, length decides everything already."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """95 % intervals over the draws."""

    pooled_ci: tuple[float, float]
    sets_ci: list[tuple[float, float]]
    slope_ci: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Draw:
    """B resampled samples."""

    cells: Cells
    weights: Array
    """(B, C)"""
    wins: Array
    """(B, C)"""
    pseudo: tuple[Array, Array]
    """(B,) weights and wins of the pseudo-observations."""
    centre: Array
    """(B,) of the prior."""
    variance: Array
    """(B,)"""
    intercept_precision: Array
    """(B,)"""
    intercept_centre: Array
    """(B,)"""


def draw(sample: Sample, prior: LengthPrior, *, seed: int, draws: int, length_only: float = 0.0) -> Drawn:
    """Refit on resampled clusters, with the prior's centre drawn anew each time.

    Args:
        sample: The pairs.
        prior: Of the slope.
        seed: Of the random numbers.
        draws: B.
        length_only: Share of the draws in which the judge is taken to like nothing but length.
    """
    stream = np.random.RandomState(seed)  # its stream never changes between versions of numpy
    clusters = int(sample.cluster.max()) + 1
    block = sample.cluster if clusters <= _MANY else sample.cluster % _BLOCKS
    count = int(block.max()) + 1
    chosen = (stream.random_sample((draws, count + _PSEUDO)) * (count + _PSEUDO)).astype(int)
    width = count + _PSEUDO
    flat = (chosen + width * np.arange(draws)[:, None]).ravel()
    times = np.bincount(flat, minlength=draws * width).reshape(draws, width).astype(float)
    kinds = np.array([0.0, 0.5, 0.5, 1.0])[(stream.random_sample((draws, _PSEUDO)) * 4).astype(int)]
    centre, variance = drawn_prior(prior, stream, draws)
    length_alone = drawn_prior(LengthPrior(mean=LENGTH_ONLY[0], sd=LENGTH_ONLY[1], source=""), stream, draws)
    quality, _ = drawn_prior(LengthPrior(mean=0.0, sd=1.0, source=""), stream, draws)
    alone = stream.random_sample(draws) < length_only
    centre, variance = (np.where(alone, *both) for both in zip(length_alone, (centre, variance), strict=True))
    size = len(sample.group) / clusters
    pseudo = size * times[:, count:].sum(axis=1), size * (times[:, count:] * kinds).sum(axis=1)
    cells, weights, wins = _counted(sample, times[:, :count], block)
    shares = sample.sizes() / len(sample.group)
    intercept = np.where(alone, 1.0, INTERCEPT_PRECISION), np.where(alone, quality, 0.0)
    draw = _Draw(cells, weights, wins, pseudo, centre, variance, *intercept)
    pooled = _refit(sample, draw, shares)
    sizes = weights @ cells.indicator()
    sizes = np.where(sizes.sum(axis=1, keepdims=True) > 0, sizes, shares)
    rates = (sigmoid(pooled.intercepts) * sizes).sum(axis=1) / sizes.sum(axis=1)
    alike = len(sample.names) == 1 or sample.sizes().min() > _LARGE
    each = pooled if alike else _refit(sample, draw, np.ones(len(shares)))
    return Drawn(
        _interval(rates), [_interval(column) for column in sigmoid(each.intercepts).T], _interval(pooled.slopes)
    )


def _counted(
    sample: Sample, times: Array, block: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> tuple[Cells, Array, Array]:
    """The cells, and (B, C) how often each was drawn and won."""
    cells, cell = sample.counted()
    if len(cells.group) == len(sample.group):
        weights = times[:, block]
        return cells, weights, weights * sample.outcome
    size = len(cells.group)
    place = block * size + cell
    shape = int(block.max()) + 1, size
    counts = np.bincount(place, minlength=shape[0] * size).reshape(shape).astype(float)
    won = np.bincount(place, sample.outcome, minlength=shape[0] * size).reshape(shape)
    return cells, times @ counts, times @ won


def _refit(sample: Sample, draw: _Draw, shares: Array) -> Fits:
    """Fit the draws, with pseudo-observations at the mean covariate of every set, so *shares* of them each."""
    means = np.bincount(sample.group, sample.covariate, minlength=len(sample.names)) / sample.sizes()
    padded = Cells(
        np.concatenate([draw.cells.group, np.arange(len(sample.names))]),
        np.concatenate([draw.cells.covariate, means]),
        len(sample.names),
    )
    return fit(
        padded,
        np.concatenate([draw.weights, draw.pseudo[0][:, None] * shares], axis=1),
        np.concatenate([draw.wins, draw.pseudo[1][:, None] * shares], axis=1),
        centre=draw.centre,
        variance=draw.variance,
        intercept_precision=draw.intercept_precision,
        intercept_centre=draw.intercept_centre,
        tolerance=1e-4,
    )


def drawn_prior(prior: LengthPrior, stream: np.random.RandomState, draws: int) -> tuple[Array, Array]:
    """(B,) centres and variances of the prior; a Cauchy prior is a normal one with a drawn variance."""
    uniform = 1.0 - stream.random_sample((3, draws))
    radius = np.sqrt(-2.0 * np.log(uniform[0]))
    first = radius * np.cos(2 * np.pi * uniform[1])
    second = np.abs(radius * np.sin(2 * np.pi * uniform[1]))  # independent of the first: Box and Muller
    sd = prior.sd / np.maximum(second, 1e-3) if prior.heavy_tails else np.full(draws, prior.sd)
    away = np.clip(sd * first, -_FARTHEST, _FARTHEST)
    return prior.mean + away, sd**2


def _interval(values: Array) -> tuple[float, float]:
    low, high = np.quantile(values, _QUANTILES)
    return float(low), float(high)
