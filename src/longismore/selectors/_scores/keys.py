"""Which rows are to be scored, and what they are called in the score store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore._optional import require
from longismore.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from longismore.instructions import Block, InstructionData, Row
    from longismore.selectors._selector import OnProgress, Shard

__all__ = [
    "ascending",
    "block_rows",
    "keys_of",
    "keys_of_block",
    "keys_of_rows",
    "offsets_in",
    "rows_of",
    "with_numbers",
]


def keys_of(
    data: InstructionData,
    *,
    numbers: NDArray[np.int64] | None,
    shard: Shard | None,
    on_progress: OnProgress | None = None,
) -> pl.DataFrame:
    """The ``row`` and ``key`` of every row, or of those with these numbers, or of a shard's; by row."""
    polars = require("polars", extra="select")
    frames = [keys_of_rows([], [])]
    done = 0
    for block in _blocks(data, shard):
        frames.append(keys_of_block(block, offsets_in(block.start, block.size, numbers)))
        done += block.size
        if on_progress is not None:
            on_progress("reading rows", done, None)
    frame: pl.DataFrame = polars.concat(frames)
    return frame if numbers is None or shard is not None else with_numbers(frame, numbers)


def with_numbers(frame: pl.DataFrame, numbers: NDArray[np.int64]) -> pl.DataFrame:
    """The lines of these rows; all of them must be there."""
    found = frame.filter(frame["row"].is_in(numbers))
    if found.height < len(numbers):
        raise ValueError(f"the data have no rows with some of these numbers; the highest is {numbers[-1]}")
    return found


def keys_of_block(block: Block, offsets: NDArray[np.int64]) -> pl.DataFrame:
    """The same of the rows of a block at these offsets."""
    if not len(offsets):
        return keys_of_rows([], [])
    return keys_of_rows(offsets + block.start, block.keys(None if len(offsets) == block.size else offsets.tolist()))


def keys_of_rows(rows: Sequence[int] | NDArray[np.int64], keys: Sequence[str]) -> pl.DataFrame:
    """A frame of ``row`` and ``key``."""
    polars = require("polars", extra="select")
    frame: pl.DataFrame = polars.DataFrame(
        {"row": rows, "key": keys}, schema={"row": polars.Int64, "key": polars.String}
    )
    return frame


def rows_of(data: InstructionData, wanted: pl.DataFrame, *, shard: Shard | None) -> Iterator[Row]:
    """The rows of a frame of ``row`` and ``key``, by row.

    Raises:
        DataError: They have changed since their keys were made.
    """
    for block in _blocks(data, shard):
        yield from block_rows(block, wanted)


def block_rows(block: Block, wanted: pl.DataFrame) -> Iterator[Row]:
    """Those of them that are in a block."""
    numbers = wanted["row"].to_numpy()
    first, end = numbers.searchsorted([block.start, block.start + block.size])
    offsets = numbers[first:end] - block.start
    keys = wanted["key"][int(first) : int(end)]
    for row, key in zip(block.rows(offsets.tolist()) if len(offsets) else (), keys, strict=True):
        if row.key != key:
            raise DataError(f"{row.place}: the file has changed while it was read; repeat the command")
        yield row


def ascending(numbers: Sequence[int] | None) -> NDArray[np.int64] | None:
    """Numbers of rows as an array; they must ascend."""
    import numpy as np

    if numbers is None:
        return None
    array = np.asarray(numbers, dtype=np.int64)
    if (array[1:] <= array[:-1]).any() or (array[:1] < 0).any():
        raise ValueError("numbers of rows must ascend, from 0")
    return array


def offsets_in(start: int, size: int, numbers: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Which of *numbers* lie among *size* rows from *start*, counted from *start*; all, where there are no numbers."""
    import numpy as np

    if numbers is None:
        return np.arange(size)
    first, end = np.searchsorted(numbers, [start, start + size])
    return numbers[first:end] - start


def _blocks(data: InstructionData, shard: Shard | None) -> Iterator[Block]:
    if shard is None:
        yield from data.blocks()
    else:
        yield from (data.block(span) for span in data.spans() if shard.takes(span.number))
