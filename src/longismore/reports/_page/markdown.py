"""The report as Markdown, to be pasted into a README, a pull request or a paper's repository."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from longismore.reports._escape import markdown_text, printable
from longismore.reports._facts import command_of, fenced, note_of
from longismore.reports._page.entry import by_rate, make_entries
from longismore.reports._page.head import subtitle_of, title_of
from longismore.reports._page.repeat import entry_facts
from longismore.reports._words import explain
from longismore.reports.tables import markdown_report_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged
    from longismore.reports._page.entry import Entry
    from longismore.reports.winrate import Results

__all__ = ["report_markdown"]


def report_markdown(
    judged: Sequence[Judged],
    results: Sequence[Results],
    *,
    title: str | None = None,
    command: Sequence[str] | None = None,
) -> str:
    """Write the report without figures and pairs; the arguments are those of `report_page`.

    Raises:
        DataError: There are not as many results as comparisons.
    """
    entries = make_entries(judged, results)
    lines = [f"# {markdown_text(title_of(entries, title))}", "", markdown_text(subtitle_of(entries, title)), ""]
    for entry in by_rate(entries):
        lines += _answer(entry, heading=len(entries) > 1)
    lines += [markdown_report_table(judged, results), "## How to repeat", ""]
    for entry in entries:
        lines += _facts(entry)
    if command:
        lines += ["This report:", "", fenced(printable(shlex.join(command))), ""]
    return "\n".join(lines)


def _answer(entry: Entry, *, heading: bool) -> list[str]:
    sentences = explain(entry.results, note=note_of(entry.judged.run))
    title = [f"**{markdown_text(entry.title)}**", ""] if heading else []
    return [*title, *(f"- {markdown_text(sentence)}" for sentence in sentences), ""]


def _facts(entry: Entry) -> list[str]:
    lines = [f"- **{markdown_text(label)}**: {markdown_text(value)}" for label, value in entry_facts(entry)]
    command = command_of(entry.judged.run)
    return [*lines, "", *([] if command is None else [fenced(printable(command)), ""])]
