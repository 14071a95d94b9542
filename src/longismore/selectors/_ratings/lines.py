"""Files of ratings: our own, and what others have published.

- our own (``longismore rate``): each line has the row's content ``key``, a ``score`` and a ``status``;
- AlpaGasus: a JSON list with ``triplet`` (instruction, input and response in one text), ``review``, and after its
  ``get_scores`` a ``score``; -1 stands for a review that it could not read;
- Chasing Random: JSON lines with ``input``, ``target`` and ``score``, sorted by score; -1 the same;
- any JSON list, JSON lines or Parquet file with a column of numbers, or a JSON list of numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore._jsonl import explained, is_number, read_json, read_jsonl
from longismore._optional import require
from longismore._rating_text import parse_rating
from longismore.errors import SchemaError
from longismore.instructions import content_key
from longismore.instructions._formats import content_of, recognise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from longismore.instructions import Row

__all__ = ["RatingLine", "joined_key", "rating_lines", "read_score", "row_keys"]

_KEY = re.compile(r"[0-9a-f]{32}")
_PUBLISHED = frozenset({"input", "target", "score"})
_UNREADABLE = -1.0
_PARQUET = (".parquet", ".pq")


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingLine:
    """One rating, and what it is about."""

    kind: str
    """What the row is recognised by: ``key``, ``text``, ``triplet``, or ``position`` where the line does not say."""
    key: bytes
    """Hash of that; empty for a position."""
    score: float | None
    reason: str
    """Why there is no score."""


def rating_lines(path: Path, column: str) -> Iterator[RatingLine]:
    """Read a file of ratings, line by line where it has lines.

    Raises:
        DataError: The file cannot be read; ``SchemaError`` where a line has no such column, or names its row in another
            way than the first.
    """
    first = None
    for place, entry in _records(path):
        record = entry if isinstance(entry, dict) else {column: entry}
        if column not in record and not _has_review(record, column):
            raise SchemaError(place, f'no column "{column}"; found: {", ".join(map(str, record)) or "none"}')
        kind, key = _recognised(record, place)
        first = first or kind
        if kind != first:
            raise SchemaError(place, f"the row is named by its {kind}, unlike those before it ({first})")
        score, reason = read_score(record, column)
        yield RatingLine(kind=kind, key=bytes.fromhex(key), score=score, reason=reason)


def _records(path: Path) -> Iterator[tuple[str, Any]]:
    with explained(path), path.open("rb") as file:
        head = file.read(256).removeprefix(b"\xef\xbb\xbf").lstrip()
    if path.suffix.lower() in _PARQUET:
        parquet = require("pyarrow.parquet", extra="select")
        rows = (row for batch in parquet.ParquetFile(path).iter_batches() for row in batch.to_pylist())
        yield from ((f"{path}: row {number}", row) for number, row in enumerate(rows, start=1))
    elif head.startswith(b"["):
        document = read_json(path)
        yield from ((f"{path}[{number}]", entry) for number, entry in enumerate(document))
    else:
        yield from ((f"{path}:{number}", row) for number, row in read_jsonl(path))


def read_score(record: Mapping[str, Any], column: str) -> tuple[float | None, str]:
    """The score that a record has, or why it has none; nothing but a finite number is one."""
    if column not in record:
        rating = parse_rating(record["review"]) if _has_review(record, column) else None
        return rating, "" if rating is not None else "unreadable" if "review" in record else "no value"
    value = record[column]
    if value is None:
        status = record.get("status")
        return None, status if isinstance(status, str) and status else "no value"
    if not is_number(value):
        return None, "not a number"
    if value == _UNREADABLE and ("triplet" in record or record.keys() == _PUBLISHED):
        return None, "unreadable"
    return float(value), ""


def _has_review(record: Mapping[str, Any], column: str) -> bool:
    return column == "score" and isinstance(record.get("review"), str)


def _recognised(record: Mapping[str, Any], place: str) -> tuple[str, str]:
    key = record.get("key")
    if isinstance(key, str) and _KEY.fullmatch(key):
        return "key", key
    triplet = record.get("triplet")
    if isinstance(triplet, str):
        return "triplet", joined_key(triplet)
    try:
        content = content_of(record, recognise(list(map(str, record)), place), place)
    except SchemaError:
        return "position", ""
    asked = [content.system, content.turns[0].instruction, content.input]
    asked += [turn.instruction for turn in content.turns[1:]]
    return "text", joined_key("".join(asked), "".join(turn.response for turn in content.turns))


def row_keys(row: Row, kind: str) -> str:
    """What a line of that kind calls this row."""
    if kind == "key":
        return row.key
    if kind == "triplet":
        pieces = ("###Instruction:", row.instruction, "### Input:", row.input, "### Response:", row.response)
        return joined_key("".join(pieces))
    asked = [row.system, row.instruction, row.input, *(turn.instruction for turn in row.turns[1:])]
    return joined_key("".join(asked), "".join(turn.response for turn in row.turns))


def joined_key(*texts: str) -> str:
    """Hash of texts without their white space: files differ in how they join an instruction with its input."""
    return content_key(["".join(text.split()) for text in texts])
