"""One pass over instruction data that finds the candidates for its longest rows, and what is left to be measured.

Most rows are settled by their size in bytes, and most of the others by bounds; only rows near the cut are measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from longismore.errors import UsageError
from longismore.selectors._length.measures import measure_of
from longismore.selectors._length.shard_results import ShardResult, ShardResults, results_for
from longismore.selectors._length.topk import Largest
from longismore.selectors._selector import Shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from longismore.instructions import Block, InstructionData
    from longismore.selectors._length.measures import Measure
    from longismore.selectors._selector import Work

__all__ = ["WHOLE", "LengthScan"]

VERSION = 1
"""Of what is committed; goes up when candidates change."""
WHOLE = Shard(1, 1)

_CHUNK = 1024
_SETTLED_AT_ONCE = 32
_SHUFFLE_SEED = 42


@dataclass(frozen=True, slots=True)
class _Order:
    """The order of equally long rows."""

    shuffled: NDArray[np.int64] | None = None
    """The rows in their order (n,); ``None``: as they come."""
    places: NDArray[np.int64] | None = None
    """The place of each row in it (n,)."""

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The places of rows."""
        return rows if self.places is None else self.places[rows]

    def rows(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows at these places, ascending."""
        import numpy as np

        return places if self.shuffled is None else np.sort(self.shuffled[places])


def _order(ties: str, data: InstructionData) -> _Order:
    import numpy as np

    if ties == "earlier":
        return _Order()
    # As datasets.Dataset.shuffle(seed=42) does; a stable sort by length then keeps this order among equal ones.
    shuffled = np.random.default_rng(_SHUFFLE_SEED).permutation(data.size)
    places = np.empty_like(shuffled)
    places[shuffled] = np.arange(len(shuffled))
    return _Order(shuffled, places)


class LengthScan:
    """Looks for the longest rows.

    Args:
        data: What is looked through.
        work: How many are wanted, and where results are kept.
        measure: Name of the measure.
        ties: ``earlier`` or ``chasing_random``.

    Raises:
        UsageError: These cannot be used together.
    """

    def __init__(self, data: InstructionData, work: Work, *, measure: str, ties: str) -> None:
        if work.budget is None or work.budget < 1:
            raise UsageError(f"longest needs a budget of at least 1 row, found {work.budget}; give --budget")
        if work.drop_duplicates and ties != "earlier":
            raise UsageError(
                f"ties={ties} and dropping duplicates exclude each other: of equal rows the earlier stays, "
                "and Chasing Random drops none"
            )
        self.data = data
        self.work = work
        self.k = work.budget
        self.ties = ties
        self.measure: Measure = measure_of(measure)

    @cached_property
    def order(self) -> _Order:
        """The order of equally long rows."""
        return _order(self.ties, self.data)

    @cached_property
    def results(self) -> ShardResults | None:
        """Where results are kept, if anywhere."""
        if self.work.folder is None:
            return None
        checksums = self.data.checksums()
        purpose = {
            "version": VERSION,
            "measure": [self.measure.name, self.measure.version],
            "ties": self.ties,
            "format": self.data.format,
            "data": [checksums[str(path)] for path in self.data.paths],
        }
        return results_for(self.work.folder, "longest", purpose, distinct=self.work.drop_duplicates)

    def whole(self) -> ShardResult:
        """The candidates of all rows: those that were committed, and the others' now."""
        if self.results is None:
            return self._pass_over(self.data.blocks(self._columns()))
        finished = self.results.finished(self.k)
        if not finished:
            result = self._pass_over(self.data.blocks(self._columns()))
            self.results.add(result, WHOLE)
            return result
        # The number of shards with the largest part finished; 1 of 1 is all.
        count = max(finished, key=lambda count: (len(finished[count]) / count, -count))
        largest = Largest(self.k, distinct=self.work.drop_duplicates)
        seen = empty = 0
        for shard in (Shard(index, count) for index in range(1, count + 1)):
            if shard.index not in finished[count]:
                self.results.add(self.shard(shard), shard)
            path = finished[count].get(shard.index) or self.results.finished(self.k)[count][shard.index]
            seen_there, empty_there = self.results.take(path, largest)
            seen, empty = seen + seen_there, empty + empty_there
        return ShardResult(largest=largest, seen=seen, empty=empty)

    def shard(self, shard: Shard) -> ShardResult:
        """The candidates of a shard."""
        return self._pass_over(self.data.block(span) for span in self.data.spans() if shard.takes(span.number))

    def settle(self, largest: Largest) -> bool:
        """Measure the candidates about which the bounds leave open on which side of the cut they are.

        Returns:
            Whether there were any.
        """
        import numpy as np

        unsettled = largest.unsettled()
        if not len(unsettled):
            return False
        for block in self.data.blocks(self._columns()):
            while True:
                rows = self.order.shuffled[unsettled] if self.order.shuffled is not None else unsettled
                here = np.flatnonzero((rows >= block.start) & (rows < block.start + block.size))
                if not len(here):
                    break
                # Those near the cut first: what they are worth settles many others.
                here = here[: max(_SETTLED_AT_ONCE, len(here) // 8)]
                answers = block.responses((rows[here] - block.start).tolist())
                largest.settle(unsettled[here], self._values(answers))
                unsettled = largest.unsettled()
            if not len(unsettled):
                break
        return True

    def _pass_over(self, blocks: Iterable[Block]) -> ShardResult:
        import numpy as np

        largest = Largest(self.k, distinct=self.work.drop_duplicates)
        seen = empty = 0
        for block in blocks:
            sizes = block.response_sizes()
            seen += block.size
            answered = int(np.count_nonzero(sizes))
            empty += block.size - answered
            self._take(block, sizes, largest)
            if self.work.on_progress:
                self.work.on_progress("measuring", seen, None)
        return ShardResult(largest=largest, seen=seen, empty=empty)

    def _take(self, block: Block, sizes: NDArray[np.int64], largest: Largest) -> None:
        """Take a block's rows in, those with the largest size first: they decide about the others."""
        import numpy as np

        bounded = self.measure.bounded_by_size
        least = largest.floor if bounded and largest.floor is not None else 1
        indices = np.flatnonzero(sizes >= least)
        indices = indices[np.argsort(-sizes[indices], kind="stable")]
        for start in range(0, len(indices), _CHUNK):
            chunk = indices[start : start + _CHUNK]
            if bounded and largest.floor is not None:
                chunk = chunk[sizes[chunk] >= largest.floor]
            if not len(chunk):
                break
            answers = block.responses(chunk.tolist())
            low, high = self._bounds(answers)
            if largest.is_crowded:
                near = np.flatnonzero(high >= largest.floor)
                chunk, answers = chunk[near], [answers[index] for index in near]
                low = high = np.asarray(self._values(answers), dtype=np.int64)
            if largest.floor is not None:
                near = high >= largest.floor
                chunk, low, high = chunk[near], low[near], high[near]
            keys = block.keys(chunk.tolist()) if self.work.drop_duplicates else None
            largest.add(low, high, self.order.of(block.start + chunk), keys=keys)

    def _bounds(self, answers: Sequence[tuple[str, ...]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        low, high = self.measure.bounds(list(chain.from_iterable(answers)))
        return _added_up(low, answers), _added_up(high, answers)

    def _values(self, answers: Sequence[tuple[str, ...]]) -> list[int]:
        import numpy as np

        counts = np.asarray(self.measure.count(list(chain.from_iterable(answers))), dtype=np.int64)
        values: list[int] = _added_up(counts, answers).tolist()
        return values

    def _columns(self) -> list[str]:
        """The fields that are asked about."""
        form = self.data.form
        if self.work.drop_duplicates:
            return list(form.content_fields)
        return [form.messages or form.response]


def _added_up(numbers: NDArray[np.int64], answers: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """The sum of each row's turns (n,); a row has at least one."""
    import numpy as np

    if len(numbers) == len(answers):
        return numbers
    turns = np.fromiter(map(len, answers), dtype=np.int64, count=len(answers))
    sums: NDArray[np.int64] = np.add.reduceat(numbers, np.cumsum(turns) - turns)
    return sums
