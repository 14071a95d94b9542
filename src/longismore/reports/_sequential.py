"""Looking several times while pairs are judged, without being fooled more often: group-sequential boundaries.

Between looks the standardised sum of the values is a random walk, whose density is carried from look to look by
numerical integration; so the probabilities to leave it above or below at each look are exact for normal sums. What
may go wrong by chance is spent look by look, little at first, so that looks may be of any size.

Letters: K looks, t share of the pairs asked up to a look, z standardised statistic, n nodes of the integration.

Source: Armitage, McPherson & Rowe, Journal of the Royal Statistical Society A 132 (1969), for the recursion; O'Brien
& Fleming, Biometrics 35 (1979); Lan & DeMets, Biometrika 70 (1983), for spending; Jennison & Turnbull, Group
Sequential Methods (2000), section 3.8, for carrying the boundaries over to Student's t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from longismore.reports._tests import t_p_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Array", "Exits", "drift_for", "exits", "least_where", "obrien_fleming", "spent", "student_bound"]

Array: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"

_NORMAL = NormalDist()
_FAR = 7.5
"""Standard deviations beyond which nothing is integrated: 6e-14 of the probability."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_NEVER = 1e-15
"""A look that may spend less cannot decide anything."""
_LARGEST_BOUND = 40.0
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Exits:
    """Probabilities to leave the walk for the first time at each look."""

    above: tuple[float, ...]
    below: tuple[float, ...]

    def expected_share(self, shares: Sequence[float]) -> float:
        """Give the share of the pairs that is asked on average; who never leaves asks all."""
        left = [above + below for above, below in zip(self.above, self.below, strict=True)]
        stopped = math.fsum(share * each for share, each in zip(shares, left, strict=True))
        return stopped + shares[-1] * max(0.0, 1 - math.fsum(left))


def spent(share: float, alpha: float) -> float:
    """Give how much of *alpha* may be spent up to a look at this *share* of the pairs, as O'Brien and Fleming would.

    Args:
        share: Of all pairs, above 0; from 1 on everything is spent.
        alpha: One-sided.
    """
    if share >= 1:
        return alpha
    return math.erfc(_NORMAL.inv_cdf(1 - alpha / 2) / math.sqrt(2 * share))


@lru_cache(maxsize=256)
def obrien_fleming(shares: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    """Give the one-sided boundary of z at each look; infinite where a look comes too early to decide.

    Args:
        shares: Of the pairs, at each look; increasing, the last one 1.
        alpha: One-sided.
    """
    bounds: list[float] = []
    walk = _Walk()
    before = 0.0
    for share in shares:
        allowed = spent(share, alpha) - before
        before = spent(share, alpha)
        walk.step(share)
        bound = math.inf
        if allowed > _NEVER:
            root = math.sqrt(share)
            bound = least_where(lambda z, root=root, allowed=allowed: walk.above(z * root) <= allowed, _LARGEST_BOUND)  # type: ignore[misc]
        bounds.append(bound)
        walk.keep(-math.inf, bound * math.sqrt(share))
    return tuple(bounds)


def exits(shares: Sequence[float], bounds: Sequence[float], drift: float = 0.0) -> Exits:
    """Compute where the walk leaves the band from -bound to bound.

    Args:
        shares: Of the pairs, at each look; increasing, the last one 1.
        bounds: Of z, at each look; may be infinite.
        drift: Mean of z when all pairs are asked.
    """
    above, below = [], []
    walk = _Walk(drift)
    for share, bound in zip(shares, bounds, strict=True):
        edge = bound * math.sqrt(share)
        walk.step(share)
        above.append(walk.above(edge))
        below.append(walk.below(-edge))
        walk.keep(-edge, edge)
    return Exits(tuple(above), tuple(below))


def drift_for(shares: Sequence[float], bounds: Sequence[float], power: float) -> float:
    """Give the drift with which the walk leaves above with probability *power*."""
    return least_where(lambda drift: math.fsum(exits(shares, bounds, drift).above) >= power, _LARGEST_BOUND, steps=40)


def least_where(holds: Callable[[float], bool], highest: float, *, lowest: float = 0.0, steps: int = _STEPS) -> float:
    """Find, by bisection, where *holds* begins to hold between *lowest* and *highest*."""
    low, high = lowest, highest
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


class _Walk:
    """The density of the sum among those who are still inside, as weights at nodes."""

    def __init__(self, drift: float = 0.0) -> None:
        self._drift, self._share = drift, 0.0
        self._at, self._weight = np.zeros(1), np.ones(1)
        self._sd, self._low, self._high = 0.0, 0.0, 0.0
        self._before = (self._at, self._weight, self._sd)

    def step(self, share: float) -> None:
        """Go on to the next look, where the sum has variance *share*."""
        self._sd = math.sqrt(share - self._share)
        self._at = self._refined(share) + self._drift * (share - self._share)
        self._share = share

    def _refined(self, share: float) -> Array:
        """Choose nodes as close as the coming step needs, for what :meth:`keep` has left."""
        if self._share == 0:
            return self._at
        low, high = self._low, self._high
        count = max(1, math.ceil((high - low) / (1.5 * math.sqrt(share - self._share))))
        width = (high - low) / count
        middles = low + width * (np.arange(count) + 0.5)
        nodes = (middles[:, None] + width / 2 * _NODES).ravel()
        weights = np.tile(width / 2 * _WEIGHTS, count)
        self._weight = weights * self._density(nodes)
        return nodes

    def _density(self, nodes: Array) -> Array:
        before, weight, sd = self._before
        distance = (nodes[:, None] - before) / sd
        return np.asarray(np.exp(-0.5 * distance**2) @ weight) / (sd * math.sqrt(2 * math.pi))

    def above(self, edge: float) -> float:
        """Give the probability to be above *edge* now."""
        return float(self._weight @ _tail((edge - self._at) / self._sd))

    def below(self, edge: float) -> float:
        """Give the probability to be below *edge* now."""
        return float(self._weight @ _tail((self._at - edge) / self._sd))

    def keep(self, low: float, high: float) -> None:
        """Go on with those between *low* and *high* only."""
        middle, reach = self._drift * self._share, _FAR * math.sqrt(self._share)
        self._low = min(max(low, middle - reach), middle + reach)
        self._high = max(min(high, middle + reach), middle - reach)
        self._before = (self._at, self._weight, self._sd)


def _tail(z: Array) -> Array:
    """(n,) P(Z > z)."""
    return np.array([math.erfc(each / math.sqrt(2)) / 2 for each in z.tolist()])


@lru_cache(maxsize=1024)
def student_bound(bound: float, df: int) -> float:
    """Give the t that is as rare as the normal *bound*, one-sided; infinite where that is infinite."""
    if math.isinf(bound) or df < 1:
        return math.inf
    rare = math.erfc(bound / math.sqrt(2))
    highest = 2.0
    while t_p_value(highest, df) > rare:
        highest *= 2
    return least_where(lambda t: t_p_value(t, df) <= rare, highest)
