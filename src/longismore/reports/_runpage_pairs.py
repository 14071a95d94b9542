"""The pairs of ``report.html``: prompt, both answers and what the judge wrote. Every text goes through `html_text`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.records import Order, Outcome, Status
from longismore.reports._escape import html_text, name_text
from longismore.reports._words import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longismore.records import Judgment

__all__ = ["pairs_section"]

_PAIRS = 300
_CHARS = 20_000
"""Of one text: a single endless answer must not make the page unreadable."""
_START = 160
"""Characters of the prompt on the closed line."""

_EVEN = 0.5
_ORDERS = {Order.REFERENCE_FIRST: "reference first", Order.CANDIDATE_FIRST: "candidate first"}


def pairs_section(judgments: Sequence[Judgment]) -> str:
    """Show the first 300 pairs, closed, with a filter; say how many are left out."""
    if not judgments:
        return ""
    pairs: dict[tuple[str, str], list[Judgment]] = {}
    for judgment in judgments:
        pairs.setdefault((judgment.testset, judgment.id), []).append(judgment)
    shown = list(pairs.values())[:_PAIRS]
    left_out = len(pairs) - len(shown)
    counted = (
        f"The first {len(shown)} of {len(pairs)} pairs; {left_out} are left out here. judgments.jsonl has all."
        if left_out
        else f"All {len(pairs)} pairs; they are in judgments.jsonl too."
    )
    return (
        f'<h2>Pairs</h2><p class="soft">{counted} Each mark is what the judge said of the candidate, first with the '
        "reference shown first, then with the candidate shown first.</p>"
        '<input id="filter" type="search" placeholder="show pairs that contain ..." aria-label="filter the pairs" '
        f"hidden>{''.join(_pair(calls) for calls in shown)}"
    )


def _pair(calls: Sequence[Judgment]) -> str:
    calls = sorted(calls, key=lambda call: call.order is Order.CANDIDATE_FIRST)
    first = calls[0]
    sides = "".join(
        f"<div><h3>{side}: <bdi>{html_text(name_text(answer.model) or '(no name)')}</bdi>, "
        f"{len(answer.output)} characters</h3>{_text(answer.output)}</div>"
        for side, answer in (("reference", first.reference), ("candidate", first.candidate))
    )
    name, start = name_text(f"{first.testset} {first.id}"), name_text(first.prompt[:_START], _START)
    return (
        f'<details class="pair"><summary><span class="name">{html_text(name)}</span>'
        f'<span class="start"><bdi>{html_text(start)}</bdi></span>'
        f'<span class="orders">{"".join(_chip(call) for call in calls)}</span></summary>'
        f"<h3>prompt</h3>{_text(first.prompt)}"
        f'<div class="sides">{sides}</div>{_completions(calls)}</details>'
    )


def _chip(call: Judgment) -> str:
    said = _said(call)
    kind = said if said in set(Outcome) else "none"
    return f'<span class="chip {kind}" title="{_ORDERS[call.order]}">{said}</span>'


def _said(call: Judgment) -> str:
    """Give what one call says of the candidate, or why it says nothing."""
    if call.status is not Status.JUDGED or call.preference is None:
        return call.status.value
    if call.preference == _EVEN:
        return Outcome.TIE.value
    return Outcome.WIN.value if call.preference > _EVEN else Outcome.LOSE.value


def _completions(calls: Iterable[Judgment]) -> str:
    return "".join(
        f"<details><summary>judge, {_ORDERS[call.order]}: {_said(call)}{_scores(call)}</summary>"
        f"{_text(call.completion or 'no text')}</details>"
        for call in calls
    )


def _scores(call: Judgment) -> str:
    if call.score_reference is not None and call.score_candidate is not None:
        return f", scores: reference {call.score_reference:g}, candidate {call.score_candidate:g}"
    if call.preference is not None:
        return f", preference {number(call.preference, 2)}"
    return ""


def _text(text: str) -> str:
    """Show *text* as it is, with the direction of its own script."""
    cut = len(text) - _CHARS
    more = f'<p class="soft">{cut} more characters are in judgments.jsonl.</p>' if cut > 0 else ""
    shown = html_text(text[:_CHARS]) if text.strip() else "(only white space)" if text else "(empty)"
    start = "\n" if shown.startswith("\n") else ""  # HTML drops the first one
    return f'<pre dir="auto">{start}{shown}</pre>{more}'
