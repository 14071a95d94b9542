"""Instruction data as a call gets it: files, or rows in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from longismore._jsonl import dump_line
from longismore.api._given import rows_in
from longismore.errors import DataError, SchemaError
from longismore.instructions import open_data

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.instructions import InstructionData

__all__ = ["Rows", "are_files", "open_rows"]

_Files: TypeAlias = str | Path | Sequence[str | Path]
Rows: TypeAlias = _Files | Iterable[Mapping[str, Any]]
"""A file of instruction data, several that are one data set, or rows in memory."""
_MEMORY = "rows in memory"


def are_files(data: Rows) -> TypeGuard[_Files]:
    """Whether *data* names files."""
    if isinstance(data, str | Path):
        return True
    return isinstance(data, list | tuple) and bool(data) and all(isinstance(each, str | Path) for each in data)


@contextmanager
def open_rows(data: Rows, *, format: str = "auto") -> Iterator[InstructionData]:  # noqa: A002  the field's word
    """Open files, or write rows down for as long as they are needed.

    Raises:
        DataError: A file or a row cannot be used; rows in memory are counted from 1.
    """
    if are_files(data):
        yield open_data(data, format=format)
        return
    with TemporaryDirectory(prefix="longismore-") as folder:
        path = Path(folder, "rows.jsonl")
        with path.open("w", encoding="utf-8", newline="\n") as file:
            rows = rows_in(data, "data")
            file.writelines(f"{_line(number, row)}\n" for number, row in enumerate(rows, start=1))
        if not path.stat().st_size:
            raise DataError("no rows of instruction data were given: the list is empty")
        try:
            yield open_data(path, format=format)
        except SchemaError as error:
            raise SchemaError(error.where.replace(str(path), _MEMORY), error.problem) from error


def _line(number: int, row: object) -> str:
    if not isinstance(row, Mapping):
        raise SchemaError(f"{_MEMORY}:{number}", f"an object was expected, found {type(row).__name__}")
    try:
        return dump_line(dict(row))
    except TypeError as error:
        raise SchemaError(f"{_MEMORY}:{number}", f"JSON cannot hold it: {error}; give a file") from error
