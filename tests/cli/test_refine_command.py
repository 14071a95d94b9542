"""``longismore refine``: what is printed, written, and refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer
from longismore._jsonl import read_jsonl
from row_answers import alpaca_rows, refining, saying, write_rows

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


def by(server: JudgeServer, option: str = "--judge") -> list[str]:
    """The options that name the model behind a server."""
    return [option, "openai/test-judge", "--base-url", server.base_url]


@pytest.mark.parametrize("option", ["--judge", "--model"])
def test_table_and_files(command: Command, pool: Path, tmp_path: Path, option: str) -> None:
    """Counts of every case, the refined data, the details, the manifest."""
    with JudgeServer(reply=refining, script=["prose"]) as server:
        ended = command(
            "refine", "--data", pool, "--output", "out.jsonl", "--details", "d.jsonl", *by(server, option),
            "--concurrency", 1,
        )  # fmt: skip
    assert 0 == ended.code
    assert "responses refined by openai/test-judge" in ended.out
    assert "no better response marked" in ended.out
    assert "10 rows: 8 refined (8 of them longer), 2 kept" in ended.out
    written = [row["output"] for _, row in read_jsonl(tmp_path / "out.jsonl")]
    assert ["0 is a number.", "1 is a number. Indeed."] == written[:2]
    assert 10 == len(list(read_jsonl(tmp_path / "d.jsonl")))
    manifest = json.loads((tmp_path / "out.jsonl.manifest.json").read_text())
    assert {"refined": 8, "no better response marked": 1, "empty response": 1} == manifest["statuses"]


def test_json_is_one_object(command: Command, pool: Path) -> None:
    """For programs."""
    with JudgeServer(reply=refining) as server:
        found = json.loads(command("refine", "--data", pool, "--output", "o.jsonl", *by(server), "--json").out)
    assert (10, 9, 1, 9) == (found["rows"], found["refined"], found["kept"], found["usage"]["answered"])


def test_dry_run_sends_nothing(command: Command, pool: Path, tmp_path: Path) -> None:
    """Calls, tokens and cost."""
    arguments = ["refine", "--data", pool, "--output", "o.jsonl", "--price-input", 1, "--price-output", 4, "--dry-run"]
    with JudgeServer(reply=refining) as server:
        ended = command(*arguments, *by(server))
        found = json.loads(command(*arguments, *by(server), "--json").out)
    assert ([], False) == (server.requests, (tmp_path / "o.jsonl").exists())
    assert "10 rows, 1 of them kept without a call" in ended.out
    assert "9 calls to send" in ended.out
    assert (9, 0) == (found["calls"], found["from_store"])


def test_cut_answers_are_remarked_on(command: Command, pool: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the setting that would help."""
    with JudgeServer(reply=saying("[Better Answer] " + "word " * 20)) as server:
        ended = command("refine", "--data", pool, "--output", "o.jsonl", *by(server), "--max-tokens", 20)
    assert "9 answers were cut off at max_tokens=20" in caplog.text
    assert "0 refined" in ended.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--judge", "lexical"], "cannot write answers"),
        (["--judge", ""], "no judge was given"),
        (
            ["--judge", "openai/x", "--base-url", "http://127.0.0.1:9", "--output", "pool.jsonl"],
            "would replace the data",
        ),
        (["--judge", "openai/x", "--base-url", "http://127.0.0.1:9", "--multi-turn", "all"], "multi_turn must be"),
    ],
)
def test_what_cannot_be_is_said(command: Command, pool: Path, arguments: list[str], message: str) -> None:
    """Exit code 2, one message, nothing written."""
    ended = command("refine", "--data", pool, "--output", "o.jsonl", *arguments)
    assert 2 == ended.code
    assert message in ended.err
