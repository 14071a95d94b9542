"""How large a difference must be for a comparison of this size to see it.

"Not significant" means little beside a comparison that could not have seen a difference worth having. So the smallest
difference that would have been seen stands beside the rate, and a gate says before its first call what it can decide.

All of it is the large-sample power of a two-sided test, with Student's t taken as normal: below about 30 distinct
prompts it is a little too hopeful. Standard library only.

Source: Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd edition (1988); Bloom, Minimum
detectable effects, Evaluation Review 19 (1995).
"""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = ["minimum_detectable_effect", "pairs_needed", "power_of"]

_NORMAL = NormalDist()


def minimum_detectable_effect(standard_error: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Give the smallest true difference that a test with this standard error sees with probability *power*.

    It is ``(z(1 - alpha/2) + z(power)) * standard_error``, 2.80 standard errors by default.

    Args:
        standard_error: Of the estimate, in its own unit; see `standard_error`.
        power: The probability of seeing it, above *alpha* and below 1.
        alpha: The probability of seeing a difference where there is none, two-sided.

    Returns:
        The difference, in the unit of *standard_error*.

    Raises:
        ValueError: An argument is outside of its range.
    """
    _check(power=power, alpha=alpha)
    _check_error(standard_error)
    return _quantiles(power, alpha) * standard_error


def pairs_needed(effect: float, *, deviation: float = 0.5, power: float = 0.8, alpha: float = 0.05) -> int:
    """Give the number of pairs with which a test sees *effect* with probability *power*.

    Args:
        effect: The true difference, e.g. 0.03 for a win rate of 0.53 against 0.5; its sign does not matter.
        deviation: Standard deviation of one pair. Where a similar comparison of n pairs is known, its clustered
            standard error times sqrt(n), which also accounts for repeated prompts; the default is the largest that a
            win rate can have.
        power: The probability of seeing it, above *alpha* and below 1.
        alpha: The probability of seeing a difference where there is none, two-sided.

    Raises:
        ValueError: An argument is outside of its range.
    """
    _check(power=power, alpha=alpha)
    _check_error(deviation)
    if not effect or not math.isfinite(effect):
        raise ValueError(f"an effect is a finite number other than 0, not {effect}; no test sees an effect of nothing")
    exact = (_quantiles(power, alpha) * deviation / effect) ** 2
    return max(2, math.ceil(exact))


def power_of(effect: float, standard_error: float, *, alpha: float = 0.05) -> float:
    """Give the probability that a test with this standard error sees *effect*, in either direction.

    Args:
        effect: The true difference; its sign does not matter.
        standard_error: Of the estimate, in the same unit.
        alpha: The probability of seeing a difference where there is none, two-sided.

    Returns:
        A probability: *alpha* where *effect* is 0, and 1 where *standard_error* is 0 and *effect* is not.

    Raises:
        ValueError: An argument is outside of its range.
    """
    _check(alpha=alpha)
    _check_error(standard_error)
    if not math.isfinite(effect):
        raise ValueError(f"an effect is a finite number, not {effect}")
    if standard_error == 0:
        return 1.0 if effect else alpha
    critical, shift = _NORMAL.inv_cdf(1 - alpha / 2), abs(effect) / standard_error
    return _NORMAL.cdf(shift - critical) + _NORMAL.cdf(-shift - critical)


def _quantiles(power: float, alpha: float) -> float:
    return _NORMAL.inv_cdf(1 - alpha / 2) + _NORMAL.inv_cdf(power)


def _check(*, alpha: float, power: float | None = None) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha lies between 0 and 1, not {alpha}")
    if power is not None and not alpha < power < 1:
        raise ValueError(f"power lies between alpha ({alpha}) and 1, not {power}")


def _check_error(value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"a standard error is a finite number of at least 0, not {value}")
