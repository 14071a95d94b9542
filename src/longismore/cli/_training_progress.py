"""A bar on stderr while a model is trained, where that is a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["training_progress"]


@contextmanager
def training_progress() -> Iterator[Callable[[int, int, float | None], None]]:
    """Optimizer steps done and wanted, with the last loss where one is known."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _step, _steps, _loss: None
        return
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[loss]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("training", total=None, loss="")

        def advance(step: int, steps: int, loss: float | None) -> None:
            bar.update(task, completed=step, total=steps)
            if loss is not None:
                bar.update(task, loss=f"loss {loss:.3f}")

        yield advance
