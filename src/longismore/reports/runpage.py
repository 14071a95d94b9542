"""The two pages of a run folder: ``report.md`` to paste, ``report.html`` to read.

Both say the same: the result in words with its warnings, the rates of each test set, what could not be judged, and
how to repeat the run. The HTML page adds the pairs themselves. It is one file that loads nothing: its policy forbids
the network, and its only script and style are named by their hash.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from longismore.reports._escape import markdown_text, printable
from longismore.reports._facts import command_of, facts, note_of, subtitle_of, title_of
from longismore.reports._runpage_html import (
    bars,
    document,
    facts_list,
    missing_table,
    rates_table,
    repeat_section,
    sentences,
)
from longismore.reports._runpage_pairs import pairs_section
from longismore.reports._words import explain
from longismore.reports.table import markdown_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.records import Judgment
    from longismore.reports.winrate import Results

__all__ = ["run_html", "run_markdown"]


def run_markdown(run: Mapping[str, Any], results: Results) -> str:
    """Write ``report.md``.

    Args:
        run: The content of ``run.json``; what it lacks is left out.
        results: What `summarize` gave for the verdicts of the run.
    """
    lines = [f"# {markdown_text(title_of(run))}", "", markdown_text(subtitle_of(run)), ""]
    lines += [f"- {markdown_text(sentence)}" for sentence in explain(results, note=note_of(run))]
    lines += ["", markdown_table(results), "## Run", ""]
    lines += [f"- **{markdown_text(label)}**: {markdown_text(value)}" for label, value in facts(run)]
    command = command_of(run)
    if command is not None:
        lines += ["", "## How to repeat", "", _fenced(printable(command))]
    return "\n".join(lines) + "\n"


def _fenced(code: str) -> str:
    """Fence *code* with more backticks than it has in a row."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{code}\n{fence}"


def run_html(run: Mapping[str, Any], results: Results, judgments: Sequence[Judgment]) -> str:
    """Write ``report.html``: one page that needs no other file and no network.

    Args:
        run: The content of ``run.json``; what it lacks is left out.
        results: What `summarize` gave for the verdicts of the run.
        judgments: The lines of ``judgments.jsonl``; the first 300 pairs are shown.
    """
    body = [
        sentences(explain(results, note=note_of(run))),
        bars(results),
        rates_table(results),
        missing_table(results),
        facts_list(facts(run)),
        repeat_section(command_of(run)),
        pairs_section(judgments),
    ]
    return document(title_of(run), subtitle_of(run), body)
