"""Judging that is killed: what was answered is never paid again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from judge_server import JudgeServer
from longismore.store import Store
from mtbench_folders import judging, rows, write_folder

if TYPE_CHECKING:
    from pathlib import Path

    from judge_server import Body

pytestmark = pytest.mark.slow

_PROGRAM = """
import sys
from mtbench_folders import chat_judge, judged
from longismore.store import Store

class Server:
    base_url = sys.argv[2]

from pathlib import Path
with Store(Path("store.sqlite")) as store:
    judged(Path(sys.argv[1]), chat_judge(Server, concurrency=3), store)
"""


def test_kill_9_loses_only_what_was_in_flight(tmp_path: Path) -> None:
    """Nothing half is written; the same again asks what is missing, and at most three calls twice."""
    folder = write_folder(tmp_path / "mt")
    running: list[subprocess.Popen[bytes]] = []

    def kill(number: int, _: Body) -> None:
        if number == 20:
            os.kill(running[0].pid, signal.SIGKILL)

    with JudgeServer(reply=judging, script=kill) as server:
        program = [sys.executable, "-c", _PROGRAM, str(folder), server.base_url]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        running.append(subprocess.Popen(program, cwd=tmp_path, env=environ))
        assert -signal.SIGKILL == running[0].wait(60)
        assert not (folder / "model_judgment").exists()
        assert 0 == subprocess.run(program, cwd=tmp_path, env=environ, check=False, timeout=60).returncode
        assert 36 == len(rows(folder / "model_judgment" / "test-judge_single.jsonl"))
        assert 36 <= len(server.requests) <= 36 + 3
    with Store(tmp_path / "store.sqlite") as store:
        assert 36 == store.count()
