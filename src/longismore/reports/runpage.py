"""The two pages of a run folder: ``report.md`` to paste, ``report.html`` to read.

Both say the same: the result in words with its warnings, the rates of each test set, what could not be judged, and
how to repeat the run. The HTML page is that of ``longismore report`` for this one run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longismore.records import Judged
from longismore.reports._escape import markdown_text, printable
from longismore.reports._facts import command_of, facts, fenced, names_of, note_of, subtitle_of, title_of
from longismore.reports._words import explain
from longismore.reports.table import markdown_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.records import Judgment, Verdict
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
        lines += ["", "## How to repeat", "", fenced(printable(command))]
    return "\n".join(lines) + "\n"


def run_html(
    run: Mapping[str, Any], results: Results, judgments: Sequence[Judgment], verdicts: Sequence[Verdict]
) -> str:
    """Write ``report.html``: one page that needs no other file and no network.

    Args:
        run: The content of ``run.json``; what it lacks is left out.
        results: What `summarize` gave for the verdicts of the run.
        judgments: The lines of ``judgments.jsonl``.
        verdicts: What they say together, one a pair.
    """
    candidate, reference, judge = names_of(run)
    judged = Judged(
        judge=judge,
        fingerprint=None,
        reference=reference,
        candidate=candidate,
        verdicts=tuple(verdicts),
        judgments=tuple(judgments),
        run=run,
    )
    # Imported here: twenty modules that nobody needs before there is a page.
    from longismore.reports.page import report_page

    return report_page([judged], [results])
