"""``longismore judge``: two files of answers without a test set."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from alpaca_answers import needs_alpaca_eval
from judge_server import JudgeServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Answers of two models to ten questions that stand in no test set."""
    paths = []
    for name, length in (("base", 2), ("tuned", 3)):
        rows = [
            {"instruction": f"question {n}", "output": f"{name} on {'question' * (n % length)} {n}", "generator": name}
            for n in range(10)
        ]
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(rows))
    return paths[0], paths[1]


def run_folder(tmp_path: Path) -> Path:
    """The only run folder below ``runs``."""
    (folder,) = (tmp_path / "runs").iterdir()
    found: Path = folder
    return found


def test_any_two_files_can_be_judged(command: Command, tmp_path: Path, files: tuple[Path, Path]) -> None:
    """The table on stdout, and a run folder that also has what alpaca_eval writes."""
    ended = command("judge", *files, "--judge", "length")
    assert 0 == ended.code
    assert "tuned against base, judged by length" in ended.out
    folder = run_folder(tmp_path)
    assert {
        "annotations.json", "candidate.json", "judgments.jsonl", "leaderboard.csv", "reference.json", "report.html",
        "results.json", "run.json",
    } <= {path.name for path in folder.iterdir()}  # fmt: skip
    run = json.loads((folder / "run.json").read_text())
    assert (str(files[0]), "tuned", 64) == (
        run["reference"]["source"], run["candidate"]["model"], len(run["candidate"]["sha256"]),
    )  # fmt: skip


def test_json_is_the_results(command: Command, tmp_path: Path, files: tuple[Path, Path]) -> None:
    """One object as ``compare --json`` prints it, the same as in the run folder."""
    ended = command("judge", *files, "--judge", "length", "--json")
    results = json.loads(ended.out)
    assert ({"pooled", "testsets"}, {"outputs"}, 10) == (
        set(results), set(results["testsets"]), results["pooled"]["n"],
    )  # fmt: skip
    assert results == json.loads((run_folder(tmp_path) / "results.json").read_text())


def test_the_leaderboard_says_what_the_results_say(command: Command, tmp_path: Path, files: tuple[Path, Path]) -> None:
    """Percent in the one, 0 to 1 in the other."""
    pooled = json.loads(command("judge", *files, "--judge", "lexical", "--json").out)["pooled"]
    with (run_folder(tmp_path) / "leaderboard.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert ("tuned", "10", pooled["length_verdict"]) == (row[""], row["n_total"], row["longismore_length_verdict"])
    assert [100 * pooled["preference"], 100 * pooled["lc_win_rate"], pooled["length_slope"]] == [
        pytest.approx(float(row[name])) for name in ("win_rate", "longismore_lc_win_rate", "longismore_length_slope")
    ]


@needs_alpaca_eval
def test_alpaca_eval_reads_what_was_written(command: Command, tmp_path: Path, files: tuple[Path, Path]) -> None:
    """Its own win rate of our annotations is that of our leaderboard, and the leaderboard is one of its own shape."""
    import pandas as pd

    from longismore.harness._alpaca_import import alpaca_module

    command("judge", *files, "--judge", "lexical")
    folder = run_folder(tmp_path)
    leaderboard = alpaca_module("utils").load_or_convert_to_dataframe(folder / "leaderboard.csv")
    theirs = alpaca_module("metrics").get_winrate(pd.read_json(folder / "annotations.json"))
    assert {name: pytest.approx(float(value)) for name, value in theirs.items()} == {
        name: leaderboard.loc["tuned", name] for name in theirs
    }


def test_a_second_run_sends_nothing(
    command: Command, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paid answers are in the store, also when the server is gone."""
    monkeypatch.setenv("LONGISMORE_STORE", "store.sqlite")
    with JudgeServer() as server:
        arguments = ["judge", *files, "--judge", "openai/test-judge", "--base-url", server.base_url, "--json"]
        first = command(*arguments)
    assert 20 == len(server.requests)
    second = command(*arguments)
    assert (0, json.loads(first.out)) == (second.code, json.loads(second.out))


def test_a_dry_run_sends_nothing(command: Command, tmp_path: Path, files: tuple[Path, Path]) -> None:
    """Calls, tokens and cost, and no run folder."""
    with JudgeServer() as server:
        ended = command("judge", *files, "--judge", "openai/test-judge", "--base-url", server.base_url, "--dry-run")
    assert (0, 0) == (ended.code, len(server.requests))
    assert "calls to send" in ended.out
    assert not (tmp_path / "runs").exists()


def test_what_has_no_partner_is_counted_and_the_run_goes_on(
    command: Command, files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    """A counted note that names the first, and the pairs that there are."""
    rows = json.loads(files[1].read_text())
    files[1].write_text(json.dumps(rows[2:]))
    ended = command("judge", *files, "--judge", "length", "--json")
    assert (0, 8) == (ended.code, json.loads(ended.out)["pooled"]["pairs"])
    [message] = [each for each in caplog.messages if "partner" in each]
    assert message.startswith("2 of 10 answers of the reference have no partner and are left out, the first: ")
    assert message.endswith('base.json: row 1, "question 0"')


def test_limit_takes_the_first_pairs(command: Command, files: tuple[Path, Path]) -> None:
    """``--limit 3`` judges three pairs."""
    ended = command("judge", *files, "--judge", "length", "--limit", 3, "--json")
    assert 3 == json.loads(ended.out)["pooled"]["pairs"]


def test_the_data_sets_of_the_rows_are_the_test_sets(command: Command, data: Path) -> None:
    """Rates for each of AlpacaEval's five, and pooled."""
    source = data / "alpaca_eval"
    ended = command(
        "judge", source / "text_davinci_001" / "model_outputs.json", source / "vicuna-13b" / "model_outputs.json",
        "--judge", "length", "--json",
    )  # fmt: skip
    results = json.loads(ended.out)
    assert ["helpful_base", "koala", "oasst", "selfinstruct", "vicuna"] == sorted(results["testsets"])
    assert (803, 773, 4, 26) == tuple(results["pooled"][name] for name in ("n", "wins", "ties", "losses"))


def test_a_run_can_be_judged_again_from_its_folder(command: Command, tmp_path: Path, files: tuple[Path, Path]) -> None:
    """The outputs of a run folder are files of answers like any other, and keep their ids."""
    command("judge", *files, "--judge", "lexical", "--json")
    folder = run_folder(tmp_path)
    outputs = (folder / f"{role}.json" for role in ("reference", "candidate"))
    again = command("judge", *outputs, "--judge", f"replay:{folder / 'judgments.jsonl'}", "--output", "again", "--json")
    assert json.loads(again.out) == json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no answers: the list is empty"),
        ([{"instruction": "other", "output": "x"}], "no instruction stands in both files"),
        ([{"instruction": "question 1", "output": None}], 'field "output" must be a string, found null'),
        ([{"id": "1", "output": "x"}], 'field "instruction" is missing'),
    ],
)
def test_files_that_cannot_be_judged_are_one_message(
    command: Command, tmp_path: Path, files: tuple[Path, Path], rows: list[Any], message: str
) -> None:
    """Exit code 2, and no run folder."""
    files[1].write_text(json.dumps(rows))
    ended = command("judge", *files, "--judge", "length")
    assert (2, "") == (ended.code, ended.out)
    assert message in ended.err
    assert not (tmp_path / "runs").exists()


def test_prose_is_exit_code_1(command: Command, files: tuple[Path, Path]) -> None:
    """Where no pair could be read there is no result, and no preference in the annotations."""
    with JudgeServer(reply="prose") as server:
        ended = command("judge", *files, "--judge", "openai/test-judge", "--base-url", server.base_url, "--json")
    pooled = json.loads(ended.out)["pooled"]
    assert (1, 0, 20, None) == (ended.code, pooled["n"], pooled["unparsed"], pooled["win_rate"])


def test_without_a_judge_all_are_listed(command: Command, files: tuple[Path, Path]) -> None:
    """There is no default."""
    ended = command("judge", *files)
    assert 2 == ended.code
    assert "no judge was given; choose one" in ended.err
