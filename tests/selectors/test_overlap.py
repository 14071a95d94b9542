"""Overlaps of selections, and what chance would make of them."""

from __future__ import annotations

import json
import math
import random
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from longismore._jsonl import write_jsonl
from longismore.instructions import open_data
from longismore.selectors._overlap import chance_overlap, overlap
from longismore.selectors._row_keys import row_keys

if TYPE_CHECKING:
    from pathlib import Path


def test_counts_shares_and_jaccard_by_hand() -> None:
    """{1, 2, 3, 4} and {3, 4, 5}: two shared, 2/4 of the first, 2/3 of the second, 2 of 5 in all."""
    found = overlap({"a": {1, 2, 3, 4}, "b": {3, 4, 5}, "c": set()})
    pair = found.between("b", "a")
    assert (2, 2 / 4, 2 / 3, 2 / 5) == (pair.count, pair.of_one, pair.of_other, pair.jaccard)
    assert (pair.chance, pair.verdict) == (None, None)
    empty = found.between("a", "c")
    assert (0, 0.0, None, 0.0) == (empty.count, empty.of_one, empty.of_other, empty.jaccard)
    document = found.to_dict()
    assert json.loads(json.dumps(document)) == document
    assert [[4, 2, 0], [2, 3, 0], [0, 0, 0]] == document["counts"]
    assert [("a", "b"), ("a", "c"), ("b", "c")] == [(pair["one"], pair["other"]) for pair in document["pairs"]]


def test_two_empty_sets_have_no_jaccard() -> None:
    """Nothing over nothing is unknown, and not 0."""
    assert overlap({"a": set(), "b": set()}).pairs[0].jaccard is None


@pytest.mark.parametrize(("one", "other", "pool"), [(3, 2, 5), (4, 7, 10), (1, 1, 1), (10, 10, 40), (5, 20, 20)])
def test_the_range_by_chance_by_hand(one: int, other: int, pool: int) -> None:
    """All ways of drawing counted: the tails beyond the range have at most 2.5% each, and one step more has more."""
    ways = [math.comb(other, count) * math.comb(pool - other, one - count) for count in range(min(one, other) + 1)]
    shares = [Fraction(way, math.comb(pool, one)) for way in ways]
    found = chance_overlap(one, other, pool)
    limit = Fraction(1, 40)
    assert sum(shares[: found.low]) <= limit < sum(shares[: found.low + 1])
    assert sum(shares[found.high + 1 :]) <= limit < sum(shares[found.high :])
    assert math.isclose(found.mean, one * other / pool)


@pytest.mark.slow
def test_the_range_is_that_of_scipy() -> None:
    """For 300 random sizes up to ten millions, but for a tail of exactly 2.5%."""
    hypergeom = pytest.importorskip("scipy.stats").hypergeom
    draw = random.Random(1)
    for _ in range(300):
        pool = draw.choice([draw.randint(3, 500), draw.randint(10_000, 10**7)])
        one, other = (draw.randint(1, min(pool, 20_000)) for _ in range(2))
        found = chance_overlap(one, other, pool)
        expected = tuple(int(hypergeom.ppf(share, pool, one, other)) for share in (0.025, 0.975))
        assert expected == (found.low, found.high), (one, other, pool)


def test_more_and_fewer_than_chance() -> None:
    """Of 1,000 rows two draws of 100 share 10 (5 to 16)."""
    sets = {
        "a": set(range(100)),
        "more": set(range(83, 183)),
        "same": set(range(90, 190)),
        "fewer": set(range(200, 300)),
    }
    found = overlap(sets, pool=1000)
    assert (10.0, 5, 16) == (
        (chance := found.between("a", "same").chance) and chance.mean,
        chance and chance.low,
        chance and chance.high,
    )
    assert ["more", "as many", "fewer"] == [found.between("a", name).verdict for name in ("more", "same", "fewer")]
    assert {"mean": 10.0, "ci": [5, 16]} == found.to_dict()["pairs"][0]["chance"]


def test_nothing_drawn_shares_nothing() -> None:
    """An empty selection has a range of nothing."""
    found = chance_overlap(0, 5, 10)
    assert (0.0, 0, 0) == (found.mean, found.low, found.high)
    assert (10.0, 10, 10) == ((whole := chance_overlap(10, 10, 10)).mean, whole.low, whole.high)


def test_more_than_the_pool_cannot_be_drawn() -> None:
    """A selection that is larger than what it was selected from is somebody's mistake."""
    with pytest.raises(ValueError, match="11 rows cannot be drawn from 10"):
        chance_overlap(11, 2, 10)


def test_rows_are_compared_by_content_or_by_instruction(tmp_path: Path) -> None:
    """White space does not matter for the instruction, nor where the input begins; for the content everything does."""
    write_jsonl(
        tmp_path / "a.jsonl",
        [{"instruction": "add these", "input": "1\n2", "output": "3"}, {"instruction": "hello", "output": "hi"}],
    )
    wrapped = "Some words. ### Instruction: add these ### Input: 1 2"
    turns = [{"from": "human", "value": wrapped}, {"from": "gpt", "value": "three"}]
    write_jsonl(tmp_path / "b.jsonl", [{"conversations": turns}])
    one, other = open_data(tmp_path / "a.jsonl"), open_data(tmp_path / "b.jsonl")
    assert frozenset(row.key for row in one.rows()) == row_keys(one).keys
    ours, theirs = row_keys(one, by="instruction", unwrap=True), row_keys(other, by="instruction", unwrap=True)
    assert (2, 2, 1, 0) == (ours.rows, ours.not_wrapped, theirs.rows, theirs.not_wrapped)
    assert 1 == len(ours.keys & theirs.keys)
    assert not row_keys(one, unwrap=True).keys & row_keys(other, unwrap=True).keys
    assert not row_keys(one, by="instruction").keys & row_keys(other, by="instruction").keys
