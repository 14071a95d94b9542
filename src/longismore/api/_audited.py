"""How far judges can be trusted, as `audit` gives it back and as its command prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.api._shown import Shown
from longismore.reports import printable
from longismore.reports._audit.table import audit_markdown, audit_sheets, audit_tables
from longismore.reports._audit.words import audit_sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Group, RenderableType

    from longismore.reports._audit.table import AuditSheet
    from longismore.reports.audit import Audit
    from longismore.reports.probes import ProbeResult

__all__ = ["Audited"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Audited(Shown):
    """An audit of judges, and what probes found."""

    audit: Audit
    probes: Sequence[ProbeResult]
    """Empty where none was asked for."""

    @property
    def sentences(self) -> list[str]:
        """What it means, one sentence each, safe to print."""
        return [*audit_sentences(self.audit), *(result.sentence() for result in self.probes)]

    def headline(self) -> str:
        """Say who was audited."""
        names = ", ".join(judge.name for judge in self.audit.judges)
        return printable(f"audit of {names}")

    def to_dict(self) -> dict[str, Any]:
        """Give all figures and sentences as JSON knows them."""
        document = self.audit.to_dict() | {"sentences": self.sentences}
        if self.probes:
            document["probes"] = [result.to_dict() for result in self.probes]
        return document

    def to_markdown(self) -> str:
        """Write sentences and tables as Markdown."""
        return audit_markdown(self.audit, [result.sentence() for result in self.probes])

    def __rich__(self) -> Group:
        from rich.console import Group

        return Group(*self._parts())

    def _parts(self) -> Iterator[RenderableType]:
        from rich.table import Table
        from rich.text import Text

        for table in audit_tables(self.audit):
            yield table
            yield Text()
        sentences = Table.grid(padding=(0, 1, 0, 0))
        for sentence in self.sentences:
            sentences.add_row("-", Text(printable(sentence)))
        yield sentences

    def _html(self) -> list[str]:
        # Imported here: what shows nothing needs none of it.
        from longismore.api._fragment import heading, listed
        from longismore.reports._page.frame import figure, figures

        many = len(self.audit.judges) > 1
        picture = figure(_picture(self.audit), "What order and length do to it", _CAPTION, wide=True)
        tables = [_table(sheet) for sheet in audit_sheets(self.audit)]
        title = f"Audit of {len(self.audit.judges)} judges" if many else self.headline().capitalize()
        return [heading(title), listed(self.sentences), figures([picture]), *tables]


_CAPTION = (
    "With 95% intervals. A judge that keeps every verdict when the answers change places is at 100% in the first; one "
    "that does not care for length is about 50% in the second, as far as the longer answers are as good."
)


def _table(sheet: AuditSheet) -> str:
    from longismore.api._fragment import note
    from longismore.reports._page.frame import table

    rows = [
        [_names(row.name) if row.testset is None else f"\N{EN SPACE}{row.testset}", *map(_one_line, row.cells)]
        for row in sheet.rows
    ]
    return table(sheet.title, [sheet.of, *map(_one_line, sheet.head)], [("", rows)]) + note(sheet.note or "")


def _names(name: str) -> str:
    return name.replace("\n", " and ")


def _one_line(cell: str) -> str:
    return cell.replace("\n", " ")


def _picture(audit: Audit) -> str:
    """Draw of every judge what swapping leaves of its verdicts, and how often it prefers the longer answer."""
    from longismore.reports import name_text
    from longismore.reports._page.bars import MarkRow, mark_rows
    from longismore.reports._words import percent_interval

    rows = []
    for judge in audit.judges:
        order, length = judge.pooled.order, judge.pooled.length
        kept = percent_interval(order.swap_consistency, order.swap_consistency_ci)
        longer = percent_interval(length.prefers_longer, length.prefers_longer_ci)
        name = name_text(judge.name)
        rows.append(
            MarkRow(
                name=name,
                label=f"{name}: verdict kept when swapped {kept} percent, prefers the longer answer {longer} percent",
                values=(f"kept {kept}", f"longer {longer}"),
                marks=(
                    ("raw", order.swap_consistency, order.swap_consistency_ci),
                    ("lc", length.prefers_longer, length.prefers_longer_ci),
                ),
            )
        )
    return mark_rows(rows, {"raw": "verdict kept when swapped", "lc": "prefers the longer answer"})
