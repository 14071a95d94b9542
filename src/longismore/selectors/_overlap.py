"""How much several selections have in common, and how much of it is chance.

Two random draws of n and m rows from N share n m / N rows on average; how many in a single case follows the
hypergeometric distribution. An overlap says something about two strategies only where it lies outside its range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

__all__ = ["Chance", "Overlap", "Shared", "chance_overlap", "overlap"]

_LEVEL = 0.05
_WINDOW = 40.0
"""Standard deviations around the mean; what lies beyond has no weight in double precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """What two random draws would share."""

    mean: float
    low: int
    high: int
    """The central 95%: at most 2.5% of all pairs of draws share fewer, and at most 2.5% more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What two sets have in common."""

    one: str
    other: str
    count: int
    of_one: float | None
    """Share of the first set, 0..1; ``None`` where it is empty."""
    of_other: float | None
    jaccard: float | None
    """What both have, over what either has; ``None`` where both are empty."""
    chance: Chance | None
    """``None``: the size of the data that both were drawn from was not given."""

    @property
    def verdict(self) -> str | None:
        """``more``, ``fewer`` or ``as many`` as by chance."""
        if self.chance is None:
            return None
        if self.count > self.chance.high:
            return "more"
        return "fewer" if self.count < self.chance.low else "as many"

    def to_dict(self) -> dict[str, Any]:
        """Give every figure; rates are 0..1."""
        chance = self.chance and {"mean": self.chance.mean, "ci": [self.chance.low, self.chance.high]}
        figures = {name: getattr(self, name) for name in ("one", "other", "count", "of_one", "of_other", "jaccard")}
        return figures | {"chance": chance, "than_chance": self.verdict}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What each two of several sets have in common."""

    sizes: Mapping[str, int]
    pairs: tuple[Shared, ...]
    """Each two once, in the order of the sets."""
    pool: int | None = None

    def between(self, one: str, other: str) -> Shared:
        """What these two have in common, in whatever order they are named."""
        return next(pair for pair in self.pairs if {pair.one, pair.other} == {one, other})

    def to_dict(self) -> dict[str, Any]:
        """Give everything, with the counts as a matrix whose diagonal has the sizes."""
        names = list(self.sizes)
        counts = [
            [self.sizes[one] if one == other else self.between(one, other).count for other in names] for one in names
        ]
        pairs = [pair.to_dict() for pair in self.pairs]
        return {"names": names, "pool": self.pool, "counts": counts, "pairs": pairs}


def overlap(sets: Mapping[str, AbstractSet[Any]], *, pool: int | None = None) -> Overlap:
    """Compare each two of the *sets*.

    Args:
        sets: Keys of rows, by name of the selection.
        pool: How many different rows there were to choose from; ``None``: unknown.

    Raises:
        ValueError: A set is larger than the pool.
    """
    pairs = tuple(_shared(one, other, sets[one], sets[other], pool) for one, other in combinations(sets, 2))
    return Overlap(sizes={name: len(keys) for name, keys in sets.items()}, pairs=pairs, pool=pool)


def _shared(one: str, other: str, ours: AbstractSet[Any], theirs: AbstractSet[Any], pool: int | None) -> Shared:
    small, large = sorted((ours, theirs), key=len)
    count = sum(key in large for key in small)
    either = len(ours) + len(theirs) - count
    return Shared(
        one=one,
        other=other,
        count=count,
        of_one=count / len(ours) if ours else None,
        of_other=count / len(theirs) if theirs else None,
        jaccard=count / either if either else None,
        chance=None if pool is None else chance_overlap(len(ours), len(theirs), pool),
    )


def chance_overlap(one: int, other: int, pool: int) -> Chance:
    """Say what two random draws of *one* and *other* rows from *pool* share.

    Raises:
        ValueError: A draw is larger than the pool.
    """
    if not 0 <= max(one, other) <= pool:
        raise ValueError(f"{max(one, other)} rows cannot be drawn from {pool}")
    if not one or not other:
        return Chance(mean=0.0, low=0, high=0)
    weights = list(_weights(one, other, pool))
    total = math.fsum(weight for _, weight in weights)
    below, low, high = 0.0, None, weights[-1][0]
    for count, weight in weights:
        below += weight / total
        if low is None and below > _LEVEL / 2:
            low = count
        if below >= 1 - _LEVEL / 2:
            high = count
            break
    return Chance(mean=one * other / pool, low=high if low is None else low, high=high)


def _weights(one: int, other: int, pool: int) -> Iterator[tuple[int, float]]:
    """Counts with their probabilities up to a factor, ascending; from the mode outwards, so that none overflows."""
    mode = (one + 1) * (other + 1) // (pool + 2)
    spread = math.sqrt(one * other / pool * (1 - one / pool) * (pool - other) / max(1, pool - 1))
    reach = math.ceil(_WINDOW * spread) + 10
    fewest, most = max(0, one + other - pool, mode - reach), min(one, other, mode + reach)
    down, weight = [], 1.0
    for count in range(mode, fewest, -1):
        weight *= count * (pool - one - other + count) / ((one - count + 1) * (other - count + 1))
        down.append((count - 1, weight))
    yield from reversed(down)
    yield mode, 1.0
    weight = 1.0
    for count in range(mode, most):
        weight *= (one - count) * (other - count) / ((count + 1) * (pool - one - other + count + 1))
        yield count + 1, weight
