"""``longismore gate``: the command as a CI job types it."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]

MINI = ("gate", "mini:better", "mini:longer", "-t", "mini")
OTHER = ("gate", "mini:longer", "mini:better", "-t", "mini")


def judged(command: Command, tmp_path: Path, *arguments: str) -> Path:
    """A run folder of ``compare``."""
    before = set((tmp_path / "runs").glob("*"))
    command("compare", "mini:better", "mini:longer", "-t", "mini", "--judge", "length", *arguments)
    (folder,) = set((tmp_path / "runs").glob("*")) - before
    return folder


def test_pass_regress_and_inconclusive_have_their_exit_codes(command: Command) -> None:
    """The judge ``length`` lets what is longer pass, and what is shorter regress; four pairs cannot tell."""
    passed, regressed = (command(*models, "--judge", "length") for models in (MINI, OTHER))
    unknown = command(*MINI, "--judge", "length", "--limit", 4, "--mode", "fixed", "--margin", 0)
    assert [0, 1, 3] == [passed.code, regressed.code, unknown.code]
    assert "pass: mini-longer is not worse than mini-better by more than 3.0 points" in passed.out
    assert "regress: mini-better is worse than mini-longer" in regressed.out
    assert "inconclusive: mini-longer against mini-better" in unknown.out


def test_json_is_one_object(command: Command, tmp_path: Path) -> None:
    """With --json, stdout is one JSON object and nothing else; both rates stand in it."""
    ended = command(*MINI, "--judge", "length", "--json")
    document = json.loads(ended.out)
    (folder,) = (tmp_path / "runs").iterdir()
    assert ("pass", 0, f"runs/{folder.name}") == (document["verdict"], document["exit_code"], document["folder"])
    assert {"win_rate", "lc_win_rate", "length_verdict"} <= set(document["results"]["pooled"])
    assert "control" in document["note"]


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(command: Command, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """At 80 columns nothing breaks in the middle of a number."""
    monkeypatch.setenv("COLUMNS", str(width))
    ended = command(*MINI, "--judge", "lexical", "--margin", 0.05)
    assert 1 == ended.code
    assert max(map(len, ended.out.splitlines())) <= width
    assert "heuristic" in ended.out


def test_files_for_ci_are_written(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JUnit, Markdown, and what GitHub Actions reads; files are replaced, the job's summary is added to."""
    summary, outputs = tmp_path / "summary.md", tmp_path / "outputs.txt"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    files = ("--junit", "out/gate.xml", "--markdown", "out/gate.md")
    command(*MINI, "--judge", "length", *files, "--github")
    assert "before" == summary.read_text(encoding="utf-8").splitlines()[0]
    assert "verdict=pass\n" == outputs.read_text(encoding="utf-8")
    command(*OTHER, "--judge", "length", *files)
    assert "verdict=pass\n" == outputs.read_text(encoding="utf-8")
    markdown = (tmp_path / "out" / "gate.md").read_text(encoding="utf-8")
    assert "### longismore gate: regress" == markdown.splitlines()[0]
    assert "### longismore gate: pass" in summary.read_text(encoding="utf-8")
    assert '<failure type="regress"' in (tmp_path / "out" / "gate.xml").read_text(encoding="utf-8")


def test_files_that_cannot_be_written_stop_the_gate_before_it_spends(command: Command, tmp_path: Path) -> None:
    """A folder in the place of the file; GitHub's variables where there is no GitHub."""
    with JudgeServer() as server:
        judge = ("--judge", "openai/test-judge", "--base-url", server.base_url)
        folder = command(*MINI, *judge, "--junit", tmp_path)
        github = command(*MINI, *judge, "--github")
        assert [] == server.requests
    assert (2, 2) == (folder.code, github.code)
    assert "cannot be written: Is a directory" in folder.err
    assert "GITHUB_STEP_SUMMARY is not set" in github.err


def test_judgments_decide_without_a_call(command: Command, tmp_path: Path) -> None:
    """--from takes run folders and files, as many as follow; nothing new is written."""
    first, second = judged(command, tmp_path), judged(command, tmp_path, "--limit", "3")
    ended = command("gate", "--from", first, "--json")
    document = json.loads(ended.out)
    assert (0, "fixed", 40, None) == (
        ended.code, document["rule"]["mode"], document["pairs"]["judged"], document["folder"],
    )  # fmt: skip
    both = command("gate", "--from", first / "judgments.jsonl", second, "--testset", "mini", "--json")
    assert document["results"] == json.loads(both.out)["results"]
    looks = json.loads(command("gate", "--from", first, "--mode", "sequential", "--json").out)
    assert ("pass", 20) == (looks["verdict"], looks["planned_looks"])
    assert looks["pairs"]["asked"] < 40


def test_several_comparisons_need_a_choice(command: Command, tmp_path: Path) -> None:
    """The message lists them, and the options that choose."""
    first, second = judged(command, tmp_path), judged(command, tmp_path, "--judge", "lexical")
    ended = command("gate", "--from", first, "--from", second)
    assert 2 == ended.code
    assert "--judge-name" in ended.err
    assert "mini-longer against mini-better, judged by lexical" in ended.err
    assert 0 == command("gate", "--from", first, "--from", second, "--judge-name", "length").code


def test_wrong_input_ends_with_2(command: Command) -> None:
    """No models, one model, a rule that contradicts itself, an unknown test set: one message each, nothing judged."""
    for arguments, said in (
        (("gate",), "a gate needs BASELINE and CANDIDATE, or --from JUDGMENTS"),
        (("gate", "mini:better", "-t", "mini"), "a gate needs BASELINE and CANDIDATE"),
        ((*MINI, "--judge", "length", "--margin", 3), "margin is at least 0 and below 0.5"),
        ((*MINI, "--judge", "length", "--metric", "lc_win_rate", "--mode", "sequential"), "take mode fixed"),
        (("gate", "mini:better", "mini:longer", "-t", "mimi", "--judge", "length"), "did you mean mini"),
        (("gate", "mini:better", "mini:longer", "--judge", "length"), "unknown test set"),
        (("gate", "--from", "nowhere.jsonl"), "no such file"),
    ):
        ended = command(*arguments)
        assert (2, True) == (ended.code, said in ended.err), ended.err


def test_a_judge_that_fails_is_no_regress(command: Command) -> None:
    """A wrong key is 3, inconclusive, with the reason; 1 would say that the candidate is worse."""
    with JudgeServer(reply="401") as server:
        ended = command(*MINI, "--judge", "openai/test-judge", "--base-url", server.base_url, "--junit", "gate.xml")
    assert 3 == ended.code
    assert "the judging ended early" in ended.out
    assert "Incorrect API key" in ended.out


def test_a_model_that_cannot_answer_is_no_regress(
    command: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The baseline is a model behind a server that refuses it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    with JudgeServer(reply="401") as server:
        ended = command(
            "gate", "openai/test-judge", "mini:better", "-t", "mini", "--judge", "length",
            "--reference-option", f"base_url={server.base_url}",
        )  # fmt: skip
    assert 3 == ended.code
    assert "the gate is inconclusive: openai/test-judge" in caplog.text
    assert "Traceback" not in caplog.text + ended.err


def test_a_crash_is_no_regress(
    command: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever breaks, 1 is kept for a candidate that is worse; the traceback is shown."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr("longismore.api._gating.gate_pairs", broken)
    ended = command(*MINI, "--judge", "length")
    assert 3 == ended.code
    assert "a mistake of ours" in caplog.text


def test_a_judge_that_is_refused_ends_with_2(command: Command) -> None:
    """It takes whatever stands first: --audit refuse says so and what to do; the default only warns."""
    with JudgeServer(reply="first") as server:
        judge = ("--judge", "openai/test-judge", "--base-url", server.base_url)
        refused = command(*MINI, *judge, "--audit", "refuse")
        warned = command(*MINI, *judge)
    assert 2 == refused.code
    assert "not steady enough for a gate" in refused.err
    assert "warning: the judge keeps its verdict in only 0.0% of the pairs" in warned.out


def test_a_dry_run_says_what_the_design_can_find(command: Command, tmp_path: Path) -> None:
    """Calls and cost as in compare, and the power of 40 pairs; nothing is sent."""
    with JudgeServer() as server:
        judge = ("--judge", "openai/test-judge", "--base-url", server.base_url)
        ended = command(*MINI, *judge, "--dry-run", "--margin", 0.1)
        assert [] == server.requests
    assert 0 == ended.code
    assert re.search(
        r"looks up to 5 times at up to 40 pairs\. .*\nan equal candidate passes \d+% of the time", ended.out
    )
    assert not (tmp_path / "runs").exists()


def test_every_option_of_compare_is_there(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those to come: they are declared once."""
    monkeypatch.setenv("COLUMNS", "200")
    options = {name: set(re.findall(r"(--[a-z-]+)", command(name, "--help").out)) for name in ("compare", "gate")}
    assert set() == options["compare"] - options["gate"]
    assert {"--margin", "--from", "--junit", "--github", "--judge-name"} <= options["gate"]


def test_settings_of_judge_and_reference_arrive(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the command line and from the environment, as for compare."""
    with JudgeServer() as server:
        monkeypatch.setenv("LONGISMORE_JUDGE_BASE_URL", server.base_url)
        ended = command(
            *MINI, "--judge", "openai/test-judge", "--limit", 1, "--max-tokens", 77, "--temperature", "none",
            "--max-cost-usd", 1, "--price-input", 1, "--price-output", 1,
        )  # fmt: skip
    assert 3 == ended.code
    assert [(77, False)] * 2 == [(body["max_tokens"], "temperature" in body) for body in server.requests]


def test_hostile_names_do_nothing_to_the_terminal(command: Command, tmp_path: Path) -> None:
    """Names with colours, markup and line feeds come out as text."""
    rows = json.loads(_answers("mini_longer.json"))
    evil = "\x1b[31mred\x1b[0m [bold]x[/] \n<script>"
    (tmp_path / "evil.json").write_text(json.dumps([row | {"generator": evil} for row in rows]), encoding="utf-8")
    ended = command("gate", "mini:better", "evil.json", "-t", "mini", "--judge", "length")
    assert 0 == ended.code
    assert "\x1b" not in ended.out
    assert "[bold]x[/] <script>" in ended.out


def _answers(name: str) -> str:
    from importlib.resources import files

    return files("longismore.testsets").joinpath("data", name).read_text(encoding="utf-8")


def test_the_help_needs_nothing_heavy(command: Command) -> None:
    """No numpy, no rich table: the command line starts as fast as before."""
    import subprocess

    code = (
        "import sys; from longismore.cli import _gate; "
        "print(*sorted({'numpy', 'aiohttp', 'longismore.judges', 'lm_eval'} & sys.modules.keys()))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "" == ended.stdout.strip()
