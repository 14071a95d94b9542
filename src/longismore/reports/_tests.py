"""Two-sided tests of a mean over pairs that repeat prompts, and what several tests at once do to their p values.

A test says "differs" exactly when the interval of `_interval.mean_interval` leaves the null value out, because both
have the same pseudo-observations, the same clustered standard error and the same Student's t. Standard library only.

Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979);
Abramowitz & Stegun, Handbook of Mathematical Functions, 26.5.27 (Student's t as an incomplete beta function) and
26.5.8 (its continued fraction); Lentz, Applied Optics 15 (1976), for the fraction's evaluation; Hill, Algorithm 395,
Communications of the ACM 13 (1970), for many degrees of freedom.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from longismore.reports._interval import padded_mean

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["holm", "mean_p_value", "t_p_value"]

_TINY = 1e-300
_CLOSE = 1e-16
_TERMS = 100_000
_LARGE = 30.0
"""From here on the logarithm of a quotient of gamma functions is taken from its series, which loses no digits."""
_NEARLY_NORMAL = 10_000
"""From here on the fraction loses more digits than Hill's expansion."""


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values of several tests so that rejecting below 5 % is wrong anywhere in at most 5 % of all runs.

    Valid however the tests depend on each other, and never less powerful than Bonferroni's correction.

    Args:
        p_values: One a test, each in 0..1.

    Returns:
        The adjusted p values in the order of the input, at most 1.

    Raises:
        ValueError: A value is not in 0..1.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError(f"p values lie between 0 and 1, not {list(p_values)}")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def mean_p_value(values: Sequence[float], clusters: Sequence[Hashable], *, null: float = 0.5) -> float | None:
    """Give the two-sided p value of "the mean of *values* is *null*", clustered by prompt.

    It is below 0.05 exactly when *null* lies outside of `mean_interval` of the same values.

    Args:
        values: Numbers in 0..1, one a pair.
        clusters: What each pair belongs to, in the same order; see `cluster_key`.
        null: The mean that is doubted, in 0..1.

    Returns:
        The p value, or ``None`` with fewer than two clusters, which say nothing of others.

    Raises:
        ValueError: *values* and *clusters* differ in length.
    """
    padded = padded_mean(values, clusters)
    if padded is None:
        return None
    mean, error, df = padded
    return t_p_value((mean - null) / error, df)


def t_p_value(statistic: float, df: float) -> float:
    """Give P(|T| >= |statistic|) for Student's t, to 12 digits, also far out in the tails.

    Args:
        statistic: Any number.
        df: Degrees of freedom, above 0; they need not be whole.

    Raises:
        ValueError: *df* is not above 0.
    """
    if not df > 0:
        raise ValueError(f"degrees of freedom are above 0, not {df}")
    square = statistic * statistic / df
    if square == 0:
        return 1.0
    if math.isinf(square):
        return 0.0
    if df > _NEARLY_NORMAL:
        return math.erfc(_normal_deviate(square, df) / math.sqrt(2))
    half = df / 2
    # x^(df/2) (1 - x)^(1/2) / B(df/2, 1/2) with x = df / (df + t^2); neither x nor 1 - x is a difference.
    log_front = -half * math.log1p(square) + (math.log(square) - math.log1p(square)) / 2 + _log_quotient(half)
    front = math.exp(log_front - math.log(math.pi) / 2)
    x = 1 / (1 + square)
    if x < (half + 1) / (half + 2.5):
        return front * _fraction(x, half, 0.5) / half
    return 1 - front * _fraction(square / (1 + square), 0.5, half) / 0.5


def _normal_deviate(square: float, df: float) -> float:
    """Give the z that is as rare as t, with square = t^2/df."""
    near = df - 0.5
    scale = 48 * near * near
    y = near * math.log1p(square)
    inner = ((((-0.4 * y - 3.3) * y - 24) * y - 85.5) / (0.8 * y * y + 100 + scale) + y + 3) / scale
    return (inner + 1) * math.sqrt(y)


def _log_quotient(a: float) -> float:
    """Give the logarithm of gamma(a + 1/2) / gamma(a)."""
    if a < _LARGE:
        return math.lgamma(a + 0.5) - math.lgamma(a)
    series = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432)
    return math.log(a) / 2 + math.fsum(term / a ** (2 * k + 1) for k, term in enumerate(series))


def _fraction(x: float, a: float, b: float) -> float:
    """Evaluate the continued fraction of the incomplete beta function, for x < (a + 1)/(a + b + 2)."""
    upper, lower = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    value = lower
    for m in range(1, _TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            lower = 1 / _away(1 + term * lower)
            upper = _away(1 + term / upper)
            value *= lower * upper
        if abs(lower * upper - 1) <= _CLOSE:
            break
    return value


def _away(value: float) -> float:
    """Keep a divisor from being 0."""
    return value if abs(value) > _TINY else _TINY
