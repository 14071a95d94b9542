"""Scoring on Ray: neither a worker that dies nor a row that fails ends the job, and nothing is done twice."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("polars")
if find_spec("ray") is None:  # not imported yet: the engine has something to say first
    pytest.skip("Ray is not installed", allow_module_level=True)

import numpy as np

from longismore.errors import UsageError
from longismore.selectors import Shard
from longismore.selectors._scores.local_engine import LocalEngine
from longismore.selectors._scores.ray_engine import RayEngine
from longismore.selectors._scores.ray_session import running_ray
from longismore.selectors._scores.ray_shards import ShardScorer, shard_labels
from longismore.selectors._scores.store import ScoreStore
from scoring_runs import LENGTHS, LogScorer, make_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longismore.instructions import InstructionData, Row, Span

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*")  # Ray's own settings

_ANSWERS = [f"answer {number}" for number in range(40)]
_ANSWERS[5], _ANSWERS[14], _ANSWERS[23], _ANSWERS[31] = "poison", "deadly one", "nan", "answer 1"


@pytest.fixture
def rows(tmp_path: Path) -> InstructionData:
    """Forty rows: one that fails, one that kills its worker, one without a number, one that is there twice."""
    return make_data(tmp_path / "data.jsonl", _ANSWERS)


@pytest.fixture
def scorer(tmp_path: Path) -> LogScorer:
    """A scorer that writes down what comes."""
    return LogScorer(log=tmp_path / "rows.log")


@pytest.fixture
def engine(tmp_path: Path) -> RayEngine:
    """An engine with an empty store, two workers and shards of ten rows."""
    return RayEngine(ScoreStore(tmp_path / "scores"), workers=2, rows_per_shard=10)


@pytest.fixture(scope="module")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Workers find the tests' modules; Ray reads its token from the home folder once only."""
    settings = {"HOME": str(tmp_path_factory.mktemp("home")), "PYTHONPATH": str(Path(__file__).parents[1])}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield settings


@pytest.fixture(autouse=True)
def _same_home(_home: dict[str, str], _own_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", _home["HOME"])


@pytest.fixture(scope="module")
def _ray(_home: dict[str, str]) -> Iterator[None]:
    """A Ray that several tests share, and of which nothing is left afterwards."""
    before = signal.getsignal(signal.SIGTERM), set(os.environ)
    with running_ray(None, workers=2):
        import ray

        assert ray.util.get_node_ip_address() == "127.0.0.1"
        yield
    assert not ray.is_initialized()
    assert before == (signal.getsignal(signal.SIGTERM), set(os.environ))


def _scored(scorer: LogScorer) -> list[str]:
    assert scorer.log is not None
    return scorer.log.read_text().split() if scorer.log.exists() else []


def _work(
    engine: RayEngine, data: InstructionData, scorer: LogScorer, *shards: int, **changes: Any
) -> list[dict[str, list[Any]]]:
    """Do what a worker does, in this process."""
    engine.store.prepare(scorer)
    worker = ShardScorer(replace(engine._job(data, scorer, None, None), **changes))
    return [worker({"number": [number]}) for number in shards]


@pytest.mark.slow
def test_names_cluster_that_is_not_there(rows: InstructionData, engine: RayEngine) -> None:
    """An address without a cluster is an error with the address."""
    engine.address = "127.0.0.1:1"
    with pytest.raises(UsageError, match=r"Ray cannot be reached at 127\.0\.0\.1:1"):
        engine.scores(rows, LENGTHS)


@pytest.mark.slow
@pytest.mark.usefixtures("_ray")
def test_equals_local(rows: InstructionData, scorer: LogScorer, engine: RayEngine, tmp_path: Path) -> None:
    """With a worker that dies and a poisoned row the scores are those of the local engine; a rerun does nothing."""
    told: list[tuple[str, int, int | None]] = []
    _work(engine, rows, LENGTHS, 2)
    scorer = replace(scorer, dies_once=tmp_path / "dead")
    scores = engine.scores(rows, scorer, on_progress=lambda *what: told.append(what))
    assert (tmp_path / "dead").exists()
    assert LocalEngine(ScoreStore(tmp_path / "local")).scores(rows, LENGTHS).equals(scores)
    assert [("length", done, 30) for done in (10, 20, 30)] == told
    assert {row.key for row in rows.rows() if row.number not in range(20, 30)} == set(_scored(scorer))
    assert [] == list(engine.store.folder.rglob(".tried-*"))
    scored = _scored(scorer)
    assert scores.equals(engine.scores(rows, scorer))
    assert scores.equals(LocalEngine(engine.store).scores(rows, scorer))
    assert (scored, 0) == (_scored(scorer), engine.missing(rows, scorer))


@pytest.mark.slow
@pytest.mark.usefixtures("_ray")
def test_stops_where_all_fails(rows: InstructionData, scorer: LogScorer, engine: RayEngine) -> None:
    """Where a worker says that nothing can be scored, the job ends with what it said."""
    with pytest.raises(UsageError, match=r'scorer "length": all 4 rows of the first batch .*: ValueError: no GPU;'):
        engine.scores(rows, replace(scorer, broken="no GPU"))


def test_finished_shards_need_no_ray(rows: InstructionData, scorer: LogScorer, engine: RayEngine) -> None:
    """What workers have finished is read from the store, for all rows, some of them, or a shard's."""
    engine.address = "no cluster"
    _work(engine, rows, scorer, 0, 1, 2, 3)
    assert list(range(40)) == engine.scores(rows, scorer)["row"].to_list()
    assert [*range(10), *range(20, 30)] == engine.scores(rows, scorer, shard=Shard(1, 2))["row"].to_list()
    assert 0 == engine.scores(rows, scorer, numbers=[])["row"].len()
    numbers = np.asarray([1, 12, 13, 39])
    _work(engine, rows, scorer, 0, 1, 3, labels=shard_labels(rows, _spans(rows), numbers), numbers=numbers)
    some = engine.scores(rows, scorer, numbers=numbers.tolist())
    assert some.equals(LocalEngine(engine.store).scores(rows, scorer, numbers=numbers.tolist()))
    other = engine._job(rows, scorer, [2, 12, 13], None)
    assert [1] == sorted(engine._finished(other, retry_errors=False))
    assert [] == list(engine.store.folder.rglob(".tried-*"))
    assert {row.key for row in rows.rows()} == set(_scored(scorer))


def _spans(rows: InstructionData) -> dict[int, Span]:
    return {span.number: span for span in rows.spans(10)}


def test_looks_at_what_it_has(rows: InstructionData, scorer: LogScorer, engine: RayEngine) -> None:
    """A shard is done again whose mark is damaged, or whose scores were deleted, or has errors to try again."""
    _work(engine, rows, scorer, 0, 1)
    folder = engine.store.folder_of(scorer)
    first = min(folder.glob("part-*"))
    assert [0, 1] == _left_out(engine, rows, scorer)
    engine.retry_errors = True
    assert [1] == _left_out(engine, rows, scorer)
    engine.retry_errors = False
    first.unlink()
    assert [1] == _left_out(engine, rows, scorer)
    for mark in (folder / "shards").glob("part-*"):
        mark.write_bytes(b"PAR1")
    assert [] == _left_out(engine, rows, scorer)
    _work(engine, rows, scorer, 0, 1)
    assert [0, 1] == _left_out(engine, rows, scorer)


def _left_out(engine: RayEngine, rows: InstructionData, scorer: LogScorer) -> list[int]:
    job = engine._job(rows, scorer, None, None)
    return sorted(engine._finished(job, retry_errors=engine.retry_errors))


def test_other_data_have_other_marks(scorer: LogScorer, engine: RayEngine, tmp_path: Path) -> None:
    """A file that was changed, or is read otherwise, has no finished shards."""
    data = make_data(tmp_path / "data.jsonl", ["a", "b"])
    _work(engine, data, scorer, 0)
    assert [0] == _left_out(engine, data, scorer)
    assert [] == _left_out(engine, make_data(tmp_path / "data.jsonl", ["a", "c"]), scorer)
    assert [] == _left_out(engine, make_data(tmp_path / "data.jsonl", ["a", "b"]), replace(scorer, version=2))
    engine.rows_per_shard = 1
    assert [] == _left_out(engine, make_data(tmp_path / "data.jsonl", ["a", "b"]), scorer)


def test_worker_needs_the_files(rows: InstructionData, engine: RayEngine, tmp_path: Path) -> None:
    """A worker that does not see the data, or sees other data or another store, says which path must be shared."""
    said = [
        _work(engine, rows, LENGTHS, 1, sizes={str(tmp_path / "data.jsonl"): 7}),
        _work(engine, rows, LENGTHS, 1, sizes={str(tmp_path / "elsewhere.jsonl"): 7}),
        _work(engine, rows, LENGTHS, 1, store=tmp_path / "other scores"),
    ]
    for (outcome,), name in zip(said, ("data.jsonl", "elsewhere.jsonl", "other scores"), strict=True):
        assert str(tmp_path / name) in outcome["stop"][0]
        assert "must be on paths that every machine of the cluster sees" in outcome["stop"][0]
    assert [{"number": [1], "scored": [10], "stop": [""], "failure": [""]}] == _work(engine, rows, LENGTHS, 1)
    assert 10 == engine.store.known(LENGTHS).height


def test_worker_survives_its_own_trouble(
    rows: InstructionData, engine: RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else goes wrong in a worker is told of its shard, and the others go on."""
    monkeypatch.setattr(rows, "block", lambda _: 1 / 0)
    said = _work(engine, rows, LENGTHS, 1, 2)
    assert [["ZeroDivisionError: division by zero"]] * 2 == [outcome["failure"] for outcome in said]


def test_gives_up_a_deadly_shard(rows: InstructionData, engine: RayEngine) -> None:
    """A shard of which ten workers have died is left; the next job tries it again."""

    class Deadly(LogScorer):
        def score(self, rows: Sequence[Row]) -> list[Any]:
            raise KeyboardInterrupt

    for _ in range(10):
        with pytest.raises(KeyboardInterrupt):
            _work(engine, rows, Deadly(), 1, name="one")
    ((failure,),) = (outcome["failure"] for outcome in _work(engine, rows, Deadly(), 1, name="one"))
    assert "RuntimeError: 10 workers have died of it; perhaps a row needs more memory than there is" == failure
    with pytest.raises(KeyboardInterrupt):
        _work(engine, rows, Deadly(), 1, name="two")


def test_relative_paths_count_from_here(engine: RayEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that runs in another folder reads the same relative path."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    data = make_data(Path("data.jsonl"), _ANSWERS)
    job = engine._job(data, LENGTHS, None, None)
    engine.store.prepare(LENGTHS)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert [""] == ShardScorer(job)({"number": [0]})["stop"]
