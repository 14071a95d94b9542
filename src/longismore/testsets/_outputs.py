"""Read the answers of a model, in any format that they are commonly kept in.

A file may be a JSON list or JSON lines, whatever its name ends with; a folder is an output folder of lm-eval.
The formats of a row are in :mod:`longismore.testsets._formats`.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json, read_jsonl
from longismore.errors import SchemaError, UnknownNameError
from longismore.testsets._formats import is_sample, parse_output
from longismore.testsets._lm_eval_folder import sample_files
from longismore.testsets._match import match_outputs
from longismore.testsets._row import Row, json_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from longismore.records import ModelOutput

__all__ = ["EMBEDDED_OUTPUTS", "OutputsFile", "embedded_outputs", "match_outputs", "outputs_of", "read_outputs"]

EMBEDDED_OUTPUTS = {"mini:better": "mini_better.json", "mini:longer": "mini_longer.json"}
"""Answers to the test set ``mini`` that are shipped with longismore, by the name that is given as path."""


@dataclass(frozen=True, slots=True)
class OutputsFile:
    """The answers that stand in one file or folder."""

    path: Path
    """As it was given; for embedded answers their name, e.g. ``mini:better``."""
    outputs: tuple[ModelOutput, ...]
    model: str | None = None
    """The one model that is named; ``None`` where none is, or several are."""


def read_outputs(path: str | Path) -> OutputsFile:
    """Read the answers in a file, in an lm-eval output folder, or those embedded under a name.

    Args:
        path: A file, a folder with ``samples_*.jsonl`` below it, or one of :data:`EMBEDDED_OUTPUTS`.

    Raises:
        DataError: The file cannot be read, or the folder has no samples, or those of several models.
        SchemaError: The file is empty, not UTF-8 or cut off, or a row is not as its format says.
        UnknownNameError: A name that begins with ``mini:`` and is not embedded.
    """
    if _names_embedded(path):
        return embedded_outputs(str(path))
    path = Path(path)
    paths = sample_files(path) if path.is_dir() else [path]
    return _outputs_file(path, [output for each in paths for output in _read(each, str(each))])


def outputs_of(rows: Sequence[Mapping[str, Any]], name: str) -> OutputsFile:
    """The answers in rows that are in memory, in any format that a file may have.

    Args:
        rows: One an answer.
        name: What they are called in messages, and their model where no row names one.

    Raises:
        SchemaError: There are none, or a row is not as its format says.
    """
    outputs = list(_parse_once(_numbered(rows, name), ""))
    if not outputs:
        raise SchemaError(name, "no answers: the list is empty")
    return _outputs_file(Path(name), outputs)


def embedded_outputs(name: str) -> OutputsFile:
    """The answers embedded under *name*, one of :data:`EMBEDDED_OUTPUTS`.

    Raises:
        UnknownNameError: There are none of that name.
    """
    if name not in EMBEDDED_OUTPUTS:
        raise UnknownNameError("embedded outputs", name, EMBEDDED_OUTPUTS)
    with as_file(files("longismore.testsets").joinpath("data", EMBEDDED_OUTPUTS[name])) as path:
        return _outputs_file(Path(name), _read(path, name))


def _outputs_file(path: Path, outputs: list[ModelOutput]) -> OutputsFile:
    models = {output.generator for output in outputs if output.generator}
    return OutputsFile(path, tuple(outputs), models.pop() if len(models) == 1 else None)


def _names_embedded(path: str | Path) -> bool:
    return str(path) in EMBEDDED_OUTPUTS or (str(path).startswith("mini:") and not Path(path).exists())


def _read(path: Path, shown: str) -> list[ModelOutput]:
    folder = path.resolve().parent.name
    rows = _line_rows(path, shown) if _is_json_lines(path) else _list_rows(path, shown)
    outputs = list(_parse_once(rows, folder))
    if not outputs:
        raise SchemaError(shown, "no answers: the list is empty; check the run that wrote it")
    return outputs


def _is_json_lines(path: Path) -> bool:
    """Whether the first line is an object of its own; files are often named .json and are JSON lines."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        first = next((line for line in file if line.strip()), b"").removeprefix(codecs.BOM_UTF8).strip()
    return first.startswith(b"{") and first.endswith(b"}")


def _line_rows(path: Path, shown: str) -> Iterator[Row]:
    for number, fields in read_jsonl(path):
        yield Row(fields, f"{shown}:{number}")


def _list_rows(path: Path, shown: str) -> Iterator[Row]:
    rows = read_json(path)
    if not isinstance(rows, list):
        raise SchemaError(
            shown,
            f"a list of answers, or one answer a line, was expected; found {json_type(rows)}; "
            'write [{"instruction": ..., "output": ..., "generator": ...}, ...]',
        )
    yield from _numbered(rows, shown)


def _numbered(rows: Iterable[object], shown: str) -> Iterator[Row]:
    for number, fields in enumerate(rows, start=1):
        where = f"{shown}: row {number}"
        if not isinstance(fields, Mapping):
            raise SchemaError(where, f"an object was expected, found {json_type(fields)}")
        yield Row(fields, where)


def _parse_once(rows: Iterable[Row], folder: str) -> Iterator[ModelOutput]:
    """Parse each row; of a sample that lm-eval repeats, once a filter of its task, only the first is kept."""
    seen: set[tuple[str, str | None, str | None, str]] = set()
    for row in rows:
        output = parse_output(row, folder=folder)
        if is_sample(row):
            key = (repr(row.fields.get("doc_id")), output.id, output.instruction, output.output)
            if key in seen:
                continue
            seen.add(key)
        yield output
