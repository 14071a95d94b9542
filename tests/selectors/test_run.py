"""Running a strategy: every row is accounted for, and the manifest says how."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import DataError, SchemaError
from longismore.instructions import open_data, write_records
from longismore.selectors import (
    SELECTORS,
    Choice,
    LocalEngine,
    ScoreStore,
    Shard,
    Work,
    make_selector,
    manifest_path,
    read_manifest,
    select_rows,
)

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.instructions import InstructionData

RECORDS = [{"instruction": f"q{number}", "output": "a" * number, "id": number} for number in range(10)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Takes what it is told to."""

    rows: tuple[str, ...] = ("1", "3")
    lost: int = 0
    calls: tuple[str, ...] = ()

    def prepare(self, data: InstructionData, work: Work) -> None:
        """Nothing."""

    def choose(self, data: InstructionData, work: Work) -> Choice:
        """Those rows; the others are dropped, but for the lost ones."""
        rows = [int(row) for row in self.rows]
        return Choice(rows=rows, dropped={"not named": data.size - len(rows) - self.lost}, facts={"cut": 3})


def work(folder: Path, **settings: Any) -> Work:
    """With a score store in a folder."""
    return Work(**{"budget": 2, "engine": LocalEngine(ScoreStore(folder / "scores")), "folder": folder, **settings})


@pytest.fixture
def pool(tmp_path: Path) -> InstructionData:
    """Ten rows."""
    write_records(RECORDS, tmp_path / "pool.jsonl")
    return open_data(tmp_path / "pool.jsonl")


def test_rows_and_manifest_are_written(pool: InstructionData, tmp_path: Path) -> None:
    """The rows as they stood; the manifest says by what, from what, how many, and why the others are missing."""
    selection = select_rows("fixed", Fixed(), pool, work(tmp_path), tmp_path / "out.json")
    assert selection is not None
    assert json.loads((tmp_path / "out.json").read_text()) == [RECORDS[1], RECORDS[3]]
    found = read_manifest(tmp_path / "out.json")
    assert found == json.loads(json.dumps(selection.manifest))
    sha256 = hashlib.sha256((tmp_path / "pool.jsonl").read_bytes()).hexdigest()
    assert {key: found[key] for key in ("strategy", "budget", "rows", "selected", "dropped", "facts")} == {
        "strategy": "fixed",
        "budget": 2,
        "rows": 10,
        "selected": 2,
        "dropped": {"not named": 8},
        "facts": {"cut": 3},
    }
    assert found["parameters"] == {"rows": ["1", "3"], "lost": 0, "calls": []}
    assert found["data"] == {"format": "alpaca", "files": [{"path": str(tmp_path / "pool.jsonl"), "sha256": sha256}]}
    assert found["output"]["sha256"] == hashlib.sha256((tmp_path / "out.json").read_bytes()).hexdigest()
    assert {"polars", "pyarrow", "msgspec"} <= set(found["packages"])


def test_what_is_done_is_not_done_again(pool: InstructionData, tmp_path: Path) -> None:
    """Unless the parameters, the data, the budget or the selection itself have changed."""

    def run(selector: Fixed, **settings: Any) -> bool:
        made = select_rows("fixed", selector, open_data(pool.paths), work(tmp_path, **settings), tmp_path / "out.json")
        assert made is not None
        return made.was_done

    assert [run(Fixed()), run(Fixed())] == [False, True]
    assert [run(Fixed(rows=("1", "4"))), run(Fixed(rows=("1", "4")), budget=1)] == [False, False]
    assert run(Fixed(rows=("1", "4")), budget=1)
    (tmp_path / "out.json").write_text("[]")
    assert [run(Fixed(rows=("1", "4")), budget=1), run(Fixed(rows=("1", "4")), budget=1)] == [False, True]
    write_records([*RECORDS[:9], RECORDS[9] | {"id": 10}], tmp_path / "pool.jsonl")
    assert [run(Fixed(rows=("1", "4")), budget=1), run(Fixed(rows=("1", "4")), budget=1)] == [False, True]
    manifest_path(tmp_path / "out.json").write_text("{}")
    assert not run(Fixed(rows=("1", "4")), budget=1)


def test_files_that_parameters_name_belong_to_the_request(pool: InstructionData, tmp_path: Path) -> None:
    """Where an excluded selection has changed, the draw is made again."""
    write_records(RECORDS[:4], tmp_path / "taken.json")
    spec = "strict_random:seed=3"
    done = []
    for _ in range(2):
        selector = make_selector(spec, {"exclude": str(tmp_path / "taken.json")})
        made = select_rows("strict_random", selector, pool, work(tmp_path), tmp_path / "out.json")
        assert made is not None
        done.append(made.was_done)
        if made.was_done:
            continue
        again = select_rows("strict_random", selector, pool, work(tmp_path), tmp_path / "out.json")
        assert again is not None
        done.append(again.was_done)
        write_records(RECORDS[4:8], tmp_path / "taken.json")
    assert done == [False, True, False, True]


def test_no_shorter_file_without_a_word(pool: InstructionData, tmp_path: Path) -> None:
    """Fewer rows than wanted, or none, are errors that say why; nothing is written."""
    message = r"only 2 of 10 rows qualify, .* budget of 5; dropped were: 8 not named; .*--allow-fewer"
    with pytest.raises(DataError, match=message):
        select_rows("fixed", Fixed(), pool, work(tmp_path, budget=5), tmp_path / "out.json")
    with pytest.raises(DataError, match="no row is left of 10; dropped were: 10 not named"):
        select_rows("fixed", Fixed(rows=()), pool, work(tmp_path), tmp_path / "out.json", allow_fewer=True)
    assert not (tmp_path / "out.json").exists()
    made = select_rows("fixed", Fixed(), pool, work(tmp_path, budget=5), tmp_path / "out.json", allow_fewer=True)
    assert made is not None
    assert made.manifest["selected"] == 2


def test_a_short_file_that_is_there_is_no_longer_welcome_without_the_word(
    pool: InstructionData, tmp_path: Path
) -> None:
    """What --allow-fewer has written is an error for the same command without it, and stands for the same with it."""
    settings = work(tmp_path, budget=5)
    assert select_rows("fixed", Fixed(), pool, settings, tmp_path / "out.json", allow_fewer=True)
    with pytest.raises(DataError, match="only 2 of 10 rows qualify"):
        select_rows("fixed", Fixed(), pool, settings, tmp_path / "out.json")
    again = select_rows("fixed", Fixed(), pool, settings, tmp_path / "out.json", allow_fewer=True)
    assert again is not None
    assert again.was_done


def test_a_selection_that_is_there_does_not_keep_failed_rows_from_being_tried_again(
    pool: InstructionData, tmp_path: Path
) -> None:
    """With --retry-errors it is made again, from the scores that are there."""
    select_rows("fixed", Fixed(), pool, work(tmp_path), tmp_path / "out.json")
    engine = LocalEngine(ScoreStore(tmp_path / "scores"), retry_errors=True)
    again = select_rows("fixed", Fixed(), pool, work(tmp_path, engine=engine), tmp_path / "out.json")
    assert again is not None
    assert not again.was_done


def test_a_strategy_has_to_account_for_every_row(pool: InstructionData, tmp_path: Path) -> None:
    """One that loses rows, or names them twice, is wrong, and nothing is written."""
    with pytest.raises(AssertionError, match="accounts for 9 of 10 rows"):
        select_rows("fixed", Fixed(lost=1), pool, work(tmp_path), tmp_path / "out.json")
    with pytest.raises(AssertionError, match="do not ascend"):
        select_rows("fixed", Fixed(rows=("3", "1")), pool, work(tmp_path), tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def test_a_shard_writes_no_selection(pool: InstructionData, tmp_path: Path) -> None:
    """It prepares its part, and says so."""
    assert select_rows("fixed", Fixed(), pool, work(tmp_path, shard=Shard(1, 2)), tmp_path / "out.json") is None
    assert not (tmp_path / "out.json").exists()


def test_the_data_is_never_overwritten(pool: InstructionData, tmp_path: Path) -> None:
    """Also by another name."""
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "pool.jsonl")
    with pytest.raises(DataError, match="is the data itself"):
        select_rows("fixed", Fixed(), pool, work(tmp_path), tmp_path / "link.jsonl")


def test_manifests_that_are_none_are_named(tmp_path: Path) -> None:
    """A missing one, and some other JSON."""
    with pytest.raises(DataError, match=r"out\.json\.manifest\.json: no such file"):
        read_manifest(tmp_path / "out.json")
    manifest_path(tmp_path / "out.json").write_text("[]")
    with pytest.raises(SchemaError, match="is no manifest of a selection"):
        read_manifest(tmp_path / "out.json")


def test_another_package_adds_a_strategy_in_one_file(
    pool: InstructionData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One module, and one line in its pyproject."""
    path = tmp_path / "site"
    (path / "everyother-1.0.dist-info").mkdir(parents=True)
    (path / "everyother-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: everyother\nVersion: 1.0\n"
    )
    (path / "everyother-1.0.dist-info" / "entry_points.txt").write_text(
        "[longismore.selectors]\neveryother = everyother:EveryOther\n"
    )
    (path / "everyother.py").write_text(
        "from dataclasses import dataclass\n"
        "from longismore.selectors import Choice\n\n"
        "@dataclass(frozen=True, slots=True, kw_only=True)\n"
        "class EveryOther:\n"
        "    step: int = 2\n\n"
        "    def prepare(self, data, work):\n"
        "        pass\n\n"
        "    def choose(self, data, work):\n"
        "        rows = range(0, data.size, self.step)[:work.budget]\n"
        "        return Choice(rows=list(rows), dropped={'between': data.size - len(rows)})\n"
    )
    monkeypatch.syspath_prepend(str(path))
    importlib.invalidate_caches()
    assert "everyother" in SELECTORS.names()
    selector = make_selector("everyother:step=3")
    made = select_rows("everyother", selector, pool, work(tmp_path), tmp_path / "out.jsonl")
    SELECTORS._loaded.pop("everyother")
    assert made is not None
    assert [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [0, 3]
