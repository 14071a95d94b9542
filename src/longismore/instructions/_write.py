"""Writing instruction data: a JSON array, JSON lines or Parquet, all or nothing."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._jsonl import dump_line, replacing
from longismore._optional import require
from longismore.errors import DataError
from longismore.instructions._text_file import TextFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from longismore.instructions._instruction_data import InstructionData

__all__ = ["check_output", "kind_of", "write_picked", "write_records", "write_responses"]

_KINDS = {".json": ".json", ".jsonl": ".jsonl", ".ndjson": ".jsonl", ".parquet": ".parquet", ".pq": ".parquet"}
_FOREIGN = frozenset(
    {".arrow", ".bz2", ".csv", ".feather", ".gz", ".tsv", ".xlsx", ".xz", ".yaml", ".yml", ".zip", ".zst"}
)
"""Endings that promise what is not written; any other may be part of a name, like that of ``rows.1000``."""


def kind_of(path: Path, otherwise: str = ".jsonl") -> str:
    """What a file of that name holds: ``.json`` an array, ``.jsonl`` lines, ``.parquet``; by default *otherwise*.

    Raises:
        DataError: It promises something else.
    """
    ending = path.suffix.lower()
    if ending in _FOREIGN:
        raise DataError(f"{path}: instruction data are written as .json, .jsonl or .parquet; name such a file")
    return _KINDS.get(ending, otherwise)


def check_output(data: InstructionData, path: Path) -> None:
    """Find out, before any work, whether rows of *data* can go into a file.

    Raises:
        DataError: It is a folder or the data itself, or its ending promises something else.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file to write")
    if any(path.resolve() == each.resolve() for each in data.paths):
        raise DataError(f"{path}: is the data itself; name another output")
    kind_of(path)


def write_records(records: Iterable[Mapping[str, Any]], path: str | Path, *, otherwise: str = ".jsonl") -> None:
    """Write records as the name's ending says.

    Raises:
        DataError: They do not fit into one Parquet table, or the ending is that of something else.
    """
    path = Path(path)
    kind = kind_of(path, otherwise)
    if kind == ".parquet":
        _write_table(_table(records, path), path)
    else:
        _write_lines((_dumped(record, path) for record in records), path, is_array=kind == ".json")


def write_picked(data: InstructionData, numbers: Sequence[int], path: Path) -> None:
    """Write these rows (ascending) of the data as they stand there."""
    kind = kind_of(path, data.suffix)
    if kind != ".parquet":
        _write_lines(chain.from_iterable(_lines(data, numbers, path)), path, is_array=kind == ".json")
    elif any(isinstance(file, TextFile) for file in data.files):
        _write_table(_table((row.fields for row in data.pick(numbers)), path), path)
    else:
        tables = [table for file, inside in data.records(numbers) for table in file.tables(inside)]  # type: ignore[union-attr]
        schema = data.files[0].file.schema_arrow  # type: ignore[union-attr]
        _write_table(_joined(tables, path) if tables else schema.empty_table(), path)


def write_responses(data: InstructionData, responses: Mapping[int, str], path: str | Path) -> None:
    """Write all rows, with other first responses where *responses* has one for the row's number."""
    form = data.form

    def records() -> Iterator[Mapping[str, Any]]:
        for row in data.rows():
            response = responses.get(row.number)
            yield row.fields if response is None else _answered(row.fields, form, response)

    write_records(records(), path, otherwise=data.suffix)


def _answered(record: Mapping[str, Any], form: Any, response: str) -> Mapping[str, Any]:
    from longismore.instructions._formats import ROLES

    if not form.messages:
        return {**record, form.response: response}
    messages = [dict(message) for message in record[form.messages]]
    place = next(number for number, one in enumerate(messages) if ROLES[one[form.speaker]] == "assistant")
    messages[place][form.text] = response
    return {**record, form.messages: messages}


def _lines(data: InstructionData, numbers: Sequence[int], path: Path) -> Iterator[Iterator[bytes]]:
    for file, inside in data.records(numbers):
        if isinstance(file, TextFile):
            yield file.lines(inside)
        else:
            yield (_dumped(record, path) for table in file.tables(inside) for record in table.to_pylist())


def _dumped(record: Mapping[str, Any], path: Path) -> bytes:
    try:
        return dump_line(record).encode()
    except TypeError:
        kinds = {name: type(value).__name__ for name, value in record.items() if not _fits_json(value)}
        told = ", ".join(f'"{name}" ({kind})' for name, kind in kinds.items())
        raise DataError(f"{path}: JSON cannot hold the field {told}; write .parquet instead") from None


def _fits_json(value: object) -> bool:
    try:
        dump_line(value)
    except TypeError:
        return False
    return True


def _write_lines(lines: Iterable[bytes], path: Path, *, is_array: bool) -> None:
    """Write one element a line, within brackets where they make an array."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        if not is_array:
            file.writelines(line + b"\n" for line in lines)
            return
        file.write(b"[")
        for number, line in enumerate(lines):
            file.write((b",\n" if number else b"\n") + line)
        file.write(b"\n]\n")


def _table(records: Iterable[Mapping[str, Any]], path: Path) -> Any:
    arrow = require("pyarrow", extra="select")
    rows = list(records)
    names = list(dict.fromkeys(name for row in rows for name in row))
    try:
        return arrow.Table.from_pylist([{name: row.get(name) for name in names} for row in rows])
    except (arrow.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise DataError(f"{path}: the rows do not fit into one Parquet table: {error}; write .jsonl instead") from error


def _joined(tables: Sequence[Any], path: Path) -> Any:
    """One table of those of several files; null where a file lacks a column that another has."""
    arrow = require("pyarrow", extra="select")
    if all(table.schema.equals(tables[0].schema) for table in tables):
        return arrow.concat_tables(tables)
    try:
        return arrow.concat_tables(tables, promote_options="permissive")
    except arrow.ArrowException as error:
        raise DataError(
            f"{path}: the files' columns do not fit into one Parquet table: {error}; write .jsonl instead"
        ) from error


def _write_table(table: Any, path: Path) -> None:
    parquet = require("pyarrow.parquet", extra="select")
    with replacing(path) as temporary:
        parquet.write_table(table, temporary)
