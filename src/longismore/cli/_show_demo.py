"""What a person sees of the demonstration: the course of it on stderr, and what came of it on stdout."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from longismore.demo._words import MEANS_NOTHING, QUESTION, STUDY, WHY, real_steps
from longismore.reports import printable
from longismore.reports._words import percent_interval, times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

    from longismore.demo import DemoResult

__all__ = ["Narrator", "show_result"]

_PARTS = 4
_MINUTE = 60


class Narrator:
    """A :class:`longismore.demo.Teller` that speaks to a person.

    Of a part's commands the example is shown; all of them are written into the demonstration's folder.

    Args:
        console: On stderr.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._part = 0

    def say(self, text: str, style: str = "", *, indent: int = 0) -> None:
        """Say something."""
        _say(self._console, text, style, indent)

    def welcome(self) -> None:
        """What it is about, and what it is worth."""
        self.say(QUESTION, "bold")
        self.say("In miniature: on this machine's processor, offline, in some minutes.")
        self.say(f"\n{MEANS_NOTHING}", "bold")
        for reason in WHY:
            self.say(reason, indent=2)

    def part(self, title: str) -> None:
        """See :class:`longismore.demo.Teller`."""
        self._part += 1
        self.say(f"\n{self._part} of {_PARTS}  {title}", "bold")

    def command(self, words: Sequence[str], *, is_example: bool) -> None:
        """See :class:`longismore.demo.Teller`."""
        if is_example:
            self._console.print(Text(printable(f"  $ {shlex.join(words)}"), style="dim"), soft_wrap=True)

    @contextmanager
    def doing(self, what: str) -> Iterator[Callable[[int, int, float | None], None]]:
        """See :class:`longismore.demo.Teller`."""
        if not self._console.is_terminal:
            yield lambda _step, _steps, _loss: None
            return
        columns = (TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.fields[steps]}"))
        with Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True) as bar:
            task = bar.add_task(what, total=None, steps="")

            def advance(step: int, steps: int, loss: float | None) -> None:
                known = "" if loss is None else f", loss {loss:.2f}"
                bar.update(task, completed=step, total=steps, steps=f"step {step} of {steps}{known}")

            yield advance

    def done(self, what: str, *, seconds: float | None) -> None:
        """See :class:`longismore.demo.Teller`."""
        self.say(f"{what} ({'was there' if seconds is None else _clock(seconds)})", indent=2)


def show_result(result: DemoResult, folder: Path, out: TextIO) -> None:
    """The rates, what they are worth, and what to change.

    Args:
        result: What came out.
        folder: Of the demonstration, as the user calls it.
        out: Gets it.
    """
    console = Console(file=out, highlight=False)
    console.print()
    console.print(_table(result))
    console.print(Text(f"\n{MEANS_NOTHING}", style="bold"), Text("What is real is the way. To make the rest real:"))
    for what, command in real_steps(folder / STUDY).items():
        _say(console, what, indent=2)
        console.print(Text(printable(f"    $ {command}"), style="dim"), soft_wrap=True)
    console.print()
    names = {"the report": "report.html", "the same as a study": STUDY, "all commands of it": "commands.sh"}
    for meaning, name in names.items():
        console.print(Text(printable(f"{folder / name}: {meaning}")), soft_wrap=True)
    console.print(Text(f"{_clock(result.seconds)} in all"))


def _say(console: Console, text: str, style: str = "", indent: int = 0) -> None:
    """Print a line; what a terminal breaks stays indented, and a file gets it unbroken."""
    shown = Text(printable(text), style=style)
    if console.is_terminal:
        console.print(Padding(shown, (0, 0, 0, indent), expand=False))
    else:
        console.print(Text(" " * indent) + shown, soft_wrap=True)


def _table(result: DemoResult) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for head in ("model", "against", "judge"):
        table.add_column(head)
    for head in ("win rate %", "at equal length %", "length"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("answer")
    for judged, results in zip(result.judged, result.results, strict=True):
        rates = results.pooled
        cells = [
            judged.candidate,
            judged.reference,
            judged.judge,
            percent_interval(rates.win_rate, rates.win_rate_ci),
            percent_interval(rates.lc_win_rate, rates.lc_win_rate_ci),
            times(rates.length_ratio),
            rates.length_verdict or "no result",
        ]
        table.add_row(*map(Text, cells))
    return table


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
