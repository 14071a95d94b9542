"""``longismore mtbench``: what is printed, written, and refused."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, chat_reply, hash_score
from longismore._jsonl import read_jsonl
from longismore.mtbench import ModelAnswer, answers_path, load_questions, select_questions, write_answers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from judge_server import Body, Reply

    Command = Callable[..., Any]

_SOME = ("--questions", "81-82,111")


@pytest.fixture(autouse=True)
def _folders(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published files, a store in the test's own folder, and two models with answers to three questions."""
    monkeypatch.setenv("LONGISMORE_STORE", "store.sqlite")
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(data / "testsets"))
    for model in ("base", "tuned"):
        questions = select_questions(load_questions(data / "testsets"), "81-82,111")
        answers = [
            ModelAnswer(
                question=each.id, model=model, turns=(f"{model} {each.id}", f"{model} {each.id}!"), answer_id="x"
            )
            for each in questions
        ]
        write_answers(answers_path(tmp_path / "mt_bench", model), answers)


def judging(body: Body) -> Reply:
    """Grades by the text that is shown; of two, prefers the model whose name comes first in the alphabet."""
    text = body["messages"][-1]["content"]
    shown = list(dict.fromkeys(re.findall(r"\b(base|tuned) \d+", text)))
    if len(shown) == 1:
        return chat_reply(body, f"It is so. Rating: [[{hash_score(text)}]]")
    return chat_reply(body, "[[A]]" if shown[0] == "base" else "[[B]]")


def by(server: JudgeServer) -> list[str]:
    """The options that name the model behind a server."""
    return ["--judge", "openai/test-judge", "--base-url", server.base_url]


def test_single(command: Command, tmp_path: Path) -> None:
    """Counts, cost, where the file is and what to do next; the same again sends nothing, and show reads it."""
    with JudgeServer(reply=judging) as server:
        ended = command("mtbench", "judge", *_SOME, *by(server), "--price-input", 1, "--price-output", 2)
        again = command("mtbench", "judge", "mt_bench", *_SOME, *by(server), "--price-input", 1, "--price-output", 2)
    assert (0, 0, 12) == (ended.code, again.code, len(server.requests))
    assert "openai/test-judge, single: 12 rows, 12 judged, US$ 0.0" in ended.out
    assert "written to mt_bench/model_judgment/test-judge_single.jsonl" in ended.out
    assert "do not quote the answers" in ended.out
    assert "longismore mtbench show mt_bench" in ended.out
    rows = [row for _, row in read_jsonl(tmp_path / "mt_bench" / "model_judgment" / "test-judge_single.jsonl")]
    assert {"single-v1", "single-math-v1", "single-v1-multi-turn", "single-math-v1-multi-turn"} == {
        row["judge"][1] for row in rows
    }
    assert [hash_score(row["user_prompt"]) for row in rows] == [row["score"] for row in rows]
    shown = command("mtbench", "show", "--json")
    assert {"base", "tuned"} == {model["model"] for model in json.loads(shown.out)["models"]}


def test_pairwise(command: Command) -> None:
    """Against one, by a model; every two, by counting characters."""
    with JudgeServer(reply=judging) as server:
        options = ["--mode", "pairwise-baseline", "--baseline", "base", *_SOME]
        found = json.loads(command("mtbench", "judge", *options, *by(server), "--json").out)
    assert (6, {"judged": 12}, ["base", "tuned"], "base") == (
        found["rows"], found["states"], found["models"], found["baseline"],
    )  # fmt: skip
    assert (12, "mt_bench/model_judgment/test-judge_pair.jsonl") == (found["usage"]["answered"], found["judgments"])
    ended = command("mtbench", "judge", "--judge", "length", "--mode", "pairwise-all", *_SOME)
    assert "length, pairwise-all: 6 rows, 12 judged\n" in ended.out
    assert "by no prompt of MT-Bench" in ended.out


def test_what_to_do_next_shows_what_was_judged(command: Command) -> None:
    """Also where there are scores, which are shown without a mode."""
    command("mtbench", "judge", "--judge", "lexical", *_SOME)
    for mode in (["--mode", "pairwise-all"], ["--mode", "pairwise-baseline", "--baseline", "base"]):
        told = command("mtbench", "judge", "--judge", "length", "--judge-name", mode[-1], *mode, *_SOME).out
        _, _, next_command = told.strip().partition("to see what it says: longismore ")
        assert ["mtbench", "show", "mt_bench", *mode] == next_command.split()
        assert mode[1] == json.loads(command(*next_command.split(), "--json").out)["mode"]


def test_dry_run_sends_nothing(command: Command, tmp_path: Path) -> None:
    """Calls, tokens and cost; what the store has costs nothing; counting words costs nothing at all."""
    with JudgeServer(reply=judging) as server:
        ended = command("mtbench", "judge", *_SOME, *by(server), "--dry-run")
        assert "openai/test-judge: 12 calls to send" in ended.out
        assert not (tmp_path / "mt_bench" / "model_judgment").exists()
        assert [] == server.requests
        command("mtbench", "judge", "--questions", "111", *by(server), "--models", "base")
        found = json.loads(command("mtbench", "judge", *_SOME, *by(server), "--dry-run", "--json").out)
    assert (12, 10, 2, 2) == (found["rows"], found["calls"], found["from_store"], len(server.requests))
    assert "lexical: no calls, no cost" in command("mtbench", "judge", *_SOME, "--judge", "lexical", "--dry-run").out


def test_notes_and_missing_results_are_told(command: Command, caplog: pytest.LogCaptureFixture) -> None:
    """On stderr where stdout is for a program; a protocol, which has no meaning here, too."""
    with JudgeServer(reply=judging, script=["prose", "400"]) as server:
        ended = command("mtbench", "judge", *_SOME, *by(server), "--retries", 0, "--json", "--protocol", "choice")
    assert {"failed": 1, "judged": 10, "unparsed": 1} == json.loads(ended.out)["states"]
    assert "judgments without a result: 2 of 12; those that failed are asked again by the same command" in caplog.text
    assert "do not quote the answers" in caplog.text
    assert "protocol=choice is about judging pairs: mtbench judge has a prompt of its own" in caplog.text


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--judge", "lexical"], "has no whole answer to 77 of 80: 83, 84"),
        ([*_SOME], "no judge was given"),
        ([*_SOME, "--judge", "length"], "cannot grade one"),
        ([*_SOME, "--judge", "lexical", "--mode", "all"], "mode must be single, pairwise-baseline, pairwise-all"),
        ([*_SOME, "--judge", "lexical", "--models", "base,other"], "unknown model with answers in"),
        (["--judge", "lexical", "--questions", "1-80"], '"1-80" names no question'),
        ([*_SOME, "--judge", "lexical", "--judge-name", "a/b"], "--judge-name NAME"),
        ([*_SOME, "--judge", "openai/gpt-4"], "OPENAI_API_KEY is not set"),
        (["empty", "--judge", "lexical"], "has no answers (MODEL.jsonl)"),
    ],
)  # fmt: skip
def test_bad_requests(command: Command, options: list[str], problem: str, caplog: pytest.LogCaptureFixture) -> None:
    """Exit code 2, what is wrong, and what to do."""
    ended = command("mtbench", "judge", *options)
    assert 2 == ended.code
    assert problem in ended.err + caplog.text


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["nowhere", "--judge", "lexical"], "has no answers (MODEL.jsonl)"),
        (["nowhere", "--judge", "lexical", "--mode", "duel"], 'found "duel"'),
    ],
)
def test_nothing_is_fetched_for_a_request_that_will_not_do(
    command: Command, monkeypatch: pytest.MonkeyPatch, options: list[str], problem: str
) -> None:
    """What is wrong with it comes first, also where the published files are not at hand."""
    monkeypatch.setenv("LONGISMORE_TESTSETS", "empty")
    ended = command("mtbench", "judge", *options)
    assert (2, True) == (ended.code, problem in ended.err)


def test_fetch(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Says what is at hand; a folder without the files is named."""
    ended = command("mtbench", "fetch")
    assert (0, 3) == (ended.code, ended.out.count(": at hand\n"))
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(tmp_path))
    assert 2 == command("mtbench", "fetch").code


def test_published_answers_are_judged_whole(command: Command, data: Path, tmp_path: Path) -> None:
    """Two models of Long Is More on all eighty questions, by counting words; show has every category."""
    pytest.importorskip("numpy")
    folder = tmp_path / "published"
    (folder / "model_answer").mkdir(parents=True)
    for path in (data / "testsets" / "mt_bench" / "model_answer").glob("*.jsonl"):
        (folder / "model_answer" / path.name).write_bytes(path.read_bytes())
    assert 0 == command("mtbench", "judge", folder, "--judge", "lexical").code
    shown = json.loads(command("mtbench", "show", folder, "--json").out)
    assert 2 == len(shown["models"])
    assert "math" in json.dumps(shown["models"][0])


def test_judgments_are_never_written_over(command: Command, tmp_path: Path) -> None:
    """A table has a file of its own; a picture that cannot be drawn is known before a table is written."""
    command("mtbench", "judge", "--judge", "lexical", *_SOME)
    path = tmp_path / "mt_bench" / "model_judgment" / "lexical_single.jsonl"
    before = path.read_bytes()
    for option in ("--csv", "--markdown", "--latex"):
        ended = command("mtbench", "show", option, path)
        assert (2, before) == (ended.code, path.read_bytes())
        assert "has the judgments, which would be lost" in ended.err
    ended = command("mtbench", "show", "--csv", "table.csv", "--plot", "radar.svg")
    assert (2, False) == (ended.code, (tmp_path / "table.csv").exists())
    ended = command("mtbench", "show", "x" * 300)
    assert (2, True) == (ended.code, "File name too long" in ended.err)
