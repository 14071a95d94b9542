"""A block of JSON lines.

Every line is parsed, but the responses are left undecoded: most rows are never looked at further.
"""

from __future__ import annotations

import json
import struct
from functools import cache, cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from longismore._jsonl import not_utf8, parse_line
from longismore._optional import require
from longismore.instructions._block import answers_size
from longismore.instructions._formats import Content, content_of, content_of_messages
from longismore.instructions._row import Row, Turn, content_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from longismore.instructions._formats import Format

__all__ = ["JsonBlock"]

_QUOTE, _NULL, _LINE_END = ord('"'), ord("n"), ord("\n")
_MAY_BE_BLANK = b" \\\xc2\xe1\xe2\xe3\x1c\x1d\x1e\x1f"
"""First bytes of a JSON string that begins with white space, escapes and Unicode's spaces included."""


class JsonBlock:
    """Whole lines of a file.

    Args:
        data: The lines, each with its end.
        start: Number of the first row, over all files.
        form: The format of every row.
        path: The file, for messages.
        first: What a row's number in the file is counted from: its line, or its place in an array.
        is_array: The lines were made of an array, so rows are named by their place in it.

    Raises:
        SchemaError: A line is no row of that format.
    """

    def __init__(self, data: bytes, *, start: int, form: Format, path: Path, first: int, is_array: bool) -> None:
        self.start = start
        self._data = data
        self._form = form
        self._path = path
        self._first = first
        self._is_array = is_array
        self._is_decoded = False
        self._cuts = self._cut()

    @property
    def size(self) -> int:
        """How many rows it has."""
        return len(self._cuts)

    @cached_property
    def line_ends(self) -> int:
        """How many lines end in it; several times as fast as ``bytes.count``."""
        import numpy as np

        return int(np.count_nonzero(np.frombuffer(self._data, dtype=np.uint8) == _LINE_END))

    def response_sizes(self) -> NDArray[np.int64]:
        """Bytes of all answers of each row (n,); see :class:`~longismore.instructions.Block`."""
        import numpy as np

        if self._is_decoded or self._form.messages:
            return np.asarray([answers_size(answers) for answers in self.responses()], dtype=np.int64)
        return self._raw_sizes()

    def responses(self, indices: Sequence[int] | None = None) -> list[tuple[str, ...]]:
        """The answers, one a turn, of the rows at these places in the block, or of all."""
        return [tuple(turn.response for turn in self._content(index).turns) for index in self._where(indices)]

    def keys(self, indices: Sequence[int] | None = None) -> list[str]:
        """The content keys of these rows, or of all."""
        return [content_key(self._content(index).pieces()) for index in self._where(indices)]

    def rows(self, indices: Sequence[int] | None = None) -> list[Row]:
        """These rows, or all."""
        return [self._row(index) for index in self._where(indices)]

    def _where(self, indices: Sequence[int] | None) -> Iterable[int]:
        return range(self.size) if indices is None else indices

    def _place(self, index: int) -> str:
        """File and line, or place in the file's array."""
        if self._is_array:
            return f"{self._path}[{self._first + index}]"
        return f"{self._path}:{self._first + self._lines[index][0]}"

    @cached_property
    def _lines(self) -> list[tuple[int, bytes]]:
        """The lines that hold a row, each with its number in the block."""
        return [(number, line) for number, line in enumerate(self._data.split(b"\n")) if line.strip()]

    def _cut(self) -> list[Any]:
        """Every row's fields, the response undecoded; or every row decoded with care, where one is unusual."""
        msgspec = require("msgspec", extra="select")
        self._check_utf8()
        try:
            cuts: list[Any] = _decoder(self._form).decode_lines(self._data)
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
            return self._decode()
        # An object may stand on two lines, or two on one: then a row is not a line.
        if len(cuts) != self.line_ends and len(cuts) != len(self._lines):
            return self._decode()
        return cuts

    def _decode(self) -> list[Any]:
        self._is_decoded = True
        records = [parse_line(line.decode(), self._place(index)) for index, (_, line) in enumerate(self._lines)]
        for index, record in enumerate(records):
            content_of(record, self._form, self._place(index))
        return records

    def _check_utf8(self) -> None:
        """Find bytes that are no UTF-8, in what is left undecoded too."""
        if self._data.isascii() or _is_utf8(self._data):
            return
        try:
            self._data.decode()
        except UnicodeDecodeError as error:
            line = self._data.count(b"\n", 0, error.start)
            raise not_utf8(self._path, self._first + line, self._data[error.start], error.start) from error

    def _row(self, index: int) -> Row:
        record = self._cuts[index] if self._is_decoded else self._parsed(index)
        content = content_of(record, self._form, self._place(index))
        return Row(
            number=self.start + index,
            place=self._place(index),
            turns=content.turns,
            input=content.input,
            system=content.system,
            fields=record,
        )

    def _parsed(self, index: int) -> dict[str, Any]:
        return parse_line(self._lines[index][1].decode(), self._place(index))

    def _content(self, index: int) -> Content:
        cut, form = self._cuts[index], self._form
        if self._is_decoded:
            return content_of(cut, form, self._place(index))
        if form.messages:
            messages = [(message.speaker, message.text or "") for message in getattr(cut, form.messages)]
            return content_of_messages(messages, form, lambda: self._place(index))
        turn = Turn(getattr(cut, form.instruction), _text(getattr(cut, form.response)))
        return Content(turns=(turn,), input=(getattr(cut, form.input) or "") if form.input else "")

    def _raw_sizes(self) -> NDArray[np.int64]:
        """The length of each undecoded response: as many bytes as its text has in JSON."""
        import numpy as np

        raws = list(map(attrgetter(self._form.response), self._cuts))
        sizes = np.fromiter(map(len, raws), dtype=np.int64, count=len(raws))
        if not raws:
            return sizes
        joined = np.frombuffer(b"".join(raws), dtype=np.uint8)
        starts = np.cumsum(sizes) - sizes
        first, second = joined[starts], joined[np.minimum(starts + 1, len(joined) - 1)]
        for index in np.flatnonzero((first != _QUOTE) & (first != _NULL)):
            self._row(int(index))  # raises: this is no text
        sizes = np.where(first == _QUOTE, sizes - 2, 0)
        for index in np.flatnonzero((sizes > 0) & np.isin(second, np.frombuffer(_MAY_BE_BLANK, dtype=np.uint8))):
            if not _text(raws[index]).strip():
                sizes[index] = 0
        return sizes


@cache
def _decoder(form: Format) -> Any:
    """What reads the fields that matter of a line, and checks that the others are JSON."""
    msgspec = require("msgspec", extra="select")
    text = str | None
    if form.messages:
        names = {"speaker": form.speaker, "text": form.text}
        message: Any = msgspec.defstruct("Message", [("speaker", str), ("text", text)], gc=False, rename=names)
        row = msgspec.defstruct("Conversation", [(form.messages, list[message])], gc=False)
    else:
        # The response is the longest text, and of most rows nobody wants to know more than how long it is.
        fields: list[tuple[Any, ...]] = [(form.instruction, str), (form.response, msgspec.Raw)]
        row = msgspec.defstruct("Record", fields + ([(form.input, text, "")] if form.input else []), gc=False)
    return msgspec.json.Decoder(row)


def _is_utf8(data: bytes) -> bool:
    """Arrow's check: several times as fast as decoding, and it makes no copy."""
    arrow = require("pyarrow", extra="select")
    offsets = arrow.py_buffer(struct.pack("<2q", 0, len(data)))
    array = arrow.Array.from_buffers(arrow.large_string(), 1, [None, offsets, arrow.py_buffer(data)])
    try:
        array.validate(full=True)
    except arrow.ArrowInvalid:
        return False
    return True


def _text(raw: Any) -> str:
    """A JSON string, or null, decoded."""
    msgspec = require("msgspec", extra="select")
    try:
        text = msgspec.json.decode(raw)
    except msgspec.DecodeError:  # half of a surrogate pair: Python alone reads it
        text = json.loads(bytes(raw))
    return text or ""
