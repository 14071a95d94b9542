"""Answers as JSON lines or Parquet: all or nothing, and in constant memory."""

from __future__ import annotations

import os
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from longismore._jsonl import dump_line
from longismore._optional import require
from longismore.errors import ConfigError, DataError
from longismore.store._rows import StoredAnswer, stored_answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from longismore.store._database import Database
    from longismore.store._rows import AnswerFilter

__all__ = ["Exported", "export_answers"]

_COLUMNS = tuple(field.name for field in fields(StoredAnswer))
_HALF = re.compile("[\ud800-\udfff]")
_ROWS_PER_GROUP = 5_000
_CHARS_PER_GROUP = 64_000_000


@dataclass(frozen=True, slots=True)
class Exported:
    """How an export went."""

    answers: int
    mended: int
    """Texts with half characters (lone surrogates), which Parquet cannot hold: each stands there as U+FFFD."""


def export_answers(database: Database, path: Path, wanted: AnswerFilter) -> Exported:
    """Write what is wanted; see :meth:`Store.export`."""
    writers = {".jsonl": _write_jsonl, ".parquet": _write_parquet}
    if path.suffix not in writers:
        raise ConfigError(f'an export ends in {" or ".join(writers)}, found "{path.name}"')
    if path.exists() and path.samefile(database.path):
        raise ConfigError(f"{path}: is the store itself; name another file")
    with _replacing(path) as temporary:
        exported = writers[path.suffix](temporary, stored_answers(database, wanted))
        if wanted and not exported.answers:
            raise DataError(f"{database.path}: no answer is as wanted; `longismore store stats` shows what there is")
    return exported


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A neighbour of *path* that takes its place once it is whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error


def _row(answer: StoredAnswer) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in _COLUMNS}


def _write_jsonl(path: Path, answers: Iterable[StoredAnswer]) -> Exported:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for answer in answers:
            file.write(dump_line(_row(answer)) + "\n")
            count += 1
    return Exported(count, 0)


def _write_parquet(path: Path, answers: Iterable[StoredAnswer]) -> Exported:
    arrow = require("pyarrow", extra="parquet")
    parquet = require("pyarrow.parquet", extra="parquet")
    kinds = {"refused": arrow.bool_(), "input_tokens": arrow.int64(), "output_tokens": arrow.int64(),
             "cost_usd": arrow.float64(), "latency_s": arrow.float64()}  # fmt: skip
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in _COLUMNS])
    count = mended = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in _groups(answers):
            for row in rows:
                row["text"], halves = _HALF.subn("\ufffd", row["text"])
                mended += bool(halves)
            count += len(rows)
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
    return Exported(count, mended)


def _groups(answers: Iterable[StoredAnswer]) -> Iterator[list[dict[str, Any]]]:
    """As many rows as one row group holds; long answers make it smaller."""
    rows: list[dict[str, Any]] = []
    chars = 0
    for answer in answers:
        rows.append(_row(answer))
        chars += len(answer.text) + len(answer.logprobs or "")
        if len(rows) == _ROWS_PER_GROUP or chars > _CHARS_PER_GROUP:
            yield rows
            rows, chars = [], 0
    if rows:
        yield rows
