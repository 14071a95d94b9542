"""The plain ``alpaca_eval`` command in a process of its own, hooked at the interpreter's start."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from alpaca_answers import needs_alpaca_eval, needs_sdks
from judge_server import JudgeServer

pytestmark = [needs_alpaca_eval, pytest.mark.slow]

ONLY_LOOPBACK = """
import socket
connect = socket.socket.connect
def guarded(self, address):
    if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in {"127.0.0.1", "::1"}:
        raise OSError("no network in this test: " + repr(address))
    return connect(self, address)
socket.socket.connect = guarded
"""


def alpaca_eval(folder: Path, *arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command in *folder*, where nothing but the loopback interface can be reached."""
    (folder / "path").mkdir(exist_ok=True)
    (folder / "path" / "sitecustomize.py").write_text(ONLY_LOOPBACK)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_DATA_HOME")}
    return subprocess.run(
        [Path(sys.executable).with_name("alpaca_eval"), *map(str, arguments)],
        cwd=folder, env={**kept, "PYTHONPATH": str(folder / "path"), "NO_PROXY": "127.0.0.1", **environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def leaderboard(path: Path) -> dict[str, dict[str, str]]:
    """The rows of a ``leaderboard.csv`` by model."""
    with path.open(newline="") as file:
        return {row[""]: row for row in csv.DictReader(file)}


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Flags with answers of two models, beside each other in the folder."""
    for name, times in (("base", 4), ("tuned", 7)):
        rows = [
            {"instruction": f"question {n}", "output": f"{name} {n} " * (1 + n % times), "generator": name}
            for n in range(20)
        ]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    return ["--model_outputs", "tuned.json", "--reference_outputs", "base.json"]


def test_two_published_models_without_network(data: Path, tmp_path: Path) -> None:
    """Printed and written: 803 of the 805 instructions, and the two that have no partner are counted."""
    source = data / "alpaca_eval"
    arguments = [
        "evaluate", "--model_outputs", source / "vicuna-13b" / "model_outputs.json",
        "--reference_outputs", source / "text_davinci_001" / "model_outputs.json",
        "--annotators_config", "longismore_length", "--fn_metric", "longismore_lc_winrate",
        "--output_path", "out", "--metric_kwargs", '{"draws": 50}',
    ]  # fmt: skip
    done = alpaca_eval(tmp_path, *arguments)
    assert 0 == done.returncode, done.stderr
    head, line = done.stdout.strip().splitlines()
    assert ["longismore_lc_win_rate", "win_rate", "standard_error", "n_total", "avg_length"] == head.split()
    assert ("vicuna-13b", "803", "1037") == (line.split()[0], *line.split()[-2:])
    assert "2 of 805 answers of the candidate have no partner and are left out" in done.stderr
    row = leaderboard(tmp_path / "out" / "longismore_length" / "leaderboard.csv")["vicuna-13b"]
    # 773 of vicuna-13b's answers have more characters, 4 as many.
    assert ("773", "26", "4", "803") == tuple(row[name] for name in ("n_wins", "n_wins_base", "n_draws", "n_total"))
    assert 0 < float(row["longismore_lc_win_rate"]) < float(row["win_rate"])
    assert 803 == len(json.loads((tmp_path / "out" / "longismore_length" / "annotations.json").read_text()))


@needs_sdks
def test_the_command_asks_both_orders_once(tmp_path: Path, files: list[str]) -> None:
    """A spec with its slash, settings as flags and from the environment; the second run sends nothing."""
    environ = {"OPENAI_API_KEY": "k", "LONGISMORE_JUDGE_MAX_TOKENS": "77"}
    with JudgeServer() as server:
        arguments = [
            *files, "--annotators_config", "longismore_openai/test-judge", "--base_url", server.base_url,
            "--temperature", "0.5", "--store", "mine.sqlite",
        ]  # fmt: skip
        first = alpaca_eval(tmp_path, *arguments, **environ)
        assert 0 == first.returncode, first.stderr
        sent = len(server.requests)
        again = alpaca_eval(tmp_path, *arguments, **environ)
        assert (0, sent) == (again.returncode, len(server.requests))
    assert first.stdout == again.stdout
    assert {(77, 0.5)} == {(body["max_tokens"], body["temperature"]) for body in server.requests}
    assert 40 == sent
    assert (tmp_path / "mine.sqlite").is_file()
    assert (tmp_path / "longismore_openai__test-judge" / "leaderboard.csv").is_file()


@needs_sdks
def test_a_judge_that_stops_is_one_message(tmp_path: Path, files: list[str]) -> None:
    """A key that is refused: exit code 1, no traceback, and the next run asks only for what is missing."""
    environ = {"OPENAI_API_KEY": "k", "LONGISMORE_JUDGE": "openai/test-judge", "LONGISMORE_JUDGE_CONCURRENCY": "1"}
    with JudgeServer(script=lambda number, _: "401" if number == 10 else None) as server:
        arguments = [*files, "--annotators_config", "longismore_judge", "--base_url", server.base_url]
        done = alpaca_eval(tmp_path, *arguments, **environ)
        assert 11 == len(server.requests)
        resumed = alpaca_eval(tmp_path, *arguments, **environ)
    assert (0, 41) == (resumed.returncode, len(server.requests)), resumed.stderr
    assert (1, "") == (done.returncode, done.stdout)
    assert "Traceback" not in done.stderr
    assert "longismore: error: " in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--annotators_config", "longismore_lenght"], "did you mean length"),
        (["--annotators_config", "longismore_length", "--reference_outputs", "none.json"], "none.json: no such file"),
        (["--annotators_config", "longismore_openai/gpt-4.1"], "OPENAI_API_KEY is not set"),
        (
            ["--annotators_config", "longismore_length", "--fn_metric", "get_length_controlled_winrate"],
            "take --fn_metric longismore_lc_winrate",
        ),
    ],
)
def test_what_the_user_can_put_right_is_one_message(
    tmp_path: Path, files: list[str], arguments: list[str], message: str
) -> None:
    """Exit code 2, no traceback, nothing on stdout, and nothing written."""
    before = {path for path in tmp_path.rglob("*") if path.suffix in {".csv", ".json"}}
    done = alpaca_eval(tmp_path, *files, *arguments, HF_HUB_OFFLINE="1")
    assert (2, "") == (done.returncode, done.stdout), done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert before | {tmp_path / f"{name}.json" for name in ("base", "tuned")} == {
        path for path in tmp_path.rglob("*") if path.suffix in {".csv", ".json"}
    }


def test_it_can_be_switched_off(tmp_path: Path, files: list[str]) -> None:
    """LONGISMORE_AUTOLOAD=0 leaves alpaca_eval as it was: it finds no such annotator."""
    done = alpaca_eval(tmp_path, *files, "--annotators_config", "longismore_length", LONGISMORE_AUTOLOAD="0")
    assert 1 == done.returncode
    assert "evaluators_configs/longismore_length" in done.stderr.splitlines()[-1]


def test_longismore_alpaca_needs_no_hook(tmp_path: Path, files: list[str]) -> None:
    """The same command through ours, where nothing was done at the interpreter's start."""
    program = "import sys; from longismore.harness._alpaca_plugin import run_alpaca_eval as run; run(sys.argv[1:])"
    arguments = [*files, "--annotators_config", "longismore_length", "--output_path", "out"]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={name: os.environ[name] for name in ("PATH", "HOME")} | {"LONGISMORE_AUTOLOAD": "0"},
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    assert done.stdout.splitlines()[1].startswith("tuned")
    assert (tmp_path / "out" / "longismore_length" / "leaderboard.csv").is_file()


def test_other_commands_of_alpaca_eval_go_on_as_before(tmp_path: Path, files: list[str]) -> None:
    """Without a judge or a metric of ours, arguments and defaults are alpaca_eval's."""
    code = """
        import inspect, json, sys
        import alpaca_eval
        from alpaca_eval import main
        wrapped, plain = main.evaluate, inspect.unwrap(main.evaluate)
        same = [(a.name, a.default == b.default, a.kind == b.kind) for a, b in zip(
            inspect.signature(wrapped).parameters.values(), inspect.signature(plain).parameters.values(), strict=True)]
        print(json.dumps([wrapped is plain, wrapped is alpaca_eval.evaluate, wrapped is main.ALL_FUNCTIONS["evaluate"],
            wrapped.__doc__ == plain.__doc__, [each for each in same if each[1:] != (True, True)],
            "longismore.harness._alpaca_evaluate" in sys.modules, "longismore.reports" in sys.modules]))
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)], cwd=tmp_path, capture_output=True, text=True,
        check=False, env={name: os.environ[name] for name in ("PATH", "HOME")},
    )  # fmt: skip
    found: Any = json.loads(done.stdout)
    assert [False, True, True, True, [], False, False] == found
