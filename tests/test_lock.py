"""One process at a time: who comes second is told, or waits until the first has ended, however that ended."""

from __future__ import annotations

import errno
import logging
import subprocess
import sys
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from longismore._lock import alone
from longismore.errors import BusyError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """
import sys, pathlib, time
from longismore._lock import alone
with alone(pathlib.Path(sys.argv[1]), wait=False):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "made" / ".lock")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "held\n" == process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_who_comes_second_is_told(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """At once, and with the place; a killed process holds nothing."""
    path = tmp_path / "made" / ".lock"
    told = r"/made: another process is at work there; wait until it has ended"
    with pytest.raises(BusyError, match=told), alone(path, wait=False):
        raise AssertionError
    holder.kill()
    holder.wait()
    for _ in range(2):
        with alone(path, wait=False):
            pass


def test_waiting_ends_with_the_other_process(
    tmp_path: Path, holder: subprocess.Popen[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It is said that something is waited for."""
    caplog.set_level(logging.INFO)
    path, held = tmp_path / "made" / ".lock", []

    def wait() -> None:
        with alone(path, wait=True):
            held.append(holder.returncode)

    thread = Thread(target=wait)
    thread.start()
    thread.join(0.2)
    assert [] == held
    holder.kill()
    holder.wait()
    thread.join()
    assert [-9] == held
    assert f"waiting for another process, which has locked {path}" in caplog.text


def test_a_place_that_cannot_be_locked(tmp_path: Path) -> None:
    """A file in the place of the folder is an error of ours."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(DataError, match=r"/file: cannot be written to: "),
        alone(tmp_path / "file" / ".lock", wait=True),
    ):
        raise AssertionError


def test_without_locks_the_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A cluster's file system may have none."""
    import filelock

    def none(self: object, **_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", none)
    done = False
    with alone(tmp_path / ".lock", wait=False):
        done = True
    assert done
    assert "this file system has no locks; let no two processes work there at once" in caplog.text


def test_no_file_is_taken_for_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a process that was killed, such a file would stay: Lustre without locks answers as here."""
    import fcntl

    def none(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", none)
    path, done = tmp_path / ".lock", 0
    for content in ("", "4711\nanother-machine\n"):
        if content:
            path.write_text(content, encoding="utf-8")
        for wait in (False, True):
            with alone(path, wait=wait):
                done += 1
    assert done == 4
    assert "this file system has no locks; let no two processes work there at once" in caplog.text
