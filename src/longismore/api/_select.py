"""`longismore.select`: choose rows of instruction data by a strategy."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import is_dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from longismore._jsonl import write_json
from longismore.api._given import check_whole, path_of
from longismore.api._rows import are_files, open_rows
from longismore.api._selected import Selected
from longismore.errors import ConfigError
from longismore.instructions import open_data
from longismore.selectors import (
    LocalEngine,
    ScoreStore,
    Work,
    default_scores_path,
    make_selector,
    manifest_path,
    select_rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.api._rows import Rows
    from longismore.selectors import Engine, OnProgress, Selection, Selector

__all__ = ["select"]


def select(
    data: Rows,
    strategy: str | Selector,
    budget: int | None = None,
    *,
    output: str | Path | None = None,
    format: str = "auto",  # noqa: A002  the field's word
    scores: str | Path | None = None,
    engine: Engine | None = None,
    drop_duplicates: bool = False,
    allow_fewer: bool = False,
    on_progress: OnProgress | None = None,
    **parameters: object,
) -> Selected:
    """Select rows to train on, and say how it was done.

    Args:
        data: A file of instruction data, several that are one data set, or rows in memory.
        strategy: ``longest``, ``random:seed=1``, ...: see ``longismore select --list``; or a strategy that is made
            already.
        budget: How many rows are wanted; ``None``: all that qualify.
        output: Gets the chosen rows and, beside it, their manifest; by default the rows stay in memory.
        format: Of the data, where its fields do not tell.
        scores: Folder of the score store; by default ``$LONGISMORE_SCORES``, else the user's own.
        engine: Who computes scores; by default this process, with *scores*.
        drop_duplicates: Of rows with equal content take the first.
        allow_fewer: Less rows than the budget are no error.
        on_progress: Called with what is done, how many rows of it, and of how many.
        parameters: Of the strategy.

    Raises:
        UsageError: The data, the strategy or an argument will not do.
    """
    check_whole("budget", budget)
    place = path_of("output", output)
    if engine is not None and scores is not None:
        raise ConfigError("scores: the engine that is given has a score store of its own")
    name, selector = _selector(strategy, parameters)
    folder = path_of("scores", scores) or default_scores_path(os.environ)
    work = Work(
        budget=budget,
        engine=engine or LocalEngine(ScoreStore(folder)),
        folder=folder,
        drop_duplicates=drop_duplicates,
        on_progress=on_progress,
    )
    with ExitStack() as stack:
        opened = stack.enter_context(open_rows(data, format=format))
        if place is None:
            written = Path(stack.enter_context(TemporaryDirectory(prefix="longismore-"))) / f"selection{opened.suffix}"
        else:
            written = place
        selection = select_rows(name, selector, opened, work, written, allow_fewer=allow_fewer)
        assert selection is not None  # noqa: S101  there is no shard
        return _selected(selection, from_memory=not are_files(data), is_kept=place is not None)


def _selector(strategy: str | Selector, parameters: Mapping[str, object]) -> tuple[str, Selector]:
    """The strategy's name, and the strategy."""
    if isinstance(strategy, str):
        given = {name: _as_text(value) for name, value in parameters.items()}
        return strategy.strip().partition(":")[0], make_selector(strategy, given)
    _check_made(strategy)
    name = type(strategy).__module__.rpartition(".")[2]
    if parameters:
        raise ConfigError(
            f"{', '.join(parameters)}: the strategy {name} is made already; make it with these parameters"
        )
    return name, strategy


def _check_made(strategy: object) -> None:
    if not is_dataclass(strategy) or isinstance(strategy, type):
        raise ConfigError(f"strategy must be a name, e.g. longest, or a strategy that is made, found {strategy!r:.80}")


def _as_text(value: object) -> str:
    """A parameter as a command line gives it."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _selected(selection: Selection, *, from_memory: bool, is_kept: bool) -> Selected:
    """The result; a manifest names no file that is gone."""
    manifest = dict(selection.manifest)
    if from_memory:
        data = manifest["data"]
        manifest["data"] = {**data, "files": [{**file, "path": None} for file in data["files"]]}
        if is_kept:
            write_json(manifest_path(selection.output), manifest)
    if is_kept:
        return Selected(manifest=manifest, output=selection.output, was_done=selection.was_done)
    manifest["output"] = {**manifest["output"], "path": None}
    rows = [dict(row.fields) for row in open_data(selection.output).rows()]
    return Selected(manifest=manifest, output=None, was_done=False, kept=rows)
