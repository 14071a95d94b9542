from __future__ import annotations

import builtins
import json
import os
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pyarrow.parquet
import pytest

from longismore.errors import ConfigError, DataError, MissingDependencyError
from longismore.store import AnswerFilter, Exported, Store, _export

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COLUMNS = ["key", "judge", "fingerprint", "created", "text", "refused", "input_tokens", "output_tokens", "cost_usd",
           "latency_s", "logprobs"]  # fmt: skip
ODD = ["", "a\x00b", "\u2028", "\U0001f9c2", 'said "no"\n']


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of an export."""
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
        return rows
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


@pytest.fixture(params=["jsonl", "parquet"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where the answers go, in both formats."""
    path: Path = tmp_path / "new" / f"out.{request.param}"
    return path


def test_every_answer_is_a_row(store: Store, put: Callable[..., None], output: Path) -> None:
    """With all columns; unknown is null, and log-probabilities are JSON text."""
    tokens = [{"token": "A", "logprob": -0.5, "top": {"A": -0.5, "B": -1.0}}]
    put(store, "one", text="8 7\nThe first.")
    put(store, "two", judge="", refused=True, input_tokens=None, output_tokens=None, cost_usd=None, latency_s=None)
    put(store, "three", logprobs=tokens, created="")
    assert Exported(3, 0) == store.export(output)
    rows = read(output)
    assert [COLUMNS] * 3 == [list(row) for row in rows]
    assert rows[0] == {
        "key": "one",
        "judge": "openai/test",
        "fingerprint": "f" * 64,
        "created": "2025-01-02T03:04:05+00:00",
        "text": "8 7\nThe first.",
        "refused": False,
        "input_tokens": 100,
        "output_tokens": 20,
        "cost_usd": 0.5,
        "latency_s": 1.25,
        "logprobs": None,
    }
    assert {"judge": "", "refused": True, "input_tokens": None, "cost_usd": None, "latency_s": None} == {
        name: rows[1][name] for name in ("judge", "refused", "input_tokens", "cost_usd", "latency_s")
    }
    assert (tokens, None) == (json.loads(rows[2]["logprobs"]), rows[2]["created"])


def test_any_text_is_exported(store: Store, put: Callable[..., None], output: Path) -> None:
    """NUL, line separators and emoji come out as they went in."""
    for number, text in enumerate(ODD):
        put(store, str(number), text=text)
    store.export(output)
    assert ODD == [row["text"] for row in read(output)]


def test_half_characters(store: Store, put: Callable[..., None], tmp_path: Path) -> None:
    """JSON lines keep them; Parquet cannot, so each is replaced there and the texts are counted."""
    put(store, "one", text="a\ud800b\udfff")
    put(store, "two", text="whole")
    put(store, "three", text="\udcff", logprobs=[{"token": "\ud800"}])
    assert Exported(3, 0) == store.export(tmp_path / "out.jsonl")
    assert ["a\ud800b\udfff", "whole", "\udcff"] == [row["text"] for row in read(tmp_path / "out.jsonl")]
    assert Exported(3, 2) == store.export(tmp_path / "out.parquet")
    assert ["a\ufffdb\ufffd", "whole", "\ufffd"] == [row["text"] for row in read(tmp_path / "out.parquet")]


def test_only_what_is_wanted(store: Store, put: Callable[..., None], output: Path) -> None:
    """A judge by its whole name, a fingerprint by its beginning, both together."""
    put(store, "1", judge="a", fingerprint="abc")
    put(store, "2", judge="a", fingerprint="abd")
    put(store, "3", judge="ab", fingerprint="abc")
    for wanted, keys in (
        (AnswerFilter(judge="a"), ["1", "2"]),
        (AnswerFilter(fingerprint="abc"), ["1", "3"]),
        (AnswerFilter(fingerprint="ab"), ["1", "2", "3"]),
        (AnswerFilter(judge="a", fingerprint="abd"), ["2"]),
    ):
        assert len(keys) == store.export(output, wanted).answers
        assert keys == [row["key"] for row in read(output)]


@pytest.mark.parametrize("wanted", [AnswerFilter(judge="A"), AnswerFilter(fingerprint="%"), AnswerFilter(judge="a%")])
def test_nothing_as_wanted_is_an_error(
    wanted: AnswerFilter, store: Store, put: Callable[..., None], output: Path
) -> None:
    """A misspelt name writes no empty file, and leaves an old one as it is."""
    put(store, "1", judge="a", fingerprint="abc")
    output.parent.mkdir()
    output.write_text("old")
    with pytest.raises(DataError, match=r"store.sqlite: no answer is as wanted; `longismore store stats` shows"):
        store.export(output, wanted)
    assert (["old"], [output]) == ([output.read_text()], list(output.parent.iterdir()))


def test_empty_store_gives_an_empty_file(store: Store, output: Path) -> None:
    """Without a filter, nothing is what was asked for."""
    assert Exported(0, 0) == store.export(output)
    assert [] == read(output)


def test_parquet_comes_in_row_groups(
    store: Store, put: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group ends after so many rows, or sooner where they are long."""
    monkeypatch.setattr(_export, "_ROWS_PER_GROUP", 3)
    monkeypatch.setattr(_export, "_CHARS_PER_GROUP", 1000)
    for number, chars in enumerate((10, 10, 10, 10, 2000, 10, 10)):
        put(store, str(number), text="x" * chars)
    assert 7 == store.export(tmp_path / "out.parquet").answers
    found = pyarrow.parquet.ParquetFile(tmp_path / "out.parquet")
    assert [3, 2, 2] == [found.metadata.row_group(group).num_rows for group in range(found.num_row_groups)]
    assert list("0123456") == found.read().column("key").to_pylist()


def test_memory_is_constant(store: Store, put: Callable[..., None], output: Path) -> None:
    """Twenty times as many answers as are looked at together need no more memory than a few."""
    for number in range(2000):
        put(store, str(number), text=f"{number} " * 1000)
    output.parent.mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_export, "_ROWS_PER_GROUP", 100)
        tracemalloc.start()
        store.export(output)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4_000_000 < sum(len(row["text"]) for row in read(output))


def test_failed_export_leaves_the_old_file(store: Store, put: Callable[..., None], output: Path) -> None:
    """An export is whole or not there: an unreadable record is an error, and no half file stays."""
    put(store, "a")
    store.export(output)
    before = output.read_bytes()
    store.put("b", fingerprint="f", created="c", record={"text": 7})
    with pytest.raises(DataError, match=r'store.sqlite: answer b: field "text" must be a string, found 7'):
        store.export(output)
    assert (before, [output]) == (output.read_bytes(), list(output.parent.iterdir()))


@pytest.mark.parametrize("name", ["out.csv", "out", "jsonl", "out.JSONL"])
def test_other_formats_are_refused(name: str, store: Store, tmp_path: Path) -> None:
    """The suffix says the format, and there are two."""
    with pytest.raises(ConfigError, match=rf'an export ends in .jsonl or .parquet, found "{name}"'):
        store.export(tmp_path / name)


def test_store_is_not_overwritten(tmp_path: Path, put: Callable[..., None]) -> None:
    """An export onto the store itself would destroy it, under whichever name."""
    with Store(tmp_path / "answers.jsonl") as store:
        put(store, "a")
        os.link(store.path, tmp_path / "other.jsonl")
        for name in ("answers.jsonl", "other.jsonl"):
            with pytest.raises(ConfigError, match=r"jsonl: is the store itself; name another file"):
                store.export(tmp_path / name)
        assert 1 == store.count()


def test_unwritable_place_is_explained(store: Store, tmp_path: Path) -> None:
    """A folder below a file cannot be made: the export is named, not the store."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/out.jsonl: cannot be written: "):
        store.export(tmp_path / "file" / "out.jsonl")


def test_parquet_needs_its_extra(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow, the message names the extra; JSON lines need nothing."""
    load = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError(name=name)
        return load(name, *rest, **options)

    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r'pip install "longismore\[parquet\]"'):
        store.export(tmp_path / "out.parquet")
    assert Exported(0, 0) == store.export(tmp_path / "out.jsonl")
