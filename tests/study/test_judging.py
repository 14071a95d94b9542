"""Judges that fail in the middle of a study: what was answered stays, and the rest is asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("polars")
pytest.importorskip("openai")

from judge_server import JudgeServer
from study_runs import RuleWork, run_rules, write_pool, write_study

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

CALLS = 3 * 10 * 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with rows and ratings."""
    write_pool(tmp_path)
    return tmp_path


def study_of(folder: Path, server: JudgeServer, **settings: object) -> Path:
    """A study of three matches, of ten pairs each."""
    told = {"base_url": server.base_url, "concurrency": 1, "retries": 0, **settings}
    strategies = {"longest": "longest:measure=chars"}
    return write_study(folder, judge="openai/test-judge", judge_settings=told, limit=10, strategies=strategies)


def test_failed_calls_are_asked_again(folder: Path) -> None:
    """A match with a failed call is counted as far as it was judged, is no success, and is mended by the next run."""
    with JudgeServer(script=[None, "500"]) as server:
        file, work = study_of(folder, server), RuleWork(folder / "work.log")
        run = run_rules(file, folder / "out", work)
        (trouble,) = run.troubles
        assert ("judging", "pool--random.2--40--s0--vs--random.1--40") == (trouble.stage, trouble.name)
        assert "1 of 20 judge calls failed; the same command asks them again" in trouble.error
        assert () == run.results.waiting
        assert 9 == run.results.floors[0].matches[0].pairs
        assert CALLS == len(server.requests)
        run = run_rules(file, folder / "out", work)
        assert () == run.troubles
        assert 10 == run.results.floors[0].matches[0].pairs
        assert CALLS + 1 == len(server.requests)


def test_a_cost_limit_stops_judging_and_nothing_else(folder: Path) -> None:
    """Models are made all the same; no further match is tried; more money goes on where it stopped."""
    prices = {"price_input": 1000.0, "price_output": 1000.0}
    with JudgeServer() as server:
        file = study_of(folder, server, **prices, max_cost_usd=9.0)
        run = run_rules(file, folder / "out", RuleWork(folder / "work.log"))
        assert ["judging"] == [trouble.stage for trouble in run.troubles]
        assert 3 == len(run.results.waiting)
        assert 2 * 3 == len((folder / "work.log").read_text().splitlines())
        sent = len(server.requests)
        assert 0 < sent < CALLS
        run = run_rules(study_of(folder, server, **prices), folder / "out", RuleWork(folder / "work.log"))
        assert () == run.results.waiting
        assert CALLS == len(server.requests)
