"""Bins for lengths, which spread over powers of ten: equal in the logarithm, and fair to whole numbers.

What is drawn is the share of rows for each doubling of the length. So a bin that holds twice as many whole numbers is
not higher for that, and curves of different bins can be compared: the area under each is 1.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["coarse_edges", "counts_between", "fine_edges", "per_doubling", "round_lengths"]

_FINE = ((2000, 4), (200, 2), (0, 1))
"""From so many lengths on, so many bins a doubling."""
_BASES = (1, 2, 5)


def fine_edges(lengths: Sequence[NDArray[np.int64]]) -> list[float]:
    """Edges for a picture, each between two whole numbers.

    Args:
        lengths: Of several data sets, each at least 1; together at least one.
    """
    found = [each for each in lengths if len(each)]
    low, high = min(int(each.min()) for each in found), max(int(each.max()) for each in found)
    fewest = min(len(each) for each in found)
    steps = next(steps for rows, steps in _FINE if fewest >= rows)
    first, last = math.floor(steps * math.log2(low)), math.ceil(steps * math.log2(high + 1))
    edges = sorted({math.ceil(2 ** (number / steps)) - 0.5 for number in range(first, last + 1)})
    return edges if len(edges) > 1 else [low - 0.5, high + 0.5]


def coarse_edges(lengths: Sequence[NDArray[np.int64]]) -> list[int]:
    """First lengths of the bins of a table: 1, 2, 5 and so on; the last one is beyond the longest."""
    found = [each for each in lengths if len(each)]
    low, high = min(int(each.min()) for each in found), max(int(each.max()) for each in found)
    steps = round_lengths(1, 100 * (high + 1))
    first = max(number for number, step in enumerate(steps) if step <= low)
    last = next(number for number, step in enumerate(steps) if step > high)
    return steps[first : last + 1]


def round_lengths(low: float, high: float) -> list[int]:
    """Round numbers, 1, 2 and 5 times powers of ten, from *low* to *high*."""
    powers = range(math.ceil(math.log10(max(high, 1))) + 1)
    return [base * 10**power for power in powers for base in _BASES if low <= base * 10**power <= high]


def counts_between(lengths: NDArray[np.int64], edges: Sequence[float]) -> list[int]:
    """How many lengths lie in each bin, its first edge included."""
    import numpy as np

    places = np.searchsorted(np.sort(lengths), np.asarray(edges, dtype=np.float64), side="left")
    return [int(count) for count in np.diff(places)]


def per_doubling(lengths: NDArray[np.int64], edges: Sequence[float]) -> list[float]:
    """The share of rows for each doubling of the length, 0..1, in each bin."""
    widths = [math.log2(high / low) for low, high in pairwise(edges)]
    counts = counts_between(lengths, edges)
    return [count / len(lengths) / width for count, width in zip(counts, widths, strict=True)]
