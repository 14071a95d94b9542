"""Draw rows at random without shuffling: every row's content is hashed, and the smallest hashes are drawn.

A row's hash depends on its content, the seed and the trial, and on nothing else. So the draw is the same in whatever
order, files and parts the rows come; a row that is added displaces at most one other; and the draw of all rows is the
draw from the draws of their parts. Rows of equal content have equal hashes: they are drawn together, the earlier first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore._optional import require

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from longismore.instructions import InstructionData
    from longismore.selectors._selector import Work

__all__ = [
    "DUPLICATE",
    "EMPTY",
    "EXCLUDED",
    "NOT_DRAWN",
    "Draw",
    "Smallest",
    "draw_hashes",
    "draw_rows",
    "key_words",
    "repeated",
    "seed_problems",
]

EMPTY = "empty response"
EXCLUDED = "taken by another selection"
DUPLICATE = "duplicate of an earlier row"
NOT_DRAWN = "not drawn"

_SPARE = 65_536
"""Candidates are kept beyond the ones that are wanted until there are so many."""


def draw_hashes(keys: Sequence[str], *, seed: int, trial: int) -> NDArray[np.uint64]:
    """Hash content keys for one trial (n,): xxh3, 64 bits, of ``SEED/TRIAL/KEY``."""
    import numpy as np

    digest = require("xxhash", extra="select").xxh3_64_intdigest
    prefix = f"{seed}/{trial}/"
    return np.fromiter((digest((prefix + key).encode()) for key in keys), dtype=np.uint64, count=len(keys))


class Smallest:
    """The rows with the k smallest hashes of all that were added; ties go to the earlier row.

    Args:
        k: How many are kept; ``None``: all.
    """

    def __init__(self, k: int | None) -> None:
        import numpy as np

        self.k = k
        self._hashes = np.empty(0, dtype=np.uint64)
        self._rows = np.empty(0, dtype=np.int64)
        self._waiting: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []
        self._waits = 0
        self._last: np.uint64 | None = None

    def add(self, hashes: NDArray[np.uint64], rows: NDArray[np.int64]) -> None:
        """Take in rows, in any order."""
        if self._last is not None:
            near = hashes <= self._last
            hashes, rows = hashes[near], rows[near]
        self._waiting.append((hashes, rows))
        self._waits += len(rows)
        if self.k is not None and self._waits >= max(self.k, _SPARE):
            self._settle()

    def merge(self, other: Smallest) -> None:
        """Take in what another part of the data has kept."""
        self.add(*other.kept())

    def kept(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Hashes and row numbers of the smallest (k,), by row number."""
        self._settle()
        if (self._rows[1:] <= self._rows[:-1]).any():
            order = self._rows.argsort()
            self._hashes, self._rows = self._hashes[order], self._rows[order]
        return self._hashes, self._rows

    def _settle(self) -> None:
        import numpy as np

        hashes = np.concatenate([self._hashes, *(each for each, _ in self._waiting)])
        rows = np.concatenate([self._rows, *(each for _, each in self._waiting)])
        self._waiting.clear()
        self._waits = 0
        if self.k is not None and len(hashes) > self.k:
            first = np.lexsort((rows, hashes))[: self.k]
            hashes, rows = hashes[first], rows[first]
            self._last = hashes[-1] if self.k else np.uint64(0)
        self._hashes, self._rows = hashes, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What was drawn."""

    rows: NDArray[np.int64]
    """Row numbers, ascending."""
    hashes: NDArray[np.uint64]
    """Their hashes."""
    dropped: Mapping[str, int]
    """How many rows were not drawn, by reason."""
    found: frozenset[str]
    """Which of the excluded keys the data have."""


def draw_rows(
    data: InstructionData, work: Work, *, seed: int, trial: int, exclude: Collection[str] = frozenset()
) -> Draw:
    """Draw as many rows as *work* has a budget for, or all that qualify, in one pass.

    Memory is that of a block and of the rows drawn; with ``drop_duplicates`` 32 bytes more a row of the data.

    Args:
        data: What is drawn from.
        work: Budget, and whether duplicates are dropped.
        seed: Of all trials.
        trial: Which of them.
        exclude: Content keys that are not drawn.
    """
    import numpy as np

    smallest = Smallest(None if work.drop_duplicates else work.budget)
    words: list[NDArray[np.uint64]] = []
    found: set[str] = set()
    total = 0
    dropped = dict.fromkeys((EMPTY, EXCLUDED, DUPLICATE), 0)
    for block in data.blocks(data.form.content_fields):
        answered = np.flatnonzero(block.response_sizes())
        keys = block.keys(None if len(answered) == block.size else answered.tolist())
        total += block.size
        dropped[EMPTY] += block.size - len(answered)
        if exclude:
            free = np.fromiter((key not in exclude for key in keys), dtype=np.bool_, count=len(keys))
            found.update(key for key in keys if key in exclude)
            dropped[EXCLUDED] += int(len(keys) - free.sum())
            answered, keys = answered[free], [key for key, is_free in zip(keys, free, strict=True) if is_free]
        smallest.add(draw_hashes(keys, seed=seed, trial=trial), block.start + answered)
        if work.drop_duplicates:
            words.append(key_words(keys))
        if work.on_progress:
            work.on_progress("drawing", total, None)
    hashes, rows = smallest.kept()
    if work.drop_duplicates and words:
        joined = np.concatenate(words)
        words.clear()
        first = ~repeated(joined)
        dropped[DUPLICATE] = int(len(rows) - first.sum())
        distinct = Smallest(work.budget)
        distinct.add(hashes[first], rows[first])
        hashes, rows = distinct.kept()
    dropped[NOT_DRAWN] = total - len(rows) - sum(dropped.values())
    counted = {reason: count for reason, count in dropped.items() if count}
    return Draw(rows=rows, hashes=hashes, dropped=counted, found=frozenset(found))


def key_words(keys: Sequence[str]) -> NDArray[np.uint64]:
    """Content keys as two whole numbers each (n, 2)."""
    import numpy as np

    return np.frombuffer(bytes.fromhex("".join(keys)), dtype=">u8").astype(np.uint64).reshape(-1, 2)


def repeated(words: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which rows (n,) have the same key (n, 2) as an earlier one."""
    import numpy as np

    order = words[:, 0].argsort(kind="stable")
    same = words[order[1:], 0] == words[order[:-1], 0]
    alike = np.zeros(len(words), dtype=np.bool_)
    alike[order[1:]] = same
    alike[order[:-1]] |= same
    # Nearly all are found by half of the key; these few are ordered by all of it, of equal ones the earlier first.
    few = np.flatnonzero(alike)
    few = few[np.lexsort((few, words[few, 1], words[few, 0]))]
    again = np.zeros_like(alike)
    again[few[1:]] = (words[few[1:]] == words[few[:-1]]).all(axis=1)
    return again


def seed_problems(seed: int, trial: int) -> list[str]:
    """Say what is wrong with the two."""
    problems = [f"seed must be at least 0, found {seed}"] if seed < 0 else []
    return [*problems, f"trial must be at least 1, found {trial}"] if trial < 1 else problems
