"""Rows in a Parquet file; only the columns that are needed are read, a batch at a time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from longismore._jsonl import explained
from longismore._optional import require
from longismore.errors import DataError, SchemaError
from longismore.instructions._block import answers_size
from longismore.instructions._column_keys import column_keys
from longismore.instructions._formats import Content, content_of, recognise
from longismore.instructions._row import Row, content_key
from longismore.instructions._span import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from longismore.instructions._formats import Format

__all__ = ["ParquetBlock", "ParquetFile"]

_BATCH_ROWS = 32_768
_WIDE_BATCH_ROWS = 1024
"""Where a column holds lists, e.g. embeddings: a row may take many kilobytes."""


class ParquetBlock:
    """Some consecutive rows of a Parquet file.

    Args:
        batch: Their columns, an Arrow record batch or table.
        start: Number of the first row, over all files.
        form: The format of every row.
        path: The file, for messages.
        first: The first row's place in the file.
    """

    def __init__(self, batch: Any, *, start: int, form: Format, path: Path, first: int) -> None:
        self.batch = batch
        self.start = start
        self.form = form
        self._path = path
        self._first = first

    @property
    def size(self) -> int:
        """How many rows it has."""
        return int(self.batch.num_rows)

    def response_sizes(self) -> NDArray[np.int64]:
        """Bytes of all answers of each row (n,); see :class:`~longismore.instructions.Block`."""
        import numpy as np

        if self.form.messages:
            sizes = [answers_size(answers) for answers in self.responses()]
            return np.asarray(sizes, dtype=np.int64)
        compute = require("pyarrow.compute", extra="select")
        column = self._text_column(self.form.response)
        column = compute.fill_null(column, "")
        lengths = compute.if_else(compute.utf8_is_space(column), 0, compute.binary_length(column))
        return np.asarray(lengths.to_numpy(zero_copy_only=False), dtype=np.int64)

    def responses(self, indices: Sequence[int] | None = None) -> list[tuple[str, ...]]:
        """The answers, one a turn, of the rows at these places in the block, or of all."""
        if self.form.messages:
            return [tuple(turn.response for turn in content.turns) for content in self._contents(indices)]
        column = self._text_column(self.form.response)
        texts = (column if indices is None else column.take(_places(indices))).to_pylist()
        return [(text or "",) for text in texts]

    def keys(self, indices: Sequence[int] | None = None) -> list[str]:
        """The content keys of these rows."""
        form = self.form
        if form.messages or self.batch.column(form.instruction).null_count:
            return [content_key(content.pieces()) for content in self._contents(indices)]
        arrow = require("pyarrow", extra="select")
        batch = self.batch if indices is None else self.batch.take(_places(indices))
        empty = arrow.repeat(arrow.scalar(""), batch.num_rows)
        names = (form.input, form.instruction, form.response)
        return column_keys([empty, *(batch.column(name) if name in batch.schema.names else empty for name in names)])

    def rows(self, indices: Sequence[int] | None = None) -> list[Row]:
        """These rows, or all."""
        where = range(self.size) if indices is None else indices
        rows = []
        for index, record in zip(where, self._records(indices), strict=True):
            place = self._place(index)
            content = content_of(record, self.form, place)
            rows.append(
                Row(
                    number=self.start + index,
                    place=place,
                    turns=content.turns,
                    input=content.input,
                    system=content.system,
                    fields=record,
                )
            )
        return rows

    def _contents(self, indices: Sequence[int] | None) -> Iterator[Content]:
        where = range(self.size) if indices is None else indices
        columns = [name for name in self.form.content_fields if name in self.batch.schema.names]
        for index, record in zip(where, self._records(indices, columns), strict=True):
            yield content_of(record, self.form, self._place(index))

    def _records(self, indices: Sequence[int] | None, columns: list[str] | None = None) -> list[dict[str, Any]]:
        batch = self.batch if columns is None else self.batch.select(columns)
        records: list[dict[str, Any]] = (batch if indices is None else batch.take(_places(indices))).to_pylist()
        return records

    def _text_column(self, name: str) -> Any:
        arrow = require("pyarrow", extra="select")
        column = self.batch.column(name)
        if arrow.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        return column

    def _place(self, index: int) -> str:
        return f"{self._path}[{self._first + index}]"


class ParquetFile:
    """One Parquet file.

    Args:
        path: Where it is.
        number: Its place among the files.
        form: Its format; ``None``: what its columns say.
    """

    is_array = False
    suffix = ".parquet"

    def __init__(self, path: Path, *, number: int, form: Format | None = None) -> None:
        self.path = path
        self.number = number
        self._form = form
        self._group: tuple[int, Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.path, self.number, self._form)

    @cached_property
    def file(self) -> Any:
        """The opened file.

        Raises:
            DataError: It is no Parquet file.
        """
        arrow = require("pyarrow", extra="select")
        parquet = require("pyarrow.parquet", extra="select")
        try:
            with explained(self.path):
                # By default Arrow keeps every column that was read for as long as the batches run.
                return parquet.ParquetFile(self.path, pre_buffer=False, buffer_size=2**20)
        except arrow.ArrowException as error:
            raise DataError(f"{self.path}: is no Parquet file, or a damaged one: {error}") from error

    @cached_property
    def form(self) -> Format:
        """The format that its columns have, or shall have.

        Raises:
            SchemaError: They have not.
        """
        schema = self.file.schema_arrow
        form = self._form or recognise(list(schema.names), str(self.path))
        arrow = require("pyarrow", extra="select")
        for name in form.fields:
            if name not in schema.names:
                raise SchemaError(str(self.path), f'column "{name}" is missing; found: {", ".join(schema.names)}')
        for name in () if form.messages else form.content_fields:
            if name in schema.names and not _is_text(schema.field(name).type, arrow.types):
                raise SchemaError(
                    str(self.path),
                    f'column "{name}" must hold text, found {schema.field(name).type}; cast it to string',
                )
        return form

    def size(self) -> int:
        """How many rows it has."""
        return int(self.file.metadata.num_rows)

    def blocks(self, start: int, columns: Sequence[str] | None = None) -> Iterator[ParquetBlock]:
        """All rows, batch by batch; the first has the number *start*.

        Args:
            start: Number of the file's first row.
            columns: Which are read; ``None``: all.
        """
        first, form = 0, self.form
        wanted = None if columns is None else [name for name in columns if name in self.file.schema_arrow.names]
        for batch in self.file.iter_batches(batch_size=self._batch_rows(wanted), columns=wanted):
            yield ParquetBlock(batch, start=start + first, form=form, path=self.path, first=first)
            first += batch.num_rows

    def _batch_rows(self, columns: Sequence[str] | None = None) -> int:
        types = require("pyarrow", extra="select").types
        read = [field.type for field in self.file.schema_arrow if columns is None or field.name in columns]
        is_wide = any(types.is_nested(kind) for kind in read) and not self.form.messages
        return min(_BATCH_ROWS, _WIDE_BATCH_ROWS) if is_wide else _BATCH_ROWS

    def spans(self, start: int, rows: int) -> Iterator[Span]:
        """Where each *rows* rows lie; none goes over the border of a row group."""
        metadata, first = self.file.metadata, 0
        for group in range(metadata.num_row_groups):
            size = metadata.row_group(group).num_rows
            for offset in range(0, size, rows):
                yield Span(
                    number=0,
                    file=self.number,
                    start=start + first + offset,
                    size=min(rows, size - offset),
                    offset=first + offset,
                )
            first += size

    def block(self, span: Span) -> ParquetBlock:
        """The rows of a span; its row group is kept for the spans that follow."""
        group, first = self._group_of(span.offset)
        if self._group is None or self._group[0] != group:
            self._group = (group, self.file.read_row_group(group))
        batch = self._group[1].slice(span.offset - first, span.size)
        return ParquetBlock(batch, start=span.start, form=self.form, path=self.path, first=span.offset)

    def _group_of(self, offset: int) -> tuple[int, int]:
        """The row group that a row belongs to, and the number of its first row."""
        metadata, first = self.file.metadata, 0
        for group in range(metadata.num_row_groups):
            size = metadata.row_group(group).num_rows
            if offset < first + size:
                return group, first
            first += size
        raise AssertionError(offset)

    def tables(self, numbers: Sequence[int]) -> Iterator[Any]:
        """The rows with these numbers (ascending, from 0 in this file), as Arrow tables."""
        import numpy as np

        arrow = require("pyarrow", extra="select")
        wanted, first = np.asarray(numbers, dtype=np.int64), 0
        for group in range(self.file.metadata.num_row_groups):
            size = self.file.metadata.row_group(group).num_rows
            inside = wanted[(wanted >= first) & (wanted < first + size)] - first
            offset = 0
            if len(inside):
                for batch in self.file.iter_batches(batch_size=self._batch_rows(), row_groups=[group]):
                    here = inside[(inside >= offset) & (inside < offset + batch.num_rows)] - offset
                    if len(here):
                        yield arrow.Table.from_batches([batch]).take(here)
                    offset += batch.num_rows
            first += size


def _places(indices: Sequence[int]) -> Any:
    import numpy as np

    return np.asarray(indices, dtype=np.int64)


def _is_text(kind: Any, types: Any) -> bool:
    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _reopen(path: Path, number: int, form: Format | None) -> ParquetFile:
    return ParquetFile(path, number=number, form=form)
