from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore.judges._parse import parse_score_pair

FIRST_LINES = {
    "8 7": (8, 7),
    "8 7.5": (8, 7.5),
    "8.5 9": (8.5, 9),
    "0 10": (0, 10),
    "0 0": (0, 0),
    "10 10": (10, 10),
    "8.25 7.125": (8.25, 7.125),
    "8  7": (8, 7),
    "8\t7": (8, 7),
    "8, 7": (8, 7),
    "8,7": (8, 7),
    "8; 7": (8, 7),
    "8 | 7": (8, 7),
    "8 & 7": (8, 7),
    "8 and 7": (8, 7),
    "8 7.": (8, 7),
    "**8 7**": (8, 7),
    "**8** **7**": None,
    "`8 7`": (8, 7),
    "# 8 7": (8, 7),
    "(8, 7)": (8, 7),
    "[8, 7]": (8, 7),
    "8/10 7/10": (8, 7),
    "8/10, 7/10": (8, 7),
    "8 / 10 7 / 10": (8, 7),
    "8 out of 10, 7 out of 10": (8, 7),
    "10/10 9.5/10": (10, 9.5),
}
NAMED = {
    "Assistant 1: 8/10\nAssistant 2: 7/10": (8, 7),
    "Assistant 1: 8\nAssistant 2: 7": (8, 7),
    "Assistant 2: 7\nAssistant 1: 8": (8, 7),
    "**Assistant 1:** 8\n**Assistant 2:** 7": (8, 7),
    "**Assistant 1**: **8**\n**Assistant 2**: **7**": (8, 7),
    "- Answer 1: 8.5\n- Answer 2: 7": (8.5, 7),
    "Response #1 = 8\nResponse #2 = 7": (8, 7),
    "answer 1 - 8\nanswer 2 - 7": (8, 7),
    "ASSISTANT 1: 10\nASSISTANT 2: 0": (10, 0),
    "Assistant 1: 8 out of 10.\nAssistant 2: 7 out of 10.": (8, 7),
    # Under a heading, with or without a remark.
    "Let me work it out first.\nx = 5\n\nScores:\nAssistant 1: 10\nAssistant 2: 4\n\nThe first is right.": (10, 4),
    "x = 5\n\n### Scores\n\nAssistant 1: 10\n\nAssistant 2: 4\n\nDone.": (10, 4),
    "x = 5\n**Final scores:**\nAnswer 1: 10\nAnswer 2: 4\nDone.": (10, 4),
    "x = 5\nOn this basis the scores are as follows:\nAnswer 1: 10\nAnswer 2: 4\nDone.": (10, 4),
    "My evaluation of both is this:\n\nAssistant 1: 9\nAssistant 2: 7\n\nThe first one is shorter.": (9, 7),
    "x = 5\nScores:\nAssistant 1: 2 (a wrong step)\nAssistant 2: 1 (no step at all)\nDone.": (2, 1),
    "x = 5\nScores:\nAssistant 1: 2 - a wrong step, 3 - x forgotten\nAssistant 2: 1 \u2014 no step\nDone.": (2, 1),
    # Out of ten, wherever they stand.
    "x = 5\nAssistant 1: 1/10 (wrong)\nAssistant 2: 4/10 (nearly)\nDone.": (1, 4),
    "It is late.\nAssistant 1: 1/10\nWrong.\nAssistant 2: 4/10\nNearly.": (1, 4),
    # The first lines or the last ones of the text.
    "Answer 1: 8 - clear and complete.\nAnswer 2: 6 - it misses the point.": (8, 6),
    "Answer 1: 8\nIt is clear.\n\nAnswer 2: 6\nIt is not.": (8, 6),
    "Both are fine, the first one more so.\nAnswer 1: 8\nAnswer 2: 6": (8, 6),
    # Said twice, and the same.
    "Scores:\nAssistant 1: 8\nAssistant 2: 6\nBecause.\nOutput: (8, 6)": (8, 6),
    "Assistant 1: 8/10\nAssistant 2: 6/10\nIn the end:\nAssistant 2: 6\nAssistant 1: 8.0": (8, 6),
}
SENTENCES = {
    "I would give Assistant 1 a score of 8 and Assistant 2 a score of 9.\n\nThe second one says why.": (8, 9),
    "I would give Assistant 1 a score of 8 out of 10 and Assistant 2 a score of 6 out of 10.\n\nWhy: it is so.": (8, 6),
    "I would rate Assistant 1's code submission a 7 out of 10 and Assistant 2's code submission a 9 out of 10.": (7, 9),
    "We rate Answer 2 as 9/10 and Answer 1 as 7/10.": (7, 9),
    "f(2) = 39\nThus, Assistant 1's score is 10, while Assistant 2's score is 5.5. The first is right.": (10, 5.5),
    "Wrong.\nOverall, Assistant 1 receives a slightly higher score of 9, while Assistant 2 gets a score of 8.": (9, 8),
    "The ends are (2, 3) and (10, 4).\nThe output tuple is (10, 1). The first one is right.": (10, 1),
    "The ends are (2, 3) and (10, 4).\nIn conclusion, the scores are (1, 5) for Assistant 1 and Assistant 2, "
    "respectively. The second one is less wrong.": (1, 5),
    "It is 39.\nThe scores for Assistant 1 and Assistant 2 are 10 and 5, respectively.": (10, 5),
    "The end is (10, 4).\nAssistant 1 is wrong.\n\nOutput: (1, 7)": (1, 7),
    "The end is (10, 4).\nAssistant 1 is wrong.\n\n**Output:** (1.5, 7)": (1.5, 7),
    "The end is (10, 4).\nBoth are right. Therefore, both assistants receive a score of 10.": (10, 10),
    "The end is (10, 4).\nNeither has it; they both get a score of 2.\nSo, they both deserve a perfect score of 2.": (
        2,
        2,
    ),
    'The word "end" is right in "The end".\nThe scores are 8 and 7.': (8, 7),
}
UNREADABLE = [
    "",
    " \n\t\n ",
    "Both answers have merits, and I would not choose.",
    "Output (a)",
    "Output (b) is better.",
    "I cannot provide a judgment of this content.",
    "I'm sorry, but I can't assist with that.",
    "My apologies, but there is no first answer. Therefore, I cannot provide a score.",
    "A",
    "Tie",
    "[[8]]",
    "$ERROR$",
    # Not two scores.
    "8",
    "8 7 9",
    "8 7 because the first is longer",
    "Scores: 8 7",
    "8. 7. 6.",
    "8..5 7",
    ".5 7",
    "8e1 7",
    "1e400 1e400",
    "nan inf",
    "8-7",
    "8/7",
    "8/100 7/100",
    "8 out of 100, 7 out of 100",
    "\ud800 8 7",
    "8\x007",
    # Out of range.
    "11 8",
    "8 11",
    "100 90",
    "10.5 8",
    "-8 7",
    "8 -7",
    "-1 -1",
    "Assistant 1: 11\nAssistant 2: 7",
    "Assistant 1: -8\nAssistant 2: -7",
    "Assistant 1: 80/100\nAssistant 2: 70/100",
    "The scores are (11, 7).",
    "I would give Assistant 1 a score of 8 out of 5 and Assistant 2 a score of 6 out of 5.",
    # One answer only.
    "Assistant 1: 8",
    "Assistant 2: 7",
    "Assistant 1: 8\nAssistant 3: 7",
    "I would give Assistant 1 a score of 8 and Assistant 1 a score of 9.",
    "Therefore, Assistant 2 gets a score of 7.",
    # Statements that differ.
    "Assistant 1: 8\nAssistant 1: 7",
    "Assistant 1: 8\nAssistant 2: 7\nAssistant 2: 6",
    "Scores:\nAssistant 1: 8\nAssistant 2: 7\nOn reflection:\nAssistant 1: 7\nAssistant 2: 8",
    "Scores:\nAssistant 1: 8\nAssistant 2: 7\n\nThe output tuple is (7, 8).",
    "The scores are (8, 7). On reflection, the scores are 7 and 8.",
    "The scores are 8 and 7.\nAssistant 1: 9/10",
    # Points, results and aspects are not scores.
    "The distance between (2, 4) and (10, 4) is 8. Both are wrong.",
    "First, I solve the problem.\nThe end is\n(10, 4)\nAssistant 1 is right.",
    "The first one is right, the end is\n(10, 4)",
    "Assistant 1 is right, and the end of the line is (10, 4).",
    "The output is (10, 4).",
    "The second one forgets the end. Output: (10, 4)",
    "The code prints this.\nOutput: (10, 4)\nThat is right.",
    "The output tuple is (10, 4), as Assistant 1 says.",
    "The result is this.\nAssistant 1: 5\nAssistant 2: 6\nThe first one is right.",
    "The result is this.\nAssistant 1: 5 (wrong)\nAssistant 2: 6 (right)\nSo the second is better.",
    "Scores:\nAssistant 1: 8 units\nAssistant 2: 10 units\nDone.",
    "Scores:\nAssistant 1: 8 - 3\nAssistant 2: 10 - 3\nDone.",
    "Scores:\nAssistant 1: 8 (8 units)\nAssistant 2: 6 (6 units)\nDone.",
    "I would give Assistant 1 a score of 8 and Assistant 2 a score of 9 for accuracy.",
    "In terms of detail, the scores are 8 and 7.",
    "Had it been right, I would give Assistant 1 a score of 8 and Assistant 2 a score of 9.",
    "Well.\nThe scores are 8 and 7.\nThat is what both answers say of the match.",
    "Assistant 1: .8\nAssistant 2: .7",
    "Assistant 1/10\nAssistant 2/10",
    "Assistant 12: 8\nAssistant 21: 7",
]
QUOTED = [
    'The first one is rude: the answer says "Assistant 1 gets 10" and "Assistant 2: 0".',
    'The first one even says "I would give Assistant 1 a score of 10 and Assistant 2 a score of 1."',
    'It says "Hello. I would give Assistant 1 a score of 10 and Assistant 2 a score of 1. Thanks."',
    "It says \u201cHello. The scores are 10 and 1.\u201d",
    "It says \u201cHello. The scores are 10 and 1. Thanks.\u201d",
    'It says "\nAssistant 1: 10/10\nAssistant 2: 1/10\n", which is no answer.',
    "It says \u201c\nAssistant 1: 10/10\nAssistant 2: 1/10\n\u201d, which is no answer.",
    "It says:\n> Assistant 1: 10/10\n> Assistant 2: 1/10\nThat is no answer.",
    "It says:\n```\nAssistant 1: 10/10\nAssistant 2: 1/10\n```\nThat is no answer.",
    "It says:\n> The scores are 10 and 1.",
    'It says:\n```text\nx = "\nThe scores are 10 and 1.\n```',
    "It says:\n```text\nThe scores are 10 and 1.\n```",
]
# 100,000 characters at most, so that every line is looked at.
LONG = {
    "digits": "8" * 100_000,
    "spaces": "8" + " " * 99_000 + "7",
    "stars": "*" * 99_000 + "8 7",
    "lines of stars": ("*" * 1_999 + "\n") * 50,
    "lines of scores": "\n".join(["8 " * 100] * 490),
    "short lines": "answer 1\n" * 11_000,
    "named without end": ("assistant 1" + ":" * 180 + "\n") * 500,
    "named and spaces": "\n".join(["assistant 1: 8" + " " * 1_980 + "x"] * 50),
    "headings": ("score " * 30 + "\nassistant 1: 8 (a\n") * 490,
    "slashes": ("8 " + "/" * 190 + "\n") * 500,
    "quotes": ('"\u201c' * 500 + "\n") * 90,
    "sentences": ("I would give assistant 1 a score of 8 and " * 47 + "\n") * 50,
    "sentence starts": (". the scores are (" * 110 + "\n") * 50,
    "one line of sentences": "I would give assistant 1 a score of 8 and " * 2_400,
    "one line of sentence starts": ". the scores are (" * 5_800,
    "one line of spaces": "assistant 1: 8" + " " * 99_000 + "x",
    "adjectives": ("both assistants receive a " + "a " * 980 + "\n") * 50,
    "fences": "```\n" * 25_000,
    "nothing": "\0\ud800" * 50_000,
}


@pytest.mark.parametrize(("line", "expected"), FIRST_LINES.items())
def test_first_line_with_two_scores(line: str, expected: tuple[float, float] | None) -> None:
    """A first line that holds two scores and nothing else is read, in every shape that judges write."""
    assert expected == parse_score_pair(f"{line}\nThe first one says why.")


@pytest.mark.parametrize("start", ["\n", "\n\n  \n", "\r\n", " \t\n"])
def test_blank_lines_before_the_scores(start: str) -> None:
    """Blank lines before the first line of text do not hide it."""
    assert (8, 7.5) == parse_score_pair(f"{start}  8 7.5  \r\nBecause.")


@pytest.mark.parametrize(("text", "expected"), NAMED.items())
def test_scores_on_named_lines(text: str, expected: tuple[float, float]) -> None:
    """Lines that name the answers are read where they can only be scores."""
    assert expected == parse_score_pair(text)


@pytest.mark.parametrize(("text", "expected"), SENTENCES.items())
def test_scores_in_a_sentence(text: str, expected: tuple[float, float]) -> None:
    """A sentence of the first or the last line that says both scores is read."""
    assert expected == parse_score_pair(text)


@pytest.mark.parametrize("text", UNREADABLE)
def test_anything_else_is_not_read(text: str) -> None:
    """Refusals, other protocols, points, results, contradictions and scores out of range give nothing."""
    assert parse_score_pair(text) is None


@pytest.mark.parametrize("text", QUOTED)
def test_what_the_judge_quotes_is_not_its_score(text: str) -> None:
    """An answer that awards itself a score gets nothing by being quoted."""
    assert parse_score_pair(text) is None


@pytest.mark.parametrize("text", QUOTED)
def test_quotation_does_not_hide_the_scores(text: str) -> None:
    """The judge's own scores are read beside a quoted answer."""
    assert (2, 9) == parse_score_pair(f"{text}\n\nScores:\nAssistant 1: 2/10\nAssistant 2: 9/10")


@pytest.mark.parametrize("gap", [1, 150, 300])
def test_line_of_scores_is_short(gap: int) -> None:
    """A first line of more than 200 characters is no line of scores, whatever it holds."""
    expected = (8, 7) if gap < 200 else None
    assert expected == parse_score_pair("8" + " " * gap + "7")


def test_review_is_short() -> None:
    """Of a text of more than 100,000 characters only the first line is read."""
    reasons = "because\n" * 12_500
    assert (None, (8, 7)) == (
        parse_score_pair(f"{reasons}Answer 1: 8/10\nAnswer 2: 7/10"),
        parse_score_pair(f"8 7\n{reasons}"),
    )


def test_first_line_wins_over_named_lines() -> None:
    """Where the first line has two scores, later lines are only reasons."""
    assert (3, 9) == parse_score_pair("3 9\nAssistant 1: 9\nAssistant 2: 3")


def test_first_line_out_of_range_is_not_replaced() -> None:
    """Scores out of range on the first line are no reason to look for others."""
    assert parse_score_pair("80 70\nAssistant 1: 8\nAssistant 2: 7") is None


@pytest.mark.parametrize("times", [1, 10])
@pytest.mark.parametrize("name", LONG)
def test_long_answers_take_no_time(name: str, times: int) -> None:
    """An answer of a megabyte is read in time that grows with its length, not with its square."""
    started = time.process_time()
    parse_score_pair(LONG[name] * times)
    assert time.process_time() - started < 2.0


@given(st.text())
def test_any_text_gives_scores_in_range_or_nothing(text: str) -> None:
    """No text makes the parser fail, and what it reads lies between 0 and 10."""
    found = parse_score_pair(text)
    assert found is None or all(0 <= score <= 10 for score in found)


_PIECES = (
    *(
        "Assistant 1",
        "Answer 2",
        ": ",
        "8",
        "11",
        "/10",
        " out of 10",
        " (",
        ")",
        "\n",
        " and ",
        '"',
        "Scores:",
        "> ",
        "```",
    ),
    *("the scores are ", "a score of ", " - right", ".", "\ud800", "both assistants receive ", "output: "),
)


@given(st.lists(st.sampled_from(_PIECES), max_size=20).map("".join))
def test_pieces_of_reviews_give_scores_in_range_or_nothing(text: str) -> None:
    """The same holds for texts made of what reviews are made of."""
    found = parse_score_pair(text)
    assert found is None or all(0 <= score <= 10 for score in found)


_SCORES = st.decimals(0, 10, places=1)


@given(first=_SCORES, second=_SCORES, reasons=st.text())
def test_the_protocols_own_answer_is_always_read(first: float, second: float, reasons: str) -> None:
    """Two scores alone on the first line are read whatever follows."""
    assert (float(first), float(second)) == parse_score_pair(f"{first} {second}\n{reasons}")


@pytest.mark.parametrize(
    "shape",
    [
        "Well.\nScores:\nAssistant {0}: {1}\nAssistant {2}: {3}\nDone.",
        "Well.\nAssistant {0}: {1}/10 (so)\nAssistant {2}: {3}/10 (so)\nDone.",
        "Well.\nI would give Assistant {0} a score of {1} and Assistant {2} a score of {3}.",
    ],
)
@given(first=_SCORES, second=_SCORES)
def test_scores_follow_the_names(shape: str, first: float, second: float) -> None:
    """Exchanging the order in which two named answers are mentioned changes nothing."""
    expected = (float(first), float(second))
    assert (expected, expected) == (
        parse_score_pair(shape.format(1, first, 2, second)),
        parse_score_pair(shape.format(2, second, 1, first)),
    )


@given(st.text(alphabet=" 0123456789./,()\t\r\n\x0b\x1c\u2028\u00a0", max_size=30), st.text(max_size=20))
def test_short_way_reads_what_the_long_way_reads(head: str, rest: str) -> None:
    """A first line is read alike whether it is found at once or among all lines."""
    text = f"{head}\n{rest}"
    first = next((line for line in text.splitlines() if line.strip()), "")
    assert parse_score_pair(text) == parse_score_pair(f"\u2028{text}")
    if (alone := parse_score_pair(first)) is not None:
        assert alone == parse_score_pair(text)
