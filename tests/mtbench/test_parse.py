"""What is read out of judgments, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from longismore.mtbench._judgments import rows_of
from longismore.mtbench._parse import parse_rating, parse_verdict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("It is thorough.\n\nRating: [[8]]", 8.0),
        ("Rating: [[8.5]]", 8.5),
        ("Rating: [[10]]", 10.0),
        ("[[7]] It is fine. Rating: [[7.0]]", 7.0),
        ("Rating: [[ 6 ]]", 6.0),
        ("Rating: [5]", 5.0),
        ("**Score**: [5.5]", 5.5),
        # An index or a source is no rating, and neither is a number without brackets.
        ("The loop reads a[3] first.", None),
        ("As [1] says, it is wrong.", None),
        ("Rating: 8", None),
        ("Rating: [[8/10]]", None),
        # Two that differ: which one holds, nobody knows.
        ("[[3]] at first sight, but really [[4]]", None),
        ("Rating: [3], then score: [4]", None),
        # The scale is 1 to 10.
        ("[[0]]", None),
        ("[[11]]", None),
        ("[[100]]", None),
        ("[[rating]]", None),
        ("[[\u0665]]", None),
        ("$ERROR$", None),
        ("", None),
    ],
)
def test_ratings(text: str, rating: float | None) -> None:
    """A number of the scale, if all that is said agrees."""
    assert rating == parse_rating(text)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("A is better. [[A]]", "A"),
        ("[[B]]", "B"),
        ("Both fail. [[C]]", "tie"),
        ("[[A]], as I said: [[A]]", "A"),
        ("[[A]] if facts count, else [[B]]", None),
        ("[A]", None),
        ("[[D]]", None),
        ("", None),
    ],
)
def test_verdicts(text: str, verdict: str | None) -> None:
    """A letter, if all that is said agrees."""
    assert verdict == parse_verdict(text)


def test_long_texts() -> None:
    """A judge that repeats itself for a megabyte says nothing."""
    for text in ("[[" * 500_000, "rating" + "*" * 1_000_000, "[[1" * 300_000):
        assert (None, None) == (parse_rating(text), parse_verdict(text))


def test_published_judgments_read_the_same(data: Path) -> None:
    """Of the 330 rows, 326 have a score, and ours is FastChat's."""
    rows = list(rows_of(data / "reviews" / "mt_bench" / "gpt-4_single-origin.jsonl"))
    scores = [(row.fields["score"], parse_rating(row.text("judgment"))) for row in rows]
    assert 326 == sum(theirs != -1 for theirs, _ in scores)
    assert [None if theirs == -1 else theirs for theirs, _ in scores] == [ours for _, ours in scores]
