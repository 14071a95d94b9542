"""A gate's decision in the terminal: the rates, the looks, what could be found, and last the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from longismore.reports import printable, results_table
from longismore.reports._gate.outputs import gate_headline, gate_sentences, look_rows, set_sentences
from longismore.reports.gate import Decision

if TYPE_CHECKING:
    from rich.table import Table

    from longismore.reports.gate import GateResult

__all__ = ["show_gate"]

_STYLE = {Decision.PASS: "bold green", Decision.REGRESS: "bold red", Decision.INCONCLUSIVE: "bold yellow"}


def show_gate(result: GateResult) -> None:
    """Print to stdout."""
    console = Console(highlight=False)
    names = {"reference": result.reference, "candidate": result.candidate, "judge": result.judge}
    console.print(results_table(result.results, **names, note=None))
    if len(result.looks) > 1:
        console.print()
        console.print(_looks(result))
    if several := set_sentences(result):
        console.print("\neach test set by itself, against 50% (no part of the decision):")
        _list(console, several)
    console.print()
    console.print(Text(printable(gate_headline(result)), style=_STYLE[result.decision]))
    _list(console, gate_sentences(result))


def _list(console: Console, sentences: list[str]) -> None:
    """Indent also what does not fit on one line."""
    from rich.padding import Padding

    for sentence in sentences:
        console.print(Padding(Text(printable(sentence)), (0, 0, 0, 2), expand=False))


def _looks(result: GateResult) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    for head in ("look", "pairs\nasked", "judged", "rate %", "lower\nlimit", "upper\nlimit"):
        table.add_column(head, justify="right", no_wrap=True)
    for cells in look_rows(result):
        table.add_row(*cells)
    return table
