"""The last part: what was judged, as the page that every comparison gets, with a warning on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.demo._pool import RULES
from longismore.demo._settings import MODELS
from longismore.demo._words import MEANS_NOTHING, QUESTION, WHY, real_steps
from longismore.judged import read_judged
from longismore.reports import summarize_together
from longismore.reports._escape import html_text
from longismore.reports._page.frame import section
from longismore.reports.page import report_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.records import Judged
    from longismore.reports import Results

__all__ = ["demo_page", "read_results"]

_HEADER, _METHOD = "</header>", '<section class="section" id="method">'
"""What the warning stands after, and what else there is to say before; both are written once, and not by models."""


def read_results(judgments: Sequence[Path]) -> tuple[list[Judged], list[Results]]:
    """What every judge said of every comparison, and what follows."""
    judged = read_judged(judgments)
    found: dict[int, Results] = {}
    for judge in dict.fromkeys(each.judge for each in judged):
        places = [place for place, each in enumerate(judged) if each.judge == judge]
        together = summarize_together([judged[place] for place in places])
        found |= dict(zip(places, together, strict=True))
    return judged, [found[place] for place in range(len(judged))]


def demo_page(judged: Sequence[Judged], results: Sequence[Results], command: Sequence[str]) -> str:
    """The page.

    Args:
        judged: What the judges said.
        results: What follows, in the same order.
        command: That makes it.
    """
    page = report_page(judged, results, title=f"Demonstration: {QUESTION[0].lower()}{QUESTION[1:]}", command=command)
    top, header, rest = page.partition(_HEADER)
    body, method, end = rest.partition(_METHOD)
    return f"{top}{header}{_warning()}{body}{_made()}{_real()}{method}{end}"


def _warning() -> str:
    items = "".join(f"<li>{html_text(reason)}</li>" for reason in WHY)
    return (
        f'<p class="answer tie"><strong>{html_text(MEANS_NOTHING)}</strong> <span>What is real is the way from data to '
        f'an answer: <a href="#made">what was made here</a>, and <a href="#real">what to change to make it real</a>.'
        f'</span></p><ul class="notes">{items}</ul>'
    )


def _made() -> str:
    return section(
        "made",
        "What was made here",
        [
            _facts("Models, and the rows that each learned from", MODELS),
            _facts("Rules by which the rows were made", RULES),
        ],
    )


def _facts(title: str, facts: Mapping[str, str]) -> str:
    items = "".join(f"<dt>{html_text(name)}</dt><dd>{html_text(meaning)}</dd>" for name, meaning in facts.items())
    return f'<h3>{html_text(title)}</h3><dl class="facts">{items}</dl>'


def _real() -> str:
    steps = [f"<h3>{html_text(what)}</h3><pre>{html_text(words)}</pre>" for what, words in real_steps().items()]
    return section("real", "What to change to make it real", steps)
