"""Rows in a JSON file: an array, or one object a line."""

from __future__ import annotations

import io
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

from longismore._jsonl import dump_line, explained, not_utf8, read_json
from longismore._optional import require
from longismore.errors import SchemaError
from longismore.instructions._formats import recognise
from longismore.instructions._json_block import JsonBlock
from longismore.instructions._span import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from longismore.instructions._formats import Format

__all__ = ["TextFile"]

_BOM = b"\xef\xbb\xbf"
_BLOCK_BYTES = 8 * 2**20


class TextFile:
    """A JSON array, or JSON lines; what stands in the file decides, not its name.

    Lines are read block by block, so memory is bounded whatever the file's size. An array has to be read whole: it is
    kept as lines, one an element.

    Args:
        path: Where it is.
        number: Its place among the files.
        form: Its format; ``None``: that of its first row.
    """

    def __init__(self, path: Path, *, number: int, form: Format | None = None) -> None:
        self.path = path
        self.number = number
        self._form = form

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.path, self.number, self._form)

    @cached_property
    def is_array(self) -> bool:
        """Whether it holds one JSON array."""
        with explained(self.path), self.path.open("rb") as file:
            while line := file.readline(4096):
                if text := line.removeprefix(_BOM).strip():
                    return text.startswith(b"[")
        raise SchemaError(str(self.path), "the file is empty")

    @property
    def suffix(self) -> str:
        """The usual ending of such a file's name."""
        return ".json" if self.is_array else ".jsonl"

    @cached_property
    def form(self) -> Format:
        """The format of its rows."""
        return self._form or self._recognised()

    def _recognised(self) -> Format:
        number, line = self._first_line()
        place = f"{self.path}[0]" if self.is_array else f"{self.path}:{number}"
        try:
            record = json.loads(line.decode())  # of bytes, Python would guess UTF-16 too
        except UnicodeDecodeError as error:
            raise not_utf8(self.path, number, line[error.start], error.start) from error
        except (ValueError, RecursionError) as error:
            raise SchemaError(place, f"not JSON: {error}") from error
        if not isinstance(record, dict):
            raise SchemaError(place, f"a row must be a JSON object, found {type(record).__name__}")
        return recognise(list(record), place)

    def _first_line(self) -> tuple[int, bytes]:
        with self._open() as file:
            for number, line in enumerate(file, start=1):
                if text := line.removeprefix(_BOM).strip():
                    return number, text
        raise SchemaError(str(self.path), "there is no row in the file")

    def blocks(self, start: int) -> Iterator[JsonBlock]:
        """All rows, block by block; the first has the number *start*."""
        line = 1
        for data in self._chunks():
            block = self._block(data, start=start, line=line)
            yield block
            start += block.size
            line += block.line_ends

    def spans(self, start: int, rows: int) -> Iterator[Span]:
        """Where each *rows* rows lie; the file is passed over once, without being decoded."""
        begin = offset = size = 0
        line = first_line = 1
        for data in self._chunks():
            for text in io.BytesIO(data):
                offset += len(text)
                line += 1
                size += not text.isspace()
                if size == rows:
                    yield self._span(start, size, begin, offset, first_line)
                    start, begin, size, first_line = start + size, offset, 0, line
        if size:
            yield self._span(start, size, begin, offset, first_line)

    def _span(self, start: int, size: int, begin: int, end: int, line: int) -> Span:
        return Span(number=0, file=self.number, start=start, size=size, offset=begin, length=end - begin, line=line)

    def block(self, span: Span) -> JsonBlock:
        """The rows of a span."""
        with explained(self.path), self._open() as file:
            file.seek(span.offset + self._skipped)
            data = file.read(span.length)
        return self._block(data, start=span.start, line=span.line)

    def size(self) -> int:
        """How many rows it has."""
        return sum(sum(1 for line in data.split(b"\n") if line.strip()) for data in self._chunks())

    def lines(self, numbers: Sequence[int]) -> Iterator[bytes]:
        """The rows with these numbers (ascending, from 0 in this file), as they stand in the file."""
        wanted = iter(numbers)
        next_one = next(wanted, None)
        start = 0
        for data in self._chunks():
            if next_one is None:
                return
            lines = [line for line in data.split(b"\n") if line.strip()]
            while next_one is not None and next_one < start + len(lines):
                yield lines[next_one - start].strip()
                next_one = next(wanted, None)
            start += len(lines)

    def _block(self, data: bytes, *, start: int, line: int) -> JsonBlock:
        first = line - 1 if self.is_array else line
        return JsonBlock(data, start=start, form=self.form, path=self.path, first=first, is_array=self.is_array)

    @cached_property
    def _array(self) -> bytes:
        """The elements of the array, one a line: no JSON string has a line's end in it."""
        msgspec = require("msgspec", extra="select")
        raw: Any = msgspec.Raw
        with explained(self.path):
            data = self.path.read_bytes()
        try:
            elements: list[Any] = msgspec.json.decode(data.removeprefix(_BOM), type=list[raw])
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
            # Not JSON, which is told with its line; or JSON that only Python reads, e.g. with NaN.
            document = read_json(self.path)
            elements = [dump_line(element).encode("utf-8", "surrogatepass") for element in document]
        return b"".join(bytes(element).replace(b"\n", b" ") + b"\n" for element in elements)

    def _open(self) -> BinaryIO:
        return io.BytesIO(self._array) if self.is_array else self.path.open("rb")

    @cached_property
    def _skipped(self) -> int:
        """Bytes before the first line: those of a byte order mark."""
        if self.is_array:
            return 0
        with self._open() as file:
            return len(_BOM) if file.read(len(_BOM)) == _BOM else 0

    def _chunks(self) -> Iterator[bytes]:
        """Whole lines, a few megabytes at once."""
        with explained(self.path), self._open() as file:
            file.seek(self._skipped)
            while data := file.read(_BLOCK_BYTES):
                # Less than asked for is the end: a last line without its own end is no block of its own.
                if len(data) == _BLOCK_BYTES and not data.endswith(b"\n"):
                    data += file.readline()
                yield data


def _reopen(path: Path, number: int, form: Format | None) -> TextFile:
    return TextFile(path, number=number, form=form)
