"""Bars on stderr, where that is a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from longismore.reports import name_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from longismore.comparison import Progress as JudgingProgress

__all__ = ["answering_progress", "judging_progress", "scoring_progress"]


@contextmanager
def judging_progress() -> Iterator[Callable[[JudgingProgress], None]]:
    """Judgments made and wanted, calls a second, US$ spent, time left."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with _bar(console, "{task.fields[rate]}", "{task.fields[spent]}", "{task.fields[left]}") as bar:
        task = bar.add_task("judging", total=None, rate="", spent="", left="")

        def advance(progress: JudgingProgress) -> None:
            bar.update(
                task,
                completed=progress.made,
                total=progress.wanted,
                rate="" if progress.calls_per_s is None else f"{progress.calls_per_s:.1f} calls/s",
                spent="cost unknown" if progress.spent_usd is None else f"US$ {progress.spent_usd:.2f}",
                left="" if progress.left_s is None else f"{_clock(progress.left_s)} left",
            )

        yield advance


@contextmanager
def answering_progress(model: str) -> Iterator[Callable[[int, int], None]]:
    """Answers of a model, had and wanted."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _made, _wanted: None
        return
    with _bar(console) as bar:
        task = bar.add_task(f"answers of {escape(name_text(model))}", total=None)
        yield lambda made, wanted: bar.update(task, completed=made, total=wanted)


@contextmanager
def scoring_progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """Rows done and wanted, by what is done with them."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _what, _done, _wanted: None
        return
    with _bar(console) as bar:
        tasks: dict[str, TaskID] = {}

        def advance(what: str, done: int, wanted: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(escape(what), total=None)
            bar.update(tasks[what], completed=done, total=wanted)

        yield advance


def _bar(console: Console, *columns: str) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *(TextColumn(column, markup=False) for column in columns),
        console=console,
        transient=True,
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
