"""Find what holds results below a folder: by names where programs have fixed ones, else by how a file begins."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from longismore._jsonl import explained
from longismore.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["ALPACA", "KINDS", "LM_EVAL", "MT_BENCH", "RUN", "Found", "find_results"]

LM_EVAL, RUN, ALPACA, MT_BENCH = "lm_eval", "run folder", "alpaca_eval", "MT-Bench"
KINDS = (
    "results_*.json of lm_eval, run folders (run.json), leaderboard.csv or annotations.json of alpaca_eval, "
    "model_judgment/*.jsonl of MT-Bench"
)
_HEAD = 4096
_RESULTS = re.compile(rb'\s*\{\s*"results"\s*:\s*\{')
_ALPACA = ("leaderboard.csv", "annotations.json")
_LONGEST_LINE = 4 * 2**20


class Found(NamedTuple):
    """Something that holds results."""

    kind: str
    path: Path
    """A file; of a run and of alpaca_eval's output the folder."""


def find_results(paths: Sequence[str | Path]) -> list[Found]:
    """Find everything in files and below folders, in the order of their names; each once.

    Hidden folders are passed over, and links to folders are not followed.

    Raises:
        DataError: A path does not exist, or is a file that holds no results.
    """
    found: dict[Path, Found] = {}
    for given in paths:
        path = Path(given)
        with explained(path):
            is_folder = path.is_dir()
        if is_folder:
            each: Iterable[Found] = _below(path)
        else:
            each = [_explicit(path)]
        for one in each:
            found.setdefault(one.path.resolve(), one)
    return list(found.values())


def _below(top: Path) -> Iterator[Found]:
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from _in_folder(Path(folder), sorted(files))


def _in_folder(folder: Path, files: Sequence[str]) -> Iterator[Found]:
    if "run.json" in files and {"judgments.jsonl", "candidate.json"} & set(files):
        # Whatever else lies in a run folder says the same again.
        yield Found(RUN, folder)
        return
    if any(name in files for name in _ALPACA):
        yield Found(ALPACA, folder)
    for name in files:
        path = folder / name
        if path.is_file() and (kind := _kind_of(path)) is not None:  # whoever reads a pipe may wait for ever
            yield Found(kind, path)


def _explicit(path: Path) -> Found:
    with explained(path), path.open("rb"):
        pass
    if path.name == "run.json":
        return Found(RUN, path.parent)
    if path.name in _ALPACA:
        return Found(ALPACA, path.parent)
    kind = _kind_of(path)
    if kind is None:
        raise DataError(f"{path}: holds no results that can be collected; expected {KINDS}, or a folder of them")
    return Found(kind, path)


def _kind_of(path: Path) -> str | None:
    if path.suffix == ".json":
        return LM_EVAL if path.name.startswith("results_") or _begins_as_results(path) else None
    if path.suffix == ".jsonl" and not path.name.startswith("samples_"):
        return MT_BENCH if path.parent.name == "model_judgment" or _begins_as_judgments(path) else None
    return None


def _begins_as_results(path: Path) -> bool:
    """Whether a file of any name begins as lm_eval writes it: older versions let the user name it."""
    try:
        with path.open("rb") as file:
            return _RESULTS.match(file.read(_HEAD)) is not None
    except OSError:
        return False


def _begins_as_judgments(path: Path) -> bool:
    """Whether the first line is a row of an MT-Bench judgment."""
    try:
        with path.open("rb") as file:
            line = file.readline(_LONGEST_LINE)
        row = json.loads(line)
    except (OSError, ValueError, RecursionError):
        return False
    return (
        isinstance(row, dict) and {"question_id", "judge"} <= row.keys() and bool({"score", "g1_winner"} & row.keys())
    )
