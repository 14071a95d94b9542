"""Keep rows that are not too similar to a better one: DEITA's greedy filter, in blocks and exact.

Each row in turn is kept unless its cosine with a kept row is above the threshold. The published script copies and
normalises all kept rows for every candidate; here blocks of candidates meet the kept rows in one product of
matrices. Such a product is rounded, differently on every machine: pairs whose rounded cosine is nearer to the
threshold than rounding can move it (a proven bound) are decided by exactly rounded sums instead, so that the same
rows are kept for every size of block and on every machine.

Source: Liu et al., What Makes Good Data for Alignment?, ICLR 2024, section 2.4, https://arxiv.org/abs/2312.15685.
The paper asks for a distance below the threshold; the published program, followed here, for a cosine of at most it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from longismore._optional import require

__all__ = ["DiversityFilter", "Fate"]

Floats = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

BLOCK_ROWS = 512
CHUNK_ROWS = 4096
"""Memory for kept rows is taken in pieces of this size, and what was kept is not copied again."""
_ROUNDING = 2.0**-24
_TENSOR_CORES = 2.0**-9
"""What a GPU may round numbers of 32 bits to before it multiplies them (TF32), twice."""
_SURE = 1e-9
"""Further than this from the threshold, a cosine in 64 bits is on the right side of it."""


class Fate(IntEnum):
    """What became of a row."""

    KEPT = 0
    SIMILAR = 1
    """To a row that was kept before."""
    ZERO = 2
    """All its numbers are 0: it has no direction."""
    NOT_FINITE = 3
    """One of its numbers is infinite or no number."""


@dataclass(slots=True, kw_only=True)
class DiversityFilter:
    """Takes embeddings in the order of their rows' scores, in blocks of any size, until enough are kept.

    Memory: the kept rows in 32 bits, and one block.

    Args:
        threshold: A cosine above it is too similar, -1 to 1.
        budget: How many rows to keep; ``None``: as many as there are.
        device: ``cpu``, or where torch shall multiply, e.g. ``cuda``.
        block_rows: How many candidates are compared at once: changes time and memory, no result.
    """

    threshold: float = 0.9
    budget: int | None = None
    device: str = "cpu"
    block_rows: int = BLOCK_ROWS
    kept: int = field(default=0, init=False)
    _chunks: list[_Chunk] = field(default_factory=list, init=False)

    @property
    def is_full(self) -> bool:
        """Whether the budget is reached."""
        return self.budget is not None and self.kept >= self.budget

    def add(self, vectors: Floats) -> npt.NDArray[np.int8]:
        """Decide about the next rows.

        Args:
            vectors: Their embeddings, (n, d); compared in 32 bits.

        Returns:
            The :class:`Fate` of each row that was looked at: of all, or up to the one that fills the budget.
        """
        fates = [np.zeros(0, dtype=np.int8)]
        for start in range(0, len(vectors), self.block_rows):
            if self.is_full:
                break
            fates.append(self._add_block(vectors[start : start + self.block_rows]))
        return np.concatenate(fates)

    def _add_block(self, vectors: Floats) -> npt.NDArray[np.int8]:
        rows, fates = _scaled(vectors)
        candidates = np.flatnonzero(fates == Fate.KEPT)
        block = _Block.of(rows[candidates], self.threshold, self.device)
        similar = np.zeros(len(candidates), dtype=bool)
        for chunk in self._chunks:
            chunk.mark_similar(block, similar)
        chosen, looked_at = self._choose_within(block, similar)
        fates[candidates[similar]] = Fate.SIMILAR
        self._keep(block.rows[chosen], block.norms[chosen])
        return fates[: candidates[looked_at - 1] + 1] if self.is_full else fates

    def _choose_within(self, block: _Block, similar: Flags) -> tuple[list[int], int]:
        """Which of a block's rows are kept, and how many were looked at; marks those similar to a chosen one."""
        room = math.inf if self.budget is None else self.budget - self.kept
        rest = np.flatnonzero(~similar)
        above, doubtful = block.compare(rest, _on(self.device, block.rows[rest]), block.norms[rest])
        chosen: list[int] = []
        for place, row in enumerate(rest.tolist()):
            if similar[row]:
                continue
            chosen.append(row)
            if len(chosen) >= room:
                return chosen, row + 1
            similar[rest[place + 1 :][above[place + 1 :, place]]] = True
            for other in rest[place + 1 :][doubtful[place + 1 :, place]].tolist():
                similar[other] = similar[other] or _is_above(block.rows[other], block.rows[row], self.threshold)
        return chosen, len(similar)

    def _keep(self, rows: Floats, norms: Floats) -> None:
        while len(rows):
            if not self._chunks or not self._chunks[-1].room:
                most = CHUNK_ROWS if self.budget is None else min(CHUNK_ROWS, self.budget - self.kept)
                self._chunks.append(_Chunk.empty(most, rows.shape[1], self.device))
            taken = self._chunks[-1].extend(rows, norms)
            self.kept += taken
            rows, norms = rows[taken:], norms[taken:]


@dataclass(slots=True, kw_only=True)
class _Block:
    """Candidates that can be compared, (b, d)."""

    rows: Floats
    norms: Floats
    normal: Any  # the rows divided by their norms, on the device
    threshold: float
    margin: float
    device: str

    @classmethod
    def of(cls, rows: Floats, threshold: float, device: str) -> _Block:
        wide = rows.astype(np.float64)
        norms = np.sqrt(np.einsum("bd,bd->b", wide, wide))
        normal = (wide / norms[:, None]).astype(np.float32)
        # A sum of d rounded products errs by less than d roundings of the sum of their sizes, which is at most 1
        # for rows of length 1, in whatever order it is summed (Higham, Accuracy and Stability, section 3.1); six
        # more for the two norms, the division and the comparison.
        margin = 1.01 * _ROUNDING * (rows.shape[1] + 6) + (0.0 if device == "cpu" else _TENSOR_CORES)
        return cls(
            rows=rows,
            norms=norms.astype(np.float32),
            normal=_on(device, normal),
            threshold=threshold,
            margin=margin,
            device=device,
        )

    def compare(self, places: Indices, others: Any, norms: Floats) -> tuple[Flags, Flags]:
        """Each of the rows at *places* with each of *others*: is surely above the threshold; may be; both (b, k)."""
        cosines = self.normal[_on(self.device, places)] @ others.T
        cosines /= _on(self.device, norms)
        above = cosines > self.threshold + self.margin
        doubtful = (cosines >= self.threshold - self.margin) & ~above
        return _on_host(above), _on_host(doubtful)


@dataclass(slots=True)
class _Chunk:
    """Kept rows, and room for more."""

    rows: Any  # (k, d), on the device
    norms: Floats
    device: str
    size: int = 0

    @classmethod
    def empty(cls, most: int, width: int, device: str) -> _Chunk:
        return cls(_on(device, np.empty((most, width), dtype=np.float32)), np.empty(most, dtype=np.float32), device)

    @property
    def room(self) -> int:
        return len(self.norms) - self.size

    def extend(self, rows: Floats, norms: Floats) -> int:
        """Take in as many as there is room for; returns how many."""
        taken = min(self.room, len(rows))
        new = slice(self.size, self.size + taken)
        self.rows[new] = _on(self.device, rows[:taken])
        self.norms[new] = norms[:taken]
        self.size += taken
        return taken

    def mark_similar(self, block: _Block, similar: Flags) -> None:
        """Mark the rows of *block* that are too similar to one of these."""
        places = np.flatnonzero(~similar)
        if not len(places):
            return
        above, doubtful = block.compare(places, self.rows[: self.size], self.norms[: self.size])
        similar[places] = above.any(axis=1)
        for place in np.flatnonzero(doubtful.any(axis=1) & ~above.any(axis=1)).tolist():
            row = block.rows[places[place]]
            others = np.flatnonzero(doubtful[place]).tolist()
            similar[places[place]] = any(_is_above(row, _on_host(self.rows[k]), block.threshold) for k in others)


def _scaled(vectors: Floats) -> tuple[Floats, npt.NDArray[np.int8]]:
    """The rows times powers of two, which rounds nothing, so that the largest number of each is 0.5 to 1; fates."""
    with np.errstate(over="ignore"):
        rows = np.asarray(vectors).astype(np.float32).astype(np.float64)
    largest = np.abs(rows).max(axis=1, initial=0.0)  # no number where one of them is none
    fates = np.full(len(rows), Fate.KEPT, dtype=np.int8)
    fates[largest == 0] = Fate.ZERO
    fates[~np.isfinite(largest)] = Fate.NOT_FINITE
    exponents = np.where(fates == Fate.KEPT, np.frexp(largest)[1], 0)
    rows *= np.ldexp(1.0, -exponents)[:, None]
    return rows.astype(np.float32), fates


def _on(device: str, array: npt.NDArray[Any]) -> Any:
    """The array where it is multiplied: itself, or a tensor of torch."""
    if device == "cpu":
        return array
    return require("torch", extra="hf").from_numpy(np.ascontiguousarray(array)).to(device)


def _on_host(array: Any) -> npt.NDArray[Any]:
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()


def _is_above(row: Floats, other: Floats, threshold: float) -> bool:
    """Whether the cosine of two rows is above the threshold, from exactly rounded sums where it matters."""
    one, two = row.astype(np.float64), other.astype(np.float64)  # products of 32-bit numbers are exact in 64 bits
    cosine = float(one @ two) / math.sqrt(float(one @ one) * float(two @ two))
    if abs(cosine - threshold) <= _SURE:
        sums = [math.fsum((left * right).tolist()) for left, right in ((one, two), (one, one), (two, two))]
        cosine = sums[0] / math.sqrt(sums[1] * sums[2])
    return cosine > threshold
