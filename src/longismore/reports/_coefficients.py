"""Cohen's kappa and Krippendorff's alpha from tables of counts, and what resampling makes of them.

Everything works on the last axes of an array, so that one table and a thousand resampled ones are computed alike.
Letters: d draws, g clusters, k categories in their order (lose < tie < win).

Source: Cohen, Educational and Psychological Measurement 20 (1960), and Psychological Bulletin 70 (1968), for the
weights; Krippendorff, Content Analysis, chapter on reliability, for coincidences and differences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from longismore.reports.winrate import Interval

    Array: TypeAlias = NDArray[np.float64]

__all__ = ["Level", "Weights", "alpha", "bootstrap", "coincidences", "kappa", "plain"]

Weights = Literal["nominal", "quadratic"]
Level = Literal["nominal", "ordinal"]

_TAILS = (2.5, 97.5)
_AT_ONCE = 2_000_000
"""Random numbers held at a time."""
_ENOUGH = 0.5
"""Share of the draws in which a coefficient must exist for its interval to mean something."""


def kappa(tables: Array, weights: Weights) -> Array:
    """Cohen's kappa of tables of counts, one rater in the rows and the other in the columns.

    One minus the observed over the expected disagreement; the disagreement of two categories is 1 (nominal) or the
    square of their distance (quadratic).

    Args:
        tables: (..., k, k).
        weights: How much it counts to be two categories apart.

    Returns:
        (...), NaN where no disagreement can be expected: no pair, or both raters say one and the same of all.
    """
    places = np.arange(tables.shape[-1])
    apart = (places[:, None] - places) ** 2
    if weights == "nominal":
        apart = np.minimum(apart, 1)
    expected = tables.sum(axis=-1)[..., :, None] * tables.sum(axis=-2)[..., None, :]  # (..., k, k)
    total = tables.sum(axis=(-1, -2))
    return _one_minus(total * (tables * apart).sum(axis=(-1, -2)), (expected * apart).sum(axis=(-1, -2)))


def coincidences(counts: Array) -> Array:
    """The coincidence matrix of each unit: how often its ratings meet, every rating in one unit altogether.

    Args:
        counts: (..., k), how many raters gave each category; a rater who gave none is in none.

    Returns:
        (..., k, k); zeros for a unit with fewer than two ratings, which cannot be paired.
    """
    raters = counts.sum(axis=-1)[..., None, None]
    meetings = counts[..., :, None] * (counts[..., None, :] - np.eye(counts.shape[-1]))
    return np.asarray(meetings / np.maximum(raters - 1, 1) * (raters > 1))


def alpha(tables: Array, level: Level) -> Array:
    """Krippendorff's alpha of coincidence matrices.

    Args:
        tables: (..., k, k), symmetric.
        level: The difference of two categories is 1 (nominal), or the square of the number of ratings from one to the
            other, either end counting half (ordinal).

    Returns:
        (...), NaN where there are no two categories.
    """
    ratings = tables.sum(axis=-1)  # (..., k)
    total = ratings.sum(axis=-1)
    if level == "nominal":
        apart = 1.0 - np.eye(tables.shape[-1])
    else:
        middles = np.cumsum(ratings, axis=-1) - ratings / 2
        apart = (middles[..., :, None] - middles[..., None, :]) ** 2
    expected = ratings[..., :, None] * ratings[..., None, :]
    return _one_minus((total - 1) * (tables * apart).sum(axis=(-1, -2)), (expected * apart).sum(axis=(-1, -2)))


def _one_minus(observed: Array, expected: Array) -> Array:
    """One minus a ratio; NaN where it has no meaning, without a warning."""
    known = expected > 0
    ratio = np.divide(observed, expected, out=np.zeros(np.shape(expected)), where=known)
    return np.where(known, 1.0 - ratio, np.nan)


def plain(value: Array) -> float | None:
    """A coefficient as a number; ``None`` where it has no meaning."""
    return None if np.isnan(value) else float(value)


def bootstrap(
    tables: Array, measures: Mapping[str, Callable[[Array], Array]], *, seed: int, draws: int
) -> dict[str, Interval | None]:
    """95 % percentile intervals of coefficients, from drawing clusters with replacement.

    Args:
        tables: (g, ...), the counts of each cluster; their order decides what the seed draws.
        measures: By name: counts summed over clusters, (d, ...), to a coefficient each, (d,).
        seed: Of the random numbers.
        draws: How many samples are drawn.

    Returns:
        By name, the interval, or ``None`` where resampling cannot tell one: fewer than two clusters, a coefficient
        without meaning in this sample or in half of the draws, or one that is 1 because nobody ever disagreed.
    """
    clusters = tables.shape[0]
    if clusters <= 1:
        return dict.fromkeys(measures)
    drawn: dict[str, list[Array]] = {name: [] for name in measures}
    for sums in _sums(tables, seed=seed, draws=draws):
        for name, measure in measures.items():
            drawn[name].append(measure(sums))
    whole = tables.sum(axis=0)
    return {name: _percentiles(measure(whole), np.concatenate(drawn[name])) for name, measure in measures.items()}


def _percentiles(point: Array, values: Array) -> Interval | None:
    known = values[~np.isnan(values)]
    if plain(point) in {None, 1.0} or len(known) < _ENOUGH * len(values):
        return None
    low, high = np.percentile(known, _TAILS)
    return float(low), float(high)


def _sums(tables: Array, *, seed: int, draws: int) -> Iterator[Array]:
    """The summed counts of resampled clusters, (d, ...), in portions that fit into memory."""
    clusters = tables.shape[0]
    flat = tables.reshape(clusters, -1)
    random = np.random.RandomState(seed)  # a stream of numbers that no release of numpy changes
    portion = max(1, _AT_ONCE // clusters)
    for start in range(0, draws, portion):
        count = min(portion, draws - start)
        drawn = (random.random_sample((count, clusters)) * clusters).astype(np.intp)
        drawn += clusters * np.arange(count)[:, None]
        times = np.bincount(drawn.ravel(), minlength=count * clusters).reshape(count, clusters)  # (d, g)
        yield (times @ flat).reshape(count, *tables.shape[1:])
