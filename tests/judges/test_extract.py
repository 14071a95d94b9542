"""The better response in a model's text: every shape that was seen, and the defects of published code."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore.judges._extract import Extraction, extract_response, has_mark

CODE = "0123456789ab"
FOUND = {
    "Too short.\n\n[Better Answer]\nBetter.\n[End]": "Better.",
    "1. Too short. 2. [Better Answer] Better. [End]": "Better.",
    "[Better Answer] Better. [End]\n\nI hope that helps.": "Better.",
    "[Better Answer]Better.[End]": "Better.",
    "[Revised Answer] Better. [End]": "Better.",
    "[Improved Answer] Better. [End]": "Better.",
    "[Better Response] Better. [End]": "Better.",
    "[BETTER ANSWER] Better. [END]": "Better.",
    "[ Better  Answer ] Better. [ End ]": "Better.",
    "[Better Answer]: Better. [End]": "Better.",
    "**[Better Answer]**\nBetter.\n**[End]**": "Better.",
    "**[Better Answer]:** Better. **[End]**": "Better.",
    "### [Better Answer]\nBetter.\n### [End]": "Better.",
    "`[Better Answer]` Better. `[End]`": "Better.",
    "[Better Answer]\nBetter.\n[/Better Answer]": "Better.",
    "[Better Answer]\nBetter.\n[End of Better Answer]": "Better.",
    "[Better Answer]\nBetter.\n[End of the Better Answer]": "Better.",
    "[Better Answer]\nBetter.\n[End]\n[End]": "Better.",
    "[Better Answer]\r\nBetter.\r\n[End]\r\n": "Better.",
    "[Better Answer]\n- a\n\n- b\n\n[End]": "- a\n\n- b",
    "[Better Answer] **Bold**[End]": "**Bold**",
    "[Better Answer]\n**Bold** and *more*\n[End]": "**Bold** and *more*",
    # Published code cuts here at the word.
    "[Better Answer] Endangered animals. In the End, few are left. [End]": (
        "Endangered animals. In the End, few are left."
    ),
    "[Better Answer] The End\n[End]": "The End",
    # Code keeps the indentation of its first line.
    "[Better Answer]\n\n    if x:\n        y\n[End]": "    if x:\n        y",
    "<think>[Better Answer] no [End]</think>[Better Answer] Better. [End]": "Better.",
    "[Better Answer] [link](end) and [end of story] [End]": "[link](end) and [end of story]",
}
NOT_FOUND = {
    "": Extraction.UNMARKED,
    "It is fine as it is.": Extraction.UNMARKED,
    "Better Answer: x [End]": Extraction.UNMARKED,
    "[Better Answer](x) [End": Extraction.END_MISSING,
    "<think>[Better Answer] x [End]": Extraction.UNMARKED,
    "[Better Answer] a [End] [Better Answer] b [End]": Extraction.SEVERAL,
    "[Better Answer] a [Better Answer] b [End]": Extraction.SEVERAL,
    "[Better Answer] a [End] [Revised Answer] b [End]": Extraction.SEVERAL,
    "I will write a [Better Answer]:\n[Better Answer] a [End]": Extraction.SEVERAL,
    "[Better Answer] a [End] b [End]": Extraction.SEVERAL,
    "[Better Answer] [End]": Extraction.EMPTY,
    "[Better Answer]\n\n \n[End]": Extraction.EMPTY,
    f"[Better Answer]\nBEGIN response {CODE}\na\nEND response {CODE}\n[End]": Extraction.LEAKED,
    f"[Better Answer]\n(The code is {CODE}.)\n[End]": Extraction.LEAKED,
}


@pytest.mark.parametrize("was_cut", [True, False, None])
@pytest.mark.parametrize(("text", "expected"), FOUND.items())
def test_better_responses_are_found(text: str, expected: str, was_cut: bool | None) -> None:
    """With both marks there, nobody needs to know whether the rest was cut off."""
    status, response, _ = extract_response(text, was_cut=was_cut, code=CODE)
    assert (Extraction.FOUND, expected) == (status, response)


@pytest.mark.parametrize(("text", "status"), NOT_FOUND.items())
def test_whatever_is_not_certain_is_no_response(text: str, status: Extraction) -> None:
    """It has a reason instead, by which it is counted."""
    assert (status, None) == extract_response(text, was_cut=None, code=CODE)[:2]


@pytest.mark.parametrize(
    ("was_cut", "status", "expected"),
    [
        (False, Extraction.WITHOUT_END, "Half a sen"),
        (True, Extraction.CUT, None),
        (None, Extraction.END_MISSING, None),
    ],
)
def test_without_an_end_mark_the_tokens_decide(was_cut: bool | None, status: Extraction, expected: str | None) -> None:
    """A response that was cut off in the middle is not taken for whole; one that ended by itself is."""
    assert (status, expected) == extract_response("[Better Answer] Half a sen", was_cut=was_cut, code=CODE)[:2]


def test_a_critique_that_never_ended_is_cut_off() -> None:
    """And not a model that did not know the marks."""
    assert Extraction.CUT is extract_response("It is bad, since", was_cut=True, code=CODE)[0]


def test_the_critique_is_what_stands_before() -> None:
    """Without the dress of the mark; where there is no response, all is critique."""
    text = "Helpfulness: low.\n\n**[Better Answer]** x **[End]** Done."
    assert "Helpfulness: low." == extract_response(text, was_cut=False, code=CODE)[2]
    assert "It is fine." == extract_response("It is fine.\n", was_cut=False, code=CODE)[2]


def test_marks_with_the_code_are_told_from_those_in_the_text() -> None:
    """A response that speaks of marks keeps them, if its own marks carry the code of the call."""
    text = f"[Better Answer {CODE}]\nWrite [Better Answer], then [End].\n[End {CODE}]"
    found = extract_response(text, was_cut=False, code=CODE, in_marks=True)
    assert (Extraction.FOUND, "Write [Better Answer], then [End].") == found[:2]
    plain = extract_response("[Better Answer] x [End]", was_cut=False, code=CODE, in_marks=True)
    assert Extraction.UNMARKED is plain[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[End]", True),
        ("a [better answer] b", True),
        ("[/Revised Answer]", True),
        ("the End", False),
        ("[ending]", False),
    ],
)
def test_marks_in_a_text_are_seen(text: str, expected: bool) -> None:
    """In any dress that would be read as one."""
    assert expected == has_mark(text)


@given(st.text(alphabet="[]BeterAnswEd \n*`/of", max_size=80), st.sampled_from([True, False, None]))
def test_a_response_is_there_exactly_where_the_status_says_so(text: str, was_cut: bool | None) -> None:
    """And is never empty or outside of the text."""
    status, response, _ = extract_response(f"{text}[Better Answer]{text}", was_cut=was_cut, code=CODE)
    assert (status in {Extraction.FOUND, Extraction.WITHOUT_END}) == (response is not None)
    assert response is None or (response.strip() and response in text)


@pytest.mark.parametrize(
    "text",
    ["[Better " * 60_000, "[Better Answer]" + "\n " * 60_000, "*_`" * 60_000, "[End" + " " * 200_000, "[/" * 99_000],
)
def test_long_texts_take_no_long_time(text: str) -> None:
    """No pattern is tried over and over."""
    started = time.process_time()
    extract_response(text, was_cut=True, code=CODE)
    assert time.process_time() - started < 2
