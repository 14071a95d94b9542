"""The two pages of a run folder: ``report.md`` to paste, ``report.html`` to read.

Both say the same: the result in words with its warnings, the rates of each test set, what could not be judged, and
how to repeat the run. The HTML page is that of ``longismore report`` for this one run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longismore.records import Judged, Order, Outcome, Verdict
from longismore.reports._escape import markdown_text, printable
from longismore.reports._facts import command_of, facts, fenced, names_of, note_of, subtitle_of, title_of
from longismore.reports._words import explain
from longismore.reports.table import markdown_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.records import Judgment
    from longismore.reports.winrate import Results

__all__ = ["run_html", "run_markdown"]

_EVEN = 0.5


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


def run_html(run: Mapping[str, Any], results: Results, judgments: Sequence[Judgment]) -> str:
    """Write ``report.html``: one page that needs no other file and no network.

    Args:
        run: The content of ``run.json``; what it lacks is left out.
        results: What `summarize` gave for the verdicts of the run.
        judgments: The lines of ``judgments.jsonl``.
    """
    candidate, reference, judge = names_of(run)
    pairs: dict[tuple[str, str], dict[Order, Judgment]] = {}
    for judgment in judgments:
        pairs.setdefault((judgment.testset, judgment.id), {})[judgment.order] = judgment
    judged = Judged(
        judge=judge,
        fingerprint=None,
        reference=reference,
        candidate=candidate,
        verdicts=tuple(_verdict(calls) for calls in pairs.values()),
        judgments=tuple(judgments),
        run=run,
    )
    # Imported here: twenty modules that nobody needs before there is a page.
    from longismore.reports.page import report_page

    return report_page([judged], [results])


def _verdict(calls: Mapping[Order, Judgment]) -> Verdict:
    """Combine both orders of a pair, by the rule of `longismore.judges`, a room that this one does not enter."""
    pair = next(iter(calls.values()))
    made = [calls.get(order) for order in Order]
    statuses = [None if call is None else call.status for call in made]
    first, second = (None if call is None else call.preference for call in made)
    return Verdict(
        id=pair.id,
        testset=pair.testset,
        prompt=pair.prompt,
        reference_chars=len(pair.reference.output),
        candidate_chars=len(pair.candidate.output),
        reference_is_empty=not pair.reference.output.strip(),
        candidate_is_empty=not pair.candidate.output.strip(),
        statuses=(statuses[0], statuses[1]),
        preferences=(first, second),
        outcome=None if first is None or second is None else _outcome(first, second),
    )


def _outcome(first: float, second: float) -> Outcome:
    signed = (first > _EVEN) - (first < _EVEN) + (second > _EVEN) - (second < _EVEN)
    if signed == 0:
        return Outcome.TIE
    return Outcome.WIN if signed > 0 else Outcome.LOSE
