"""Runs that go wrong: faults of the server, dying processes, several processes at once."""

from __future__ import annotations

import json
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

from judge_server import JudgeServer, Reply, chat_reply, error_reply, messages_sha256
from longismore.judges import JudgeOptions, make_judge
from longismore.judges import _ask as ask_module
from longismore.records import Answer, Judgment, Order, Pair, Status
from longismore.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from judge_server import Body, Step

pytestmark = pytest.mark.slow

IN_FLIGHT = 32
PROGRAM = textwrap.dedent(
    """
    import sys
    from longismore.judges import JudgeOptions, make_judge
    from longismore.records import Answer, Pair
    from longismore.store import Store

    base_url, path, number = sys.argv[1:]
    pairs = [
        Pair(id=str(i), testset="t", prompt=f"Q{i}?", reference=Answer("r", f"A{i}"), candidate=Answer("c", f"B{i}"))
        for i in range(int(number))
    ]
    made = []
    with Store(path) as store:
        judge = make_judge("openai/test-judge", JudgeOptions(base_url=base_url, concurrency=32))
        judge.judge(pairs, store=store, on_judgment=made.append)
    print(len(made), sum(judgment.status == "judged" for judgment in made))
    """
)


def numbered_pairs(number: int) -> list[Pair]:
    """As many pairs, the same as the program's."""
    return [
        Pair(id=str(i), testset="t", prompt=f"Q{i}?", reference=Answer("r", f"A{i}"), candidate=Answer("c", f"B{i}"))
        for i in range(number)
    ]


def sha256_by_key(pairs: list[Pair], base_url: str) -> dict[str, str]:
    """What the server's log calls each chat, by its key in the store."""
    judge: Any = make_judge("openai/test-judge", JudgeOptions(base_url=base_url))
    return {call.key: messages_sha256(call.messages) for call in judge.calls(pairs)}


def faulty(number: int, _: Body) -> Step:
    """5 % 429 with or without Retry-After, 5 % 500, 2 % no answer, 2 % resets, 2 % cut bodies, 1 % prose."""
    kinds = {"429": 2.5, "429-soon": 2.5, "500": 5, "stuck": 2, "reset": 2, "malformed": 1, "cut": 1, "prose": 1}
    drawn = random.Random(number).uniform(0, 100)
    for kind, percent in kinds.items():
        drawn -= percent
        if drawn < 0:
            return kind
    return None


def test_faults_cost_neither_judgments_nor_money(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,030 pairs end fully judged except for the prose ones, and no answer was asked for twice."""
    monkeypatch.setattr(ask_module, "_FIRST_PAUSE_S", 0.05)
    made: list[Judgment] = []
    with JudgeServer(script=faulty) as server, Store(tmp_path / "store.sqlite") as store:
        judge = make_judge("openai/test-judge", JudgeOptions(base_url=server.base_url, timeout_s=2.0))
        judge.judge(numbered_pairs(1030), store=store, on_judgment=made.append)
        answers = Counter(messages_sha256(body["messages"]) for body in server.answered)
        prose = sum(faulty(number, {}) == "prose" for number in range(len(server.requests)))
    assert {Status.JUDGED: 2060 - prose, Status.UNPARSED: prose} == Counter(judgment.status for judgment in made)
    assert all(judgment.completion for judgment in made)
    assert (2060, {1}) == (len(answers), set(answers.values()))
    assert 10 < prose < 40
    assert len(server.requests) == judge.usage.sent
    assert len(server.requests) > 2060 * 1.1
    assert 2060 == len({(judgment.id, judgment.order) for judgment in made})


def start(server_url: str, store: Path, number: int) -> subprocess.Popen[str]:
    """The program, in a process of its own."""
    command = [sys.executable, "-c", PROGRAM, server_url, str(store), str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))


def stored_keys(path: Path, keys: list[str]) -> set[str]:
    """Which of *keys* the store has."""
    with Store(path) as store:
        return set(store.get(keys))


@pytest.mark.timeout(600)
def test_killed_ten_times_pays_once(tmp_path: Path) -> None:
    """After ``kill -9`` at ten random moments the command finishes; what was stored is never asked for again."""
    path, rng = tmp_path / "store.sqlite", random.Random(20261121)
    pairs = numbered_pairs(600)
    with JudgeServer(latency_s=0.05) as server:
        names = sha256_by_key(pairs, server.base_url)
        kills, known, asked_before = 0, set(), 0
        while kills < 10:
            moment = len(server.answered) + rng.randrange(1, 100)
            process = start(server.base_url, path, len(pairs))
            while len(server.answered) < moment and process.poll() is None:
                time.sleep(0.002)
            assert process.poll() is None, "the run has ended before it was killed ten times"
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            asked = [messages_sha256(body["messages"]) for body in server.requests[asked_before:]]
            assert not known & set(asked)
            known = {names[key] for key in stored_keys(path, list(names))}
            asked_before = len(server.requests)
        process = start(server.base_url, path, len(pairs))
        output, _ = process.communicate(timeout=120)
        asked = [messages_sha256(body["messages"]) for body in server.requests[asked_before:]]
    assert not known & set(asked)
    assert (0, "1200 1200") == (process.returncode, output.strip())
    assert len(server.requests) <= 1200 + 10 * IN_FLIGHT
    assert 1200 == len(stored_keys(path, list(names)))


def test_two_processes_share_the_calls(tmp_path: Path) -> None:
    """Two runs on one store at once: each has all judgments, none is lost, and no call is paid twice."""
    path = tmp_path / "store.sqlite"
    with JudgeServer(latency_s=0.05) as server:
        processes = [start(server.base_url, path, 500) for _ in range(2)]
        outputs = [process.communicate(timeout=120)[0].strip() for process in processes]
        times = Counter(messages_sha256(body["messages"]) for body in server.requests)
        names = sha256_by_key(numbered_pairs(500), server.base_url)
    assert ["1000 1000"] * 2 == outputs
    assert (1000, {1}) == (len(times), set(times.values()))
    assert 1000 == len(stored_keys(path, list(names)))


def test_wrong_key_is_one_request(tmp_path: Path) -> None:
    """Where the check was passed before, a server that now answers 401 gets one request, and the run stops."""
    from longismore.errors import JudgeRejectedError

    made: list[Judgment] = []
    with JudgeServer(reply="401") as server, Store(tmp_path / "store.sqlite") as store:
        judge = make_judge("openai/test-judge", JudgeOptions(base_url=server.base_url))
        with pytest.raises(JudgeRejectedError, match="Incorrect API key"):
            judge.judge(numbered_pairs(100), store=store, on_judgment=made.append)
        assert (1, []) == (len(server.requests), made)


def test_interrupted_run_says_how_it_goes_on(tmp_path: Path) -> None:
    """Ctrl-C saves what was answered, says so, and the same command asks only for the rest."""
    path, runs = tmp_path / "store.sqlite", tmp_path / "runs"
    with JudgeServer(latency_s=0.2) as server:
        command = [
            sys.executable, "-m", "longismore", "compare", "mini:better", "mini:longer", "--testset", "mini",
            "--judge", "openai/test-judge", "--base-url", server.base_url, "--concurrency", "4",
            "--store", str(path), "--output", str(runs),
        ]  # fmt: skip
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while len(server.answered) < 10:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        before = len(server.requests)
        again = subprocess.run(command, capture_output=True, text=True, check=False)
        times = Counter(messages_sha256(body["messages"]) for body in server.answered)
    assert (130, 0) == (process.returncode, again.returncode)
    assert "the same command goes on from there" in errors
    (stopped,) = [run for run in map(read_run, runs.glob("*/run.json")) if run["status"] == "stopped"]
    assert stopped["usage"]["answered"] >= 9
    assert len(server.requests) - before <= 80 - stopped["usage"]["answered"]
    assert 80 == len(times)


def read_run(path: Path) -> dict[str, Any]:
    """A ``run.json``."""
    run: dict[str, Any] = json.loads(path.read_text())
    return run


def test_orders_are_both_there(tmp_path: Path) -> None:
    """Each pair has a judgment in either order."""
    made: list[Judgment] = []
    with JudgeServer() as server, Store(tmp_path / "store.sqlite") as store:
        judge = make_judge("openai/test-judge", JudgeOptions(base_url=server.base_url))
        judge.judge(numbered_pairs(3), store=store, on_judgment=made.append)
    assert {(str(i), order) for i in range(3) for order in Order} == {(each.id, each.order) for each in made}


@pytest.mark.parametrize(("tells", "most"), [(True, 0.05), (False, 0.5)])
def test_limits_of_the_provider_are_kept(tells: bool, most: float, tmp_path: Path) -> None:
    """100 requests a second and no more: all is judged, and hardly a request is refused where headers tell the limit.

    Without pacing, 64 calls in flight at 50 ms would meet more refusals than answers.
    """
    limiter = Limiter(per_s=100, tells=tells)
    made: list[Judgment] = []
    with JudgeServer(script=limiter, latency_s=0.05) as server, Store(tmp_path / "store.sqlite") as store:
        judge = make_judge("openai/test-judge", JudgeOptions(base_url=server.base_url, concurrency=64))
        judge.judge(numbered_pairs(200), store=store, on_judgment=made.append)
    assert {Status.JUDGED} == {judgment.status for judgment in made}
    assert limiter.refused <= most * len(made)


class Limiter:
    """The script of a server that answers so many requests a second, and refuses the others."""

    def __init__(self, *, per_s: float, tells: bool) -> None:
        self.per_s, self.tells = per_s, tells
        self.level, self.at, self.refused = per_s, time.monotonic(), 0

    def __call__(self, number: int, body: Body) -> Step:
        """The next reply."""
        now = time.monotonic()
        self.level, self.at = min(self.per_s, self.level + (now - self.at) * self.per_s), now
        if self.level < 1:
            self.refused += 1
            return error_reply(429, "Slow down.", headers=self._headers())
        self.level -= 1
        return Reply(body=chat_reply(body, "8 7").body, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        if not self.tells:
            return {}
        return {
            "x-ratelimit-limit-requests": f"{self.per_s:.0f}",
            "x-ratelimit-remaining-requests": str(int(self.level)),
            "x-ratelimit-reset-requests": f"{(self.per_s - self.level) / self.per_s:.3f}s",
        }
