"""The k largest of any number of rows, of which most are known only between two bounds.

What is kept does not grow with the data: the rows that can still be among the k + 1 largest. (The one after the k-th
says how far away the first of the others is.) The result is the same in whatever order, blocks and parts the rows come:
larger values first, and of equal ones the earlier row.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Candidates", "Cut", "Largest"]

_ROOM = 65_536
_WAIT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Rows that may be among the largest, in no order."""

    least: NDArray[Any]
    """The least that each can be worth (c,)."""
    most: NDArray[Any]
    """The most, the same number where the value is known (c,)."""
    rows: NDArray[np.int64]
    """Which rows they are (c,): what is smaller goes first where values are equal."""
    copies: NDArray[np.int64]
    """How many rows of this content there are, with this one; 1 where duplicates are not looked for (c,)."""
    keys: NDArray[np.bytes_] | None
    """Their content keys; ``None`` where duplicates are not looked for."""

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: NDArray[Any]) -> Candidates:
        """Some of them."""
        keys = None if self.keys is None else self.keys[which]
        return Candidates(
            least=self.least[which], most=self.most[which], rows=self.rows[which], copies=self.copies[which], keys=keys
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The largest rows, and where the cut between them and the others fell."""

    rows: NDArray[np.int64]
    """Which they are, ascending."""
    smallest_inside: Any
    """The smallest value of a row that is among them; ``None`` if there is none."""
    largest_outside: Any
    """The largest of the others, duplicates left aside; ``None`` if there are none."""
    ties_inside: int
    """How many of them have the smallest value inside."""
    ties_outside: int
    """How many of the others have the same value."""
    twins: int
    """How many of the others are out only because an earlier row has their content.

    Where the cut fell among equal values, duplicates with that very value count as ties.
    """


class Largest:
    """Takes rows in, and keeps those that can still be among the k + 1 largest.

    Args:
        k: How many are wanted, at least 1.
        distinct: Of rows with equal keys, only the first is wanted. Equal keys must mean equal values.
    """

    def __init__(self, k: int, *, distinct: bool = False) -> None:
        self.k = k
        self.distinct = distinct
        self.floor: Any = None
        """What a row must be worth at least, or it cannot matter; ``None``: every row matters."""
        self.beaten = 0
        """How many rows, worth the floor exactly, were given up because enough others go first."""
        self._kept: Candidates | None = None
        self._new: list[Candidates] = []
        self._size = 0

    def add(
        self,
        least: NDArray[Any],
        most: NDArray[Any],
        rows: NDArray[np.int64],
        *,
        keys: Sequence[str] | None = None,
    ) -> None:
        """Take rows in.

        Args:
            least: The least that each can be worth (n,).
            most: The most (n,).
            rows: Which they are (n,); none may be added twice.
            keys: Their content keys, where duplicates are looked for.
        """
        import numpy as np

        new = Candidates(
            least=least,
            most=most,
            rows=rows,
            copies=np.ones(len(rows), dtype=np.int64),
            keys=np.array(keys, dtype="S32") if keys is not None else None,
        )
        self._add(new if self.floor is None else new.take(most >= self.floor))

    def merge(self, kept: Candidates, *, floor: Any, beaten: int) -> None:
        """Take in what another one, of the same or a larger k, has kept of other rows."""
        self.candidates()
        if floor is not None and (self.floor is None or floor >= self.floor):
            self.beaten = beaten + (self.beaten if floor == self.floor else 0)
            self.floor = floor
        self._add(kept)

    @property
    def is_crowded(self) -> bool:
        """Whether the bounds are so wide that they keep far more rows than are wanted."""
        most = 4 * self.k + _ROOM
        return self._size > most and len(self.candidates()) > most

    def candidates(self) -> Candidates:
        """The rows that can still be among the k + 1 largest."""
        if self._new:
            kept = _joined(self._new if self._kept is None else [self._kept, *self._new])
            self._kept = self._without_beaten(_without_twins(kept) if self.distinct else kept)
            self._new, self._size = [], len(self._kept)
        return _no_candidates(distinct=self.distinct) if self._kept is None else self._kept

    def unsettled(self) -> NDArray[np.int64]:
        """Rows whose values have to be found out before the cut can be told, those near it first."""
        import numpy as np

        kept = self.candidates()
        if not len(kept):
            return kept.rows
        last = min(self.k, len(kept))
        # The last one inside is worth at most this, and the first one outside at least that.
        above = np.partition(kept.most, -last)[-last]
        below = self.floor if len(kept) > self.k else kept.least.min()
        open_ = np.flatnonzero((kept.least < kept.most) & (kept.least <= above) & (kept.most >= below))
        far = np.abs(kept.least[open_] + kept.most[open_] - above - below)
        rows: NDArray[np.int64] = kept.rows[open_][np.lexsort((kept.rows[open_], far))]
        return rows

    def settle(self, rows: NDArray[np.int64], values: Sequence[Any]) -> None:
        """Say what candidates are worth."""
        import numpy as np

        kept = self.candidates()
        order = np.argsort(kept.rows)
        where = order[np.searchsorted(kept.rows, rows, sorter=order)]
        least, most = kept.least.copy(), kept.most.copy()
        least[where] = most[where] = values
        self._kept = None
        self._add(Candidates(least=least, most=most, rows=kept.rows, copies=kept.copies, keys=kept.keys))

    def cut(self) -> Cut:
        """The k largest; nothing may be unsettled any more."""
        import numpy as np

        kept = self.candidates()
        order = np.lexsort((kept.rows, -kept.least))
        inside, outside = order[: self.k], order[self.k :]
        if not len(inside):
            return Cut(
                rows=kept.rows, smallest_inside=None, largest_outside=None, ties_inside=0, ties_outside=0, twins=0
            )
        smallest = kept.least[inside[-1]]
        is_inside_tie = kept.least[inside] == smallest
        ties_inside = int(is_inside_tie.sum())
        if len(outside):
            twins = int((kept.copies[inside] - 1)[~is_inside_tie].sum())
            ties_outside = int(kept.copies[kept.least == smallest].sum()) - ties_inside
            ties_outside += self.beaten if self.floor == smallest else 0
        else:
            twins, ties_outside = int((kept.copies - 1).sum()), 0
        return Cut(
            rows=np.sort(kept.rows[inside]),
            smallest_inside=smallest.item(),
            largest_outside=kept.least[outside[0]].item() if len(outside) else None,
            ties_inside=ties_inside,
            ties_outside=ties_outside,
            twins=twins,
        )

    def _add(self, new: Candidates) -> None:
        if not len(new):
            return
        self._new.append(new)
        self._size += len(new)
        if sum(map(len, self._new)) > max(_WAIT, self.k // 4):
            self.candidates()

    def _without_beaten(self, kept: Candidates) -> Candidates:
        """Leave out the rows that cannot be among the k + 1 largest."""
        import numpy as np

        wanted = self.k + 1
        if len(kept) < wanted:
            return kept
        floor = np.partition(kept.least, -wanted)[-wanted].item()
        if self.floor is None or floor > self.floor:
            self.floor, self.beaten = floor, 0
        level = np.flatnonzero(kept.least == self.floor)
        first = wanted - int((kept.least > self.floor).sum())
        late = level[np.argsort(kept.rows[level])][first:]
        late = late[kept.most[late] == self.floor]
        self.beaten += int(kept.copies[late].sum())
        stays = kept.most >= self.floor
        stays[late] = False
        return kept.take(stays)


def _no_candidates(*, distinct: bool) -> Candidates:
    import numpy as np

    none = np.zeros(0, dtype=np.int64)
    keys = np.zeros(0, dtype="S32") if distinct else None
    return Candidates(least=none, most=none, rows=none, copies=none, keys=keys)


def _joined(parts: Sequence[Candidates]) -> Candidates:
    import numpy as np

    columns: dict[str, Any] = {}
    for field in fields(Candidates):
        arrays = [getattr(part, field.name) for part in parts]
        columns[field.name] = None if arrays[0] is None else np.concatenate(arrays)
    return Candidates(**columns)


def _without_twins(kept: Candidates) -> Candidates:
    """Of rows with equal keys leave the first, which knows as much as any of them, and how many they are."""
    import numpy as np

    if kept.keys is None:
        raise AssertionError("rows were added without their keys")
    order = np.lexsort((kept.rows, kept.keys))
    keys = kept.keys[order]
    kept = kept.take(order)
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    if len(begins) == len(kept):
        return kept
    first = kept.take(begins)
    return Candidates(
        least=np.maximum.reduceat(kept.least, begins),
        most=np.minimum.reduceat(kept.most, begins),
        rows=first.rows,
        copies=np.add.reduceat(kept.copies, begins),
        keys=first.keys,
    )
