"""One rating out of a model's text: every shape that was seen, and none that only looks like one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore._rating_text import parse_rating, without_thoughts

READ = {
    "4.5": 4.5,
    "4.0": 4,
    "5.0": 5,
    "5": 5,
    "0": 0,
    "0.5": 0.5,
    "3.75": 3.75,
    "4.5.": 4.5,
    "4.": 4,
    "4)": 4,
    " 4.5 ": 4.5,
    "\n\n4.5\nAll of it is right.": 4.5,
    "4.5\n\nBut 3 of 5 facts lack a source.": 4.5,
    "4.5\r\nWindows.": 4.5,
    "**4.5**": 4.5,
    "`4`": 4,
    "# 4": 4,
    "> 4": 4,
    "(4.5)": 4.5,
    "[[4.5]]": 4.5,
    "4.5/5": 4.5,
    "4.5 / 5": 4.5,
    "4/5.0": 4,
    "4.5 out of 5": 4.5,
    "4 out of five": 4,
    "4 stars": 4,
    "3 points": 3,
    "4.5 - The response is right.": 4.5,
    "4.5: it is right": 4.5,
    "4.5 (good)": 4.5,
    "4.5/5 \u2014 good": 4.5,
    "4 (out of 5)": 4,
    "4 (on a scale of 0 to 5)": 4,
    "4.5 - on the whole right. 10 facts are given.": 4.5,
    "Score: 4 (out of five)": 4,
    "4 - of the 10 facts that it gives, one lacks a source": 4,
    "4.5 (on the whole, all 7 steps are right)": 4.5,
    "Score: 4.5": 4.5,
    "score: 4": 4,
    "Score: 4.5/5": 4.5,
    "Score: 4.5\nThe response is right.": 4.5,
    "**Score:** 4.5": 4.5,
    "**Score**: **4.5**": 4.5,
    "### Score: 4": 4,
    "Rating = 3": 3,
    "Accuracy: 4.5": 4.5,
    "Score (accuracy): 4.5": 4.5,
    "- Accuracy: 4": 4,
    "The response is good.\nScore: 4": 4,
    "Score: 4\nFinal score: 4": 4,
    "The score is 4.5": 4.5,
    "The accuracy score is 4.5.": 4.5,
    "I would rate 4 out of 5": 4,
    "I would rate it 4 out of 5.": 4,
    "I give it a 4.": 4,
    "I'd give the response 3.": 3,
    "We rate it 4.25/5.": 4.25,
    "It gets 3 points.": 3,
    "Overall, 4.5/5": 4.5,
    "The response deserves a score of 4.5.": 4.5,
    "The response deserves a score of 4.5 out of 5 because it is right.": 4.5,
    "The response receives 4/5 for accuracy.": 4,
    "Based on that, I would rate the accuracy of the response as a 4.5 out of 5.": 4.5,
    "On a scale of 0 to 5, I would rate this 4.": 4,
    "It says what it should.\nIt is short.\nI would rate it 4 out of 5.": 4,
    "<think>maybe 3</think>\n4": 4,
}
NOT_READ = [
    "",
    "  \n ",
    "10",
    "6",
    "5.5",
    "45",
    "04",
    "-1",
    "Score: -1",
    "Score: 10",
    "8/10",
    "4/10",
    "4 (out of 10)",
    "Score: 4 (out of 10)",
    "4.5 (out of 10 possible points)",
    "4 - on a scale of 0 to 10",
    "4, on a 10-point scale",
    "4 (on a 1-10 scale)",
    "Score: 4 (out of ten)",
    "Score: 8/10",
    "I would rate it 8 out of 10.",
    "4%",
    "90%",
    "4.5.1",
    "4,5",
    "4, 5",
    "4 5",
    "4 or 5",
    "4-5",
    "4 to 5",
    "5 - 3",
    "I would give it 4.5 or 5.",
    "I would rate it 4, 5.",
    "I would rate it 4,5.",
    "I would rate this on a scale of 0 to 5.",
    "five",
    "N/A",
    "Score: four",
    "Score 4.5",
    "4\u00bd",
    "\u0664",
    "nan",
    "inf",
    "1e0",
    "1. The response is good",
    "Step 3: 4",
    "Number of errors: 2",
    "The answer is 4.",
    "It gets 2 of 5 facts right.",
    "Score: 4\nFinal score: 3",
    "Score: 4\nI would rate it 3 out of 5.",
    'The text says "I would rate 4 out of 5".',
    "The text says \u201cI would rate it 4 out of 5.\u201d",
    "It is a review.\n```\nScore: 4\n```",
    "It quotes:\n> Score: 4",
    "One.\nI would rate it 4 out of 5.\nBut who am I to say.",
    "<think>it is a 3",
]


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_ratings_are_read(text: str, expected: float) -> None:
    """Every shape in which a rating was stated."""
    assert expected == parse_rating(text)


@pytest.mark.parametrize("text", NOT_READ)
def test_nothing_else_becomes_a_number(text: str) -> None:
    """Out of range, another scale, two numbers, a guess: no rating, and never a clipped one."""
    assert parse_rating(text) is None


@pytest.mark.parametrize(("dimension", "expected"), [("accuracy", 4), ("helpfulness", 3), ("", None), ("style", None)])
def test_of_several_dimensions_the_asked_one_counts(dimension: str, expected: float | None) -> None:
    """A model that rates more than it was asked for is understood where it names what was asked."""
    assert expected == parse_rating("Accuracy: 4\nHelpfulness: 3", dimension)


def test_a_dimension_of_any_words_is_a_label() -> None:
    """Lines may name it as the prompt did."""
    assert 2 == parse_rating("Depth of detail: 2/5\nIt is thin.", "depth of detail")
    assert parse_rating("Depth of detail: 2/5\nIt is thin.", "accuracy") is None


def test_thoughts_that_never_end_say_nothing() -> None:
    """What was cut off while the model thought is no answer."""
    assert ("", "4", "4") == (
        without_thoughts("<think>4"), without_thoughts("<think>5</think>4"), without_thoughts("4"),
    )  # fmt: skip


@given(st.text(alphabet='04.5/,-: \n*ScoreI rate it out of<think>"', max_size=60))
def test_whatever_is_read_is_in_range(text: str) -> None:
    """0 to 5 or nothing, for any text."""
    rating = parse_rating(text)
    assert rating is None or 0 <= rating <= 5


@pytest.mark.parametrize(
    "text",
    ["* " * 50_000 + "x", "I would rate " * 7_000, "Score " * 16_000, "(I give it " * 9_000, "score of is as " * 600,
     "a" * 99_999, "I rate " + "a " * 49_000, "4" * 99_000, "Score:" + " " * 90_000 + "x", "overall " * 12_000],
)  # fmt: skip
def test_long_texts_take_no_long_time(text: str) -> None:
    """No pattern is tried over and over: each text takes milliseconds of processor time."""
    started = time.process_time()
    assert parse_rating(text) is None
    assert time.process_time() - started < 2
