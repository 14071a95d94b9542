"""`longismore.select`: files or rows in, rows out."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import longismore
from longismore.api import Selected
from longismore.errors import ConfigError, DataError, SchemaError, UnknownNameError
from longismore.selectors import make_selector, read_manifest

if TYPE_CHECKING:
    from pathlib import Path

for package in ("polars", "pyarrow", "msgspec", "nltk", "xxhash"):
    pytest.importorskip(package)

POOL = [
    {"instruction": f"Say {number}.", "input": "", "output": "word " * (number * 7 % 23), "source": {"n": number}}
    for number in range(40)
]


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """The rows as a file."""
    path = tmp_path / "pool.json"
    path.write_text(json.dumps(POOL), encoding="utf-8")
    return path


def test_rows_in_memory_are_selected_as_those_of_a_file(pool: Path, tmp_path: Path) -> None:
    """The chosen rows are the same, as they stand in the data and in its order."""
    from_rows = longismore.select(POOL, "longest", 10, measure="words")
    from_file = longismore.select(pool, "longest", 10, measure="words")
    written = longismore.select([pool], "longest", 10, output=tmp_path / "chosen.json", measure="words")
    assert from_rows.rows == from_file.rows == written.rows
    assert written.rows == json.loads((tmp_path / "chosen.json").read_text(encoding="utf-8"))
    least = sorted((len(row["output"].split()) for row in POOL), reverse=True)[9]
    assert all(len(row["output"].split()) >= least for row in from_rows.rows)
    assert [POOL.index(row) for row in from_rows.rows] == sorted(POOL.index(row) for row in from_rows.rows)
    assert 10 == len(from_rows)


def test_nothing_stays_behind(pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without *output* no file is left, and the manifest names none."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    selected = longismore.select(POOL, "random:seed=3", 5)
    assert [] == list((tmp_path / "temporary").iterdir())
    assert [pool] == [path for path in tmp_path.iterdir() if path.is_file()]
    told = selected.to_dict()
    assert (None, None, None) == (selected.output, told["output"]["path"], told["data"]["files"][0]["path"])
    assert (5, 40, 3) == (told["selected"], told["rows"], told["parameters"]["seed"])


def test_the_manifest_of_rows_in_memory_names_no_file(tmp_path: Path) -> None:
    """Beside the rows stands how they were chosen, and of the data their checksum only."""
    longismore.select(iter(POOL), "random", 5, output=tmp_path / "chosen.jsonl")
    (file,) = read_manifest(tmp_path / "chosen.jsonl")["data"]["files"]
    assert (None, 64) == (file["path"], len(file["sha256"]))


def test_a_selection_is_made_once(pool: Path, tmp_path: Path) -> None:
    """The same call finds it."""
    named: dict[str, Any] = {"output": tmp_path / "chosen.json", "seed": 2}
    first, again = (longismore.select(pool, "random", 7, **named) for _ in range(2))
    assert (False, True) == (first.was_done, again.was_done)
    assert f"<Selected: random: 7 of 40 rows in {tmp_path / 'chosen.json'} (was there already)>" == repr(again)


def test_a_strategy_that_is_made_already(pool: Path) -> None:
    """It is taken as it is; parameters beside it would be passed over, so they are an error."""
    strategy = make_selector("longest:measure=chars")
    assert longismore.select(pool, "longest", 6, measure="chars").rows == longismore.select(pool, strategy, 6).rows
    with pytest.raises(ConfigError, match="measure: the strategy longest is made already"):
        longismore.select(pool, strategy, 6, measure="words")


@pytest.mark.parametrize(
    ("data", "changed", "kind", "message"),
    [
        (POOL, {"strategy": "longst"}, UnknownNameError, "did you mean longest"),
        (POOL, {"mesure": "chars"}, ConfigError, '"mesure" is no parameter; did you mean measure'),
        (POOL, {"budget": 0}, ConfigError, "budget must be at least 1, found 0"),
        (POOL, {"budget": 41}, DataError, "less than the budget of 41"),
        ([], {}, DataError, "no rows of instruction data were given"),
        ([3], {}, SchemaError, "^rows in memory:1: an object was expected, found int"),
        ([{"text": "x"}], {}, SchemaError, "^rows in memory:1: no known format of instruction data"),
        ([*POOL[:1], {"when": datetime.now(UTC)}], {}, SchemaError, "^rows in memory:2: JSON cannot hold it: "),
        ("nowhere.json", {}, DataError, "nowhere.json: no such file"),
        (None, {}, ConfigError, r"data must be a path or a list of rows \(dictionaries\), found NoneType"),
        (POOL, {"budget": "x"}, ConfigError, "budget must be a whole number, found 'x'"),
        (POOL, {"budget": 2.5}, ConfigError, "budget must be a whole number, found 2.5"),
        (POOL, {"strategy": None}, ConfigError, "strategy must be a name, e.g. longest, or a strategy that is made"),
        (POOL, {"strategy": dict}, ConfigError, "strategy must be a name"),
        (POOL, {"output": "."}, DataError, "is a folder; name a file to write"),
        (POOL, {"scores": 3}, ConfigError, "scores must be a path, found int"),
    ],
)
def test_what_will_not_do_is_said(data: Any, changed: dict[str, Any], kind: type[Exception], message: str) -> None:
    """The errors are those of the command; rows in memory are counted from 1."""
    named = {"strategy": "longest", "budget": 2, **changed}
    with pytest.raises(kind, match=message):
        longismore.select(data, **named)


def test_why_rows_are_missing_is_shown(pool: Path) -> None:
    """Text and HTML have the counts of the manifest."""
    selected = longismore.select(pool, "longest", 10, measure="words", drop_duplicates=True, allow_fewer=True)
    dropped = Counter(selected.manifest["dropped"])
    assert 30 == dropped.total()
    for reason, count in dropped.items():
        if count:
            assert f"{count} {reason}" in str(selected)
            assert f">{reason}</div>" in selected._repr_html_()


def test_why_rows_could_not_be_scored_is_shown(tmp_path: Path) -> None:
    """The first errors of the manifest, however long, and without control characters."""
    errors = ["row 7: ValueError: " + "too odd " * 20, "row 9: OSError: \x1b[31mred"]
    told = {"strategy": "ifd", "rows": 9, "selected": 1, "dropped": {"scoring failed": 8}, "facts": {"errors": errors}}
    shown = str(Selected(manifest=told, output=tmp_path / "out.json", was_done=False))
    assert f"failed: {errors[0].strip()}" in " ".join(shown.split())
    assert "failed: row 9: OSError: \ufffd[31mred" in shown
