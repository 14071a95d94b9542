from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from longismore.errors import ConfigError, DataError, SchemaError
from longismore.judges._gold import read_gold, write_gold

if TYPE_CHECKING:
    from pathlib import Path

LINE = {"testset": "koala", "id": "koala_1", "preference": 1}


def lines(folder: Path, *rows: object) -> Path:
    """A file with one row a line."""
    path = folder / "gold.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_labels_are_read_as_they_were_written(tmp_path: Path) -> None:
    """In their order, with shares between 0 and 1."""
    labels = {("koala", "b"): 1.0, ("koala", "a"): 0.0, ("mini", "a"): 0.5, ("mini", "b"): 2 / 3}
    write_gold(tmp_path / "deep" / "gold.jsonl", labels)
    found = read_gold(tmp_path / "deep" / "gold.jsonl")
    assert list(labels.items()) == list(found.items())


def test_line_has_three_fields(tmp_path: Path) -> None:
    """As documented; further fields are passed over when it is read."""
    write_gold(tmp_path / "gold.jsonl", {("koala", "koala_1"): 1.0})
    assert LINE == json.loads((tmp_path / "gold.jsonl").read_text(encoding="utf-8"))
    assert {("koala", "koala_1"): 1.0} == read_gold(lines(tmp_path, LINE | {"who": "three people"}))


def test_data_set_of_llmbar_is_read_in_its_place(tmp_path: Path) -> None:
    """Ids are the rows, and the second output is the candidate."""
    folder = tmp_path / "LLMBar" / "Adversarial" / "Neighbor"
    folder.mkdir(parents=True)
    rows = [{"input": "?", "output_1": "a", "output_2": "b", "label": label} for label in (2, 1, "2")]
    (folder / "dataset.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    testset = "llmbar_adversarial_neighbor"
    assert {(testset, "0"): 1.0, (testset, "1"): 0.0, (testset, "2"): 1.0} == read_gold(folder / "dataset.json")


def test_data_set_elsewhere_must_be_imported_under_a_name(tmp_path: Path) -> None:
    """The test set cannot be known; the message has the command that tells it."""
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps([{"input": "?", "output_1": "a", "output_2": "b", "label": 1}]), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"longismore import .*dataset.json --format llmbar --testset NAME"):
        read_gold(path)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"testset": "koala", "preference": 1}, r'gold.jsonl:1: field "id" must be a string.*missing; found: testset,'),
        (LINE | {"id": 3}, 'field "id" must be a string, as in judgments.jsonl, found 3'),
        (LINE | {"testset": None}, 'field "testset" must be a string, as in judgments.jsonl, found None'),
        (LINE | {"preference": None}, 'field "preference" must be a number from 0 to 1: 1 where the candidate'),
        (LINE | {"preference": 2}, "found 2"),
        (LINE | {"preference": -0.1}, "found -0.1"),
        (LINE | {"preference": True}, "found True"),
        (LINE | {"preference": float("nan")}, "found nan"),
        (LINE | {"preference": "1"}, "found '1'"),
        ({}, "is missing; found: nothing"),
    ],
)
def test_wrong_line_is_named(row: object, problem: str, tmp_path: Path) -> None:
    """With file, line and field; nothing unreadable becomes a number."""
    with pytest.raises(SchemaError, match=problem):
        read_gold(lines(tmp_path, row))


def test_pair_with_two_labels_is_refused(tmp_path: Path) -> None:
    """Both lines are named, even where they say the same."""
    with pytest.raises(SchemaError, match=r"gold.jsonl:3: koala koala_1 stands already in line 1; keep one of them"):
        read_gold(lines(tmp_path, LINE, LINE | {"id": "koala_2"}, LINE))


def test_file_without_labels_is_refused(tmp_path: Path) -> None:
    """An empty file is no agreement with anything."""
    with pytest.raises(SchemaError, match="has no labels; write lines of"):
        read_gold(lines(tmp_path))


def test_missing_file_is_named(tmp_path: Path) -> None:
    """As everywhere."""
    with pytest.raises(DataError, match="no such file"):
        read_gold(tmp_path / "none.jsonl")
