"""How much a judge gives for length alone: a slope through the origin, where both answers say the same.

Model: ``logit P(padded preferred) = slope * t`` with t = tanh(characters added / scale). There is no intercept, since
the answers have the same content: what is not length is nothing. One observation of half a win and half a loss at
t = 1 is added, so that the slope stays finite where the padded answer always wins.

Source: Greenland & Mansournia, Statistics in Medicine 34 (2015), for the added observation, a log-F(1,1) prior; Liang &
Zeger, Biometrika 73 (1986), for the standard error.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["covariates", "length_scale", "slope_through_origin"]

_WIDEST = 64.0
"""Slopes farther out are cut: they only arise where next to nothing was added."""


def length_scale(groups: Sequence[Sequence[int]]) -> float:
    """Give the standard deviation of length differences within groups, the unit of ``length_slope`` in reports.

    Args:
        groups: Of each run, the candidate's characters minus the reference's, pair by pair.

    Returns:
        The standard deviation with n - 1 for a single run; 0 where all differences in a run are equal.
    """
    squares, freedom = 0.0, 0
    for group in groups:
        if group:
            mean = math.fsum(group) / len(group)
            squares += math.fsum((delta - mean) ** 2 for delta in group)
            freedom += len(group) - 1
    return math.sqrt(squares / freedom) if freedom else 0.0


def covariates(added: Sequence[int], scale: float) -> list[float]:
    """Give tanh(added / scale), or the sign where there is no scale: as the reports do."""
    if scale > 0:
        return [math.tanh(delta / scale) for delta in added]
    return [float((delta > 0) - (delta < 0)) for delta in added]


def slope_through_origin(
    covariate: Sequence[float], preference: Sequence[float], clusters: Sequence[Hashable]
) -> tuple[float, float | None]:
    """Fit the slope.

    Args:
        covariate: t of each pair.
        preference: The padded answer's share, 0..1, over the orders of each pair.
        clusters: What each pair belongs to.

    Returns:
        The slope and its standard error, robust to dependence within clusters; the added observation is two clusters
        of its own, so that the error of a slope without any contradiction is not 0. ``None`` for a single cluster.
    """
    pairs = list(zip(covariate, preference, clusters, strict=True))
    low, high = -_WIDEST, _WIDEST
    while (middle := (low + high) / 2) not in (low, high):
        # The score falls as the slope grows, so there is one root.
        score = math.fsum(t * (share - _sigmoid(middle * t)) for t, share, _ in pairs) + 0.5 - _sigmoid(middle)
        low, high = (middle, high) if score > 0 else (low, middle)
    sums: dict[Hashable, list[float]] = {}
    for t, share, cluster in pairs:
        sums.setdefault(cluster, []).append(t * (share - _sigmoid(low * t)))
    count = len(sums)
    if count <= 1:
        return low, None
    at_one = _sigmoid(low)
    squares = math.fsum(math.fsum(each) ** 2 for each in sums.values()) + ((1 - at_one) ** 2 + at_one**2) / 2
    information = math.fsum(t**2 * _variance(low * t) for t, _, _ in pairs) + _variance(low)
    return low, math.sqrt((count + 2) / (count + 1) * squares) / information


def _sigmoid(value: float) -> float:
    return 0.5 * (1 + math.tanh(value / 2))


def _variance(value: float) -> float:
    """Of a win with the probability sigmoid(value); keeps its digits far out, where 1 - p loses them."""
    small = math.exp(-abs(value))
    return small / (1 + small) ** 2
