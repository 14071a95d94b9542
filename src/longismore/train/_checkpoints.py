"""Checkpoints of a run: which of them are whole, and which stay.

A checkpoint is whole when it has a list of its files, each with its size; that list is written last. One that was cut
off, because the process was killed or the disk was full, has none, or has files of other sizes.
"""

from __future__ import annotations

import logging
import re
import shutil
from typing import TYPE_CHECKING, NamedTuple

from longismore._jsonl import read_json, write_json
from longismore.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CHECKPOINTS", "Checkpoint", "checkpoint_path", "keep_newest", "list_checkpoints", "mark_whole"]

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
"""Name of their folder in a model's folder."""

_LIST = "longismore_checkpoint.json"
_NAME = re.compile(r"checkpoint-(\d+)")


class Checkpoint(NamedTuple):
    """A folder that was written after some step."""

    step: int
    path: Path
    is_whole: bool


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step is, as Transformers names it."""
    return folder / f"checkpoint-{step}"


def list_checkpoints(folder: Path) -> list[Checkpoint]:
    """All that are there, the newest first.

    Args:
        folder: Of the checkpoints; it may be missing.
    """
    if not folder.is_dir():
        return []
    matches = [(path, _NAME.fullmatch(path.name)) for path in folder.iterdir() if path.is_dir()]
    found = [Checkpoint(int(match[1]), path, _is_whole(path)) for path, match in matches if match]
    return sorted(found, key=lambda each: -each.step)


def mark_whole(path: Path) -> None:
    """Say that everything is written: the last thing that is done to a checkpoint."""
    write_json(path / _LIST, {"files": _sizes(path)})


def keep_newest(folder: Path, count: int) -> None:
    """Remove all but the newest whole checkpoints."""
    for each in [found for found in list_checkpoints(folder) if found.is_whole][count:]:
        shutil.rmtree(each.path)


def _sizes(path: Path) -> dict[str, int]:
    files = [each for each in sorted(path.rglob("*")) if each.is_file() and each.name != _LIST]
    return {each.relative_to(path).as_posix(): each.stat().st_size for each in files}


def _is_whole(path: Path) -> bool:
    try:
        told = read_json(path / _LIST)
    except DataError:
        return False
    return isinstance(told, dict) and told.get("files") == _sizes(path)
