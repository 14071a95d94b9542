"""The pages of a run folder: complete, safe with any text, and without a network."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from longismore.records import Answer, Judgment, Order, Status
from longismore.reports import run_html, run_markdown, summarize
from longismore.reports._facts import facts

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
EVIL = "</pre><script>alert(1)</script>'\"& \x00\x1b\ud800 \u202eabc"


class _Tags(HTMLParser):
    """Check that elements close in order, and collect them with their attributes."""

    VOID = frozenset({"meta", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()


def _parse(page: str) -> _Tags:
    tags = _Tags()
    tags.feed(page)
    tags.close()
    assert [] == tags.open
    return tags


def _judgment(number: int = 0, *, order: Order = Order.REFERENCE_FIRST, **fields: Any) -> Judgment:
    known: dict[str, Any] = {
        "id": str(number),
        "testset": "koala",
        "prompt": f"prompt {number}",
        "reference": Answer("alpaca-52k", "short"),
        "candidate": Answer("longest-1k", "long"),
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
    return summarize([make(1.0, 1.0), make(0.0, None), make(0.5, 0.5, testset="lima")])


def test_the_page_is_well_formed_and_names_everything(results: Results) -> None:
    """Every element closes, and what was compared, by whom and how to repeat it is there."""
    page = run_html(RUN, results, [_judgment(), _judgment(order=Order.CANDIDATE_FIRST)])
    tags = _parse(page)
    assert {"svg", "table", "details", "dl"} <= {tag for tag, _ in tags.seen}
    for text in (
        "longest-1k against alpaca-52k, judged by gpt-4.1",
        "longest-1k, from outputs/b.json, sha256 4104",
        "gpt-4.1, spec openai/gpt-4.1, fingerprint 9f2c",
        "<dt>test set koala</dt><dd>version 1, 2 of 180 prompts compared</dd>",
        "<dt>test set own</dt><dd>3 pairs</dd>",
        "<dt>test set odd</dt><dd>as it is</dd>",
        "longismore 0.1.0, python 3.11",
        "<dt>seeds</dt><dd>1, 2</dd>",
        "longismore judge --name &#x27;two words&#x27;",
        "judge, candidate first: win, preference 1.00",
    ):
        assert text in page


def test_the_page_asks_for_nothing_from_outside(results: Results) -> None:
    """No address, no source, no style or script of its own other than those that its policy names by hash."""
    page = run_html(RUN, results, [_judgment()])
    tags = _parse(page)
    (policy,) = [attrs["content"] for tag, attrs in tags.seen if "http-equiv" in attrs]
    for tag in ("style", "script"):
        ((text),) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in str(policy)
    assert str(policy).startswith("default-src 'none'")
    names = {name for _, attrs in tags.seen for name in attrs}
    assert set() == names & {"src", "href", "style", "onclick", "action"}
    assert "http" not in page.replace("http-equiv", "")


def test_text_from_outside_cannot_leave_its_place(make: Callable[..., Verdict]) -> None:
    """Markup, control characters and half characters in any field are shown as text that UTF-8 can hold."""
    run = {
        "name": EVIL,
        "judge": {"name": EVIL, "note": EVIL},
        "reference": {"model": EVIL, "source": EVIL},
        "testsets": {EVIL: {"version": EVIL}},
        "command": EVIL,
        "versions": {EVIL: EVIL},
    }
    judgment = _judgment(
        id=EVIL,
        testset=EVIL,
        prompt=EVIL,
        reference=Answer(EVIL, EVIL),
        candidate=Answer(EVIL, EVIL),
        completion=EVIL,
    )
    page = run_html(run, summarize([make(1.0, 1.0, testset=EVIL)]), [judgment])
    tags = _parse(page)
    assert 1 == sum(tag == "script" for tag, _ in tags.seen)
    assert page == page.encode().decode()
    assert [] == re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f]", page)


def test_only_the_first_300_pairs_are_shown_and_the_rest_is_counted(results: Results) -> None:
    """Of 302 pairs two are left out, and the page says where they are."""
    judgments = [_judgment(number) for number in range(302)]
    page = run_html(RUN, results, judgments)
    assert 300 == page.count('<details class="pair">')
    assert "The first 300 of 302 pairs; 2 are left out here. judgments.jsonl has all." in page
    assert "All 300 pairs" in run_html(RUN, results, judgments[:300])


def test_an_endless_answer_is_cut_and_the_cut_is_said(results: Results) -> None:
    """The page shows 20,000 characters of one text and counts the others."""
    page = run_html(RUN, results, [_judgment(candidate=Answer("longest-1k", "x" * 20_005))])
    assert "x" * 20_000 + "</pre>" in page
    assert "5 more characters are in judgments.jsonl." in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"preference": 1.0, "score_reference": 7.0, "score_candidate": 8.5},
            "win, scores: reference 7, candidate 8.5",
        ),
        ({"preference": 0.5}, "tie, preference 0.50"),
        ({"preference": 0.25}, "lose, preference 0.25"),
        ({"preference": None, "status": Status.UNPARSED}, "unparsed"),
        ({"preference": None, "status": Status.FAILED, "completion": None}, "failed"),
    ],
)
def test_each_call_says_what_the_judge_said(results: Results, fields: dict[str, Any], said: str) -> None:
    """A call is a win, a tie or a loss of the candidate, or says why it is none."""
    page = run_html(RUN, results, [_judgment(**fields)])
    assert f"<summary>judge, reference first: {said}</summary>" in page


def test_an_empty_answer_is_called_empty(results: Results) -> None:
    """Nothing is shown as nothing on purpose, not as a hole in the page."""
    page = run_html(RUN, results, [_judgment(reference=Answer("alpaca-52k", ""))])
    assert 'alpaca-52k</bdi>, 0 characters</h3><pre dir="auto">(empty)</pre>' in page


def test_a_run_that_says_little_still_has_its_pages() -> None:
    """Without a single fact, pair or judgment both pages are written and say that there is no result."""
    nothing = summarize([])
    for page in (run_html({}, nothing, []), run_markdown({}, nothing)):
        assert "no pair was judged in both orders" in page
        assert "an unnamed judge" in page
        assert "None" not in page
    _parse(run_html({}, nothing, []))


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
