"""``longismore rate``: what is printed, written, and refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, chat_reply
from longismore._jsonl import read_jsonl
from row_answers import alpaca_rows, mark, rating, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def _own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store in the test's own folder."""
    monkeypatch.setenv("LONGISMORE_STORE", "store.sqlite")


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Ten rows, one without a response."""
    rows = alpaca_rows(10)
    rows[3]["output"] = ""
    return write_rows(tmp_path / "pool.jsonl", rows)


def by(server: JudgeServer) -> list[str]:
    """The options that name the model behind a server."""
    return ["--judge", "openai/test-judge", "--base-url", server.base_url]


def test_table_and_file(command: Command, pool: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Scores with how many rows have each or more, counts of every state, the mean, and where the file is."""
    with JudgeServer(reply=rating) as server:
        ended = command("rate", "--data", pool, *by(server))
    assert 0 == ended.code
    assert "accuracy, rated by openai/test-judge" in ended.out
    assert "this or more" in ended.out
    assert "10 rows: 1 empty response, 9 rated; mean score " in ended.out
    assert "written to ratings.jsonl" in ended.out
    assert "9 calls to send" in caplog.text
    lines = [row for _, row in read_jsonl(tmp_path / "ratings.jsonl")]
    assert [None if n == 3 else mark(f"{n} is a number.") for n in range(10)] == [line["score"] for line in lines]
    manifest = json.loads((tmp_path / "ratings.jsonl.manifest.json").read_text())
    assert ["longismore", "rate", "--data", str(pool)] == manifest["command"][:4]


def test_json_is_one_object(command: Command, pool: Path) -> None:
    """For programs."""
    with JudgeServer(reply=rating) as server:
        found = json.loads(command("rate", "--data", pool, *by(server), "--json", "--dimension", "helpfulness").out)
    assert ("helpfulness", 10, {"rated": 9, "empty response": 1}) == (
        found["dimension"], found["rows"], found["statuses"],
    )  # fmt: skip
    assert 9 == sum(found["scores"].values()) == found["usage"]["answered"]


def test_dry_run_sends_nothing(command: Command, pool: Path, tmp_path: Path) -> None:
    """Calls, tokens and cost; what the store has costs nothing."""
    prices = ["--price-input", 1, "--price-output", 4]
    with JudgeServer(reply=rating) as server:
        ended = command("rate", "--data", pool, *by(server), *prices, "--dry-run")
        assert ([], False) == (server.requests, (tmp_path / "ratings.jsonl").exists())
        command("rate", "--data", pool, *by(server), *prices, "--limit", 4)
        found = json.loads(command("rate", "--data", pool, *by(server), *prices, "--dry-run", "--json").out)
    assert "10 rows, 1 without a response" in ended.out
    assert "9 calls to send" in ended.out
    assert "US$" in ended.out
    assert (6, 3, 10, 3) == (found["calls"], found["from_store"], found["rows"], len(server.requests))
    assert found["cost_usd"]["low"] <= found["cost_usd"]["expected"] <= found["cost_usd"]["high"]


def test_words_cost_nothing(command: Command, pool: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And say what they are, also on stderr where stdout is for a program."""
    assert "no calls, no cost" in command("rate", "--data", pool, "--judge", "lexical", "--dry-run").out
    assert "heuristic for smoke runs" in command("rate", "--data", pool, "--judge", "lexical").out
    ended = command("rate", "--data", pool, "--judge", "lexical", "--json")
    assert "heuristic for smoke runs" in caplog.text
    assert 10 == json.loads(ended.out)["rows"]


def test_picture(command: Command, pool: Path, tmp_path: Path) -> None:
    """A histogram; another ending is refused before anything is paid."""
    pytest.importorskip("matplotlib")
    with JudgeServer(reply=rating) as server:
        refused = command("rate", "--data", pool, *by(server), "--plot", "scores.gif")
        assert (2, []) == (refused.code, server.requests)
        assert 0 == command("rate", "--data", pool, *by(server), "--plot", "scores.png").code
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")


def test_own_prompt(command: Command, pool: Path, tmp_path: Path) -> None:
    """A template is sent word for word."""
    (tmp_path / "mine.txt").write_text("Q: @INSTRUCTION@ A: @RESPONSE@ By @DIMENSION@!")
    with JudgeServer(reply=lambda body: chat_reply(body, "3")) as server:
        assert 0 == command("rate", "--data", pool, *by(server), "--prompt", "mine.txt").code
    sent = {body["messages"][0]["content"] for body in server.requests}
    assert "Q: Explain 1. A: 1 is a number. By accuracy!" in sent


def test_states_are_told_and_failed_rows_do_not_fail_the_run(
    command: Command, pool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They are counted, and asked again by the same command."""
    with JudgeServer(reply=rating, script=["prose", "400"]) as server:
        ended = command("rate", "--data", pool, *by(server), "--concurrency", 1)
        again = command("rate", "--data", pool, *by(server))
    assert (0, 0) == (ended.code, again.code)
    assert "1 empty response, 1 failed, 7 rated, 1 unreadable" in ended.out
    assert "2 of 10 rows have no score" in caplog.text
    assert "1 empty response, 8 rated, 1 unreadable" in again.out


def test_protocol_is_about_pairs(command: Command, pool: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It may stand in the environment for other commands, so it is only remarked on."""
    with JudgeServer(reply=rating) as server:
        ended = command("rate", "--data", pool, *by(server), "--protocol", "choice")
    assert 0 == ended.code
    assert "protocol=choice is about judging pairs" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--judge", "length"], "or lexical for a smoke run"),
        (["--judge", ""], "no judge was given"),
        (["--judge", "opnai/x"], "did you mean openai"),
        (["--judge", "lexical", "--output", "pool.jsonl"], "would replace the data itself"),
        (["--judge", "lexical", "--output", "r.csv"], "a file of ratings ends in"),
        (["--judge", "lexical", "--dimension", " "], "is no dimension"),
        (["--judge", "lexical", "--multi-turn", "last"], "multi_turn must be"),
        (["--judge", "lexical", "--format", "alpaka"], "alpaca"),
        (["--judge", "openai/x", "--base-url", "http://127.0.0.1:9", "--prompt", "none.txt"], "no such file"),
        (["--judge", "openai/x"], "OPENAI_API_KEY"),
    ],
)
def test_what_cannot_be_is_said(command: Command, pool: Path, arguments: list[str], message: str) -> None:
    """Exit code 2, one message, nothing written."""
    ended = command("rate", "--data", pool, *arguments)
    assert 2 == ended.code
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_a_server_that_gives_up_ends_the_run(command: Command, pool: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Exit code 1, with a word on what is kept."""
    with JudgeServer(reply=rating, script=[None, None, "402"]) as server:
        ended = command("rate", "--data", pool, *by(server), "--concurrency", 1)
    assert 1 == ended.code
    assert "stopped after 2 of 9 rows; what was answered is kept in store.sqlite" in caplog.text
