from __future__ import annotations

import json
import unicodedata
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from longismore.judges._lexical import lexical_score

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

DATA: Traversable = files("longismore") / "testsets" / "data"
FILES = ["mini.jsonl", "mini_better.json", "mini_longer.json"]
SIZE = 40
# Control, lone surrogate, private use, unassigned, line and paragraph separator.
UNWANTED_CATEGORIES = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}

Row = dict[str, str]


def _prompts() -> list[Row]:
    # Not splitlines(), which also splits at separators that JSON allows inside a text.
    lines = (DATA / "mini.jsonl").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return [json.loads(line) for line in lines]


def _answers(name: str) -> list[Row]:
    rows: list[Row] = json.loads((DATA / f"mini_{name}.json").read_text(encoding="utf-8"))
    return rows


def _lengths(name: str) -> list[int]:
    return [len(row["output"]) for row in _answers(name)]


def _as_shown(prompt: Row) -> str:
    if not prompt["input"]:
        return prompt["instruction"]
    return f"{prompt['instruction']} Input: {prompt['input']}"


def _unwanted(text: str) -> set[str]:
    return {
        character for character in text if character != "\n" and unicodedata.category(character) in UNWANTED_CATEGORIES
    }


def test_ids_are_numbered_in_order() -> None:
    """The set has 40 prompts with the ids mini_0 to mini_39."""
    assert [f"mini_{number}" for number in range(SIZE)] == [row["id"] for row in _prompts()]


def test_prompts_are_distinct() -> None:
    """No prompt occurs twice, not even with other capitals."""
    assert len({_as_shown(row).casefold() for row in _prompts()}) == SIZE


def test_prompts_have_the_documented_keys() -> None:
    """Every line has the four keys, in order, with texts that are not padded with spaces."""
    for row in _prompts():
        assert list(row) == ["id", "instruction", "input", "category"]
        assert [value.strip() for value in row.values()] == list(row.values())
        assert row["instruction"] != ""
        assert row["category"] != ""


def test_some_prompts_have_an_input() -> None:
    """About a quarter of the prompts come with a text to work on."""
    assert sum(row["input"] != "" for row in _prompts()) == 10


@pytest.mark.parametrize("name", ["better", "longer"])
def test_answers_follow_the_prompts(name: str) -> None:
    """Each answer file has one answer a prompt, in order, with the prompt as a judge sees it."""
    expected = [
        {
            "id": row["id"],
            "instruction": _as_shown(row),
            "generator": f"mini-{name}",
            "dataset": "mini",
        }
        for row in _prompts()
    ]
    without_output = [{key: value for key, value in row.items() if key != "output"} for row in _answers(name)]
    assert expected == without_output


@pytest.mark.parametrize("name", ["better", "longer"])
def test_no_answer_is_empty(name: str) -> None:
    """Every answer has text and no white space around it."""
    for row in _answers(name):
        assert row["output"] != ""
        assert row["output"].strip() == row["output"]


def test_answers_differ() -> None:
    """No prompt has the same answer in both files."""
    pairs = zip(_answers("better"), _answers("longer"), strict=True)
    assert all(better["output"] != longer["output"] for better, longer in pairs)


def test_longer_answers_are_longer_on_average() -> None:
    """The mean length of the longer answers is 1.5 to 3 times that of the better ones."""
    assert 1.5 <= sum(_lengths("longer")) / sum(_lengths("better")) <= 3.0


def test_some_longer_answers_are_shorter() -> None:
    """The lengths overlap: a few answers of the longer file are shorter, at most 15 percent."""
    pairs = zip(_lengths("better"), _lengths("longer"), strict=True)
    shorter = sum(longer < better for better, longer in pairs)
    assert 1 <= shorter <= 0.15 * SIZE


def test_lexical_score_prefers_most_better_answers() -> None:
    """The heuristic sides with the better answer in most items, but not in all of them."""
    pairs = zip(_answers("better"), _answers("longer"), strict=True)
    preferred = sum(
        lexical_score(better["instruction"], better["output"]) > lexical_score(longer["instruction"], longer["output"])
        for better, longer in pairs
    )
    assert 0.7 * SIZE <= preferred <= 0.85 * SIZE


@pytest.mark.parametrize("name", FILES)
def test_file_is_clean_utf8_text(name: str) -> None:
    """Each file is valid UTF-8 without byte order mark, with one line end at its end."""
    text = (DATA / name).read_bytes().decode("utf-8")
    assert not text.startswith("\ufeff")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


@pytest.mark.parametrize("name", FILES)
def test_file_has_no_control_characters(name: str) -> None:
    """No file holds a control character other than the line end."""
    assert _unwanted((DATA / name).read_bytes().decode("utf-8")) == set()


def test_no_text_has_escaped_control_characters() -> None:
    """No text holds a control character other than the line end once its escapes are read."""
    for row in [*_prompts(), *_answers("better"), *_answers("longer")]:
        assert _unwanted("".join(row.values())) == set()
