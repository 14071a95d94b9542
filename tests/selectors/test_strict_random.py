"""Drawing rows that no other selection took, and saying how far those overlap."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from longismore._jsonl import write_jsonl
from longismore.errors import ConfigError, DataError
from longismore.instructions import open_data
from longismore.selectors import SELECTORS, Work
from longismore.selectors.random import Random
from longismore.selectors.strict_random import StrictRandom

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def records(numbers: Iterable[int]) -> list[dict[str, Any]]:
    """Rows in Alpaca's format; every third has an input."""
    return [
        {"instruction": f"count to {number}", "input": "" if number % 3 else "by ones", "output": f"answer {number}"}
        for number in numbers
    ]


def work(budget: int | None, **options: Any) -> Work:
    """A work without an engine: nothing here is scored."""
    return Work(budget=budget, engine=None, **options)  # type: ignore[arg-type]


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """A pool of 200 rows, and two selections of it that share ten rows, one of them in another format."""
    write_jsonl(tmp_path / "pool.jsonl", records(range(200)))
    write_jsonl(tmp_path / "longest.jsonl", records(range(30)))
    dolly = [
        {"instruction": r["instruction"], "context": r["input"], "response": r["output"]}
        for r in records(range(20, 60))
    ]
    (tmp_path / "rated.json").write_text(json.dumps(dolly), encoding="utf-8")
    return tmp_path / "pool.jsonl"


def test_nothing_that_others_took_is_drawn(pool: Path) -> None:
    """Rows of both selections are left out, whatever their format, and counted once."""
    assert SELECTORS.get("strict_random") is StrictRandom
    exclude = (str(pool.with_name("longest.jsonl")), str(pool.with_name("rated.json")))
    choice = StrictRandom(exclude=exclude).choose(open_data(pool), work(50))
    assert 50 == len(choice.rows)
    assert min(choice.rows) >= 60
    assert {"taken by another selection": 60, "not drawn": 90} == choice.dropped


def test_it_is_random_from_what_is_left(pool: Path, tmp_path: Path) -> None:
    """The same seed and trial draw what ``random`` draws from the data without the excluded rows."""
    left = tmp_path / "left.jsonl"
    write_jsonl(left, records(range(30, 200)))
    exclude = (str(pool.with_name("longest.jsonl")),)
    for seed, trial in ((0, 1), (4, 2)):
        strict = StrictRandom(exclude=exclude, seed=seed, trial=trial).choose(open_data(pool), work(40))
        plain = Random(seed=seed, trial=trial).choose(open_data(left), work(40))
        assert list(strict.rows) == [row + 30 for row in plain.rows]


def test_overlaps_and_what_was_found_are_facts(pool: Path) -> None:
    """A matrix of the new selection and of every other, with Jaccard indices; files have their checksum."""
    paths = [str(pool.with_name(name)) for name in ("longest.jsonl", "rated.json")]
    facts = StrictRandom(exclude=tuple(paths)).choose(open_data(pool), work(50)).facts
    assert json.loads(json.dumps(facts)) == facts
    assert ["this selection", *paths] == facts["overlap"]["names"]
    assert [[50, 0, 0], [0, 30, 10], [0, 10, 40]] == facts["overlap"]["counts"]
    assert [0.0, 0.0, 10 / 60] == [pair["jaccard"] for pair in facts["overlap"]["pairs"]]
    longest, rated = (facts["excluded"][path] for path in paths)
    assert (30, 30, 30) == (longest["rows"], longest["distinct"], longest["found"])
    assert (40, 40, 40) == (rated["rows"], rated["distinct"], rated["found"])
    assert [paths[0]] == list(longest["sha256"])
    assert 64 == len(longest["sha256"][paths[0]])


def test_rows_of_others_that_the_data_lack_are_counted(pool: Path, tmp_path: Path) -> None:
    """A selection of a larger pool, with a copy: its rows, different rows, and those that were found."""
    other = tmp_path / "other.jsonl"
    write_jsonl(other, [*records(range(190, 230)), *records([190])])
    choice = StrictRandom(exclude=(str(other),)).choose(open_data(pool), work(None))
    found = choice.facts["excluded"][str(other)]
    assert (41, 40, 10) == (found["rows"], found["distinct"], found["found"])
    assert list(range(190)) == list(choice.rows)


def test_a_file_of_which_nothing_is_found_is_an_error(pool: Path, tmp_path: Path) -> None:
    """It would exclude nothing, and nobody would notice."""
    other = tmp_path / "other.jsonl"
    write_jsonl(other, records(range(300, 310)))
    exclude = (str(pool.with_name("longest.jsonl")), str(other))
    with pytest.raises(DataError, match=r"other.jsonl: none of its 10 rows is in the data.*convert --unwrap"):
        StrictRandom(exclude=exclude).choose(open_data(pool), work(50))


def test_duplicates_of_what_is_left_are_dropped_too(tmp_path: Path) -> None:
    """Every row has one reason, and the reasons add up."""
    write_jsonl(tmp_path / "pool.jsonl", [*records(range(20)), *records(range(15)), {"instruction": "x", "output": ""}])
    write_jsonl(tmp_path / "taken.jsonl", records(range(5)))
    selector = StrictRandom(exclude=(str(tmp_path / "taken.jsonl"),))
    choice = selector.choose(open_data(tmp_path / "pool.jsonl"), work(7, drop_duplicates=True))
    assert 7 == len(choice.rows)
    assert {
        "empty response": 1,
        "taken by another selection": 10,
        "duplicate of an earlier row": 10,
        "not drawn": 8,
    } == choice.dropped


def test_without_files_it_is_not_strict() -> None:
    """The message says what is missing, beside everything else that is wrong."""
    with pytest.raises(ConfigError) as caught:
        StrictRandom(seed=-1)
    assert 2 == len(caught.value.problems)
    assert "exclude is empty; name the files" in str(caught.value)
    with pytest.raises(ConfigError, match=r'exclude names "a.json" more than once'):
        StrictRandom(exclude=("a.json", "b.json", "a.json"))
