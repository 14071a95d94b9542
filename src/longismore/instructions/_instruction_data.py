"""Files of instruction data, as one sequence of rows."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from longismore._jsonl import explained
from longismore.errors import DataError, SchemaError
from longismore.instructions._formats import format_named
from longismore.instructions._parquet_file import ParquetFile
from longismore.instructions._text_file import TextFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from longismore.instructions._block import Block
    from longismore.instructions._formats import Format
    from longismore.instructions._row import Row
    from longismore.instructions._span import Span

__all__ = ["InstructionData", "open_data"]

_PARQUET = b"PAR1"
_PACKED = {
    b"\x1f\x8b": "gzip -dk",
    b"\x28\xb5\x2f\xfd": "zstd -d",
    b"BZh": "bzip2 -dk",
    b"\xfd7zX": "xz -dk",
    b"PK\x03\x04": "unzip",
}
"""How compressed files begin, and what unpacks them."""


def open_data(
    paths: str | Path | Sequence[str | Path],
    *,
    format: str = "auto",  # noqa: A002  the field's word
) -> InstructionData:
    """Open instruction data: JSON arrays, JSON lines and Parquet files, of one format all.

    Nothing but the first row is read yet.

    Args:
        paths: One file, or several that are read one after the other.
        format: A name of :data:`FORMATS`, or ``"auto"``: as the first row's fields say.

    Raises:
        DataError: A file cannot be read.
        SchemaError: The format is not known, or the files differ in it.
        UnknownNameError: There is no such format.
    """
    form = None if format == "auto" else format_named(format)
    names = [paths] if isinstance(paths, str | Path) else list(paths)
    if not names:
        raise DataError("no file of instruction data was given")
    return InstructionData([_file(Path(name), number, form) for number, name in enumerate(names)])


def _file(path: Path, number: int, form: Format | None) -> TextFile | ParquetFile:
    with explained(path), path.open("rb") as file:
        start = file.read(len(_PARQUET))
    for mark, command in _PACKED.items():
        if start.startswith(mark):
            raise DataError(f"{path}: is a compressed file; unpack it first: {command} {path.name}")
    return (ParquetFile if start == _PARQUET else TextFile)(path, number=number, form=form)


class InstructionData:
    """Rows of one or several files, numbered from 0 over all of them. Opened by :func:`open_data`."""

    def __init__(self, files: Sequence[TextFile | ParquetFile]) -> None:
        self.files = files
        forms = {file.form.name: file.path for file in files}
        if len(forms) > 1:
            listed = ", ".join(f"{path} ({name})" for name, path in forms.items())
            raise SchemaError(
                str(files[0].path), f"files of one format are wanted, found {listed}; longismore convert helps"
            )

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(file.path for file in self.files)

    @property
    def format(self) -> str:
        """The name of their format, see :data:`FORMATS`."""
        return self.files[0].form.name

    @property
    def suffix(self) -> str:
        """The usual ending of the name of a file like the first: ``.json``, ``.jsonl`` or ``.parquet``."""
        return self.files[0].suffix

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many rows each file has; text files are passed over for it."""
        return tuple(file.size() for file in self.files)

    @property
    def size(self) -> int:
        """How many rows there are."""
        return sum(self.sizes)

    @cached_property
    def _checksums(self) -> dict[str, str]:
        sums = {}
        for path in self.paths:
            with explained(path), path.open("rb") as file:
                sums[str(path)] = hashlib.file_digest(file, "sha256").hexdigest()
        return sums

    def checksums(self) -> dict[str, str]:
        """The files' SHA-256, by path."""
        return dict(self._checksums)

    def blocks(self, columns: Sequence[str] | None = None) -> Iterator[Block]:
        """All rows in their order, block by block; memory is bounded by a block.

        Args:
            columns: Fields that will be asked about, so that a Parquet file's other columns are left unread; ``None``:
                all.
        """
        start = 0
        for file in self.files:
            for block in file.blocks(start) if isinstance(file, TextFile) else file.blocks(start, columns):
                yield block
                start += block.size

    def rows(self) -> Iterator[Row]:
        """All rows, in their order."""
        for block in self.blocks():
            yield from block.rows()

    def spans(self, rows: int = 8192) -> tuple[Span, ...]:
        """Where the rows lie, in pieces of at most *rows* rows, so that other processes can read some of them."""
        found: list[Span] = []
        start, number = 0, count()
        for file in self.files:
            found += [replace(span, number=next(number)) for span in file.spans(start, rows)]
            start = found[-1].start + found[-1].size if found else 0
        return tuple(found)

    def block(self, span: Span) -> Block:
        """The rows of a span."""
        return self.files[span.file].block(span)

    def pick(self, numbers: Iterable[int]) -> list[Row]:
        """The rows with these numbers, ascending."""
        wanted = set(numbers)
        rows: list[Row] = []
        for block in self.blocks():
            inside = sorted(
                number - block.start for number in wanted if block.start <= number < block.start + block.size
            )
            if inside:
                rows += block.rows(inside)
                wanted.difference_update(block.start + index for index in inside)
            if not wanted:
                break
        if wanted:
            raise AssertionError(sorted(wanted)[:5])
        return rows

    def records(self, numbers: Sequence[int]) -> Iterator[tuple[TextFile | ParquetFile, list[int]]]:
        """Which rows (ascending, counted from 0 in the file) of each file these numbers (ascending) are."""
        start = 0
        for file, size in zip(self.files, self.sizes, strict=True):
            yield file, [number - start for number in numbers if start <= number < start + size]
            start += size

    def write(self, numbers: Sequence[int], path: str | Path) -> None:
        """Write these rows (ascending) as they stand in the input, in the input's own format.

        The ending of *path* says whether it becomes a JSON array, JSON lines or Parquet; without one of these endings
        it becomes what the first file is.
        """
        from longismore.instructions._write import write_picked

        write_picked(self, numbers, Path(path))

    @property
    def form(self) -> Format:
        """Where the rows' fields stand."""
        return self.files[0].form
