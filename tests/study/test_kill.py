"""kill -9 in the middle of a study: what was finished is not done again, and no answer is paid for again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("polars")
pytest.importorskip("openai")

import study_runs
from judge_server import JudgeServer
from longismore.study import StudyRun
from study_runs import RuleWork, run_rules, write_pool, write_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with rows and ratings."""
    write_pool(tmp_path)
    return tmp_path


@contextmanager
def hanging_at(folder: Path, place: str) -> Iterator[None]:
    """Run the study in another process that hangs at this place, and is killed in the end."""
    names = [str(folder / name) for name in ("study.yaml", "out", "work.log")]
    command = [sys.executable, study_runs.__file__, *names, place]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "hanging\n" == process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        assert -9 == process.wait()
        process.stdout.close()


def kill_at(folder: Path, place: str) -> None:
    """Run the study in another process, and kill it where it hangs."""
    with hanging_at(folder, place):
        pass


@pytest.mark.parametrize("stage", ["train", "generate"])
def test_killed_while_a_model_is_made(folder: Path, stage: str) -> None:
    """The stage that was killed is the only one that is begun twice, and the results are those of a run in one go."""
    file, log = write_study(folder), folder / "work.log"
    kill_at(folder, f"{stage} pool--longest--40--s0")
    marker = json.loads((folder / "out/cells/pool--longest--40--s0" / stage / "stage.json").read_text())
    assert "running" == marker["status"]
    assert (folder / "out/cells/pool--longest--40--s0/train/model/half.txt").exists()
    run = run_rules(file, folder / "out", RuleWork(log))
    begun = Counter(log.read_text().splitlines())
    assert {f"{stage} pool--longest--40--s0"} == {line for line, count in begun.items() if count > 1}
    assert 2 * 5 == len(begun)
    whole = run_rules(file, folder / "other", RuleWork(folder / "other.log"))
    ours, theirs = run.results.to_dict(), whole.results.to_dict()
    for row in (*ours["rows"], *theirs["rows"]):
        row["selection"].pop("seconds")
    assert theirs == ours


@pytest.mark.parametrize("place", ["train pool--random.1--40--s0", "generate pool--longest--40--s0", "judgment 30"])
def test_two_processes_share_a_study(folder: Path, place: str) -> None:
    """The second does what the first is not at, waits for the rest, and takes it over when the first is killed."""
    file, log, found = write_study(folder), folder / "work.log", list[StudyRun]()
    with hanging_at(folder, place):
        first = log.read_text().splitlines()
        second = Thread(target=lambda: found.append(run_rules(file, folder / "out", RuleWork(log))))
        second.start()
        expected = 10 if place.startswith("judgment") else 10 - (2 if place.startswith("train") else 1)
        wait_for(lambda: len(log.read_text().splitlines()) >= expected + (place in first))
        second.join(1)
        assert second.is_alive(), "it waits for the other"
        assert {1} == set(Counter(log.read_text().splitlines()).values())
    second.join()
    begun = Counter(log.read_text().splitlines())
    assert {place} & set(first) == {line for line, count in begun.items() if count > 1}
    assert 10 == len(begun)
    assert ((), ()) == (found[0].troubles, found[0].results.waiting)


def wait_for(is_so: Callable[[], bool]) -> None:
    """Look again and again."""
    give_up = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_killed_while_judging(folder: Path) -> None:
    """What the judge has answered is in the store: every call is sent once but for those that were in flight."""
    with JudgeServer() as server:
        settings = {"base_url": server.base_url, "concurrency": 2}
        changes = {"judge": "openai/test-judge", "judge_settings": settings, "limit": 15}
        file = write_study(folder, **changes, strategies={"longest": "longest:measure=chars"})
        kill_at(folder, "judgment 40")
        sent = len(server.requests)
        assert 30 <= sent <= 44
        before = (folder / "work.log").read_text()
        run = run_rules(file, folder / "out", RuleWork(folder / "work.log"))
        assert before == (folder / "work.log").read_text()[: len(before)]
        assert len(set(before.splitlines())) == len(before.splitlines())
        calls = 3 * 15 * 2
        assert calls <= len(server.requests) <= calls + 2 * 2
        assert () == run.results.waiting
        run_rules(file, folder / "out", RuleWork(folder / "work.log"))
        assert len(server.requests) <= calls + 2 * 2
