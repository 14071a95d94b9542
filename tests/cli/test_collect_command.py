"""``longismore collect``: the command as a user types it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from result_files import harness, put, put_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]


@pytest.fixture(name="results")
def _results(tmp_path: Path) -> Path:
    """A run folder and two files of lm_eval, of two models."""
    put(tmp_path / "results" / "base" / "results_1.json", harness("base"))
    put(tmp_path / "results" / "tuned" / "results_1.json", harness("out/tuned"))
    put_run(tmp_path / "results" / "run", "tuned")
    return tmp_path / "results"


def test_a_table_is_printed_with_its_notes(command: Command, results: Path) -> None:
    """A row a model on stdout, and below it what to know."""
    ended = command("collect", results, "--alias", "tuned=out/tuned")
    assert 0 == ended.code
    assert "arc_challenge" in ended.out
    assert "62.5 (50.0\N{EN DASH}75.0)" in ended.out
    assert "note: costs are of the judges' calls" in ended.out
    assert [] == [line for line in ended.out.splitlines() if "out/tuned" in line]


def test_several_forms_are_written_at_once(command: Command, results: Path, tmp_path: Path) -> None:
    """The option can be given several times; the log says what was written."""
    ended = command("collect", results, "-o", "t/all.csv", "--output", "t/all.html")
    assert 0 == ended.code
    assert {"all.csv", "all.html"} == {path.name for path in (tmp_path / "t").iterdir()}


def test_json_is_one_object(command: Command, results: Path) -> None:
    """Stdout is for a program."""
    document = json.loads(command("collect", results, "--json", "--metric", "acc").out)
    assert ["arc_challenge acc, 25-shot"] == [column["name"] for column in document["columns"]]


def test_mixing_is_refused_and_can_be_marked(command: Command, results: Path) -> None:
    """Exit code 2, both files, and the way out; with it, a letter in the cell and its reason below."""
    other = put(results / "third" / "results_1.json", harness("third", version=2.0))
    ended = command("collect", results)
    assert 2 == ended.code
    assert str(other) in ended.err
    assert str(results / "base" / "results_1.json") in ended.err
    assert "--allow-mixed" in ended.err
    marked = command("collect", results, "--allow-mixed")
    assert 0 == marked.code
    assert "[a] not comparable: task version: 2, not 1" in marked.out


def test_what_cannot_be_read_is_said(command: Command, results: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The table is there, and a warning names the file."""
    bad = results / "results_cut.json"
    bad.write_text('{"results": {', encoding="utf-8")
    assert 0 == command("collect", results).code
    assert f"not read: {bad}" in caplog.text


def test_a_table_never_takes_the_place_of_results(command: Command, results: Path) -> None:
    """Results are read and never changed."""
    path = min(results.rglob("results_*.json"))
    before = path.read_bytes()
    ended = command("collect", results, "--output", path)
    assert (2, "", before) == (ended.code, ended.out, path.read_bytes())
    assert "is one of the results, which would be lost" in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "table.xlsx"], "a table is written as one of .csv"),
        (["--alias", "tuned"], "NAME=OTHER was expected"),
        (["--alias", "a=base", "--alias", "b=base"], '"base" cannot be both "a" and "b"'),
        (["--alias", "a=nobody"], 'no model is called "nobody"'),
        (["--metric", "nothing"], '--metric "nothing" names no metric'),
        (["missing"], "no such file"),
        (["x" * 300], "cannot be read: File name too long"),
    ],
)
def test_bad_input_is_one_message(command: Command, results: Path, arguments: list[str], message: str) -> None:
    """Exit code 2, nothing on stdout."""
    ended = command("collect", results, *arguments)
    assert (2, "") == (ended.code, ended.out)
    assert message in " ".join(ended.err.split())


@pytest.mark.slow
def test_runs_of_longismore_are_collected(command: Command, tmp_path: Path) -> None:
    """What compare leaves behind is read as it is: two candidates of one judge stand in the same columns."""
    options = ("-t", "mini", "--judge", "lexical", "--output", "runs")
    command("compare", "mini:better", "mini:longer", *options)
    rows = json.loads(next((tmp_path / "runs").iterdir()).joinpath("candidate.json").read_text(encoding="utf-8"))
    put(tmp_path / "short.json", [row | {"output": row["output"][:80], "generator": "short"} for row in rows])
    command("compare", "mini:better", "short.json", *options)
    document = json.loads(command("collect", "runs", "--json").out)
    assert ["mini-longer", "short"] == [row["model"] for row in document["rows"]]
    (found,) = [column for column in document["columns"] if column["metric"] == "win_rate"]
    cells = [row["cells"][found["name"]] for row in document["rows"]]
    assert [("clustered by prompt", 40)] * 2 == [(cell["interval_kind"], cell["n"]) for cell in cells]
    assert [0.0, 0.0] == [row["cost_usd"] for row in document["rows"]]
