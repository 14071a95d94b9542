"""Looking after any number of pairs: a bet against the bar, whose winnings are the evidence.

Someone who doubts that the mean is below the bar stakes a share of the capital on every prompt, at odds that would be
fair if the mean were exactly the bar. If the doubt is wrong, the capital exceeds 1/alpha at any time with probability
at most alpha, however often one looks and whatever the values are, as long as they lie in 0..1: nothing is taken for
normal. Half the capital is staked carefully and half boldly. Prompts, not pairs, are what is bet on.

Letters: G clusters, k stakes, m pairs of a cluster, S sum of its values.

Source: Ville, Etude critique de la notion de collectif (1939), for the bound; Waudby-Smith & Ramdas, Estimating means
of bounded random variables by betting, Journal of the Royal Statistical Society B 86 (2023), sections 3 and 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from longismore.reports._sequential import Array, least_where

__all__ = ["Bets", "betting_bounds", "stakes_for"]

_USUAL_DEVIATION = 0.45
"""Of one pair, with some ties; the stakes need not be right to be fair."""
_BOLDNESS = (1.0, 2.0)
_MOST = 0.9
"""Of what could be lost at once, so that the capital never reaches 0."""
_STEPS = 40


@dataclass(frozen=True, slots=True)
class Bets:
    """How much is staked; fixed before the first value is seen.

    Args:
        planned: Pairs that may be asked.
        largest: Pairs of the largest cluster.
        alpha: One-sided.
    """

    planned: int
    largest: int
    alpha: float

    def limits(self, sums: Array, sizes: Array) -> tuple[float, float]:
        """Give both one-sided limits of the mean: what has not been refuted by winnings of 1/alpha.

        Args:
            sums: (G,) sum of the values of each cluster.
            sizes: (G,) its pairs.
        """
        low, high = (self._refuted(each, sizes) for each in (sums, sizes - sums))
        return low, 1 - high

    def _refuted(self, sums: Array, sizes: Array) -> float:
        """Give the highest bar below which the mean cannot lie; 0 if there is none."""
        needed = -math.log(self.alpha)
        bar = least_where(lambda bar: bool(self.won(sums, sizes, bar) < needed), 1.0, steps=_STEPS)
        return bar if bar > 2.0 ** (1 - _STEPS) else 0.0

    def won(self, sums: Array, sizes: Array, bar: float) -> Array:
        """Give the logarithm of the capital of someone who bets that the mean is above *bar*; it falls as that rises.

        Args:
            sums: (..., G) sum of the values of each cluster.
            sizes: (G,) its pairs.
            bar: 0 to 1.

        Returns:
            (...)
        """
        stakes = np.minimum(stakes_for(self.planned, self.alpha), _MOST / (self.largest * max(bar, 1e-9)))
        gains = (sums - sizes * bar)[..., None, :]  # (..., 1, G)
        capital = np.log1p(stakes[:, None] * gains).sum(axis=-1)  # (..., k)
        return np.asarray(np.logaddexp.reduce(capital, axis=-1) - math.log(len(stakes)))


def stakes_for(planned: int, alpha: float) -> Array:
    """(k,) shares of the capital for each unit of a value, as large as it takes to decide within *planned* pairs."""
    return np.array(_BOLDNESS) * math.sqrt(-2 * math.log(alpha) / planned) / _USUAL_DEVIATION


def betting_bounds(shares: tuple[float, ...], planned: int, deviation: float, alpha: float) -> tuple[float, ...]:
    """Give the z at which the bets have won enough at each look, for sums of many small values.

    Args:
        shares: Of the pairs, at each look.
        planned: All pairs.
        deviation: Standard deviation of one pair.
        alpha: One-sided.
    """
    needed = -math.log(alpha)
    stakes = stakes_for(planned, alpha)

    def won(z: float, variance: float) -> float:
        capital = stakes * z * math.sqrt(variance) - stakes**2 * variance / 2
        return float(np.logaddexp.reduce(capital) - math.log(len(capital)))

    variances = [share * planned * deviation**2 for share in shares]
    return tuple(least_where(lambda z, v=each: won(z, v) >= needed, 40.0) for each in variances)  # type: ignore[misc]
