"""Standard errors and confidence intervals of a mean over pairs that repeat prompts.

Pairs with the same prompt are not independent: 39 of Vicuna's 80 questions stand in LIMA too. Everything here
treats the distinct prompts as the sample, is deterministic, and needs nothing beyond the standard library.

Source: Liang & Zeger, Biometrika 73 (1986), for the variance; Agresti & Min, Statistics in Medicine 24 (2005), for the
pseudo-observations; Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.3 to 26.7.5, for Student's t.
"""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["PSEUDO", "PSEUDO_TOTAL", "cluster_key", "mean_interval", "padded_mean", "standard_error", "t_quantile"]

_LEVEL = 0.95
_EXACT_DF = 1000
_NORMAL = 1.959963984540054
"""The 0.975 quantile of the normal distribution."""
PSEUDO = ((1.0, 0.5), (0.5, 1.0), (0.0, 0.5))
"""Value and weight of what is added to the sample: half a win, one tie, half a loss."""
PSEUDO_TOTAL = 2.0


def cluster_key(prompt: str) -> str:
    """Fold case, white space and punctuation, so that the same question has the same key in every test set.

    The five test sets have 987 keys among their 1,030 prompts. Symbols such as ``+`` and ``<`` are kept, because
    they tell arithmetic questions apart. A prompt of nothing but punctuation is its own key.
    """
    return " ".join(prompt.casefold().translate(_FOLDED).split()) or prompt


class _Folded(dict[int, int]):
    """Characters by their code, with a blank for those that are folded away; each is looked up once."""

    def __missing__(self, code: int) -> int:
        # P punctuation, Z separators, C control; the marks (M) of Indic scripts belong to the letters.
        self[code] = ord(" ") if unicodedata.category(chr(code))[0] in "PZC" else code
        return self[code]


_FOLDED = _Folded()


def standard_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float | None:
    """Estimate the standard error of the mean of *values*, robust to dependence within clusters.

    With m the mean of the n values, g running over the G clusters and i over the values in one:
    ``sqrt(G / (G - 1) * sum_g (sum_i (x_i - m))^2) / n``. When every value is its own cluster, this is the usual
    ``sd / sqrt(n)``.

    Args:
        values: One number a pair.
        clusters: What each pair belongs to, in the same order; see `cluster_key`.

    Returns:
        The standard error in the unit of *values*, or ``None`` with fewer than two clusters.

    Raises:
        ValueError: *values* and *clusters* differ in length.
    """
    count = _count(values, clusters)
    if count <= 1:
        return None
    squares = _squared_sums(values, clusters, count, math.fsum(values) / len(values))
    return math.sqrt(count / (count - 1) * squares) / len(values)


def mean_interval(values: Sequence[float], clusters: Sequence[Hashable]) -> tuple[float, float]:
    """Give the two-sided 95 % interval of the mean of *values*, clustered, also at the edges of [0, 1].

    Half an observation at 1, one at 0.5 and half at 0 are added as clusters of their own, each as large as the
    average cluster. Then mean ± t * standard error, with t at (clusters - 1) degrees of freedom, cut to [0, 1].
    So n wins of n pairs do not give an interval of no width, repeating every row changes nothing, and
    exchanging the models mirrors the interval.

    Measured coverage. Exact, for independent pairs, n in {40, 80, 180, 1030} and 0 to 60 % ties: 94.3 to 96.2 %
    at win rates {0.5, 0.6, 0.8}; at 0.95 between 95.1 and 97.1 % from n = 80 and 98.6 % at n = 40. Simulated, the
    same with 10 to 100 % of the pairs in clusters of two, correlated 0.5 or 1: 94.0 to 98.0 %, and at 0.95 up to
    99.8 %. The worst found, from n = 4 on and win rates up to 0.9999, is 92.7 % (n = 10, win rate 0.74, no ties).
    tests/reports/test_interval.py repeats a part of this.

    Args:
        values: Numbers in [0, 1], one a pair; at least one.
        clusters: What each pair belongs to, in the same order.

    Returns:
        Lower and upper limit; (0, 1) for a single cluster, which says nothing of others.

    Raises:
        ValueError: *values* and *clusters* differ in length.
    """
    padded = padded_mean(values, clusters)
    if padded is None:
        return 0.0, 1.0
    mean, error, df = padded
    half = t_quantile(df) * error
    return max(0.0, mean - half), min(1.0, mean + half)


def padded_mean(values: Sequence[float], clusters: Sequence[Hashable]) -> tuple[float, float, int] | None:
    """Give the mean with its pseudo-observations, its standard error, and the degrees of freedom: clusters - 1.

    Returns:
        What intervals and tests are made of, or ``None`` with fewer than two clusters.
    """
    count = _count(values, clusters)
    if count <= 1:
        return None
    size = len(values) / count
    total = len(values) + PSEUDO_TOTAL * size
    mean = (math.fsum(values) + size * sum(value * weight for value, weight in PSEUDO)) / total
    squares = _squared_sums(values, clusters, count, mean)
    squares += size**2 * math.fsum(weight * (value - mean) ** 2 for value, weight in PSEUDO)
    padded = count + PSEUDO_TOTAL
    return mean, math.sqrt(padded / (padded - 1) * squares) / total, count - 1


def _count(values: Sequence[float], clusters: Sequence[Hashable]) -> int:
    """How many clusters there are."""
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values, but {len(clusters)} clusters")
    return len(set(clusters))


def _squared_sums(values: Sequence[float], clusters: Sequence[Hashable], count: int, mean: float) -> float:
    """Sum, over the clusters, the square of the sum of the deviations from *mean*."""
    if count == len(values):  # nearly always, and then fast
        return math.fsum([(value - mean) ** 2 for value in values])
    members: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        members.setdefault(cluster, []).append(value - mean)
    return math.fsum([math.fsum(group) ** 2 for group in members.values()])


@lru_cache(maxsize=256)
def t_quantile(df: int) -> float:
    """Give the 0.975 quantile of Student's t, by bisection of its exact distribution function.

    Beyond 1,000 degrees of freedom by the expansion of Abramowitz & Stegun, 26.7.5, which agrees in 13 digits: the
    series would take half a second for 50,000 pairs.

    Args:
        df: Degrees of freedom, a whole number of at least 1.
    """
    if df > _EXACT_DF:
        return _expanded(df)
    low, high = 0.0, math.pi / 2
    while (middle := (low + high) / 2) not in (low, high):
        if _two_sided(middle, df) < _LEVEL:
            low = middle
        else:
            high = middle
    return math.sqrt(df) * math.tan(low)


def _expanded(df: int) -> float:
    z = _NORMAL
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / df**power for power, term in enumerate(terms))


def _two_sided(angle: float, df: int) -> float:
    """Give P(|T| < t) for ``t = sqrt(df) * tan(angle)``, as the finite series of Abramowitz & Stegun."""
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = df % 2
    term = cosine if odd else 1.0
    total = term if df > 1 else 0.0
    for k in range(2 + odd, df - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
