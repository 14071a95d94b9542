"""``longismore compare`` and money: dry runs, limits, models as references, keys that stay secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, chat_reply
from openai_batch_server import OpenAIBatchServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from judge_server import Body, Reply

    Command = Callable[..., Any]

KEY = "sk-secret-0123456789"
MINI = ("compare", "mini:better", "mini:longer", "-t", "mini")


def judge_at(server: JudgeServer) -> tuple[str, ...]:
    """The judge of a server, with a price."""
    return ("--judge", "openai/test-judge", "--base-url", server.base_url, "--price-input", "2", "--price-output", "8")


def run_json(folder: Path) -> dict[str, Any]:
    """The only ``run.json`` below a folder."""
    (path,) = folder.glob("runs/*/run.json")
    run: dict[str, Any] = json.loads(path.read_text())
    return run


def test_dry_run_sends_nothing(command: Command, tmp_path: Path) -> None:
    """Calls, tokens and cost stand there, low to high; no request, no run folder."""
    with JudgeServer() as server:
        ended = command(*MINI, *judge_at(server), "--dry-run")
        assert [] == server.requests
    assert 0 == ended.code
    assert all(word in ended.out for word in ("calls to send", "tokens in", "US$", "Nothing was sent", "price_input"))
    assert "80" in ended.out
    assert not (tmp_path / "runs").exists()


def test_dry_run_of_an_unpriced_model_says_unknown(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model without a price has an unknown cost, not none."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    ended = command(*MINI, "--judge", "openai/no-such-model", "--dry-run")
    assert (0, True, False) == (ended.code, "unknown" in ended.out, "0.00" in ended.out)


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_limit_without_a_price_is_refused_by_the_dry_run_too(
    command: Command, monkeypatch: pytest.MonkeyPatch, dry: tuple[str, ...]
) -> None:
    """What the run would refuse is known before it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    ended = command(*MINI, "--judge", "openai/no-such-model", "--max-cost-usd", "1", *dry)
    assert (2, True) == (ended.code, "the price of openai/no-such-model is unknown" in ended.err)


def test_dry_run_counts_what_the_store_has(command: Command) -> None:
    """After a run, the same one would send nothing."""
    with JudgeServer() as server:
        command(*MINI, *judge_at(server))
        ended = command(*MINI, *judge_at(server), "--dry-run")
    (stored,) = [line for line in ended.out.splitlines() if "in the store" in line]
    assert "80" in stored


def test_dry_run_of_a_free_judge(command: Command) -> None:
    """An offline judge makes no calls."""
    ended = command(*MINI, "--judge", "lexical", "--dry-run")
    assert (0, "80 judgments of lexical: no calls, no cost\n") == (ended.code, ended.out)


def test_limit_stops_and_the_next_run_goes_on(command: Command, tmp_path: Path) -> None:
    """The run ends with exit code 1 below the limit, says what to do, and what was paid for is not paid again."""
    with JudgeServer() as server:
        stopped = command(*MINI, *judge_at(server), "--max-cost-usd", "0.04")
        paid = len(server.requests)
        run = run_json(tmp_path)
        done = command(*MINI, *judge_at(server), "--json")
        assert 80 == len(server.requests)
    assert (1, 0) == (stopped.code, done.code)
    assert "raise the limit (--max-cost-usd" in stopped.err
    assert 0 < paid < 80
    assert (paid, "stopped") == (run["usage"]["answered"], run["status"])
    assert run["usage"]["cost_usd"] < 0.04
    assert 40 == json.loads(done.out)["pooled"]["n"]


def test_limit_without_a_price_is_refused_at_once(command: Command) -> None:
    """No cap can be kept where the price is unknown: nothing is sent."""
    with JudgeServer() as server:
        ended = command(*MINI, "--judge", "openai/x", "--base-url", server.base_url, "--max-cost-usd", "1")
        assert [] == server.requests
    assert 2 == ended.code
    assert "the price of openai/x is unknown" in ended.err


def test_costs_stand_in_the_run(command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Tokens and US$ of the run are in run.json, those of each call in judgments.jsonl."""
    with JudgeServer() as server:
        ended = command(*MINI, *judge_at(server))
    run = run_json(tmp_path)
    (judgments,) = tmp_path.glob("runs/*/judgments.jsonl")
    rows = [json.loads(line) for line in judgments.read_text().splitlines()]
    assert (80, 80, 0) == tuple(run["usage"][name] for name in ("requests_sent", "answered", "from_store"))
    assert run["usage"]["cost_usd"] == pytest.approx(sum(row["cost_usd"] for row in rows))
    assert run["usage"]["input_tokens"] == sum(row["input_tokens"] for row in rows)
    assert 0 == ended.code
    assert "80 calls to send" in caplog.text


def writer(body: Body) -> Reply:
    """Writes answers where it is asked for one, and marks where it is asked to judge."""
    if body["model"] == "writer":
        return chat_reply(body, f"An answer to: {body['messages'][-1]['content'][:40]}")
    return chat_reply(body, "6 9")


def test_a_model_as_reference(command: Command, tmp_path: Path) -> None:
    """Its answers are written once through the same store, then judged; run.json says where they are from."""
    arguments = (
        "compare", "openai/writer", "mini:longer", "-t", "mini", "--limit", "5",
        "--judge", "openai/test-judge", "--json",
    )  # fmt: skip
    with JudgeServer(reply=writer) as server:
        given = ("--base-url", server.base_url, "--reference-option", f"base_url={server.base_url}")
        first, second = command(*arguments, *given), command(*arguments, *given)
        assert 5 + 10 == len(server.requests)
    assert (0, 0) == (first.code, second.code)
    assert 5 == json.loads(second.out)["pooled"]["n"]
    assert first.out == second.out
    runs = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/run.json")]
    assert {"openai/writer"} == {run["reference"]["source"] for run in runs}
    (reference, *_) = tmp_path.glob("runs/*/reference.json")
    assert all(row["output"].startswith("An answer to:") for row in json.loads(reference.read_text()))


def test_dry_run_of_a_model_as_reference(command: Command) -> None:
    """Answers that are not written yet are estimated, and that is said."""
    with JudgeServer(reply=writer) as server:
        ended = command(
            "compare", "openai/writer", "mini:longer", "-t", "mini", "--dry-run", "--judge", "openai/test-judge",
            "--base-url", server.base_url, "--reference-option", f"base_url={server.base_url}",
        )  # fmt: skip
        assert [] == server.requests
    assert all(word in ended.out for word in ("answers of openai/writer", "judgments of openai/test-judge", "1,400"))


@pytest.mark.parametrize(("option", "message"), [("base_url", "name=value"), ("base_ulr=x", "did you mean base_url")])
def test_wrong_reference_option_is_named(command: Command, option: str, message: str) -> None:
    """A setting without a value, or one that does not exist, is an error before anything is read."""
    ended = command(*MINI, "--judge", "lexical", "--reference-option", option)
    assert 2 == ended.code
    assert message in ended.err


def test_key_is_nowhere(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The key is sent and stands in no file, no store, no log and no message, whatever happens."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    script = ["429", "500", "400", "content-filter", "malformed", "html"]
    with JudgeServer(key=KEY, script=script) as server:
        done = command("--verbose", *MINI, *judge_at(server), "--retries", "1", "--store", tmp_path / "store.sqlite")
        assert f"Bearer {KEY}" in server.authorizations
    with JudgeServer(key="sk-another") as server:
        refused = command("--verbose", *MINI, *judge_at(server), "--store", tmp_path / "other.sqlite")
    assert (0, 2) == (done.code, refused.code)
    assert KEY not in done.out + done.err + refused.out + refused.err
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 6
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_key_on_the_command_line_or_in_metadata_is_refused(command: Command) -> None:
    """Keys come from the environment only: a base address with a password in it is refused, and not repeated."""
    ended = command(*MINI, "--judge", "openai/x", "--base-url", f"http://me:{KEY}@127.0.0.1:9/v1")
    assert 2 == ended.code
    assert "must not contain a user" in ended.err
    assert KEY not in ended.err


def test_wrong_key_is_one_request_and_a_clean_stop(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The free check finds it: no call is sent at all."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with JudgeServer(key="sk-another") as server:
        ended = command(*MINI, *judge_at(server))
        assert [] == server.requests
    assert 2 == ended.code
    assert "does not accept the key" in ended.err
    assert "Traceback" not in ended.err


def test_batch_is_half_the_price(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--batch`` hands all calls in at once, waits, and pays half; a dry run before it says so."""
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with OpenAIBatchServer(asked_until_done=2) as server:
        dry = command(*MINI, *judge_at(server), "--batch", "--dry-run")
        whole = command(*MINI, *judge_at(server), "--dry-run")
        done = command(*MINI, *judge_at(server), "--batch", "--batch-poll-s", "0.1", "--json")
        assert [] == server.requests
        again = command(*MINI, *judge_at(server), "--json")
        assert [] == server.requests
    assert (0, 0, 0) == (dry.code, done.code, again.code)
    prices = [float(ended.out.split("US$")[1].split()[1]) for ended in (dry, whole)]
    assert prices[0] == pytest.approx(prices[1] / 2, abs=0.001)
    assert json.loads(done.out) == json.loads(again.out)
    first = min(tmp_path.glob("runs/*/run.json"), key=lambda path: path.parent.name)
    usage = json.loads(first.read_text())["usage"]
    expected = (2 * usage["input_tokens"] + 8 * usage["output_tokens"]) / 1_000_000 / 2
    assert (80, pytest.approx(expected)) == (usage["answered"], usage["cost_usd"])


def test_batch_where_there_is_none_is_refused(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider without a batch API is named before anything is sent."""
    pytest.importorskip("google.genai")
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    ended = command(*MINI, "--judge", "google/gemini-3.5-flash", "--batch")
    assert (2, True) == (ended.code, "has no batch API that longismore knows" in ended.err)
