"""Which of the numbers that were found stand in the table: the chosen metrics, and of several the newest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from longismore.collecting._harness_files import OURS
from longismore.collecting._run_folders import RATES, SPEC
from longismore.collecting._walk import LM_EVAL, RUN
from longismore.errors import ConfigError, near_names
from longismore.reports.collection import Left

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.reports.collection import Number

__all__ = ["Key", "chosen", "key_of", "newest", "renamed", "without_copies"]

Key = tuple[str, str, tuple[tuple[str, str], ...]]
"""Of a column: benchmark, metric, and settings."""
_BEGINNING = datetime.min.replace(tzinfo=UTC)


def key_of(number: Number) -> Key:
    """Say which column a number belongs to."""
    return number.benchmark, number.metric, tuple(sorted(number.settings.items()))


def renamed(numbers: Sequence[Number], aliases: Mapping[str, str]) -> list[Number]:
    """Call models by one name.

    Args:
        numbers: What was found.
        aliases: The name to use, by the name that was found.

    Raises:
        ConfigError: No number is of a model that is to be renamed.
    """
    models = {number.model for number in numbers}
    unknown = [name for name in aliases if name not in models]
    if unknown:
        raise ConfigError([f'no model is called "{name}"{near_names(name, sorted(models))}' for name in unknown])
    return [replace(number, model=aliases[number.model]) if number.model in aliases else number for number in numbers]


def without_copies(numbers: Sequence[Number]) -> tuple[list[Number], int]:
    """Leave out what lm_eval's table repeats of a run folder beside it, which has better intervals.

    Returns:
        The others, and how many were left out.
    """
    judged = {(_folder(number), number.remarks.get(SPEC)) for number in numbers if number.source.kind == RUN}
    folders = {folder for folder, _ in judged}
    kept = [number for number in numbers if not _is_copy(number, judged, folders)]
    return kept, len(numbers) - len(kept)


def _is_copy(number: Number, judged: set[tuple[Path, str | None]], folders: set[Path]) -> bool:
    if number.source.kind != LM_EVAL or not number.benchmark.startswith(OURS) or number.metric not in RATES:
        return False
    # The judge may have come from the environment, and then the file does not name it.
    judge, folder = number.settings.get("judge"), _folder(number)
    return folder in folders if judge is None else (folder, judge) in judged


def _folder(number: Number) -> Path:
    return Path(number.source.path).resolve().parent


def chosen(numbers: Sequence[Number], patterns: Sequence[str]) -> list[Number]:
    """Keep the metrics that patterns name, or, without patterns, the main ones.

    Args:
        numbers: What was found.
        patterns: Each is compared with the benchmark, the metric, and ``benchmark/metric``; ``*`` and ``?`` are wild.

    Raises:
        ConfigError: A pattern names nothing.
    """
    if not patterns:
        return [number for number in numbers if number.is_shown]
    known = sorted({_path(number) for number in numbers})
    unknown = [pattern for pattern in patterns if not any(_fits(number, pattern) for number in numbers)]
    if unknown:
        raise ConfigError([f'--metric "{pattern}" names no metric{near_names(pattern, known)}' for pattern in unknown])
    return [number for number in numbers if any(_fits(number, pattern) for pattern in patterns)]


def _path(number: Number) -> str:
    return f"{number.benchmark}/{number.metric}"


def _fits(number: Number, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in (number.benchmark, number.metric, _path(number)))


def newest(numbers: Sequence[Number]) -> tuple[list[Number], list[Left]]:
    """Keep the newest number of each model and column.

    Returns:
        Those, and the older ones with what replaces them.
    """
    best: dict[tuple[str, Key], Number] = {}
    for number in sorted(numbers, key=_age):
        best[number.model, key_of(number)] = number
    older = [
        Left(
            number.source.path,
            f"{number.model}, {_path(number)}: {_replaced(number, best[number.model, key_of(number)])}",
        )
        for number in numbers
        if best[number.model, key_of(number)] is not number
    ]
    kept = {id(number) for number in best.values()}
    return [number for number in numbers if id(number) in kept], older


def _age(number: Number) -> tuple[datetime, str]:
    return number.source.created or _BEGINNING, number.source.path


def _replaced(older: Number, newer: Number) -> str:
    changed = [
        f"{name} {older.versions.get(name)}, there {newer.versions.get(name)}"
        for name in newer.versions
        if older.versions.get(name) != newer.versions.get(name)
    ]
    return f"replaced by {newer.source.path}" + (f" ({'; '.join(changed)})" if changed else "")
