"""Content keys of many rows at once, from the columns of an Arrow table: no text is decoded and no row is made."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from longismore._optional import require

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["column_keys"]


def column_keys(columns: Sequence[Any]) -> list[str]:
    """Hash rows of single turns as :func:`~longismore.instructions.content_key` does.

    Args:
        columns: Arrow arrays of text, null counting as empty: system message, input, instruction and response.
    """
    import numpy as np

    arrow, compute = require("pyarrow", extra="select"), require("pyarrow.compute", extra="select")
    digest = require("xxhash", extra="select").xxh3_128_hexdigest
    rows = len(columns[0])
    binary = arrow.large_binary()
    pieces = [compute.fill_null(_plain(column, arrow).cast(binary), b"") for column in columns]
    lengths = np.empty((rows, len(pieces)), dtype="<u8")
    for place, piece in enumerate(pieces):
        lengths[:, place] = compute.binary_length(piece).to_numpy(zero_copy_only=False)
    width = lengths.shape[1] * lengths.itemsize
    head = arrow.Array.from_buffers(arrow.binary(width), rows, [None, arrow.py_buffer(lengths)])
    joined = compute.binary_join_element_wise(head.cast(binary), *pieces, arrow.scalar(b"", binary))
    ends = np.frombuffer(joined.buffers()[1], dtype=np.int64)[joined.offset : joined.offset + rows + 1].tolist()
    data = memoryview(joined.buffers()[2] or b"")
    return [digest(data[start:end]) for start, end in pairwise(ends)]


def _plain(column: Any, arrow: Any) -> Any:
    if isinstance(column, arrow.ChunkedArray):
        column = column.combine_chunks()
    return column.dictionary_decode() if arrow.types.is_dictionary(column.type) else column
