"""Refining a whole file: the data in their own format, the counts, the details, and what is paid."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, chat_reply
from longismore._jsonl import read_json, read_jsonl
from longismore.errors import ConfigError, CostLimitError, SchemaError
from longismore.instructions import open_data
from longismore.judges._refining import make_refiner
from longismore.refining import Refined, refine_rows
from longismore.store import Store
from row_answers import alpaca_rows, refining, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store(tmp_path / "store.sqlite") as store:
        yield store


def refine(server: JudgeServer, data: Path, output: Path, store: Store, **options: Any) -> Refined:
    """Refine a file by the model behind a server."""
    settings = {"base_url": server.base_url, "retries": 0, **options.pop("settings", {})}
    refiner = make_refiner("openai/test-judge", settings, {}, max_chars=options.pop("max_chars", None))
    return refine_rows(open_data(data), refiner, output, store=store, **options)


@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet"])
def test_the_data_come_back_in_their_own_format(tmp_path: Path, store: Store, ending: str) -> None:
    """Every row, in its place, with every further field; only the response is another."""
    rows = [row | {"id": f"x{number}"} for number, row in enumerate(alpaca_rows(12))]
    path = tmp_path / f"pool.{ending}"
    if ending == "parquet":
        pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        write_rows(path, rows)
    with JudgeServer(reply=refining) as server:
        refined = refine(server, path, tmp_path / f"out.{ending}", store)
    written = [row.fields for row in open_data(tmp_path / f"out.{ending}").rows()]
    assert [row | {"output": f"{row['output']} Indeed."} for row in rows] == written
    assert (12, 12, 12, {"refined": 12}) == (refined.rows, refined.refined, refined.longer, refined.statuses)


def test_conversations_of_one_turn_are_refined(tmp_path: Path, store: Store) -> None:
    """As those of Long Is More."""
    talk = [{"from": "human", "value": "Ask."}, {"from": "gpt", "value": "Old."}]
    path = write_rows(tmp_path / "pool.json", [{"id": "identity_1", "conversations": talk, "score": 4.5}])
    with JudgeServer(reply=refining) as server:
        refine(server, path, tmp_path / "out.json", store)
    (row,) = read_json(tmp_path / "out.json")
    assert {
        "id": "identity_1",
        "conversations": [{"from": "human", "value": "Ask."}, {"from": "gpt", "value": "Old. Indeed."}],
        "score": 4.5,
    } == row


SCRIPT: list[Any] = [
    None,
    "prose",
    "refusal",
    "400",
    "too-long",
    "[Better Answer] a [End] [Better Answer] b [End]",
    "[Better Answer] " + "word " * 2048,
    "[Better Answer][End]",
    "[Better Answer] 8 is a number. [End]",
    "[Better Answer] Shorter",
]


def scripted(number: int, body: Any) -> Any:
    """Replies by name, or with these words."""
    step = SCRIPT[number] if number < len(SCRIPT) else None
    return chat_reply(body, step) if isinstance(step, str) and "[" in step else step


def test_the_old_response_is_kept_wherever_there_is_no_better_one(tmp_path: Path, store: Store) -> None:
    """And each reason is counted, in the result, the manifest and the details."""
    rows = alpaca_rows(12)
    rows[10]["output"] = ""
    rows[11]["input"] = "long " * 100
    path = write_rows(tmp_path / "pool.jsonl", rows)
    with JudgeServer(reply=refining, script=scripted) as server:
        refined = refine(
            server, path, tmp_path / "out.jsonl", store, details=tmp_path / "d.jsonl", max_chars=300,
            settings={"concurrency": 1},
        )  # fmt: skip
    expected = {
        "refined": 1,
        "refined, without an end mark": 1,
        "refined to the same text": 1,
        "no better response marked": 1,
        "refused": 1,
        "failed": 2,
        "several better responses": 1,
        "cut off at max_tokens": 1,
        "better response empty": 1,
        "empty response": 1,
        "too long": 1,
    }
    assert expected == refined.statuses
    written = [row["output"] for _, row in read_jsonl(tmp_path / "out.jsonl")]
    changed = {0: "0 is a number. Indeed.", 9: "Shorter"}
    assert [changed.get(number, row["output"]) for number, row in enumerate(rows)] == written
    assert (2, 10, 1) == (refined.refined, refined.to_dict()["kept"], refined.longer)
    details = [row for _, row in read_jsonl(tmp_path / "d.jsonl")]
    assert expected == Counter(line["status"] for line in details)
    assert ("It is too short.", changed[0]) == (details[0]["critique"], details[0]["response"])
    assert {n for n, line in enumerate(details) if line["completion"]} == {0, 1, 2, 5, 6, 7, 8, 9}
    assert [row.key for row in open_data(path).rows()] == [line["key"] for line in details]
    manifest = read_json(tmp_path / "out.jsonl.manifest.json")
    assert (expected, 2, 10, open_data(path).checksums()) == (
        manifest["statuses"], manifest["refined"], manifest["kept"], manifest["data"],
    )  # fmt: skip


def test_a_second_run_pays_nothing_and_writes_the_same(tmp_path: Path, store: Store) -> None:
    """Only what failed is asked again."""
    path = write_rows(tmp_path / "pool.jsonl", alpaca_rows(8))
    with JudgeServer(reply=refining, script=[None, "400"]) as server:
        refine(server, path, tmp_path / "one.jsonl", store, settings={"concurrency": 1})
        refine(server, path, tmp_path / "two.jsonl", store)
        refine(server, path, tmp_path / "three.jsonl", store)
    assert 9 == len(server.requests)
    assert (tmp_path / "two.jsonl").read_bytes() == (tmp_path / "three.jsonl").read_bytes()
    assert (tmp_path / "one.jsonl").read_bytes() != (tmp_path / "two.jsonl").read_bytes()


def test_a_run_that_stops_writes_nothing(tmp_path: Path, store: Store) -> None:
    """What was answered is kept; a higher limit goes on."""
    path = write_rows(tmp_path / "pool.jsonl", alpaca_rows(30))
    prices = {"price_input": 0.0, "price_output": 100.0}
    with JudgeServer(reply=refining) as server:
        with pytest.raises(CostLimitError):
            refine(server, path, tmp_path / "out.jsonl", store, settings={**prices, "max_cost_usd": 0.21})
        assert not (tmp_path / "out.jsonl").exists()
        assert 0 < store.count() < 30
        refine(server, path, tmp_path / "out.jsonl", store, settings={**prices, "max_cost_usd": 10})
    assert 30 == len(server.requests)


def test_conversations_are_refused_or_kept(tmp_path: Path, store: Store) -> None:
    """Another first response would not fit what follows it."""
    talk = [{"role": role, "content": f"{role} {n}"} for n in range(2) for role in ("user", "assistant")]
    path = write_rows(tmp_path / "pool.jsonl", [{"messages": talk[:2]}, {"messages": talk}])
    with JudgeServer(reply=refining) as server:
        with pytest.raises(ConfigError, match=r"1 of 2 rows are conversations .*--multi-turn keep"):
            refine(server, path, tmp_path / "out.jsonl", store)
        with pytest.raises(ConfigError, match="multi_turn must be refuse or keep"):
            refine(server, path, tmp_path / "out.jsonl", store, multi_turn="all")
        assert [] == server.requests
        refined = refine(server, path, tmp_path / "out.jsonl", store, multi_turn="keep")
    assert {"refined": 1, "multi-turn": 1} == refined.statuses
    written = [row["messages"] for _, row in read_jsonl(tmp_path / "out.jsonl")]
    assert ("assistant 0 Indeed.", talk) == (written[0][1]["content"], written[1])


def test_files_do_not_replace_each_other(tmp_path: Path, store: Store) -> None:
    """Neither the data nor the details by the output."""
    path = write_rows(tmp_path / "pool.jsonl", alpaca_rows(2))
    with JudgeServer(reply=refining) as server:
        with pytest.raises(ConfigError, match="would replace the data itself"):
            refine(server, path, path, store)
        with pytest.raises(ConfigError, match="two different files cannot have one name"):
            refine(server, path, tmp_path / "a.jsonl", store, details=tmp_path / "a.jsonl")
    assert [] == server.requests


def test_broken_rows_are_named_before_anything_is_paid(tmp_path: Path, store: Store) -> None:
    """A missing field, at its line."""
    path = write_rows(tmp_path / "pool.jsonl", [*alpaca_rows(3), {"instruction": "no output"}])
    with JudgeServer(reply=refining) as server, pytest.raises(SchemaError, match=r"pool\.jsonl:4"):
        refine(server, path, tmp_path / "out.jsonl", store)
    assert [] == server.requests
