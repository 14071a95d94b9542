"""Find the judgments of MT-Bench: in a folder as FastChat lays it out, or in files of any name."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal, TypeAlias

from longismore._jsonl import explained, read_jsonl
from longismore.errors import ConfigError, DataError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["Kind", "judgment_files", "listed", "refuse_inputs"]

logger = logging.getLogger(__name__)

Kind: TypeAlias = Literal["single", "pair"]
_FIELDS: dict[str, Kind] = {"score": "single", "g1_winner": "pair"}
"""What a row has that grades, or that compares."""


def judgment_files(paths: Sequence[Path]) -> dict[Path, Kind]:
    """Give all files of judgments, each once, and whether they grade or compare.

    Args:
        paths: Folders of MT-Bench, their ``model_judgment``, or files.

    Raises:
        DataError: There is none, or one cannot be read; ``SchemaError`` where a named file holds something else.
    """
    kinds: dict[Path, Kind] = {}
    seen = set()
    for named in paths:
        with explained(named):
            is_folder = named.is_dir()
        for path in _in_folder(named) if is_folder else [named]:
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            kind = _kind(path)
            if kind is not None:
                kinds[path] = kind
            elif path == named:
                raise SchemaError(
                    str(path), "holds no judgments of MT-Bench: no rows, or rows with neither score nor g1_winner"
                )
            else:
                logger.warning("%s holds no judgments and is left out", path)
    if not kinds:
        raise DataError(
            f"{listed(paths)}: no judgments (model_judgment/*_single.jsonl or *_pair.jsonl); make them: "
            "longismore mtbench judge"
        )
    return kinds


def refuse_inputs(outputs: Iterable[Path | None], inputs: Iterable[Path]) -> None:
    """Make sure that nothing is written over judgments.

    Raises:
        ConfigError: An output is a file that is read.
    """
    read = {path.resolve() for path in inputs}
    problems = [
        f"{path}: has the judgments, which would be lost; name another file to write"
        for path in outputs
        if path is not None and path.resolve() in read
    ]
    if problems:
        raise ConfigError(problems)


def listed(paths: Sequence[Path]) -> str:
    """Name several files."""
    return ", ".join(map(str, paths))


def _in_folder(folder: Path) -> list[Path]:
    inner = folder / "model_judgment"
    found = (inner if inner.is_dir() else folder).glob("*.jsonl")
    return sorted(path for path in found if not path.name.startswith("."))


def _kind(path: Path) -> Kind | None:
    """Tell by the first row."""
    for _, row in read_jsonl(path):
        return next((kind for field, kind in _FIELDS.items() if field in row), None)
    return None
