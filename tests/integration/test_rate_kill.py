"""Rating and refining that are killed, or run twice at once: nothing that was answered is paid again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, messages_sha256
from longismore._jsonl import read_jsonl
from longismore.instructions import open_data
from longismore.judges._chat import key_of
from longismore.judges._rating import ModelRater, make_rater
from longismore.judges._refining import make_refiner
from longismore.store import Store
from row_answers import alpaca_rows, mark, rating, refining, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from judge_server import Body, Reply
    from longismore.judges._client import Messages

pytestmark = pytest.mark.slow

IN_FLIGHT = 16
ROWS = 400
PROGRAM = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from longismore.instructions import open_data
    from longismore.judges._rating import make_rater
    from longismore.judges._refining import make_refiner
    from longismore.rating import rate_rows
    from longismore.refining import refine_rows
    from longismore.store import Store

    what, base_url, store, data, output = sys.argv[1:]
    settings = {"base_url": base_url, "concurrency": 16}
    with Store(store) as opened:
        if what == "rate":
            rate_rows(open_data(data), make_rater("openai/m", settings, {}), Path(output), store=opened)
        else:
            refine_rows(open_data(data), make_refiner("openai/m", settings, {}), Path(output), store=opened)
    print("done")
    """
)
REPLIES: dict[str, Callable[[Body], Reply]] = {"rate": rating, "refine": refining}


def start(what: str, server: JudgeServer, folder: Path, output: str = "out.jsonl") -> subprocess.Popen[str]:
    """The program, in a process of its own."""
    names = [str(folder / name) for name in ("store.sqlite", "pool.jsonl", output)]
    command = [sys.executable, "-c", PROGRAM, what, server.base_url, *names]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))


def names_by_key(what: str, server: JudgeServer, folder: Path) -> dict[str, str]:
    """What the server calls each chat, by its key in the store."""
    settings: dict[str, Any] = {"base_url": server.base_url}
    rows = list(open_data(folder / "pool.jsonl").rows())
    chats: list[Messages]
    if what == "rate":
        rater = make_rater("openai/m", settings, {})
        assert isinstance(rater, ModelRater)
        asker, chats = rater.asker, [rater.prompt.messages(row) for row in rows]
    else:
        refiner = make_refiner("openai/m", settings, {})
        asker, chats = refiner.asker, list(refiner._chats(rows))
    return {key_of(asker.fingerprint, messages): messages_sha256(messages) for messages in chats}


def stored(folder: Path, names: dict[str, str]) -> set[str]:
    """Which chats the store has answers to."""
    with Store(folder / "store.sqlite") as store:
        return {names[key] for key in store.get(names)}


def is_right(what: str, output: Path) -> bool:
    """Whether a finished file has every row, with what the server said of it."""
    written = [row for _, row in read_jsonl(output)]
    texts = [row["output"] for row in alpaca_rows(ROWS)]
    if what == "rate":
        return [mark(text) for text in texts] == [line["score"] for line in written]
    return [f"{text} Indeed." for text in texts] == [row["output"] for row in written]


@pytest.mark.parametrize("what", ["rate", "refine"])
def test_killed_five_times_pays_once(tmp_path: Path, what: str) -> None:
    """After ``kill -9`` at five random moments the same program finishes; what was stored is never asked again."""
    write_rows(tmp_path / "pool.jsonl", alpaca_rows(ROWS))
    output, rng = tmp_path / "out.jsonl", random.Random(20261121)
    with JudgeServer(reply=REPLIES[what], latency_s=0.03) as server:
        names = names_by_key(what, server, tmp_path)
        known: set[str] = set()
        asked_before = 0
        for _ in range(5):
            moment = len(server.answered) + rng.randrange(5, 60)
            process = start(what, server, tmp_path)
            while len(server.answered) < moment and process.poll() is None:
                time.sleep(0.002)
            assert process.poll() is None, "the run has ended before it was killed"
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert not output.exists()
            assert not known & {messages_sha256(body["messages"]) for body in server.requests[asked_before:]}
            known, asked_before = stored(tmp_path, names), len(server.requests)
        assert 0 < len(known) < ROWS
        process = start(what, server, tmp_path)
        assert "done\n" == process.communicate(timeout=120)[0]
        assert not known & {messages_sha256(body["messages"]) for body in server.requests[asked_before:]}
        asked = len(server.requests)
        process = start(what, server, tmp_path, "again.jsonl")
        assert "done\n" == process.communicate(timeout=120)[0]
    assert asked == len(server.requests) <= ROWS + 5 * IN_FLIGHT
    assert is_right(what, output)
    assert output.read_bytes() == (tmp_path / "again.jsonl").read_bytes()


@pytest.mark.parametrize("what", ["rate", "refine"])
def test_two_at_once_share_the_calls(tmp_path: Path, what: str) -> None:
    """Each has all rows in the end, and no call is paid twice."""
    write_rows(tmp_path / "pool.jsonl", alpaca_rows(ROWS))
    outputs = ["one.jsonl", "two.jsonl"]
    with JudgeServer(reply=REPLIES[what], latency_s=0.03) as server:
        processes = [start(what, server, tmp_path, output) for output in outputs]
        assert ["done\n"] * 2 == [process.communicate(timeout=120)[0] for process in processes]
        times = Counter(messages_sha256(body["messages"]) for body in server.requests)
    assert (ROWS, {1}) == (len(times), set(times.values()))
    assert all(is_right(what, tmp_path / output) for output in outputs)
