"""Which of the numbers that were found stand in the table: the chosen metrics, and of several the newest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from longismore._annotator_names import annotator_name
from longismore.collecting._harness_files import OURS
from longismore.collecting._run_folders import RATES, SPEC
from longismore.collecting._walk import ALPACA, LM_EVAL, RUN
from longismore.errors import ConfigError, near_names
from longismore.reports.collection import Left

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.reports.collection import Number, Source

__all__ = ["Key", "chosen", "key_of", "newest", "renamed", "without_copies"]

Key = tuple[str, str, tuple[tuple[str, str], ...]]
"""Of a column: benchmark, metric, and settings."""
_ALPACA_TASK = f"{OURS}alpaca_eval"
_REPEATED = {
    "win_rate",
    "discrete_win_rate",
    "avg_length",
    "longismore_lc_win_rate",
    "longismore_length_ratio",
    "longismore_swap_consistency",
}
"""What leaderboards and annotations say that a run folder says too, some of it by another name."""
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
    """Leave out what is there twice: of several files of one run those that say less.

    A run folder has the judge's fingerprint, its costs and the best intervals. lm_eval's table repeats its rates, and
    so do annotations of AlpacaEval that were written beside it. Where there are only annotations, lm_eval's table
    repeats those.

    Returns:
        The others, and how many were left out.
    """
    runs = {
        (_folder(number), number.remarks.get(SPEC), number.model) for number in numbers if number.source.kind == RUN
    }
    judged = {(folder, spec) for folder, spec, _ in runs}
    judged |= {(folder, None) for folder, _ in judged}  # a judge from the environment is in no file of lm_eval
    annotated = {_folder(number).parent.parent for number in numbers if number.source.kind == ALPACA}
    kept: list[Number] = []
    free: dict[int, Source] = {}
    for number in numbers:
        if number.source.kind == ALPACA and _has_run(number, runs):
            if number.metric not in _REPEATED:  # what it cost stands in the run folder
                source = free.setdefault(id(number.source), replace(number.source, is_paid=False, cost_usd=None))
                kept.append(replace(number, source=source))
        elif not (number.source.kind == LM_EVAL and _is_repeated(number, judged, annotated)):
            kept.append(number)
    return kept, len(numbers) - len(kept)


def _has_run(number: Number, runs: set[tuple[Path, str | None, str]]) -> bool:
    """Whether the run folder of annotations is there: beside ``alpaca_eval/ANNOTATOR``, or in ``ANNOTATOR/runs``."""
    folder = _folder(number)
    places = {folder.parent.parent, folder / "runs"}
    return any(
        place in places and model == number.model and folder.name == annotator_name(spec or "")
        for place, spec, model in runs
    )


def _is_repeated(number: Number, judged: set[tuple[Path, str | None]], annotated: set[Path]) -> bool:
    """Whether a number of lm_eval's table stands in a run folder, or in annotations, beside it."""
    if not number.benchmark.startswith(OURS):
        return False
    folder = _folder(number)
    if number.benchmark == _ALPACA_TASK and folder in annotated:
        return True
    return number.metric in RATES and (folder, number.settings.get("judge")) in judged


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
