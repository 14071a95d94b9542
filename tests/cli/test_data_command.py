"""``longismore data``: tables for people, JSON for programs, pictures for papers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from longismore._jsonl import write_json, write_jsonl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    Command = Callable[..., Any]


def records(numbers: Iterable[int]) -> list[dict[str, Any]]:
    """Rows in Alpaca's format, of growing length."""
    return [
        {
            "instruction": f"Count to {number}.",
            "input": "" if number % 2 else "by ones",
            "output": "one two " * (1 + number),
        }
        for number in numbers
    ]


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """A pool of 100 rows, and two selections of it that share 15: one as JSON, one wrapped in a template."""
    write_jsonl(tmp_path / "pool.jsonl", records(range(100)))
    write_json(tmp_path / "first.json", records(range(20)))
    talks = []
    for row in records(range(5, 25)):
        text = f"Do this, please. ### Instruction: {row['instruction']}"
        text += f" ### Input: {row['input']}" if row["input"] else ""
        talks.append({"conversations": [{"from": "human", "value": text}, {"from": "gpt", "value": row["output"]}]})
    write_json(tmp_path / "wrapped.json", talks)
    return tmp_path / "pool.jsonl"


def test_people_get_tables(command: Command, pool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """80 columns: the rows, their lengths and bars."""
    monkeypatch.setenv("COLUMNS", "80")
    ended = command("data", "stats", pool)
    assert (0, "") == (ended.code, ended.err)
    assert 80 >= max(map(len, ended.out.splitlines()))
    for expected in ("Rows ", "pool", "alpaca", "Lengths, chars", "Lengths of the responses", "\N{FULL BLOCK}"):
        assert expected in ended.out


def test_programs_get_one_object(command: Command, pool: Path) -> None:
    """Every file by itself, in the measure that was asked for."""
    document = json.loads(
        command("data", "stats", pool, pool.with_name("wrapped.json"), "--measure", "words", "--json").out
    )
    assert "words" == document["measure"]
    first, wrapped = document["files"]
    assert (str(pool), "pool", "alpaca", 100, 50) == tuple(
        first[name] for name in ("path", "name", "format", "rows", "with_input")
    )
    assert (2, 200, 101.0) == tuple(first["lengths"]["response"][name] for name in ("min", "max", "p50"))
    assert ("sharegpt", 20, 0) == (wrapped["format"], wrapped["rows"], wrapped["with_input"])


@pytest.mark.slow
def test_nltk_words_are_a_measure(command: Command, pool: Path) -> None:
    """A full stop counts: "Count to 1." has four."""
    pytest.importorskip("nltk")
    document = json.loads(command("data", "stats", pool, "--measure", "nltk_words", "--json").out)
    assert 4 == document["files"][0]["lengths"]["instruction"]["max"]


def test_wrong_requests_are_refused(command: Command, pool: Path, tmp_path: Path) -> None:
    """Exit code 2, and a message that says what is allowed."""
    for arguments, said in (
        (("stats", pool, "--measure", "pages"), "nltk_words"),
        (("stats", pool, "--plot", "x.gif"), 'a figure cannot be written as ".gif"'),
        (("stats", tmp_path / "absent.json"), "no such file"),
        (("stats", pool, pool), "named more than once"),
        (("overlap", pool), "one file overlaps nothing"),
        (
            ("overlap", pool, pool.with_name("first.json"), "--by", "name"),
            'must be content or instruction, found "name"',
        ),
        (("overlap", pool, pool.with_name("first.json"), "--plot", "x"), "name a file that ends in .png"),
    ):
        ended = command("data", *arguments)
        assert (2, "") == (ended.code, ended.out), arguments
        assert said in ended.err


def test_an_overlap_is_a_matrix_and_pairs(command: Command, pool: Path) -> None:
    """By content: the pool has all 20 of the first; the wrapped ones are no one's rows until they are unwrapped."""
    names = [pool, pool.with_name("first.json"), pool.with_name("wrapped.json")]
    document = json.loads(command("data", "overlap", *names, "--json").out)
    assert [[100, 20, 0], [20, 20, 0], [0, 0, 20]] == document["counts"]
    document = json.loads(command("data", "overlap", *names, "--unwrap", "--json").out)
    assert [[100, 20, 20], [20, 20, 15], [20, 15, 20]] == document["counts"]
    assert 15 / 25 == document["pairs"][2]["jaccard"]
    assert [100, 20, 0] == [each["not_wrapped"] for each in document["files"].values()]
    text = command("data", "overlap", *names, "--by", "instruction", "--unwrap").out
    assert "Shared rows" in text
    assert "0.600" in text


def test_nothing_shared_says_what_else_to_try(command: Command, pool: Path) -> None:
    """A template hides what is the same."""
    ended = command("data", "overlap", pool, pool.with_name("wrapped.json"))
    assert "nothing is shared; --by instruction and --unwrap compare less strictly" in ended.out
    ended = command("data", "overlap", pool, pool.with_name("first.json"), "--unwrap")
    assert "no instruction stands in a template: --unwrap changed nothing" in ended.out


def test_the_pool_says_what_chance_would_share(command: Command, pool: Path, tmp_path: Path) -> None:
    """Two draws of 20 of 100 share 4 (2 to 7): 15 are more; rows that the pool lacks are named and left out."""
    write_json(tmp_path / "second.json", records([*range(5, 25), 500]))
    names = [pool.with_name("first.json"), tmp_path / "second.json"]
    document = json.loads(command("data", "overlap", *names, "--of", pool, "--json").out)
    (pair,) = document["pairs"]
    assert (100, 15, {"mean": 4.0, "ci": [1, 7]}, "more") == (
        document["pool"],
        pair["count"],
        pair["chance"],
        pair["than_chance"],
    )
    assert [0, 1] == [each["outside_pool"] for each in document["files"].values()]
    ended = command("data", "overlap", *names, "--of", pool)
    assert "second: 21 rows, 1 of them not in pool.jsonl, left out here" in ended.out
    assert "4.0 (1\N{EN DASH}7)" in ended.out
    ended = command("data", "overlap", names[0], pool.with_name("wrapped.json"), "--of", pool)
    assert (2, True) == (ended.code, "wrapped.json: none of its 20 rows is in" in ended.err)


@pytest.mark.slow
def test_pictures_are_written(command: Command, pool: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of lengths and of overlaps, in a new folder, and said so."""
    pytest.importorskip("matplotlib")
    ended = command("data", "stats", pool, "--plot", tmp_path / "new" / "lengths.png")
    assert (0, True) == (ended.code, (tmp_path / "new" / "lengths.png").read_bytes().startswith(b"\x89PNG"))
    assert "lengths.png written" in caplog.text
    ended = command("data", "overlap", pool, pool.with_name("first.json"), "--plot", "overlap.svg")
    assert (0, True) == (ended.code, (tmp_path / "overlap.svg").read_text(encoding="utf-8").startswith("<?xml"))


@pytest.mark.slow
def test_published_files_are_found_in_each_other(command: Command, data: Path) -> None:
    """The 1,000 best rated rows of Alpaca's 52,002 have 185 in a random 9,229 of them.

    177.5 are expected, with a standard deviation of 11. The first file wraps instructions in a template with all white
    space folded; the responses are the same, so that by content there are as many.
    """
    files = data / "pools" / "filtered_alpaca_1k_score.json", data / "pools" / "random_9k.json"
    for by in ("instruction", "content"):
        document = json.loads(command("data", "overlap", *files, "--by", by, "--unwrap", "--json").out)
        assert [[1000, 185], [185, 9229]] == document["counts"]
    document = json.loads(command("data", "overlap", *files, "--json").out)
    assert 0 == document["counts"][0][1]
