"""The length-controlled rates of two candidates on the same pairs, and the interval of their difference.

Every draw resamples the prompts once and fits both candidates to them, with one draw of the slope's prior: what is
unknown of the prompts and of the judge is common to both, and cancels as far as it is.

Letters: B draws, n pairs, S test sets, G clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from longismore.reports._interval import cluster_key
from longismore.reports._length.draws import drawn_prior
from longismore.reports._length.fit import Sample
from longismore.reports._length.glm import INTERCEPT_PRECISION, Array, Cells, fit, sigmoid
from longismore.reports.length_control import LENGTH_ONLY, LengthPrior

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Verdict
    from longismore.reports.winrate import Interval

__all__ = ["LengthDifference", "compare_lengths"]

_QUANTILES = (0.025, 0.975)
_PSEUDO = 2
"""Pseudo-observations of a draw; each is one of the four outcomes of a matched pair, as Agresti & Min have them."""


@dataclass(frozen=True, slots=True)
class LengthDifference:
    """Length-controlled rates of two candidates, 0..1, and the 95 % interval of their difference."""

    rate_a: float
    rate_b: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class _Draws:
    """What both candidates are refitted to."""

    times: Array
    """(B, G) how often each cluster was drawn."""
    pseudo: Array
    """(B,) how many pseudo-observations were drawn, in pairs of an average cluster."""
    pseudo_wins: tuple[Array, Array]
    """(B,) how many of them a candidate wins."""
    kind: Array
    """(B,) uniform numbers: below a candidate's belief in it, the judge is taken to like nothing but length."""
    slope: tuple[Array, Array]
    """(B,) centres and variances of the slope's prior."""
    length_slope: tuple[Array, Array]
    """The same for a judge that likes nothing but length."""
    length_quality: Array
    """(B,) centre of the intercepts' prior for such a judge."""


def compare_lengths(
    pairs: Sequence[tuple[Verdict, Verdict]], *, prior: LengthPrior, seed: int, draws: int
) -> tuple[LengthDifference, dict[str, LengthDifference]]:
    """Fit both candidates of judged *pairs*, pooled and for each test set; see `longismore.reports.length_control`.

    Args:
        pairs: Verdicts with outcomes, at least one.
        prior: Of the length slope, for both.
        seed: Of the resampling.
        draws: How many refits.
    """
    keys = [cluster_key(one.prompt) for one, _ in pairs]
    samples = [Sample.of([pair[side] for pair in pairs], keys) for side in (0, 1)]
    estimates = [sample.estimate(prior) for sample in samples]
    drawn = _draw(samples[0], prior, seed=seed, draws=draws)
    beliefs = [estimate.length_only for estimate in estimates]
    # Pooled, the pseudo-observations are spread over the test sets; for its own rate, each set has all of them.
    shares = samples[0].sizes() / len(pairs)
    pooled = [_refit(sample, drawn, side, beliefs[side], shares)[0] for side, sample in enumerate(samples)]
    ones = np.ones(len(shares))
    each = [_refit(sample, drawn, side, beliefs[side], ones)[1] for side, sample in enumerate(samples)]
    sets = {
        name: LengthDifference(
            estimates[0].sets[place],
            estimates[1].sets[place],
            _interval(each[0][:, place] - each[1][:, place]),
        )
        for place, name in enumerate(samples[0].names)
    }
    return LengthDifference(estimates[0].pooled, estimates[1].pooled, _interval(pooled[0] - pooled[1])), sets


def _draw(sample: Sample, prior: LengthPrior, *, seed: int, draws: int) -> _Draws:
    stream = np.random.RandomState(seed)  # its stream never changes between versions of numpy
    count = int(sample.cluster.max()) + 1
    chosen = (stream.random_sample((draws, count + _PSEUDO)) * (count + _PSEUDO)).astype(int)
    width = count + _PSEUDO
    flat = (chosen + width * np.arange(draws)[:, None]).ravel()
    times = np.bincount(flat, minlength=draws * width).reshape(draws, width).astype(float)
    kinds = (stream.random_sample((draws, _PSEUDO)) * 4).astype(int)
    size = len(sample.group) / count
    added = size * times[:, count:]
    wins = [(added * (kinds // place % 2)).sum(axis=1) for place in (1, 2)]
    slope = drawn_prior(prior, stream, draws)
    length_slope = drawn_prior(LengthPrior(mean=LENGTH_ONLY[0], sd=LENGTH_ONLY[1], source=""), stream, draws)
    quality, _ = drawn_prior(LengthPrior(mean=0.0, sd=1.0, source=""), stream, draws)
    return _Draws(
        times=times[:, :count],
        pseudo=added.sum(axis=1),
        pseudo_wins=(wins[0], wins[1]),
        kind=stream.random_sample(draws),
        slope=slope,
        length_slope=length_slope,
        length_quality=quality,
    )


def _refit(sample: Sample, drawn: _Draws, side: int, belief: float, shares: Array) -> tuple[Array, Array]:
    """(B,) pooled rates and (B, S) those of the sets; *shares* of the pseudo-observations go to each set."""
    alone = drawn.kind < belief
    centre, variance = (np.where(alone, *both) for both in zip(drawn.length_slope, drawn.slope, strict=True))
    names = len(sample.names)
    means = np.bincount(sample.group, sample.covariate, minlength=names) / sample.sizes()
    cells = Cells(np.concatenate([sample.group, np.arange(names)]), np.concatenate([sample.covariate, means]), names)
    weights = drawn.times[:, sample.cluster]
    fits = fit(
        cells,
        np.concatenate([weights, drawn.pseudo[:, None] * shares], axis=1),
        np.concatenate([weights * sample.outcome, drawn.pseudo_wins[side][:, None] * shares], axis=1),
        centre=centre,
        variance=variance,
        intercept_precision=np.where(alone, 1.0, INTERCEPT_PRECISION),
        intercept_centre=np.where(alone, drawn.length_quality, 0.0),
        tolerance=1e-6,
    )
    rates = sigmoid(fits.intercepts)
    sizes = weights @ np.eye(names)[sample.group]
    sizes = np.where(sizes.sum(axis=1, keepdims=True) > 0, sizes, shares)
    return (rates * sizes).sum(axis=1) / sizes.sum(axis=1), rates


def _interval(values: Array) -> Interval:
    low, high = np.quantile(values, _QUANTILES)
    return float(low), float(high)
