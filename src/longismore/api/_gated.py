"""A gate's decision, as `gate` gives it back and as its command prints it: last what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.api._shown import Shown
from longismore.reports import printable, results_table
from longismore.reports._gate.outputs import gate_headline, gate_sentences, look_rows, set_sentences
from longismore.reports.gate import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Group, RenderableType
    from rich.table import Table

    from longismore.reports.gate import GateResult

__all__ = ["Gated"]

_STYLE = {Decision.PASS: "bold green", Decision.REGRESS: "bold red", Decision.INCONCLUSIVE: "bold yellow"}
_KIND = {Decision.PASS: "win", Decision.REGRESS: "lose", Decision.INCONCLUSIVE: "tie"}
_MOST_LOOKS = 8
"""In the picture."""
_SETS = "each test set by itself, against 50% (no part of the decision):"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Gated(Shown):
    """What came out, and where it is kept."""

    result: GateResult
    folder: Path | None

    @property
    def decision(self) -> Decision:
        """Pass, regress or inconclusive."""
        return self.result.decision

    @property
    def passed(self) -> bool:
        """Whether the candidate may take the baseline's place."""
        return self.result.decision is Decision.PASS

    def headline(self) -> str:
        """Say the decision in one line."""
        return printable(gate_headline(self.result))

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON knows it."""
        return self.result.to_dict() | {"folder": None if self.folder is None else str(self.folder)}

    def __rich__(self) -> Group:
        from rich.console import Group

        return Group(*self._parts())

    def _parts(self) -> Iterator[RenderableType]:
        from rich.text import Text

        result = self.result
        names = {"reference": result.reference, "candidate": result.candidate, "judge": result.judge}
        yield results_table(result.results, **names, note=None)
        if len(result.looks) > 1:
            yield Text()
            yield _looks(result)
        if several := set_sentences(result):
            yield Text(f"\n{_SETS}")
            yield from _indented(several)
        yield Text()
        yield Text(self.headline(), style=_STYLE[result.decision])
        yield from _indented(gate_sentences(result))

    def _html(self) -> list[str]:
        # Imported here: what shows nothing needs none of it.
        from longismore.api._fragment import listed, note
        from longismore.reports._escape import html_text
        from longismore.reports._page.frame import figure, figures, table
        from longismore.reports._words import named_rates
        from longismore.reports.tables import RATE_HEADS, rate_cells

        result = self.result
        reason, *sentences = gate_sentences(result)
        decision, _, said = self.headline().partition(": ")
        rows = [rate_cells(name, rates) for name, rates in named_rates(result.results)]
        picture = figure(_picture(result), "What the gate saw", _caption(result), wide=True)
        several = set_sentences(result)
        below = f'<span class="as-is">{html_text(f"{said}: {reason}")}</span>'
        answer = f"<strong>{html_text(decision.capitalize())}</strong> {below}"
        return [
            f'<p class="answer {_KIND[result.decision]}">{answer}</p>',
            listed(sentences),
            figures([picture]),
            table("Rates, with 95% intervals", RATE_HEADS, [("", rows)]),
            note(_SETS[:1].upper() + _SETS[1:]) if several else "",
            listed(several),
        ]


def _indented(sentences: list[str]) -> Iterator[RenderableType]:
    """Indent also what does not fit on one line."""
    from rich.padding import Padding
    from rich.text import Text

    for sentence in sentences:
        yield Padding(Text(printable(sentence)), (0, 0, 0, 2), expand=False)


def _looks(result: GateResult) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    for head in ("look", "pairs\nasked", "judged", "rate %", "lower\nlimit", "upper\nlimit"):
        table.add_column(head, justify="right", no_wrap=True)
    for cells in look_rows(result):
        table.add_row(*cells)
    return table


def _picture(result: GateResult) -> str:
    """Draw the rate and its limits at every look that is shown, with the bar; nothing where there was no look."""
    from longismore.reports._page.bars import MarkRow, mark_rows
    from longismore.reports._words import percent

    rows = []
    for look in result.looks[-_MOST_LOOKS:]:
        limits = f"{percent(look.low)}\N{EN DASH}{percent(look.high)}"
        name = f"look {look.number}: {look.judged:,} pairs" if result.planned_looks > 1 else f"{look.judged:,} pairs"
        rows.append(
            MarkRow(
                name=name,
                label=f"{name}, rate {percent(look.rate)} percent, limits {limits}",
                values=(percent(look.rate), limits),
                marks=(("lc", look.rate, (look.low, look.high)),),
            )
        )
    return mark_rows(rows, {"lc": "the candidate's rate, with both one-sided limits"}, bar=result.rule.bar)


def _caption(result: GateResult) -> str:
    from longismore.reports._words import percent

    bar = f"The dashed line in colour is the bar, {percent(result.rule.bar)}%: "
    return f"{bar}limits above it let the candidate pass, limits below it make it regress."
