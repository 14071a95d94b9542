"""One bar on stderr for whatever a study is doing, where that is a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.comparison import Progress as JudgingProgress

__all__ = ["StudyProgress", "study_progress"]


class StudyProgress:
    """What the stages call while they work; does nothing without a bar."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._task = None if bar is None else bar.add_task("", total=None, more="", visible=False)
        self._what = ""

    def _show(self, what: str, done: int, wanted: int | None, more: str = "") -> None:
        if self._bar is None or self._task is None:
            return
        if what != self._what:
            self._bar.reset(self._task, description=escape(what), visible=True)
            self._what = what
        self._bar.update(self._task, completed=done, total=wanted, more=more)

    def selecting(self, what: str, done: int, wanted: int | None) -> None:
        """Rows."""
        self._show(what, done, wanted)

    def training(self, step: int, steps: int, loss: float | None) -> None:
        """Optimizer steps."""
        self._show("training", step, steps, "" if loss is None else f"loss {loss:.3f}")

    def answering(self, made: int, wanted: int) -> None:
        """Answers."""
        self._show("answering", made, wanted)

    def judging(self, progress: JudgingProgress) -> None:
        """Judgments."""
        spent = "cost unknown" if progress.spent_usd is None else f"US$ {progress.spent_usd:.2f}"
        self._show("judging", progress.made, progress.wanted, spent)


@contextmanager
def study_progress() -> Iterator[StudyProgress]:
    """The bar of one command."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield StudyProgress(None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    more = TextColumn("{task.fields[more]}", markup=False)
    with Progress(*columns, more, TimeRemainingColumn(), console=console, transient=True) as bar:
        yield StudyProgress(bar)
