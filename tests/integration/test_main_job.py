"""The main job as a user runs it: the real lm_eval command, the real test sets, a judge on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from judge_server import JudgeServer, chat_reply
from longismore.testsets import TESTSETS

pytestmark = pytest.mark.slow

FIVE = ("koala", "lima", "sinstruct", "vicuna", "wizardlm")


def answers(folder: Path, path: Path, model: str) -> Path:
    """Write answers of *model* to all 1,030 instructions, different for each."""
    examples = [example for name in FIVE for example in TESTSETS.get(name).load(folder)]
    rows = [
        {
            "id": example.id,
            "dataset": example.testset,
            "instruction": example.question,
            "output": f"{model} on {example.testset} {example.id}",
            "generator": model,
        }
        for example in examples
    ]
    path.write_text(json.dumps(rows))
    return path


def lm_eval(*arguments: object, plain: bool = False) -> list[str]:
    """The command line: the plain ``lm_eval``, or ours, which leaves out its scan of 14,000 files."""
    module = ["lm_eval"] if plain else ["longismore", "eval"]
    return [sys.executable, "-m", *module, "run", *map(str, arguments)]


def run(*arguments: object, cwd: Path, plain: bool = False, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    environment = {**os.environ, **environ}
    return subprocess.run(
        lm_eval(*arguments, plain=plain),
        cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip


def metadata(server: JudgeServer, **more: object) -> str:
    """What ``--metadata`` says for this judge."""
    judge = {"judge": "openai/test-judge", "judge_base_url": server.base_url, "judge_reference": "reference.json"}
    return json.dumps(judge | more)


def values(ended: subprocess.CompletedProcess[str], folder: Path) -> dict[str, Any]:
    """The results that lm_eval wrote last below *folder*."""
    assert 0 == ended.returncode, ended.stderr[-3000:]
    newest = max(folder.rglob("results_*.json"), key=lambda path: path.stat().st_mtime_ns)
    results: dict[str, Any] = json.loads(newest.read_text())["results"]
    return results


def test_1030_instructions_cost_2060_calls_once(data: Path, tmp_path: Path) -> None:
    """All five sets in one pool: 2,060 calls, the right table, and none in a second run of the same command."""
    testsets = data / "testsets"
    answers(testsets, tmp_path / "reference.json", "base")
    answers(testsets, tmp_path / "candidate.json", "tuned")
    environ = {"LONGISMORE_TESTSETS": str(testsets)}
    with JudgeServer() as server:
        arguments = [
            "--model", "longismore_outputs", "--model_args", "path=candidate.json",
            "--tasks", "longismore_pairwise", "--output_path", "out", "--metadata", metadata(server),
        ]  # fmt: skip
        first = values(run(*arguments, cwd=tmp_path, plain=True, **environ), tmp_path / "out")
        assert 2060 == len(server.answered)
        assert 2060 == len({json.dumps(body) for body in server.answered})
        second = values(run(*arguments, cwd=tmp_path, **environ), tmp_path / "out")
        assert 2060 == len(server.requests)
    assert first == second
    assert {f"longismore_{name}" for name in (*FIVE, "pairwise")} == set(first)
    # What the server's rule gives, computed here from its own answers: marks by a hash of each answer.
    (folder, _) = sorted((tmp_path / "out").rglob("judgments.jsonl"))
    judgments = [json.loads(line) for line in folder.read_text().splitlines()]
    preferences = {(row["testset"], row["id"]): row["preference"] for row in judgments}
    assert 1030 == len(preferences)
    assert first["longismore_pairwise"]["win_rate,none"] == pytest.approx(sum(preferences.values()) / 1030)
    for name in FIVE:
        own = [value for (testset, _), value in preferences.items() if testset == name]
        assert first[f"longismore_{name}"]["win_rate,none"] == pytest.approx(sum(own) / len(own))
    assert 1.0 == first["longismore_pairwise"]["swap_consistency,none"]
    assert 0.0 == first["longismore_pairwise"]["unjudged,none"]


def test_kill_9_loses_nothing_that_was_answered(data: Path, tmp_path: Path) -> None:
    """Killed in the middle of judging, the same command again asks only what was not answered before."""
    testsets = data / "testsets"
    answers(testsets, tmp_path / "reference.json", "base")
    answers(testsets, tmp_path / "candidate.json", "tuned")
    concurrency = 8
    with JudgeServer(latency_s=0.02) as server:
        arguments = [
            "--model", "longismore_outputs", "--model_args", "path=candidate.json", "--tasks", "longismore_koala",
            "--output_path", "out", "--metadata", metadata(server, judge_concurrency=concurrency),
        ]  # fmt: skip
        environ = {**os.environ, "LONGISMORE_TESTSETS": str(testsets)}
        with subprocess.Popen(
            lm_eval(*arguments),
            cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            while len(server.answered) < 60 and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        before = len(server.answered)
        assert 60 <= before < 360
        # The generations were saved before the first call, and what was judged is in the run folder.
        (stopped,) = (tmp_path / "out").rglob("run.json")
        assert "judging" == json.loads(stopped.read_text())["status"]
        assert 180 == len(json.loads((stopped.parent / "candidate.json").read_text()))
        ended = run(*arguments, cwd=tmp_path, LONGISMORE_TESTSETS=str(testsets))
    values(ended, tmp_path / "out")
    asked = Counter(json.dumps(body) for body in server.requests)
    assert 360 == len(asked)
    twice = sum(count > 1 for count in asked.values())
    assert twice <= concurrency  # only what was in flight when it was killed


def test_ctrl_c_says_what_is_kept(tmp_path: Path) -> None:
    """Exit code 130, one message, no traceback; the same command goes on where it was."""
    with JudgeServer(latency_s=0.05) as server:
        arguments = [
            sys.executable, "-m", "longismore", "compare", "mini:better", "mini:longer", "--testset", "mini",
            "--judge", "openai/test-judge", "--base-url", server.base_url, "--concurrency", "4",
        ]  # fmt: skip
        with subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
            while len(server.answered) < 10 and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
        assert 130 == process.returncode
        assert "the same command goes on from there" in said
        assert "Traceback" not in said
        again = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert 0 == again.returncode, again.stderr
        asked = Counter(json.dumps(body) for body in server.requests)
    assert 80 == len(asked)
    assert sum(count > 1 for count in asked.values()) <= 4


def test_published_reviews_through_lm_eval(data: Path, tmp_path: Path) -> None:
    """Cherry's GPT-4 reviews of Koala, replayed: 85/36/59, as the command in the README and the issue say."""
    testsets = {"LONGISMORE_TESTSETS": str(data / "testsets")}
    reviews = data / "reviews" / "cherry_5per_vs_alpaca" / "koala_wrap_reviews_gpt4.json"
    subprocess.run(
        [sys.executable, "-m", "longismore", "import", reviews, "-f", "cherry", "-t", "koala", "-o", "K"],
        cwd=tmp_path, env={**os.environ, **testsets}, check=True, capture_output=True,
    )  # fmt: skip
    ended = run(
        "--model", "longismore_outputs", "--model_args", "path=K/candidate.json", "--tasks", "longismore_koala",
        "--metadata", '{"judge":"replay:K/judgments.jsonl","judge_reference":"K/reference.json"}',
        cwd=tmp_path, plain=True, **testsets,
    )  # fmt: skip
    assert 0 == ended.returncode, ended.stderr[-3000:]
    cells = [[cell.strip() for cell in line.split("|")] for line in ended.stdout.splitlines() if "|" in line]
    table = {row[5]: (row[7], row[9]) for row in cells if len(row) > 9}
    assert ("0.5722", "0.0330") == table["win_rate"]
    assert ("0.8167", "0.0289") == table["swap_consistency"]
    (results,) = (tmp_path / "runs").rglob("results.json")
    pooled = json.loads(results.read_text())["pooled"]
    assert (85, 36, 59) == (pooled["wins"], pooled["ties"], pooled["losses"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "no judge was given for longismore_koala"),
        ({"judge": "lexcal"}, 'unknown judge "lexcal"; did you mean lexical'),
        ({"judge": "openai/gpt-4.1", "judge_reference": "reference.json"}, "OPENAI_API_KEY is not set"),
        ({"judge": "length"}, "--predict_only --log_samples"),
        ({"judge": "length", "judge_reference": "nowhere.json"}, "nowhere.json: no such file"),
        ({"judge": "length", "judge_reference": "short.json"}, "no answer for 3 of 180 prompts of koala"),
        ({"judge": "length", "judge_refrence": "reference.json"}, 'unknown key in --metadata: "judge_refrence"'),
        ({"judge": "length", "judge_api_key": "secret"}, "from the environment only"),
        ({"judge": "length", "judge_reference": "reference.json", "judge_output": "reference.json"},
         "run folders cannot be written here"),
        ({"judge": "openai/x", "judge_base_url": "http://127.0.0.1:9/v1", "judge_reference": "reference.json"},
         "cannot be reached"),
    ],
)  # fmt: skip
def test_what_can_fail_fails_before_the_first_generation(
    given: dict[str, str], expected: str, data: Path, tmp_path: Path
) -> None:
    """Exit code 2 and one message, no traceback, and the model was not asked anything."""
    testsets = data / "testsets"
    rows = json.loads(answers(testsets, tmp_path / "reference.json", "base").read_text())
    missing = {"koala_3", "koala_17", "koala_44"}
    (tmp_path / "short.json").write_text(json.dumps([row for row in rows if row["id"] not in missing]))
    ended = run(
        "--model", "dummy", "--tasks", "longismore_koala", "--metadata", json.dumps(given or {"other": 1}),
        cwd=tmp_path, LONGISMORE_TESTSETS=str(testsets),
    )  # fmt: skip
    assert 2 == ended.returncode, ended.stderr[-3000:]
    assert expected in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Running generate_until" not in ended.stderr


@pytest.mark.skipif(version("lm_eval") == "0.4.12", reason="lm_eval 0.4.12 takes --metadata as JSON only")
def test_the_first_command_of_the_readme_prints_the_table_of_the_readme(tmp_path: Path) -> None:
    """Without its installation, which .ci/run and the reader try."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (command,) = (line for line in readme.splitlines() if ".venv/bin/lm_eval run" in line)
    arguments = command.partition(".venv/bin/lm_eval run ")[2].split()
    ended = run(*arguments, cwd=tmp_path, plain=True)
    assert 0 == ended.returncode, ended.stderr[-3000:]
    table = [line for line in readme.splitlines() if line.startswith("|") and ("none" in line or "Tasks" in line)]
    assert 8 == len(table)
    assert table == [line.rstrip() for line in ended.stdout.splitlines() if line.rstrip() in table]


def test_the_plain_command_ends_with_2_as_well(tmp_path: Path) -> None:
    """Also where lm_eval itself, not our command, meets the error."""
    ended = run("--model", "dummy", "--tasks", "longismore_mini", cwd=tmp_path, plain=True)
    assert 2 == ended.returncode, ended.stderr[-3000:]
    assert "no judge was given for longismore_mini" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_reference_and_judge_are_models(tmp_path: Path) -> None:
    """The reference's answers are written once, at its own server, before the first judgment."""

    def writes(body: Any) -> Any:
        return chat_reply(body, "What the reference says.")

    with JudgeServer(reply=writes) as writer, JudgeServer() as server:
        judge = {
            "judge": "openai/test-judge", "judge_base_url": server.base_url, "judge_protocol": "score_pair",
            "judge_reference": "openai/writer", "judge_reference_base_url": writer.base_url,
            "judge_max_cost_usd": 1, "judge_price_input": 1, "judge_price_output": 2,
            "judge_reference_price_input": 1, "judge_reference_price_output": 2,
            "judge_parameters": {"seed": 7},
        }  # fmt: skip
        arguments = ("--model", "longismore_outputs", "--model_args", "path=mini:longer",
                     "--tasks", "longismore_mini", "--limit", 6)  # fmt: skip
        first = run(*arguments, "--metadata", json.dumps(judge), cwd=tmp_path)
        assert 0 == first.returncode, first.stderr
        again = run(*arguments, "--metadata", json.dumps(judge), cwd=tmp_path)
        assert (6, 12) == (len(writer.requests), len(server.requests))
    assert 0 == again.returncode
    assert {7} == {body["seed"] for body in server.requests}
    assert "longismore_mini, were its answers as long as the reference's: 12 calls to send" in first.stderr
    assert 2 == first.stderr.count("12 calls to send")
    stored = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("runs/*/run.json"))]
    assert [18, 0] == [each["usage"]["answered"] for each in stored]
    assert [0, 18] == [each["usage"]["from_store"] for each in stored]
    assert {"openai/writer"} == {each["reference"]["model"] for each in stored}


def test_limit_on_the_cost_ends_lm_eval_with_a_message(tmp_path: Path) -> None:
    """Too little money: no traceback of ours, exit code 1, and the next run goes on."""
    with JudgeServer() as server:
        judge = {"judge": "openai/test-judge", "judge_base_url": server.base_url, "judge_price_input": 100,
                 "judge_price_output": 100, "judge_max_cost_usd": 0.5}  # fmt: skip
        ended = run("--model", "longismore_outputs", "--model_args", "path=mini:longer", "--tasks", "longismore_mini",
                    "--metadata", json.dumps(judge), cwd=tmp_path)  # fmt: skip
        assert len(server.requests) < 40
    assert 1 == ended.returncode
    assert "raise the limit (--max-cost-usd, judge_max_cost_usd)" in ended.stderr
