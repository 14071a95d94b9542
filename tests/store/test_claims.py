from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from longismore.store import Store, _claims, _database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.synchronize import Barrier

CONTEXT: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
CLAIMANT = """
import sys
from longismore.store import Store

store = Store(sys.argv[1])
print(sorted(store.claim(["a", "b"])), flush=True)
sys.stdin.read()
"""


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all claims in this process."""
    clock = Clock()
    monkeypatch.setattr(_claims, "_now", clock)
    return clock


@pytest.fixture
def other(store: Store) -> Iterator[Store]:
    """The same file, opened by somebody else."""
    with Store(store.path) as other:
        yield other


def owners(path: Path) -> int:
    """How many owners the file knows."""
    connection = sqlite3.connect(path)
    (count,) = connection.execute("SELECT count(*) FROM owners").fetchone()
    connection.close()
    return int(count)


def test_free_keys_become_ours(store: Store) -> None:
    """Keys that nobody has answered or claimed are claimed, and stay ours when they are claimed again."""
    assert {"a", "b"} == store.claim(["a", "b"])
    assert {"a", "b", "c"} == store.claim(["a", "b", "c", "c"])
    assert set() == store.claim([])


def test_claims_of_others_are_left_to_them(store: Store, other: Store) -> None:
    """What another one has claimed is not ours; the rest of the keys is."""
    store.claim(["a", "b"])
    assert {"c"} == other.claim(["a", "b", "c"])
    assert {"a", "b"} == store.claim(["a", "b", "c"])


def test_answered_keys_are_not_claimed(store: Store, other: Store, put: Callable[..., None]) -> None:
    """There is nothing left to ask, whoever answered."""
    put(store, "a")
    assert ({"b"}, set()) == (store.claim(["a", "b"]), other.claim(["a"]))


def test_answer_ends_the_claim(store: Store, other: Store, put: Callable[..., None]) -> None:
    """Once it is answered, a key is no longer in flight."""
    store.claim(["a", "b"])
    put(store, "a")
    assert ((1, 1), set()) == ((store.stats().claims, store.stats().processes), other.claim(["a", "b"]))


def test_released_keys_are_free(store: Store, other: Store) -> None:
    """What is given back may be claimed by others; nobody gives back what is not his."""
    store.release(["a"])
    store.claim(["a", "b"])
    other.release(["a", "b"])
    assert set() == other.claim(["a", "b"])
    other.release(["a", "b"])
    store.release(["a"])
    assert {"a"} == other.claim(["a", "b"])


def test_many_keys_are_claimed_at_once(store: Store, other: Store) -> None:
    """More keys than a query takes are claimed and released in one call."""
    keys = [str(number) for number in range(2500)]
    assert set(keys) == store.claim(keys)
    assert {"x"} == other.claim([*keys, "x"])
    store.release(keys)
    assert set(keys) == other.claim(keys)


def test_closing_gives_everything_back(store: Store, other: Store) -> None:
    """A run that ends leaves no claim behind."""
    store.claim(["a", "b"])
    store.close()
    assert {"a", "b"} == other.claim(["a", "b"])
    assert owners(other.path) == 1


def test_closing_twice_is_harmless(store: Store) -> None:
    """Nothing is left to give back."""
    store.claim(["a"])
    store.close()
    store.close()


@pytest.mark.parametrize(("passed_s", "free"), [(29.0, set()), (31.0, {"a"}), (-31.0, {"a"}), (-3600.0, {"a"})])
def test_silence_voids_a_claim(passed_s: float, free: set[str], store: Store, other: Store, clock: Clock) -> None:
    """An owner that was not seen for 30 s has lost its claims, also where the clock was set back meanwhile."""
    store.claim(["a"])
    clock.now += passed_s
    assert free == other.claim(["a"])


def test_heartbeat_keeps_claims(store: Store, other: Store, clock: Clock) -> None:
    """Whoever renews in time keeps what it has claimed, however long the calls take."""
    store.renew()
    store.claim(["a"])
    for _ in range(10):
        clock.now += 20
        store.renew()
        assert set() == other.claim(["a"])


def test_late_heartbeat_takes_nothing_back(store: Store, other: Store, clock: Clock) -> None:
    """A process that slept too long finds its keys with another one, and may claim others."""
    store.claim(["a", "b"])
    clock.now += 31
    assert {"a"} == other.claim(["a"])
    store.renew()
    assert {"b"} == store.claim(["a", "b"])


def test_silent_owner_that_nobody_has_missed_goes_on(store: Store, other: Store, clock: Clock) -> None:
    """Silence alone takes nothing away: with the next heartbeat the claims hold again."""
    store.claim(["a"])
    clock.now += 31
    store.renew()
    assert set() == other.claim(["a"])


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody can ask whether a process lives")
def test_claims_of_a_killed_process_are_void_at_once(tmp_path: Path, clock: Clock) -> None:
    """After kill -9 the same command may go on without waiting, and the dead owner is forgotten."""
    path = tmp_path / "store.sqlite"
    source = Path(_database.__file__).parents[2]
    claimant = subprocess.Popen(
        [sys.executable, "-c", CLAIMANT, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(source)},
    )
    assert claimant.stdout is not None
    assert claimant.stdin is not None
    assert claimant.stdout.readline() == "['a', 'b']\n"
    with Store(path) as store:
        clock.now = _seen(path)
        assert {"c"} == store.claim(["a", "b", "c"])
        claimant.send_signal(signal.SIGKILL)
        claimant.wait()
        claimant.stdin.close()
        claimant.stdout.close()
        assert {"a", "b"} == store.claim(["a", "b"])
        assert owners(path) == 1


def _seen(path: Path) -> float:
    connection = sqlite3.connect(path)
    (seen,) = connection.execute("SELECT seen FROM owners").fetchone()
    connection.close()
    return float(seen)


def _dead_owner(store: Store, clock: Clock, host: str, pid: int) -> None:
    connection = sqlite3.connect(store.path)
    connection.execute("INSERT INTO owners VALUES ('dead', ?, ?, ?)", (host, pid, clock.now))
    connection.execute("INSERT INTO claims VALUES ('a', 'dead')")
    connection.commit()
    connection.close()


def test_process_of_another_host_is_given_its_time(store: Store, clock: Clock) -> None:
    """A process number says nothing of another machine, nor of another container under the same name."""
    _dead_owner(store, clock, "elsewhere", 2**22 + 1)
    assert set() == store.claim(["a"])
    clock.now += 31
    assert {"a"} == store.claim(["a"])


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody can ask whether a process lives")
def test_number_that_no_process_can_have_is_given_its_time(store: Store, clock: Clock) -> None:
    """What the system cannot be asked about counts as living until it is silent."""
    _dead_owner(store, clock, _claims._host(), 2**62)
    assert set() == store.claim(["a"])


def test_process_of_somebody_else_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that this user may not signal exists."""

    def kill(pid: int, sign: int) -> None:
        assert sign == 0
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert not _claims._has_ended(_claims._host(), 1)


def test_nothing_is_signalled_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """There, asking whether a process lives would end it."""
    asked: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: asked.append(pid))
    host = _claims._host()
    monkeypatch.setattr(os, "name", "nt")
    ended = _claims._has_ended(host, 1)
    monkeypatch.undo()
    assert (False, []) == (ended, asked)


def _claim_in_child(store: Store, results: Any) -> None:
    mine = store.claim(["a", "b"])
    store.put("b", fingerprint="f", created="c", record={"text": "of the child"})
    store.release(["a"])
    results.put(mine)
    results.close()
    results.join_thread()
    store.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only there processes fork by default")
def test_forked_child_speaks_for_itself(store: Store) -> None:
    """It has a connection and claims of its own, and neither gives back nor takes what its parent has claimed."""
    store.claim(["a"])
    results = CONTEXT.Queue()
    child = CONTEXT.Process(target=_claim_in_child, args=(store, results))
    child.start()
    assert {"b"} == results.get()
    child.join()
    assert 0 == child.exitcode
    with Store(store.path) as other:
        assert set() == other.claim(["a", "b"])
    assert {"b": {"text": "of the child"}} == store.get(["a", "b"])
    assert {"a"} == store.claim(["a", "b"])


def _share(path: Path, name: str, barrier: Barrier) -> None:
    keys = [str(number) for number in range(400)]
    barrier.wait()
    with Store(path) as store:
        for start in range(0, len(keys), 16):
            for key in sorted(store.claim(keys[start : start + 16])):
                store.put(key, fingerprint=name, created="c", record={"text": name})
                store.put(f"{name} {key}", fingerprint="paid", created="c", record={"text": name})


def test_processes_share_the_work(tmp_path: Path) -> None:
    """Three processes that want the same 400 answers pay for 400 together."""
    path, barrier = tmp_path / "store.sqlite", CONTEXT.Barrier(3)
    workers = [CONTEXT.Process(target=_share, args=(path, name, barrier)) for name in ("one", "two", "three")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with Store(path) as store:
        assert ([0, 0, 0], 400, 800) == ([worker.exitcode for worker in workers], store.count("paid"), store.count())
        assert (0, 0) == (store.stats().claims, store.stats().processes)
