"""``longismore compare``: the command as a user types it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]

KEYS = {
    "n", "wins", "ties", "losses", "win_rate", "win_rate_ci", "winning_score", "preference", "swap_consistency",
    "swap_flip", "length_ratio", "partial", "unparsed", "refused", "failed", "lc_win_rate", "lc_win_rate_ci",
    "length_slope", "length_slope_ci", "length_tipping_slope", "length_verdict", "overlap",
}  # fmt: skip


def test_json_is_one_object_with_pooled_and_each_test_set(command: Command) -> None:
    """With --json, stdout is one JSON object and nothing else."""
    ended = command("compare", "mini:better", "mini:longer", "--testset", "mini", "--judge", "length", "--json")
    results = json.loads(ended.out)
    assert (0, {"pooled", "testsets"}, {"mini"}) == (ended.code, set(results), set(results["testsets"]))
    assert set() == KEYS - set(results["pooled"])
    assert results["pooled"] == results["testsets"]["mini"]


def test_the_control_prefers_what_is_longer(command: Command) -> None:
    """36 of the 40 answers of mini:longer are longer, and the judge ``length`` knows nothing else."""
    ended = command("compare", "mini:better", "mini:longer", "-t", "mini", "--judge", "length", "--json")
    pooled = json.loads(ended.out)["pooled"]
    assert (36, 0, 4, 0.9, 1.0) == tuple(
        pooled[key] for key in ("wins", "ties", "losses", "win_rate", "swap_consistency")
    )


def test_exchanged_models_turn_the_rate_around(command: Command) -> None:
    """win_rate(A, B) = 1 - win_rate(B, A), and so for the interval."""
    one, other = (
        json.loads(command("compare", *files, "-t", "mini", "--judge", "lexical", "--json").out)["pooled"]
        for files in (("mini:better", "mini:longer"), ("mini:longer", "mini:better"))
    )
    assert one["win_rate"] == pytest.approx(1 - other["win_rate"])
    assert one["win_rate_ci"] == pytest.approx([1 - limit for limit in reversed(other["win_rate_ci"])])


def test_the_table_says_what_the_judge_is(command: Command) -> None:
    """The heuristic says so wherever its numbers show: terminal, report.md, report.html."""
    ended = command("compare", "mini:better", "mini:longer", "-t", "mini", "--judge", "lexical", "--output", "runs")
    assert "heuristic" in ended.out


def test_the_run_folder_has_all_that_repeats_the_run(command: Command, tmp_path: Path) -> None:
    """Answers, judgments, results, report and what the run was; the judgments can be replayed."""
    first = command("compare", "mini:better", "mini:longer", "-t", "mini", "--judge", "lexical", "--json")
    (folder,) = (tmp_path / "runs").iterdir()
    assert [
        "candidate.json", "judgments.jsonl", "reference.json", "report.html", "report.md", "results.json", "run.json",
    ] == sorted(path.name for path in folder.iterdir())  # fmt: skip
    run = json.loads((folder / "run.json").read_text())
    assert ("done", "lexical", "mini-better", "mini-longer") == (
        run["status"], run["judge"]["spec"], run["reference"]["model"], run["candidate"]["model"],
    )  # fmt: skip
    mini = run["testsets"]["mini"]
    assert (1, 40, 40, 64) == (mini["version"], mini["size"], mini["pairs"], len(mini["sha256"]))
    assert ["longismore", "compare", "mini:better"] == run["command"][:3]
    again = command(
        "compare", folder / "reference.json", folder / "candidate.json", "-t", "mini",
        "--judge", f"replay:{folder / 'judgments.jsonl'}", "--json",
    )  # fmt: skip
    assert json.loads(first.out) == json.loads(again.out) == json.loads((folder / "results.json").read_text())


def test_a_second_run_asks_nothing(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paid answers come from the store, also when the server is gone."""
    monkeypatch.setenv("LONGISMORE_STORE", "store.sqlite")
    arguments = ["compare", "mini:better", "mini:longer", "-t", "mini", "--judge", "openai/test-judge", "--json"]
    with JudgeServer() as server:
        first = command(*arguments, "--base-url", server.base_url)
    assert 80 == len(server.answered)
    second = command(*arguments, "--base-url", server.base_url)
    assert (0, json.loads(first.out)) == (second.code, json.loads(second.out))


def test_prose_is_counted_and_never_a_tie(command: Command) -> None:
    """A judge that returns prose: every call unparsed, no rate, exit code 1."""
    with JudgeServer(script=["prose"] * 80) as server:
        ended = command(
            "compare", "mini:better", "mini:longer", "-t", "mini", "--judge", "openai/test-judge",
            "--base-url", server.base_url, "--json",
        )  # fmt: skip
    pooled = json.loads(ended.out)["pooled"]
    assert (1, 0, 0, 80, None, 1.0) == (
        ended.code, pooled["n"], pooled["ties"], pooled["unparsed"], pooled["win_rate"], pooled["unjudged"],
    )  # fmt: skip


def test_a_judge_that_stops_leaves_what_it_said(command: Command, tmp_path: Path) -> None:
    """A key that is withdrawn in the middle: exit code 1, one message, a run folder that says it was stopped."""
    with JudgeServer(script=[None] * 10 + ["401"] * 70) as server:
        ended = command(
            "compare", "mini:better", "mini:longer", "-t", "mini", "--judge", "openai/test-judge",
            "--base-url", server.base_url, "--concurrency", "1",
        )  # fmt: skip
    assert 1 == ended.code
    assert "Traceback" not in ended.err
    (folder,) = (tmp_path / "runs").iterdir()
    assert "stopped" == json.loads((folder / "run.json").read_text())["status"]
    assert 10 == len((folder / "judgments.jsonl").read_text().splitlines())


def test_several_test_sets_are_pooled(command: Command, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--testset`` takes several names, in any usual way; ``all`` means the five real sets."""
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(data / "testsets"))
    answers = data / "alpaca_eval" / "vicuna-13b" / "model_outputs.json"
    other = data / "alpaca_eval" / "alpaca-7b" / "model_outputs.json"
    ended = command("compare", other, answers, "-t", "vicuna,sinstruct", "--judge", "length", "--json")
    results = json.loads(ended.out)
    assert (["vicuna", "sinstruct"], 332) == (list(results["testsets"]), results["pooled"]["n"])
    spaced = command("compare", other, answers, "--testset", "vicuna", "sinstruct", "--judge", "length", "--json")
    repeated = command("compare", other, answers, "-t", "vicuna", "-t", "sinstruct", "--judge", "length", "--json")
    assert results == json.loads(spaced.out) == json.loads(repeated.out)
    missing = command("compare", other, answers, "-t", "all", "--judge", "length")
    assert 2 == missing.code
    assert "no answer for" in missing.err


def test_limit_takes_the_first_of_each_set(command: Command) -> None:
    """``--limit 3`` compares three pairs."""
    ended = command("compare", "mini:better", "mini:longer", "-t", "mini", "--judge", "length", "--limit", 3, "--json")
    assert 3 == json.loads(ended.out)["pooled"]["pairs"]


def test_settings_come_from_the_environment(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What stands in LONGISMORE_... need not be typed; what is typed wins."""
    with JudgeServer() as server:
        monkeypatch.setenv("LONGISMORE_JUDGE", "openai/test-judge")
        monkeypatch.setenv("LONGISMORE_JUDGE_BASE_URL", server.base_url)
        monkeypatch.setenv("LONGISMORE_JUDGE_MAX_TOKENS", "77")
        monkeypatch.setenv("LONGISMORE_STORE", str(tmp_path / "mine.sqlite"))
        ended = command("compare", "mini:better", "mini:longer", "-t", "mini", "--limit", "1")
        typed = command("compare", "mini:better", "mini:longer", "-t", "mini", "--limit", "1", "--max-tokens", "88")
    assert (0, 0) == (ended.code, typed.code)
    assert [77, 77, 88, 88] == [body["max_tokens"] for body in server.requests]
    assert (tmp_path / "mine.sqlite").is_file()
