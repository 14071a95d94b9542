"""Scoring in this process: what is known is not computed again, and no row ends the job."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("polars")

import polars as pl

from longismore.errors import DataError, JudgeRejectedError, MissingDependencyError, UsageError
from longismore.instructions import open_data
from longismore.selectors import Shard
from longismore.selectors._scores import rows as _score_rows
from longismore.selectors._scores.local_engine import LocalEngine
from longismore.selectors._scores.ray_engine import RayEngine
from longismore.selectors._scores.store import ScoreStore
from scoring_runs import LENGTHS, LogScorer, make_data

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from longismore.instructions import InstructionData, Row

_ANSWERS = ["one", "long ago", "two words", "poison", "nan", "one", "inf", "wordless thing", "three more words"]


@pytest.fixture
def engine(tmp_path: Path) -> LocalEngine:
    """An engine with an empty store."""
    return LocalEngine(ScoreStore(tmp_path / "scores"))


@pytest.fixture
def scorer(tmp_path: Path) -> LogScorer:
    """A scorer that writes down what comes."""
    return LogScorer(log=tmp_path / "rows.log")


@pytest.fixture
def make(tmp_path: Path) -> Callable[[Sequence[str]], InstructionData]:
    """Make data with these answers."""
    return lambda answers: make_data(tmp_path / "data.jsonl", answers)


def _scored(scorer: LogScorer) -> list[str]:
    assert scorer.log is not None
    return scorer.log.read_text().split() if scorer.log.exists() else []


def test_gives_one_line_a_row(make: Callable[..., InstructionData], engine: LocalEngine) -> None:
    """Scores, reasons and errors stand in the rows' order; nothing unreadable became a number."""
    data = make(_ANSWERS)
    scores = engine.scores(data, LENGTHS)
    assert {"row": pl.Int64, "key": pl.String, "chars": pl.Float64, "words": pl.Int64} | {
        "ends": pl.List(pl.Float32),
        "skipped": pl.String,
        "error": pl.String,
    } == dict(scores.schema)
    assert [row.key for row in data.rows()] == scores["key"].to_list()
    poison = "ValueError: cannot score Question 3"
    assert [
        (0, 1.5, 1, [111.0, 110.0], None, None),
        (1, None, None, None, "too long", None),
        (2, 4.5, 2, [116.0, 119.0], None, None),
        (3, None, None, None, None, poison),
        (4, None, None, None, None, "not a number"),
        (5, 1.5, 1, [111.0, 110.0], None, None),
        (6, None, None, None, None, "not a finite number"),
        (7, 7.0, None, [119.0, 111.0], None, None),
        (8, 8.0, 3, [116.0, 104.0], None, None),
    ] == scores.drop("key").rows()


def test_scores_nothing_twice(make: Callable[..., InstructionData], engine: LocalEngine, scorer: LogScorer) -> None:
    """Rows of equal content are scored once, and a second run scores nothing, not even what failed."""
    data = make(["a", "b", "a", "poison", "c", "b"])
    assert 6 == engine.missing(data, scorer)
    first = engine.scores(data, scorer)
    # The batch of a, b, poison and c fails, then its second half, then poison alone.
    asked = [data.pick([number])[0].key for number in (0, 1, 3, 0, 1, 3, 3, 4)]
    assert asked == _scored(scorer)
    again = engine.scores(data, replace(scorer, refused=UsageError("no model is needed")))
    assert first.equals(again)
    assert asked == _scored(scorer)
    assert 0 == engine.missing(data, scorer)


def test_knows_rows_of_other_data(
    tmp_path: Path, make: Callable[..., InstructionData], engine: LocalEngine, scorer: LogScorer
) -> None:
    """A row is known by its content, in whatever file and place it stands."""
    engine.scores(make(["a", "b", "c"]), scorer)
    other = make_data(tmp_path / "other.jsonl", ["a", "b", "x"])
    assert 1 == engine.missing(other, scorer)
    engine.scores(other, scorer)
    assert 4 == len(_scored(scorer))


def test_other_settings_score_again(
    make: Callable[..., InstructionData], engine: LocalEngine, scorer: LogScorer
) -> None:
    """A store that another model filled is not used."""
    engine.scores(make(["a", "b"]), scorer)
    engine.scores(make(["a", "b"]), replace(scorer, version=2))
    assert 4 == len(_scored(scorer))


def test_scores_some_numbers(make: Callable[..., InstructionData], engine: LocalEngine, scorer: LogScorer) -> None:
    """With numbers only these rows are scored and returned."""
    data = make(["a", "b", "c", "d", "e"])
    assert [1, 3] == engine.scores(data, scorer, numbers=[1, 3])["row"].to_list()
    assert 2 == len(_scored(scorer))
    assert 3 == engine.missing(data, scorer)
    assert 0 == engine.scores(data, scorer, numbers=[]).height


@pytest.mark.parametrize("numbers", [[1, 0], [1, 1], [-1], [0, 5]])
def test_refuses_numbers(numbers: list[int], make: Callable[..., InstructionData], engine: LocalEngine) -> None:
    """Numbers that do not ascend, or that no row has, are a mistake of the caller."""
    with pytest.raises(ValueError, match="numbers"):
        engine.scores(make(["a", "b", "c", "d", "e"]), LENGTHS, numbers=numbers)


def test_shards_are_all(
    make: Callable[..., InstructionData], engine: LocalEngine, scorer: LogScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shards of all jobs together are all rows, and the whole run afterwards scores nothing."""
    data = make([f"answer {number}" for number in range(50)])
    spans = data.spans(7)
    monkeypatch.setattr(data, "spans", lambda: spans)
    rows = [engine.scores(data, scorer, shard=Shard(index, 3))["row"].to_list() for index in (1, 2, 3)]
    assert list(range(50)) == sorted(chain(*rows))
    assert [*range(7), *range(21, 28), *range(42, 49)] == rows[0]
    assert [30, 49] == engine.scores(data, scorer, shard=Shard(2, 3), numbers=[0, 30, 45, 49])["row"].to_list()
    engine.scores(data, scorer)
    assert 50 == len(_scored(scorer))


def test_retries_errors_when_told(make: Callable[..., InstructionData], engine: LocalEngine) -> None:
    """With retry_errors rows that failed are scored again, and a score takes the error's place."""
    data = make(["a", "b", "c"])

    class Moody(LogScorer):
        def score(self, rows: Sequence[Row]) -> list[Any]:
            if any(row.response == "b" for row in rows):
                raise RuntimeError("out of\nmemory")
            return super().score(rows)

    assert [None, "RuntimeError: out of", None] == engine.scores(data, Moody())["error"].to_list()
    retrying = LocalEngine(engine.store, retry_errors=True)
    assert (0, 1) == (engine.missing(data, LENGTHS), retrying.missing(data, LENGTHS))
    assert [0.5] * 3 == retrying.scores(data, LENGTHS)["chars"].to_list()
    assert [None] * 3 == engine.scores(data, LENGTHS)["error"].to_list()


def test_stops_where_all_fails(make: Callable[..., InstructionData], engine: LocalEngine, scorer: LogScorer) -> None:
    """Where the whole first batch fails the same way, the run stops, and no row is marked as failed."""
    data = make([f"answer {number}" for number in range(50)])
    with pytest.raises(
        UsageError, match=r'scorer "length": all 4 rows of the first batch .* \(.*:4\) with: ValueError: no GPU'
    ):
        engine.scores(data, replace(scorer, broken="no GPU"))
    assert 50 == engine.missing(data, scorer)


def test_stops_after_failures(make: Callable[..., InstructionData], engine: LocalEngine, scorer: LogScorer) -> None:
    """Where 20 rows in a row fail, the run stops; what was scored before is kept, these rows stay open."""
    answers = [f"answer {number}" for number in range(30)] + [f"poison {number}" for number in range(30)]
    data = make(answers)
    with pytest.raises(UsageError, match=r"20 rows in a row .* \(.*:50\) with: ValueError: cannot score Question 49;"):
        engine.scores(data, scorer)
    assert 30 == engine.missing(data, scorer)
    unlimited = LocalEngine(engine.store, failures_in_a_row=None)
    assert 30 == unlimited.scores(data, scorer)["error"].count()
    assert 0 == engine.missing(data, scorer)


def test_skipped_rows_prove_nothing(make: Callable[..., InstructionData], engine: LocalEngine) -> None:
    """Skipped rows between failures do not make them fewer: a broken model may still count tokens."""
    answers = ["fine", *(f"{'long' if number % 3 == 0 else 'poison'} {number}" for number in range(40))]
    with pytest.raises(UsageError, match="20 rows in a row"):
        engine.scores(make(answers), LENGTHS)
    assert (1, 10) == tuple(engine.store.known(LENGTHS).select("chars", "skipped").count().row(0))


def test_goes_on_where_few_fail(make: Callable[..., InstructionData], engine: LocalEngine) -> None:
    """19 failures in a row, again and again, are the rows' own, and all are told."""
    answers = ["fine", *(f"{'fine' if number % 20 == 19 else 'poison'} {number}" for number in range(90))]
    scores = engine.scores(make(answers), LENGTHS)
    assert (86, 5) == (scores["error"].count(), scores["chars"].count())


def test_last_row_may_be_poison(make: Callable[..., InstructionData], engine: LocalEngine, scorer: LogScorer) -> None:
    """A first batch of one row that fails says nothing of the scorer, nor does one after rows that were scored."""
    assert 1 == engine.scores(make(["poison"]), scorer)["error"].count()
    engine.scores(make(["fine", "well"]), scorer)
    errors = engine.scores(make(["mute 1", "mute 2", "mute 3", "mute 4", "fine"]), scorer)["error"]
    assert [*["ValueError: says nothing"] * 4, None] == errors.to_list()


@pytest.mark.parametrize(
    "error", [UsageError("wrong"), MissingDependencyError("torch", "hf"), JudgeRejectedError("no")]
)
def test_passes_on_what_no_row_is_to_blame_for(
    error: Exception, make: Callable[..., InstructionData], engine: LocalEngine
) -> None:
    """That a scorer cannot work is told as it is, by check and in the middle, and what was done is kept."""
    data = make(["a", "b", "c", "d", "stop", "e"])

    class Stopping(LogScorer):
        def score(self, rows: Sequence[Row]) -> list[Any]:
            if rows[0].response == "stop":
                raise error
            return super().score(rows)

    with pytest.raises(type(error)):
        engine.scores(data, LogScorer(refused=error))
    assert not engine.store.folder.exists()
    with pytest.raises(type(error)):
        engine.scores(data, Stopping())
    assert 2 == engine.missing(data, LENGTHS)


def test_keeps_what_is_done_at_ctrl_c(make: Callable[..., InstructionData], engine: LocalEngine) -> None:
    """Ctrl-C loses nothing that was scored, and no failure is kept since which nothing has succeeded."""
    data = make(["a", "b", "poison", "d", "poison 2", "stop", "e"])

    class Interrupted(LogScorer):
        def score(self, rows: Sequence[Row]) -> list[Any]:
            if rows[0].response == "stop":
                raise KeyboardInterrupt
            return super().score(rows)

    with pytest.raises(KeyboardInterrupt):
        engine.scores(data, Interrupted(batch_rows=1))
    assert ["a", "b", "poison", "d"] == [
        row.response for row in data.rows() if row.key in set(engine.store.known(LENGTHS)["key"])
    ]


@pytest.mark.parametrize(
    "case",
    [
        ("_COMMIT_BATCHES", 2, [0, 0, 4, 4, 8, 8]),
        ("_COMMIT_ROWS", 6, [0, 0, 0, 6, 6, 6]),
        ("_COMMIT_S", 0.0, [0, 2, 4, 6, 8, 10]),
    ],
)
def test_commits_while_it_works(
    case: tuple[str, float, list[int]],
    make: Callable[..., InstructionData],
    engine: LocalEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every few batches, rows or seconds what is scored is in the store, before the next batch is."""
    known: list[int] = []

    class Watching(LogScorer):
        def score(self, rows: Sequence[Row]) -> list[Any]:
            known.append(engine.store.states(self).height)
            return super().score(rows)

    setting, value, expected = case
    monkeypatch.setattr(_score_rows, setting, value)
    engine.scores(make([f"answer {number}" for number in range(12)]), Watching(batch_rows=2))
    assert expected == known


@pytest.mark.parametrize("wrong", [[], [(1.0, 2)], [("x", 2, [])], [(1.0, 2.5, [])], [(1.0, 2, [[1.0]])]])
def test_faulty_results_are_errors(wrong: list[Any], make: Callable[..., InstructionData], engine: LocalEngine) -> None:
    """A scorer that returns too few results, or what is not in its columns, fails; nothing is made up."""

    class Faulty(LogScorer):
        def score(self, rows: Sequence[Row]) -> list[Any]:
            return wrong * len(rows)

    with pytest.raises(UsageError, match="all 2 rows of the first batch could not be scored"):
        engine.scores(make(["a", "b"]), Faulty())
    assert not engine.store.has_scores(LENGTHS)


def test_tells_how_far_it_is(make: Callable[..., InstructionData], engine: LocalEngine) -> None:
    """Progress says how many rows were read, and how many of those to be scored are."""
    told: list[tuple[str, int, int | None]] = []
    data = make(["a", "b", "c", "d", "e", "a"])
    engine.scores(data, LENGTHS, numbers=[0])
    engine.scores(data, LENGTHS, on_progress=lambda *what: told.append(what))
    assert [("reading rows", 6, None), ("length", 4, 4)] == told


def test_names_row_that_changed(make: Callable[..., InstructionData], engine: LocalEngine, tmp_path: Path) -> None:
    """A file that is changed while it is read is an error, since scores would go to other rows."""
    data = make(["a", "b"])

    class Late(LogScorer):
        def check(self) -> None:
            make_data(tmp_path / "data.jsonl", ["a", "c"])

    with pytest.raises(DataError, match=r"data\.jsonl:2: the file has changed while it was read"):
        engine.scores(data, Late())


def test_reads_rows_once(
    make: Callable[..., InstructionData], engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are made once for all scores of the same data, and anew for other data."""
    data = make(["a", "b", "c"])
    all_scores = engine.scores(data, LENGTHS)
    monkeypatch.setattr(data, "blocks", lambda: 1 / 0)
    assert all_scores.equals(engine.scores(data, LENGTHS))
    assert all_scores[1:].equals(engine.scores(data, LENGTHS, numbers=[1, 2]))
    assert ["x"] == [row.response for row in make(["x"]).rows()]
    assert 1 == engine.scores(make(["x"]), LENGTHS).height


@pytest.mark.parametrize("name", ["rows.json", "rows.parquet"])
def test_reads_every_kind_of_file(
    name: str, make: Callable[..., InstructionData], engine: LocalEngine, tmp_path: Path
) -> None:
    """Rows of another kind of file have the same keys, so their scores are known, also by shards."""
    data = make(_ANSWERS)
    data.write(range(9), tmp_path / name)
    scores = engine.scores(data, LENGTHS)
    other = open_data(tmp_path / name)
    assert 0 == engine.missing(other, LENGTHS)
    assert scores.equals(engine.scores(other, LENGTHS, shard=Shard(1, 1)))
    fresh = LocalEngine(ScoreStore(tmp_path / "fresh"))
    assert scores.equals(fresh.scores(other, LENGTHS, shard=Shard(1, 1)))


def test_tells_of_lost_scores(make: Callable[..., InstructionData], engine: LocalEngine) -> None:
    """Scores that were deleted while others were made are an error, and no empty lines."""
    data = make(["a", "b", "c", "d", "e"])
    engine.scores(data, LENGTHS, numbers=[0])

    class Deleting(LogScorer):
        def check(self) -> None:
            for path in engine.store.folder_of(LENGTHS).glob("part-*"):
                path.unlink()

    with pytest.raises(DataError, match="scores have gone while others were made; repeat the command"):
        engine.scores(data, Deleting())


def test_ray_names_its_extra(
    make: Callable[..., InstructionData], engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Ray its engine names the extra, but still counts and returns what the store has."""
    data, ray = make(["a", "b"]), RayEngine(engine.store)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert 2 == ray.missing(data, LENGTHS)
    with pytest.raises(MissingDependencyError, match=r"longismore\[ray\]"):
        ray.scores(data, LENGTHS)
