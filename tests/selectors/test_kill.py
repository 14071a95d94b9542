"""kill -9 in the middle of scoring: what was committed is not scored again."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("polars")

import scoring_runs
from longismore.selectors._scores.local_engine import LocalEngine
from longismore.selectors._scores.store import ScoreStore
from scoring_runs import LENGTHS, make_data

if TYPE_CHECKING:
    from pathlib import Path

_ROWS = 500


class _Job:
    """A job in processes of its own, and the log of the rows that each was given."""

    def __init__(self, folder: Path) -> None:
        answers = [f"answer {number}" for number in range(_ROWS)]
        self.data = make_data(folder / "data.jsonl", answers)
        self.store = ScoreStore(folder / "scores")
        self.log = folder / "rows.log"
        self._read = 0

    def start(self, hangs_after: int = 0) -> subprocess.Popen[str]:
        """Start scoring; after so many rows it hangs."""
        given = [str(self.data.paths[0]), str(self.store.folder), str(self.log), str(hangs_after)]
        program = [sys.executable, scoring_runs.__file__, "score", *given]
        return subprocess.Popen(program, stdout=subprocess.PIPE, text=True)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill it where it hangs."""
        self.wait_until_it_hangs(process)
        process.kill()
        self.end(process, -9)

    def wait_until_it_hangs(self, process: subprocess.Popen[str]) -> None:
        """It says so itself."""
        assert process.stdout is not None
        assert "hanging\n" == process.stdout.readline()

    def end(self, process: subprocess.Popen[str], status: int = 0) -> None:
        """Wait for its end."""
        assert status == process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def scored(self) -> list[str]:
        """The keys of the rows that came since this was last asked."""
        keys = self.log.read_text().split()
        since, self._read = keys[self._read :], len(keys)
        return since

    def committed(self) -> set[str]:
        """The keys of the rows that are in the store."""
        return set(self.store.states(LENGTHS)["key"])


@pytest.fixture
def job(tmp_path: Path) -> _Job:
    """A job of 500 rows in batches of 4, which are committed 32 at a time."""
    return _Job(tmp_path)


@pytest.mark.slow
def test_killed_twice(job: _Job) -> None:
    """No row is scored again that was committed when the process was killed, and in the end all have scores."""
    committed: set[str] = set()
    for hangs_after in (200, 210):
        job.kill(job.start(hangs_after))
        assert not committed & set(job.scored())
        assert committed < job.committed()
        committed = job.committed()
        assert len(committed) < _ROWS
    job.end(job.start())
    assert not committed & set(last := job.scored())
    assert (_ROWS - len(committed), _ROWS) == (len(last), len(job.committed()))
    job.end(job.start())
    assert [] == job.scored()
    assert not LocalEngine(job.store).scores(job.data, LENGTHS)["chars"].has_nulls()


@pytest.mark.slow
def test_two_at_once(job: _Job) -> None:
    """Two processes that score the same at once finish both, and leave one score a row."""
    processes = [job.start(), job.start()]
    for process in processes:
        job.end(process)
    assert _ROWS <= len(job.scored()) <= 2 * _ROWS
    scores = LocalEngine(job.store).scores(job.data, LENGTHS)
    assert [row.key for row in job.data.rows()] == scores["key"].to_list()
    assert [len(row.response) / 2 for row in job.data.rows()] == scores["chars"].to_list()


@pytest.mark.slow
def test_one_dies_beside_another(job: _Job) -> None:
    """A process that is killed leaves another one that works on the same rows alone."""
    hanging = job.start(200)
    job.wait_until_it_hangs(hanging)
    job.end(job.start())
    hanging.kill()
    job.end(hanging, -9)
    assert _ROWS == len(job.committed())
