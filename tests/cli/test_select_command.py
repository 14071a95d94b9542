"""``longismore select`` as its users meet it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from longismore.instructions import write_records

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [{"instruction": f"q{number}", "output": "word " * (number * 7 % 31)} for number in range(40)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With data of 40 rows, two of them without an answer."""
    write_records(ROWS, tmp_path / "pool.jsonl")
    return tmp_path


def select(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command there."""
    return subprocess.run(
        [sys.executable, "-m", "longismore", "select", *arguments],
        cwd=folder,
        env={**os.environ, "LONGISMORE_SCORES": str(folder / "scores"), "NO_COLOR": "1", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def chosen(path: Path) -> list[str]:
    """The instructions of a selection."""
    return [json.loads(line)["instruction"] for line in path.read_text().splitlines()]


def test_says_what_was_chosen_and_what_was_not(folder: Path) -> None:
    """Counts by reason, where the cut fell; a second time, that it was there already."""
    arguments = ("longest:measure=words", "--data", "pool.jsonl", "--budget", "5", "-o", "out.jsonl")
    first, second = select(folder, *arguments), select(folder, *arguments)
    assert first.returncode == second.returncode == 0, first.stderr
    assert first.stdout.splitlines()[0] == "longest: 5 of 40 rows in out.jsonl"
    assert "  33 shorter than the chosen\n   2 empty response\n" in first.stdout
    assert "cut: smallest inside 27, largest outside 26" in first.stdout
    assert second.stdout.splitlines()[0] == "longest: 5 of 40 rows in out.jsonl (was there already)"
    lengths = sorted((len(row["output"].split()) for row in ROWS), reverse=True)[:5]
    assert (
        sorted((len(ROWS[int(name[1:])]["output"].split()) for name in chosen(folder / "out.jsonl")), reverse=True)
        == lengths
    )


@pytest.mark.parametrize("strategy", ["longest:measure=chars", "random:seed=3"])
def test_shards_together_choose_what_one_run_chooses(strategy: str, folder: Path) -> None:
    """Whatever their number, and whether all of them have run."""
    base = (strategy, "--data", "pool.jsonl", "--budget", "7")
    assert select(folder, *base, "-o", "whole.jsonl", "--scores", "elsewhere").returncode == 0
    for shard in ("2/3", "1/3"):
        done = select(folder, *base, "-o", "out.jsonl", "--shard", shard)
        assert done.stdout == f"{strategy.partition(':')[0]}: shard {shard} is prepared\n", done.stderr
        assert not (folder / "out.jsonl").exists()
    assert select(folder, *base, "-o", "out.jsonl").returncode == 0
    assert (folder / "out.jsonl").read_text() == (folder / "whole.jsonl").read_text()


def test_json_is_the_manifest(folder: Path) -> None:
    """One object, the same that stands beside the selection."""
    done = select(folder, "random", "--data", "pool.jsonl", "--budget", "5", "-o", "out.json", "--json")
    assert json.loads(done.stdout) == json.loads((folder / "out.json.manifest.json").read_text())


def test_a_dry_run_says_what_would_be_scored(folder: Path) -> None:
    """And writes nothing."""
    done = select(folder, "random", "--data", "pool.jsonl", "--budget", "5", "--dry-run")
    assert done.stdout == "random: 40 rows of alpaca data\n  no model is needed\n"
    told = json.loads(select(folder, "random", "--data", "pool.jsonl", "--dry-run", "--json").stdout)
    assert told == {"strategy": "random", "rows": 40, "to_score": {}}
    assert [path.name for path in folder.iterdir()] == ["pool.jsonl"]


def test_lists_every_strategy(folder: Path) -> None:
    """With parameters, defaults and types, for people and programs."""
    shown = select(folder, "--list").stdout
    assert "random: " in shown
    assert "  seed=0  (a whole number)" in shown
    told = json.loads(select(folder, "--list", "--json").stdout)["strategies"]
    assert {"deita", "ifd", "longest", "random", "score", "strict_random"} <= set(told)
    assert told["longest"]["parameters"]["measure"] == {"type": "text", "default": "nltk_words", "required": False}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no data was given; name a file: --data pool.json\n  no output was given"),
        (("random", "--data", "none.json", "-o", "o"), "none.json: no such file"),
        (("random", "--data", "pool.jsonl", "-o", "o", "--shard", "3/2"), "--shard must be I/N with 1 <= I <= N"),
        (("random", "--data", "pool.jsonl", "-o", "o", "--set", "seed"), '--set must be KEY=VALUE, found "seed"'),
        (("random", "--data", "pool.jsonl", "-o", "o", "--engine", "dask"), "--engine must be local or ray"),
        (("random:sede=1", "--data", "pool.jsonl", "-o", "o"), '"sede" is no parameter; did you mean seed?'),
        (("random", "--data", "pool.jsonl", "--budget", "50", "-o", "o"), "only 38 of 40 rows qualify"),
        (("random", "--data", "pool.jsonl", "--budget", "5", "-o", "pool.jsonl"), "is the data itself"),
    ],
)
def test_bad_input_is_said_without_a_traceback(arguments: tuple[str, ...], message: str, folder: Path) -> None:
    """Exit code 2, nothing written."""
    done = select(folder, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("longismore: error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in folder.iterdir()] == ["pool.jsonl"]
