from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore.judges._parse import parse_score_pair

if TYPE_CHECKING:
    from pathlib import Path

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
    "10/10 9.5/10": (10, 9.5),
}
NAMED = {
    "Assistant 1: 8/10\nAssistant 2: 7/10": (8, 7),
    "Assistant 1: 8\nAssistant 2: 7": (8, 7),
    "Assistant 2: 7\nAssistant 1: 8": (8, 7),
    "**Assistant 1:** 8\n**Assistant 2:** 7": (8, 7),
    "**Assistant 1**: **8**\n**Assistant 2**: **7**": (8, 7),
    "- Answer 1: 8.5\n- Answer 2: 7": (8.5, 7),
    "> Response #1 = 8\n> Response #2 = 7": (8, 7),
    "answer 1 - 8\nanswer 2 - 7": (8, 7),
    "ASSISTANT 1: 10\nASSISTANT 2: 0": (10, 0),
    "First, I will solve the problem independently:\n\nx = 5\n\nAssistant 1: 10\nAssistant 2: 4\n\nDone.": (10, 4),
}
UNREADABLE = [
    "",
    " \n\t\n ",
    "Both answers have merits, and I would not choose.",
    "The distance between (2, -4) and (10, 4) is 8 times the root of 2. Both are wrong.",
    "First, let's solve the problem independently.\nThe end point is\n(10, 4)\nAssistant 1 is right.",
    "In conclusion, the scores are (1, 5) for Assistant 1 and Assistant 2, respectively.",
    "Output (a)",
    "Output (b) is better.",
    "Output (b) (Note: it follows the instruction)",
    "I cannot provide a judgment of this content.",
    "I'm sorry, but I can't assist with that.",
    "A",
    "Tie",
    "[[8]]",
    "$ERROR$",
    "8",
    "8 7 9",
    "8 7 because the first is longer",
    "Scores: 8 7",
    "11 8",
    "8 11",
    "100 90",
    "10.5 8",
    "-8 7",
    "8 -7",
    "-1 -1",
    "8-7",
    "8/7",
    "8/100 7/100",
    "8. 7. 6.",
    "8..5 7",
    ".5 7",
    "8e1 7",
    "1e400 1e400",
    "nan inf",
    "Assistant 1: 8",
    "Assistant 2: 7",
    "Assistant 1: 8\nAssistant 1: 7",
    "Assistant 1: 8\nAssistant 2: 7\nAssistant 2: 6",
    "Assistant 1: 8\nAssistant 3: 7",
    "Assistant 1: 11\nAssistant 2: 7",
    "Assistant 1: -8\nAssistant 2: -7",
    "Assistant 1: .8\nAssistant 2: .7",
    "Assistant 1/10\nAssistant 2/10",
    "Assistant 12: 8\nAssistant 21: 7",
    "Assistant 1: 2 (incorrect steps and answer)\nAssistant 2: 1 (no steps)",
    "\ud800 8 7",
    "8\x007",
]
HUGE = {
    "digits": "8" * 1_000_000,
    "spaces": "8" + " " * 1_000_000 + "7",
    "spaces before": " " * 1_000_000,
    "stars": "*" * 1_000_000 + "8 7",
    "lines": "\n".join(["8 " * 100] * 5_000),
    "short lines": "answer 1\n" * 110_000,
    "named without end": ("assistant 1" + ":" * 180 + "\n") * 5_000,
    "hashes": ("#" * 190 + "\n") * 5_000,
    "slashes": ("8 " + "/" * 190 + "\n") * 5_000,
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
    """Two lines that name the answers, with one score each, are read wherever they stand."""
    assert expected == parse_score_pair(text)


@pytest.mark.parametrize("text", UNREADABLE)
def test_anything_else_is_not_read(text: str) -> None:
    """Prose, other protocols, refusals, three numbers and scores out of range give nothing, never a guess."""
    assert parse_score_pair(text) is None


@pytest.mark.parametrize("gap", [1, 150, 300])
def test_line_of_scores_is_short(gap: int) -> None:
    """A line of more than 200 characters is no line of scores, whatever it holds."""
    expected = (8, 7) if gap < 200 else None
    assert expected == parse_score_pair("8" + " " * gap + "7")


def test_first_line_wins_over_named_lines() -> None:
    """Where the first line has two scores, later lines are only reasons."""
    assert (3, 9) == parse_score_pair("3 9\nAssistant 1: 9\nAssistant 2: 3")


def test_first_line_out_of_range_is_not_replaced() -> None:
    """Scores out of range on the first line are no reason to look for others."""
    assert parse_score_pair("80 70\nAssistant 1: 8\nAssistant 2: 7") is None


@pytest.mark.parametrize("name", HUGE)
def test_huge_answers_take_no_time(name: str) -> None:
    """An answer of a megabyte is read in time that grows with its length, not with its square."""
    started = time.process_time()
    parse_score_pair(HUGE[name])
    assert time.process_time() - started < 2.0


@given(st.text())
def test_any_text_gives_scores_in_range_or_nothing(text: str) -> None:
    """No text makes the parser fail, and what it reads lies between 0 and 10."""
    found = parse_score_pair(text)
    assert found is None or all(0 <= score <= 10 for score in found)


@given(
    first=st.decimals(0, 10, places=1),
    second=st.decimals(0, 10, places=1),
    reasons=st.text(),
)
def test_the_protocols_own_answer_is_always_read(first: float, second: float, reasons: str) -> None:
    """Two scores alone on the first line are read whatever follows."""
    assert (float(first), float(second)) == parse_score_pair(f"{first} {second}\n{reasons}")


@pytest.mark.parametrize(
    ("files", "count"),
    [("cherry_5per_vs_alpaca/*_wrap_reviews_*.json", 1592), ("alpagasus2_vs_alpaca2/*-koala.json", 360)],
)
def test_published_reviews_parse_to_their_recorded_scores(data: Path, files: str, count: int) -> None:
    """Every published review of both collections is read, as the scores that were recorded with it."""
    agreeing = total = 0
    for path in sorted((data / "reviews").glob(files)):
        document = json.loads(path.read_text(encoding="utf-8"))
        rows = document["data"] if isinstance(document, dict) else document
        for row in rows:
            for text, scores in (
                ("review", "scores" if "scores" in row else "score"),
                ("review_reverse", "scores_reverse"),
            ):
                if text in row:
                    recorded = json.loads(row[scores]) if isinstance(row[scores], str) else row[scores]
                    total += 1
                    agreeing += parse_score_pair(row[text]) == tuple(recorded)
    assert (count, count) == (total, agreeing)


def test_early_reviews_with_prose_are_read_or_left_alone(data: Path) -> None:
    """Of 320 reviews of March 2023, 39 open with prose; 314 are read, and two of these are recorded wrongly."""
    read, differing = 0, []
    for path in sorted((data / "reviews/vicuna_blog_eval/review").glob("*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found = parse_score_pair(row["text"])
            if found is None:
                continue
            read += 1
            if list(found) != row["score"]:
                differing.append((row["question_id"], found))
    # The text says "Assistant 1: 10" and "Assistant 2: 4" in both, where 10 and 2 were recorded.
    assert (314, [(70, (10.0, 4.0))] * 2) == (read, differing)
