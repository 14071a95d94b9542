"""The pages of a run folder: the report page of one run, and the same to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from longismore.comparison import pair_of
from longismore.judges import combine
from longismore.records import Answer, Judgment, Order, Status
from longismore.reports import run_html, run_markdown, summarize
from longismore.reports._facts import facts
from page_reader import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.records import Verdict
    from longismore.reports import Results

RUN: dict[str, Any] = {
    "name": "longest-vs-52k",
    "created": "2025-01-05T12:00:00Z",
    "status": "complete",
    "judge": {"spec": "openai/gpt-4.1", "name": "gpt-4.1", "fingerprint": "9f2c", "note": None},
    "reference": {"model": "alpaca-52k", "source": "outputs/a.json", "sha256": "2104"},
    "candidate": {"model": "longest-1k", "source": "outputs/b.json", "sha256": "4104"},
    "testsets": {"koala": {"version": 1, "size": 180, "pairs": 2}, "own": {"pairs": 3}, "odd": "as it is"},
    "versions": {"longismore": "0.1.0", "python": "3.11"},
    "command": ["longismore", "judge", "--name", "two words"],
    "seeds": [1, 2],
}


def _judgment(number: int = 0, *, order: Order = Order.REFERENCE_FIRST, **fields: Any) -> Judgment:
    known: dict[str, Any] = {
        "id": str(number),
        "testset": "koala",
        "prompt": f"prompt {number}",
        "reference": Answer("alpaca-52k", "short"),
        "candidate": Answer("longest-1k", "long" + number * "r"),
        "order": order,
        "judge": "gpt-4.1",
        "fingerprint": "9f2c",
        "status": Status.JUDGED,
        "preference": 1.0,
        "completion": "7 8",
    }
    return Judgment(**(known | fields))


@pytest.fixture(name="results", scope="module")
def _results(make: Callable[..., Verdict]) -> Results:
    return summarize([make(1.0, 1.0), make(0.0, None), make(0.5, 0.5, testset="lima")], draws=50)


def test_the_page_names_everything(results: Results) -> None:
    """What was compared, by whom, in which run and how to repeat it is there, and the pairs."""
    judgments = [_judgment(), _judgment(order=Order.CANDIDATE_FIRST)]
    page = Page(run_html(RUN, results, judgments, combine([pair_of(judgments[0])], judgments)))
    assert "longest-1k against alpaca-52k" in page.texts_in("h1")
    assert "judged by gpt-4.1 \N{MIDDLE DOT} longest-vs-52k" in page.texts_in("p")
    assert {
        "longest-1k, from outputs/b.json, sha256 4104",
        "gpt-4.1, spec openai/gpt-4.1, fingerprint 9f2c",
        "version 1, 2 of 180 prompts compared",
        "3 pairs",
        "as it is",
        "longismore 0.1.0, python 3.11",
        "1, 2",
    } <= set(page.texts_in("dd"))
    assert "longismore judge --name 'two words'" in page.texts_in("pre")
    assert ["win", "win"] == [call[0] for call in page.data["pairs"][0]["said"][0][3:]]


def test_a_run_that_says_little_still_has_its_pages() -> None:
    """Without a single fact, pair or judgment both pages are written and say that there is no result."""
    nothing = summarize([])
    for page in (run_html({}, nothing, [], []), run_markdown({}, nothing)):
        assert "no pair was judged in both orders" in page
        assert "an unnamed judge" in page
        assert "None" not in page
    Page(run_html({}, nothing, [], []))


# --- Markdown


def test_markdown_has_result_table_run_and_command(results: Results) -> None:
    """report.md has the sentences, the table, what was compared, and the command in a fence."""
    page = run_markdown(RUN | {"seeds": 7, "versions": None}, results)
    assert page.startswith("# longest-vs-52k\n\nlongest-1k against alpaca-52k, judged by gpt-4.1\n\n- candidate wins")
    assert "| koala | 1 | 1 | 0 | 0 |" in page
    assert "- **seeds**: 7\n" in page
    assert page.endswith("## How to repeat\n\n```sh\nlongismore judge --name 'two words'\n```\n")


def test_markdown_keeps_text_in_its_place(results: Results) -> None:
    """A name cannot become markup, and a command cannot close its fence."""
    page = run_markdown({"name": "a_b_ <b>\n# c", "command": "echo ```` ```"}, results)
    assert page.startswith("# a\\_b\\_ &lt;b&gt; \\# c\n")
    assert page.endswith("`````sh\necho ```` ```\n`````\n")


# --- facts


def test_calls_and_cost_stand_among_the_facts() -> None:
    """What this run has paid, what came out of the store, and what may have been billed besides."""
    usage = {
        "requests_sent": 85, "answered": 60, "from_store": 20, "input_tokens": 1234, "output_tokens": 56,
        "cost_usd": 0.25, "answers_without_cost": 0, "lost_usd_at_most": 0.01,
    }  # fmt: skip
    found = dict(facts({"usage": usage}))
    assert "60 answered now, 20 from the store, 85 requests sent, 1234 tokens in, 56 tokens out" == found["calls"]
    assert "US$ 0.2500 now, and at most US$ 0.0100 for answers that never arrived" == found["cost"]


def test_unknown_cost_is_unknown() -> None:
    """A price that nobody knows is no 0; a judge without calls has no cost to tell."""
    found = dict(facts({"usage": {"answered": 2, "from_store": 0, "cost_usd": None, "lost_usd_at_most": 0.0}}))
    assert "unknown: the price is in no table" == found["cost"]
    assert {"calls", "cost"}.isdisjoint(dict(facts({"usage": {"answered": 0, "from_store": 0, "cost_usd": 0.0}})))
