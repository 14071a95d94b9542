"""Bad input: one message that names file, line, field or spec, exit code 2, no traceback, no silent drop."""

from __future__ import annotations

import errno
import json
import os
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Rows = list[dict[str, Any]]


@pytest.fixture
def rows() -> Rows:
    """Forty good answers to mini."""
    text = files("longismore.testsets").joinpath("data/mini_longer.json").read_text(encoding="utf-8")
    loaded: Rows = json.loads(text)
    return loaded


@pytest.fixture
def refused(command: Callable[..., Any], tmp_path: Path) -> Callable[[bytes], str]:
    """Compare with a file of these bytes as candidate: it must be refused; gives the message."""

    def compare(content: bytes, name: str = "bad.json") -> str:
        (tmp_path / name).write_bytes(content)
        ended = command("compare", "mini:better", name, "-t", "mini", "--judge", "length")
        assert (2, "") == (ended.code, ended.out)
        assert "Traceback" not in ended.err
        assert not (tmp_path / "runs").exists()
        return str(ended.err)

    return compare


def test_a_missing_file(command: Callable[..., Any]) -> None:
    """The path is named."""
    ended = command("compare", "mini:better", "nowhere.json", "-t", "mini", "--judge", "length")
    assert 2 == ended.code
    assert "nowhere.json: no such file" in ended.err


def test_three_missing_prompts(refused: Callable[[bytes], str], rows: Rows) -> None:
    """Each of the three ids is named."""
    kept = [row for row in rows if row["id"] not in {"mini_3", "mini_17", "mini_39"}]
    message = refused(json.dumps(kept).encode())
    assert "bad.json: no answer for 3 of 40 prompts of mini: mini_3, mini_17, mini_39" in message


def test_duplicate_prompts_with_different_answers(refused: Callable[[bytes], str], rows: Rows) -> None:
    """Both rows are named, with what to do."""
    message = refused(json.dumps([*rows, rows[4] | {"output": "Something else."}]).encode())
    assert "mini_4" in message
    assert "row 5" in message
    assert "row 41" in message


def test_invalid_utf8(refused: Callable[[bytes], str], rows: Rows) -> None:
    """The line is named, and the byte."""
    text = "\n".join(json.dumps(row) for row in rows).encode()
    message = refused(text.replace(b"Mini", b"Mini").replace(b"mini_2", b"mini\xff2", 1))
    assert "bad.json:3: not UTF-8 (byte 0xff" in message


def test_truncated_json(refused: Callable[[bytes], str], rows: Rows) -> None:
    """The place is named, and that the file seems cut off."""
    message = refused(json.dumps(rows, indent=1).encode()[:5000])
    assert "cut off" in message
    assert "bad.json:" in message


def test_truncated_json_lines(refused: Callable[[bytes], str], rows: Rows) -> None:
    """The last line is named."""
    message = refused("\n".join(json.dumps(row) for row in rows).encode()[:-20])
    assert "bad.json:40: not JSON" in message


def test_an_answer_that_is_no_text(refused: Callable[[bytes], str], rows: Rows) -> None:
    """Row and field are named."""
    rows[6]["output"] = None
    message = refused(json.dumps(rows).encode())
    assert 'bad.json: row 7: field "output"' in message


def test_an_empty_answer_is_an_answer(command: Callable[..., Any], rows: Rows, tmp_path: Path) -> None:
    """It is judged like any other, and counted."""
    rows[6]["output"] = ""
    (tmp_path / "empty.json").write_text(json.dumps(rows))
    ended = command("compare", "mini:better", "empty.json", "-t", "mini", "--judge", "length", "--json")
    pooled = json.loads(ended.out)["pooled"]
    assert (0, 40, 1) == (ended.code, pooled["n"], pooled["empty_candidate"])


def test_an_answer_of_two_megabytes(command: Callable[..., Any], rows: Rows, tmp_path: Path) -> None:
    """It is judged like any other, by both offline judges."""
    rows[6]["output"] = "word " * 400_000
    (tmp_path / "long.json").write_text(json.dumps(rows))
    for judge in ("length", "lexical"):
        ended = command("compare", "mini:better", "long.json", "-t", "mini", "--judge", judge, "--json")
        assert (0, 40) == (ended.code, json.loads(ended.out)["pooled"]["n"])


def test_two_megabytes_reach_a_server_whole(command: Callable[..., Any], rows: Rows, tmp_path: Path) -> None:
    """A judge of a server is sent the answer as it is; whether it can read so much is the server's business."""
    rows[6]["output"] = "word " * 400_000
    (tmp_path / "long.json").write_text(json.dumps(rows))
    with JudgeServer() as server:
        ended = command(
            "compare", "mini:better", "long.json", "-t", "mini", "--judge", "openai/test-judge",
            "--base-url", server.base_url, "--json",
        )  # fmt: skip
    assert (0, 40) == (ended.code, json.loads(ended.out)["pooled"]["n"])
    assert 2 == sum("word " * 400_000 in body["messages"][1]["content"] for body in server.answered)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("", "no judge was given"),
        ("lenght", 'unknown judge "lenght"; did you mean length?'),
        ("openai", "openai/MODEL"),
        ("openai/gpt-4.1", "OPENAI_API_KEY is not set"),
        ("replay:", "needs a file"),
        ("replay:nowhere.jsonl", "nowhere.jsonl: no such file"),
        ("length/2", "takes nothing after its name"),
    ],
)
def test_a_judge_that_will_not_do(command: Callable[..., Any], spec: str, expected: str) -> None:
    """The spec is named, with what would do."""
    ended = command("compare", "mini:better", "mini:longer", "-t", "mini", "--judge", spec)
    assert 2 == ended.code
    assert expected in ended.err
    assert "Traceback" not in ended.err


def test_a_folder_that_cannot_be_written(command: Callable[..., Any], tmp_path: Path) -> None:
    """It is named before anything is asked, with the ways to name another."""
    (tmp_path / "occupied").write_text("a file")
    ended = command("compare", "mini:better", "mini:longer", "-t", "mini", "--judge", "length", "--output", "occupied")
    assert 2 == ended.code
    assert "occupied: run folders cannot be written here" in ended.err


def test_what_the_system_refuses_is_one_message(command: Callable[..., Any], tmp_path: Path) -> None:
    """A name that is too long, or a place where nothing can be written, whatever command it is."""
    for arguments in (
        ["summarize", "x" * 300],
        ["select", "longest", "--data", "pool.json", "--budget", 1, "-o", "pool.json/chosen.json"],
    ):
        (tmp_path / "pool.json").write_text('[{"instruction": "a", "output": "b"}]', encoding="utf-8")
        ended = command(*arguments)
        assert 1 == ended.code
        assert re.fullmatch("longismore: error: .*: (File name too long|Not a directory|File exists)\n", ended.err)


def test_a_full_disk_is_one_message(command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The system does not say of which file; an error that is no file's keeps its traceback."""

    def fail(number: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("longismore.cli.app", lambda: fail(errno.ENOSPC))
    ended = command("doctor")
    assert (1, "longismore: error: No space left on device\n") == (ended.code, ended.err)
    monkeypatch.setattr("longismore.cli.app", lambda: fail(errno.ENOTCONN))
    with pytest.raises(OSError, match="not connected"):
        command("doctor")


def test_an_unknown_test_set(command: Callable[..., Any]) -> None:
    """Near names are offered."""
    ended = command("compare", "mini:better", "mini:longer", "-t", "kola", "--judge", "length")
    assert 2 == ended.code
    assert 'unknown test set "kola"; did you mean koala?' in ended.err
    nothing = command("compare", "mini:better", "mini:longer", "-t", ",", "--judge", "length")
    assert 2 == nothing.code
    assert 'unknown test set ""; known: alpaca_eval, koala' in nothing.err


def test_a_test_set_that_is_not_in_the_folder(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The folder is named, the file, its address and its checksum; nothing is fetched instead."""
    monkeypatch.setenv("LONGISMORE_TESTSETS", str(tmp_path))
    ended = command("compare", "mini:better", "mini:longer", "-t", "koala", "--judge", "length")
    assert 2 == ended.code
    for part in ("koala_test_set.jsonl", str(tmp_path), "c8cda5c5", "raw.githubusercontent.com"):
        assert part in ended.err


def test_a_recording_of_other_answers(command: Callable[..., Any], rows: Rows, tmp_path: Path) -> None:
    """Recorded judgments hold for exactly the answers they were made of."""
    command("compare", "mini:better", "mini:longer", "-t", "mini", "--judge", "length")
    (folder,) = (tmp_path / "runs").iterdir()
    rows[5]["output"] = "Another answer."
    (tmp_path / "other.json").write_text(json.dumps(rows))
    ended = command(
        "compare", "mini:better", "other.json", "-t", "mini", "--judge", f"replay:{folder / 'judgments.jsonl'}"
    )
    assert 2 == ended.code
    assert "mini_5" in ended.err
