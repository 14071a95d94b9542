"""Read and write JSON and JSON lines: errors name file and line, writes are all or nothing.

Text is UTF-8 without exception. Files are written to a neighbour and renamed, so that a reader never sees half
a file and a crash leaves the old one.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from longismore.errors import DataError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "dump_line",
    "explained",
    "is_number",
    "not_utf8",
    "parse_line",
    "read_json",
    "read_jsonl",
    "read_text",
    "replacing",
    "write_json",
    "write_jsonl",
    "write_text",
]

_UTF16_MARKS = (0xFE, 0xFF)
"""How a file in UTF-16 begins, as some shells and editors write it."""


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value of JSON is a finite number: no boolean, and no whole number beyond all floats."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def read_text(path: str | Path) -> str:
    """Read a UTF-8 text file.

    Raises:
        DataError: The file is missing, a folder or unreadable.
        SchemaError: The file is not UTF-8; the message has line and byte.
    """
    path = Path(path)
    with explained(path):
        data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(path, data.count(b"\n", 0, error.start) + 1, data[error.start], error.start) from error


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say of an error of the operating system what cannot be read, and why.

    Raises:
        DataError: The file is missing, a folder or unreadable.
    """
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the path (seen from {Path.cwd()})") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder, a file was expected") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def not_utf8(path: Path, line: int, byte: int, offset: int) -> SchemaError:
    """The error for a byte that is not UTF-8, with the command that mends the file."""
    found = "UTF-16" if offset == 0 and byte in _UTF16_MARKS else "LATIN1"
    return SchemaError(
        f"{path}:{line}",
        f"not UTF-8 (byte 0x{byte:02x} at offset {offset}); "
        f"convert it: iconv -f {found} -t UTF-8 {path.name} > fixed_{path.name}",
    )


def read_json(path: str | Path) -> Any:
    """Read one JSON document.

    Raises:
        DataError: The file cannot be read.
        SchemaError: The text is not JSON, or cut off; the message has line and column.
    """
    return _parse_document(read_text(path), path)


def _parse_document(text: str, path: str | Path) -> Any:
    if not text.strip():
        raise SchemaError(str(path), "the file is empty")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        hint = "; the file seems to be cut off" if cut else ""
        raise SchemaError(f"{path}:{error.lineno}", f"not JSON: {error.msg} (column {error.colno}){hint}") from error
    except (RecursionError, ValueError) as error:
        raise SchemaError(str(path), f"not usable JSON: {_unusable(error)}") from error


def _unusable(error: Exception) -> str:
    """Why Python refuses what may well be JSON."""
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def read_jsonl(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read JSON lines, one object a line; blank lines are passed over.

    Yields:
        The line number, counted from 1, and the object.

    Raises:
        DataError: The file cannot be read.
        SchemaError: A line is not a JSON object; the message has its number.
    """
    path, offset = Path(path), 0
    with explained(path), path.open("rb") as file:
        # Line by line, since files are large; bytes are cut at \n only, where text would be cut at U+2028 too.
        for number, data in enumerate(file, start=1):
            try:
                line = data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise not_utf8(path, number, data[error.start], offset + error.start) from error
            offset += len(data)
            if line.strip():
                yield number, parse_line(line.rstrip("\n"), f"{path}:{number}")


def parse_line(line: str, where: str) -> dict[str, Any]:
    """One JSON object from one line.

    Raises:
        SchemaError: It is not a JSON object; the message begins with *where*.
    """
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise SchemaError(
            where,
            f"not JSON: {error.msg} (column {error.colno}); if it is the last line, the file may be cut off",
        ) from error
    except (RecursionError, ValueError) as error:
        raise SchemaError(where, f"not usable JSON: {_unusable(error)}") from error
    if not isinstance(row, dict):
        raise SchemaError(where, f"a JSON object was expected, found {type(row).__name__}")
    return row


def dump_line(row: object) -> str:
    """Write *row* as one line of JSON; text that UTF-8 cannot hold (lone surrogates) is escaped."""
    text = json.dumps(row, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(row)
    return text


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a neighbour of *path* to write to, which takes its place when all is well; folders are made.

    Raises:
        DataError: *path* is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            error.filename = str(path)  # the system does not say of which file
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write *text* as UTF-8, all or nothing; folders are made."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def write_json(path: str | Path, document: object) -> None:
    """Write one JSON document, indented, all or nothing."""
    text = json.dumps(document, ensure_ascii=False, indent=1)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(document, indent=1)
    write_text(path, text + "\n")


def write_jsonl(path: str | Path, rows: Iterable[object]) -> None:
    """Write JSON lines, all or nothing."""
    write_text(path, "".join(dump_line(row) + "\n" for row in rows))
