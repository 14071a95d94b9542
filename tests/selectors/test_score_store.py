"""Scores on disk: whole files or none, one score a key, and names that nobody confuses."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("polars")

import polars as pl

import scoring_runs
from longismore.errors import DataError, SchemaError
from longismore.instructions import content_key
from longismore.selectors._scores import parts as _score_parts
from longismore.selectors._scores.store import ScoreStore, default_scores_path
from scoring_runs import LENGTHS, LogScorer, frame_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def store(tmp_path: Path) -> ScoreStore:
    """An empty store."""
    return ScoreStore(tmp_path / "scores")


def _parts(store: ScoreStore) -> list[Path]:
    return sorted(store.folder_of(LENGTHS).glob("part-*"))


def test_gives_back_what_was_added(store: ScoreStore) -> None:
    """Numbers, vectors, reasons and errors come back as they were, and nothing else."""
    lines = [
        ("a", 1.5, 3, [0.5, -1.0], None, None),
        ("b", None, None, None, "too long", None),
        ("c", None, None, None, None, "ValueError: no"),
        ("d", 0.1, None, [], None, None),
    ]
    frame = pl.DataFrame(lines, schema=frame_of("a").schema, orient="row")
    store.add(LENGTHS, frame)
    assert frame.rows() == ScoreStore(store.folder).known(LENGTHS).sort("key").rows()


def test_is_empty_at_first(store: ScoreStore) -> None:
    """A store without a folder has no rows, and reading makes no folder."""
    assert (0, list(frame_of("a").columns)) == (store.known(LENGTHS).height, store.known(LENGTHS).columns)
    assert not store.has_scores(LENGTHS)
    assert [] == store.summary()
    assert not store.folder.exists()


def test_finds_only_wanted_keys(store: ScoreStore) -> None:
    """Of many keys only those that are asked for are returned, each once."""
    store.add(LENGTHS, frame_of(*map(str, range(100))))
    wanted = pl.Series(["7", "7", "41", "no such key"])
    assert ["41", "7"] == sorted(store.known(LENGTHS, wanted)["key"])
    assert ["key", "skipped", "error"] == store.states(LENGTHS, wanted).columns


def test_other_settings_are_other_scores(store: ScoreStore) -> None:
    """What a scorer with other settings has computed is not used."""
    store.add(LENGTHS, frame_of("a"))
    assert 0 == store.known(LogScorer(version=2)).height
    assert 1 == store.known(LogScorer(batch_rows=7)).height


def test_older_score_counts(store: ScoreStore) -> None:
    """Where two processes have scored a row, every reader believes the older score."""
    for chars in (3.0, 1.0, 2.0):
        ScoreStore(store.folder).add(LENGTHS, frame_of("a", chars=chars))
    assert [3.0] == store.known(LENGTHS)["chars"].to_list()


def test_score_beats_older_error(store: ScoreStore) -> None:
    """A row that failed once and was scored later has a score."""
    store.add(LENGTHS, frame_of("a", "b", chars=None, error="it broke"))
    assert not store.has_scores(LENGTHS)
    store.add(LENGTHS, frame_of("b"))
    assert store.has_scores(LENGTHS)
    assert [("a", "it broke"), ("b", None)] == store.known(LENGTHS).sort("key").select("key", "error").rows()


def test_many_parts_become_few(store: ScoreStore) -> None:
    """Adding compacts now and then: the rows are the same, the older score still counts, the files are few."""
    for number in range(130):
        store.add(LENGTHS, frame_of(f"key {number}", f"key {number - 1}", chars=float(number)))
    known = store.known(LENGTHS).sort("chars")
    assert len(_parts(store)) < 64
    assert [f"key {number}" for number in range(1, 130)] == known["key"].to_list()[2:]
    assert list(map(float, range(1, 130))) == known["chars"].to_list()[2:]


def test_large_parts_are_left_alone(store: ScoreStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compaction takes small neighbours, and never moves a row before or behind a large part's."""
    monkeypatch.setattr(_score_parts, "_SMALL_BYTES", 4000)
    plain = ScoreStore(store.folder, compacts=False)
    for number in range(70):
        keys = [content_key([str(number), str(each)]) for each in range(1000 if number == 35 else 1)]
        plain.add(LENGTHS, frame_of("all", *keys, chars=float(number)))
    large = max(_parts(store), key=lambda path: path.stat().st_size)
    store.compact(LENGTHS)
    assert [False, True, False] == [path == large for path in _parts(store)]
    assert (1070, 0.0) == (store.known(LENGTHS).height, store.known(LENGTHS, pl.Series(["all"]))["chars"][0])


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "other columns"])
def test_names_broken_part(damage: str, store: ScoreStore) -> None:
    """A part that was damaged is never believed: the error names the file and the remedy, and the remedy works."""
    store.add(LENGTHS, frame_of("a"))
    store.add(LENGTHS, frame_of("b"))
    broken = _parts(store)[1]
    data = bytearray(broken.read_bytes())
    data[len(data) // 3] ^= 4
    if damage == "other columns":
        pl.DataFrame({"key": ["b"]}).write_parquet(broken)
    else:
        broken.write_bytes({"cut": data[:-9], "flipped": data, "emptied": b""}[damage])
    with pytest.raises(DataError, match=r"cannot be read .*; delete it, and its rows are scored again") as raised:
        store.known(LENGTHS)
    assert str(raised.value).startswith(f"{broken}: ")
    broken.unlink()
    assert ["a"] == store.known(LENGTHS)["key"].to_list()


def test_names_part_with_broken_keys(store: ScoreStore) -> None:
    """A cut part is named too where only its keys are read."""
    store.add(LENGTHS, frame_of("a"))
    _parts(store)[0].write_bytes(b"PAR1")
    with pytest.raises(DataError, match="part-"):
        store.states(LENGTHS)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="whoever is root may write everywhere")
def test_names_folder_that_cannot_be_written(store: ScoreStore) -> None:
    """Where a store cannot be written, the error says how to name another."""
    store.folder.mkdir()
    store.folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(DataError, match=r"cannot be written: .*LONGISMORE_SCORES=DIR"):
        store.add(LENGTHS, frame_of("a"))


def test_names_file_in_the_way(tmp_path: Path) -> None:
    """A file where the store's folder should be is an error that says how to name another."""
    (tmp_path / "scores").write_text("")
    with pytest.raises(DataError, match=r"cannot be written: .*LONGISMORE_SCORES=DIR"):
        ScoreStore(tmp_path / "scores").add(LENGTHS, frame_of("a"))


def test_old_leftovers_go(store: ScoreStore) -> None:
    """Temporary files are no parts; those of a day ago are deleted, those of now may be another process's."""
    store.add(LENGTHS, frame_of("a"))
    folder = store.folder_of(LENGTHS)
    old, new = folder / ".part-1-2.parquet.7-7.tmp", folder / ".part-3-4.parquet.7-7.tmp"
    for path in (old, new):
        path.write_bytes(b"PAR1")
    os.utime(old, (time.time() - 90_000,) * 2)
    other = ScoreStore(store.folder)
    other.add(LENGTHS, frame_of("b"))
    assert 2 == other.known(LENGTHS).height
    assert (False, True) == (old.exists(), new.exists())


def test_sums_up(store: ScoreStore) -> None:
    """The summary has what each scorer is, and counts each key once."""
    store.add(LENGTHS, frame_of("a", "b"))
    store.add(LENGTHS, frame_of("b", "c", chars=None, error="it broke"))
    store.add(LogScorer(version=2), frame_of("a"))
    one, two = sorted(store.summary(), key=lambda scores: scores.settings["version"])
    assert ("length", {"version": 1}, 3, 0, 1, 2) == (
        one.name,
        one.settings,
        one.rows,
        one.skipped,
        one.errors,
        one.parts,
    )
    assert (1, {"version": 2}) == (two.rows, two.settings)
    assert sum(path.stat().st_size for path in one.folder.iterdir()) == one.size_bytes
    assert one.folder.name == f"length-{one.fingerprint}"


def test_says_what_a_scorer_is(store: ScoreStore) -> None:
    """scorer.json has name, settings, columns and version, so that a folder explains itself."""
    store.add(LENGTHS, frame_of("a"))
    about = json.loads((store.folder_of(LENGTHS) / "scorer.json").read_text())
    assert {"name", "fingerprint", "columns", "settings", "longismore"} == set(about)
    assert {"chars": "float", "words": "integer", "ends": "vector"} == about["columns"]


def test_names_broken_description(store: ScoreStore) -> None:
    """A scorer.json that says nothing is an error with the remedy, and scoring goes on without it."""
    store.add(LENGTHS, frame_of("a"))
    (store.folder_of(LENGTHS) / "scorer.json").write_text("[]")
    with pytest.raises(SchemaError, match=r"scorer\.json: does not describe a scorer; delete it"):
        store.summary()
    assert 1 == store.known(LENGTHS).height


@pytest.mark.parametrize("columns", [{"error": "float"}, {"x": "text"}])
def test_refuses_columns(columns: dict[str, str], store: ScoreStore) -> None:
    """A scorer cannot have columns of other kinds, or named like the store's own."""

    class Odd(LogScorer):
        pass

    Odd.columns = columns
    with pytest.raises(ValueError, match="columns must be"):
        store.known(Odd())


def test_default_path() -> None:
    """LONGISMORE_SCORES names the folder, and otherwise it lies in the user's cache."""
    assert Path("here") == default_scores_path({"LONGISMORE_SCORES": "here"})
    assert default_scores_path({}).parts[-2:] == ("longismore", "scores")


def _writing(store: ScoreStore, start: int) -> subprocess.Popen[str]:
    program = [sys.executable, scoring_runs.__file__, "add", str(store.folder), str(start)]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True)


def _lines(writer: subprocess.Popen[str]) -> Iterator[str]:
    assert writer.stdout is not None
    return iter(writer.stdout)


@pytest.fixture
def writers(store: ScoreStore) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that add rows, and compact, until they are killed."""
    processes = [_writing(store, 0), _writing(store, 1_000_000)]
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.slow
def test_readers_miss_nothing(store: ScoreStore, writers: list[subprocess.Popen[str]]) -> None:
    """While two processes write and compact, a reader always finds every row that was added before it began."""
    added = [-1, -1]
    while min(added) < 150 or max(added) < 1_000_150:
        added = [int(next(_lines(writer))) for writer in writers]
        keys = set(store.known(LENGTHS)["key"])
        for first, last in zip((0, 1_000_000), added, strict=True):
            assert {f"key {number}" for number in range(first, last + 1)} <= keys


@pytest.mark.slow
def test_killed_writers_lose_nothing(store: ScoreStore, writers: list[subprocess.Popen[str]]) -> None:
    """Whatever a writer was doing when it was killed, what it said it had added is there, with the older score."""
    said = [[next(lines) for _ in range(130)] for lines in map(_lines, writers)]
    for writer in writers:
        writer.kill()
    last = [int([*begun, *_lines(writer)][-1]) for begun, writer in zip(said, writers, strict=True)]
    chars = dict(store.known(LENGTHS).select("key", "chars").rows())
    for first, end in zip((0, 1_000_000), last, strict=True):
        assert all(chars[f"key {number}"] == number for number in range(first, end + 1))
