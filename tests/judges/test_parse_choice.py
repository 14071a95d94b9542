from __future__ import annotations

import math
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore.errors import ConfigError
from longismore.judges._parse_choice import parse_choice, read_letter_probability

FIRST = 1.0
SECOND = 0.0
EQUAL = 0.5
WHOLE_TEXTS = {
    "A": FIRST,
    "B": SECOND,
    "C": EQUAL,
    " A \n": FIRST,
    "\n\nB\r\n": SECOND,
    "A.": FIRST,
    "B.": SECOND,
    "B)": SECOND,
    "A!": FIRST,
    "**A**": FIRST,
    "**A.**": FIRST,
    "**B**.": SECOND,
    "`C`": EQUAL,
    "(A)": FIRST,
    "(b)": SECOND,
    "[B]": SECOND,
    "[[A]]": FIRST,
    "[[B]]": SECOND,
    "[[C]].": EQUAL,
    "1": FIRST,
    "2": SECOND,
    "tie": EQUAL,
    "Tie": EQUAL,
    "TIE.": EQUAL,
    "A tie.": EQUAL,
    "It's a tie.": EQUAL,
    "It is a tie": EQUAL,
    "equal": EQUAL,
    "Equal.": EQUAL,
    "Output (a)": FIRST,
    "Output (b)": SECOND,
    "Output (b).": SECOND,
    "output (A)": FIRST,
    "Answer A": FIRST,
    "Answer 1": FIRST,
    "Response B.": SECOND,
    "Assistant 2": SECOND,
    "Option C": EQUAL,
    "**Answer B**": SECOND,
    "Answer: B": SECOND,
    "Answer:A": FIRST,
    "ANSWER: 2": SECOND,
    "Answer: (b)": SECOND,
    "Answer: Answer 1": FIRST,
    "**Answer:** B": SECOND,
    "**Answer**: B": SECOND,
    "Final answer: tie": EQUAL,
    "Verdict: C": EQUAL,
    "My final verdict is: [[B]]": SECOND,
    "My choice is A.": FIRST,
    "The winner is response 2.": SECOND,
    "The better answer is B": SECOND,
    "A is better.": FIRST,
    "(b) is better": SECOND,
    "**B** is better.": SECOND,
    "Output (b) is better.": SECOND,
    "Answer 1 is better": FIRST,
    "Response A is the better response.": FIRST,
    "A is better than B.": FIRST,
    "Answer 2 is better than answer A.": SECOND,
    "Output (b) (Note: it is shorter, and right.)": SECOND,
    "Output (a) (note: it is shorter,\nand it is right)": FIRST,
    "Output (b) is better. (Note: it was cut here because of": SECOND,
}
WITH_REASONS = {
    "A\n\nThe first one is a good answer, the second is not.": FIRST,
    "B.\nB is better because it is right.": SECOND,
    "2\n\n### Reason: it is right.": SECOND,
    "Tie\n### Reason: 1 and 2 say the same.": EQUAL,
    "C\nNeither A nor B is better.": EQUAL,
    "Output (b) is better.\n\nOutput (a) is wrong.": SECOND,
    "The first one is wrong.\n\n[[B]]": SECOND,
    "The first one is wrong.\nAnswer: B": SECOND,
    "The first one is wrong.\n\n**Verdict:** B": SECOND,
    "The first one is wrong.\nTherefore I decide:\nB is better.": SECOND,
    "A\nIt is right.\n\nFinal answer: A": FIRST,
}
UNREADABLE = [
    "",
    " \n\t ",
    "I cannot provide a verdict on this content.",
    "I'm sorry, but I can't assist with that.",
    "Neither",
    "Neither output is good.",
    "None",
    "both",
    "Both.",
    "Both are equal in that neither is right.",
    "m",
    "M",
    "$ERROR$",
    "The",
    "8 7",
    "8",
    "3",
    "10",
    "D",
    "(c",
    # The article, a list, a heading.
    "A good answer would name the river.",
    "A\u00a0good answer",
    "A (long) answer is not better",
    "A (very) long answer (with a sum)",
    "a",
    "A...",
    "A: it is right.",
    "A, because it is right.",
    "A - it is right",
    "A. Smith is named in both.",
    "A's answer",
    "As",
    "A\u0301",
    "1.",
    "1)",
    "(1)",
    "[[1]]",
    "1. The first one is right.\n2. The second one is wrong.",
    "1.5",
    "# A",
    "Answer A\nThis answer is right, and",
    "**Answer 1**\nThis answer is right, and",
    "Output (a)\n\n- right\n- short",
    "Answer B:",
    "Answer a question",
    "Answer",
    "Answer:",
    "Answer 10",
    "Answer (d)",
    "Output ()",
    # More than one, or in doubt.
    "A or B",
    "A/B",
    "A B",
    "AB",
    "A, B",
    "A and B",
    "1 2",
    "[[A]] [[B]]",
    "[[A]][[B]]",
    "A or B is better",
    "A is better?",
    "A?",
    "A is not better.",
    "A is better, and so is B.",
    "C is better",
    "A tie is better",
    "A\nB",
    "1\n2",
    "Output (a)\nOutput (b)",
    "**A**\nRight.\n**B**\nWrong.",
    "A\nOn reflection, B is better.",
    "A\nStill, response 2 is better.",
    "A\nThe first one is wrong.\nAnswer: B",
    "Output (a) (Note: output (b) is better in style)",
    "A is better.\nB is better.",
    # A last line that may be cut off, or is the solution of the task.
    "The first one is right.\nA",
    "The reasons are these.\n1",
    "The first one is right.\nOutput (b)",
    "Let me see.\nThe answer is C",
    "The answer is B.",
    # What others say.
    'The second one ends with "Answer: B".',
    "It says:\n> Answer: B",
    'It says "\nAnswer: B"',
    "A is better is what it says",
    "A\x00",
    "\ud800A",
    "\uff21",
]
# 100,000 characters at most, so that every line is looked at.
LONG = {
    "letters": "A" * 100_000,
    "spaces": "A" + " " * 99_000 + "x",
    "verdicts": "A\n" * 49_000,
    "named": "Answer A is " * 8_000,
    "nouns": "answer " * 14_000,
    "noun and spaces": "answer" + " " * 99_000,
    "better": "A is better " * 8_000,
    "stars": ("*" * 199 + "\n") * 490,
    "titles": ("my final answer: " * 11 + "\n") * 500,
    "title and stars": ("the winner" + "*" * 180 + "\n") * 500,
    "ties": "it's a " * 14_000,
    "notes": "Output (b) (note" * 6_000,
    "nothing": "\0\ud800" * 50_000,
}


@pytest.mark.parametrize(("text", "expected"), WHOLE_TEXTS.items())
def test_verdict_is_the_whole_text(text: str, expected: float) -> None:
    """A letter, a number or a word for equal is read in every shape that judges write."""
    assert expected == parse_choice(text)


@pytest.mark.parametrize(("text", "expected"), WITH_REASONS.items())
def test_verdict_with_reasons(text: str, expected: float) -> None:
    """A verdict on the first line is read, and one on the last line that says that it is one."""
    assert expected == parse_choice(text)


@pytest.mark.parametrize("text", UNREADABLE)
def test_anything_else_is_not_read(text: str) -> None:
    """Refusals, articles, lists, headings, two letters and contradictions give nothing, never a guess."""
    assert parse_choice(text) is None


def test_verdict_with_long_reasons_is_not_read() -> None:
    """A text of more than 100,000 characters answers no question for a letter."""
    assert (FIRST, None) == (parse_choice("A\n" + "x" * 99_998), parse_choice("A\n" + "x" * 99_999))


@pytest.mark.parametrize("times", [1, 10])
@pytest.mark.parametrize("name", LONG)
def test_long_answers_take_no_time(name: str, times: int) -> None:
    """An answer of a megabyte is read in time that grows with its length, not with its square."""
    started = time.process_time()
    parse_choice(LONG[name] * times)
    assert time.process_time() - started < 2.0


@given(
    st.text() | st.text("ABCabc12()[]*.: \n") | st.lists(st.sampled_from([*WHOLE_TEXTS, *UNREADABLE])).map("\n".join)
)
def test_any_text_is_a_preference_or_nothing(text: str) -> None:
    """No text makes the parser fail, and there are three preferences."""
    assert parse_choice(text) in {FIRST, SECOND, EQUAL, None}


@pytest.mark.parametrize("text", [text for text in (*WHOLE_TEXTS, *WITH_REASONS, *UNREADABLE) if "tie" not in text])
def test_exchanged_letters_exchange_the_answers(text: str) -> None:
    """No letter is preferred: a text with exchanged letters gives the opposite preference."""
    exchanged = re.sub(r"\b[ABab12]\b", lambda letter: letter[0].translate(str.maketrans("ABab12", "BAba21")), text)
    found = parse_choice(text)
    assert parse_choice(exchanged) == (None if found is None else 1.0 - found)


def test_letter_probability_by_hand() -> None:
    """A with 0.3 and B with 0.1 of the probability: 0.3 / 0.4."""
    top = {"A": math.log(0.3), "The": math.log(0.6), "B": math.log(0.1)}
    assert read_letter_probability(top) == pytest.approx(0.75)


def test_spellings_of_a_letter_add_up() -> None:
    """White space and its marks in vocabularies belong to the letter: 0.1 + 0.2 + 0.3 for A, 0.2 for B."""
    top = {"A": math.log(0.1), " A": math.log(0.2), "ĠA": math.log(0.3), "▁B": math.log(0.15), "B\n": math.log(0.05)}
    assert read_letter_probability(top) == pytest.approx(0.75)


@pytest.mark.parametrize("token", ["A", " A", "A ", "\nA", "\t A", "ĠA", "ĊA", "▁A", "▁ A", "\u00a0A"])
def test_token_is_the_letter(token: str) -> None:
    """A letter is one with white space around it, too."""
    assert read_letter_probability({token: -1.0}) == 1.0


@pytest.mark.parametrize("token", ["a", "AA", "A.", "(A", "**A", "As", "Answer", "\u0410", "", " ", "Ġ", "_A", "Á"])
def test_token_is_not_the_letter(token: str) -> None:
    """Lower case, other scripts and letters with anything else are other tokens."""
    assert read_letter_probability({token: -0.1}) is None
    assert read_letter_probability({token: -0.1, "B": -9.0}) == 0.0


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ({}, None),
        ({"The": -0.1}, None),
        ({"A": -5.0}, 1.0),
        ({"B": -5.0, "The": -0.1}, 0.0),
        ({"A": -math.inf}, None),
        ({"A": -math.inf, "B": -math.inf}, None),
        ({"A": -math.inf, "B": -30.0}, 0.0),
        ({"A": math.nan}, None),
        ({"A": math.nan, "B": -1.0}, 0.0),
        ({"A": math.nan, " A": -1.0, "B": -1.0}, 0.5),
        ({"A": math.inf, "B": -1.0}, 0.0),
        ({"A": -5_000.0, "B": -5_000.0}, 0.5),
        ({"A": 0.0, "B": -9_999.0}, 1.0),
        ({"A": 1e300, "B": 0.0}, 1.0),
        ({"A": -1, "B": -1}, 0.5),
    ],
)
def test_letter_probability_at_the_edges(top: dict[str, float], expected: float | None) -> None:
    """A letter that is not listed has no probability; without any there is none to tell."""
    assert expected == read_letter_probability(top)


def test_other_letters() -> None:
    """Other letters may be asked for, and case matters: m and M differ."""
    top = {"m": math.log(0.2), "M": math.log(0.8)}
    assert read_letter_probability(top, "m", "M") == pytest.approx(0.2)


def test_letters_must_differ() -> None:
    """The probability of a letter against itself is a mistake, not 0.5."""
    with pytest.raises(ConfigError, match="the letters of the two answers must differ, both are 'A'"):
        read_letter_probability({"A": -1.0}, "A", "A")


@given(
    st.dictionaries(
        st.sampled_from(["A", " A", "ĠA", "B", "▁B", "C", "a"]), st.floats() | st.floats(max_value=0.0, allow_nan=False)
    )
)
def test_letter_probability_is_one_and_exchanges(top: dict[str, float]) -> None:
    """Whatever a service lists, the result is a probability, and that of the other letter is the rest."""
    first, second = read_letter_probability(top), read_letter_probability(top, "B", "A")
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert 0.0 <= first <= 1.0
        assert first + second == pytest.approx(1.0)
