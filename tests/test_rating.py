"""Rating a whole file: what is written, what is counted, what is paid, and what is refused before anything is."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, Reply, chat_reply
from longismore._jsonl import read_json, read_jsonl
from longismore.errors import ConfigError, CostLimitError, JudgeRejectedError, SchemaError
from longismore.instructions import open_data
from longismore.judges._rating import make_rater
from longismore.rating import RATING_COLUMNS, Rated, rate_rows, survey_rows
from longismore.selectors import Work
from longismore.selectors.score import Score
from longismore.store import Store
from row_answers import alpaca_rows, mark, rating, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store(tmp_path / "store.sqlite") as store:
        yield store


def rate(server: JudgeServer, data: Path, output: Path, store: Store, **options: Any) -> Rated:
    """Rate a file by the model behind a server."""
    settings = {"base_url": server.base_url, "retries": 0, **options.pop("settings", {})}
    rater = make_rater("openai/test-judge", settings, {}, whole=options.get("multi_turn") == "all")
    return rate_rows(open_data(data), rater, output, store=store, **options)


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of ratings."""
    return [row for _, row in read_jsonl(path)]


def test_a_line_a_row_and_a_manifest(tmp_path: Path, store: Store) -> None:
    """Scores, states, what the model wrote and what it cost; checksums, counts and usage once."""
    rows = alpaca_rows(30)
    rows[4]["output"] = "  "
    path = write_rows(tmp_path / "pool.jsonl", rows)
    prices = {"price_input": 1.0, "price_output": 2.0}
    with JudgeServer(reply=rating) as server:
        rated = rate(server, path, tmp_path / "r.jsonl", store, spec="openai/test-judge", settings=prices)
    written = lines(tmp_path / "r.jsonl")
    assert list(range(30)) == [line["row"] for line in written]
    assert [row.key for row in open_data(path).rows()] == [line["key"] for line in written]
    expected = [None if number == 4 else mark(row["output"]) for number, row in enumerate(rows)]
    assert expected == [line["score"] for line in written]
    assert set(RATING_COLUMNS) == set(written[0])
    assert {"rated": 29, "empty response": 1} == rated.statuses == Counter(line["status"] for line in written)
    assert all(line["cost_usd"] > 0 and line["completion"] for line in written if line["status"] == "rated")
    assert (None, None) == (written[4]["cost_usd"], written[4]["completion"])
    manifest = read_json(tmp_path / "r.jsonl.manifest.json")
    assert open_data(path).checksums() == manifest["data"]
    assert ({"rated": 29, "empty response": 1}, 30, "accuracy", 29) == (
        manifest["statuses"], manifest["rows"], manifest["dimension"], manifest["usage"]["answered"],
    )  # fmt: skip
    assert {line["fingerprint"] for line in written} == {manifest["judge"]["fingerprint"]}
    assert sum(score for score in expected if score) / 29 == pytest.approx(rated.mean)
    json.dumps(rated.to_dict(), allow_nan=False)


def test_a_second_run_pays_nothing_and_writes_the_same(tmp_path: Path, store: Store) -> None:
    """Every answer is in the store, also where the server is gone."""
    path = write_rows(tmp_path / "pool.json", alpaca_rows(20))
    with JudgeServer(reply=rating) as server:
        rate(server, path, tmp_path / "one.jsonl", store)
    again = rate(server, path, tmp_path / "two.jsonl", store)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert (20, 20, 0) == (len(server.requests), again.usage["from_store"], again.usage["requests_sent"])


def test_rows_that_are_added_cost_only_themselves(tmp_path: Path, store: Store) -> None:
    """Rows are known by their content, in any file, format and order."""
    with JudgeServer(reply=rating) as server:
        rate(server, write_rows(tmp_path / "a.jsonl", alpaca_rows(10)), tmp_path / "r.jsonl", store)
        more = [
            {"instruction": row["instruction"], "context": row["input"], "response": row["output"]}
            for row in alpaca_rows(15)[::-1]
        ]
        rate(server, write_rows(tmp_path / "b.jsonl", more), tmp_path / "r.jsonl", store)
    assert 15 == len(server.requests)


def test_scores_that_are_nearly_equal_are_counted_apart(tmp_path: Path, store: Store) -> None:
    """Whatever the number of their digits."""
    texts = iter(["4.333333", "4.333334", "4.333334"])
    with JudgeServer(reply=lambda body: chat_reply(body, next(texts))) as server:
        rated = rate(server, write_rows(tmp_path / "a.jsonl", alpaca_rows(3)), tmp_path / "r.jsonl", store)
    assert {"4.333333": 1, "4.333334": 2} == rated.to_dict()["scores"]


def test_parquet_has_the_same_lines(tmp_path: Path, store: Store) -> None:
    """With types of its own; half characters, which it cannot hold, are replaced."""
    parquet = pytest.importorskip("pyarrow.parquet")
    path = write_rows(tmp_path / "pool.jsonl", alpaca_rows(5))
    half = '{"choices": [{"message": {"role": "assistant", "content": "4 \\ud800"}}]}'
    script: list[Any] = [None, "prose", "refusal", "400", Reply(body=half.encode())]
    with JudgeServer(reply=rating, script=script) as server:
        rate(server, path, tmp_path / "r.parquet", store, settings={"concurrency": 1})
        rate(server, path, tmp_path / "r.jsonl", store, settings={"concurrency": 1})
    table = parquet.read_table(tmp_path / "r.parquet")
    assert list(RATING_COLUMNS) == table.schema.names
    assert ["rated", "unreadable", "refused", "failed", "unreadable"] == table["status"].to_pylist()
    same = lines(tmp_path / "r.jsonl")[:3]
    assert same == table.to_pylist()[:3]
    assert ["4 \ufffd", "4 \ud800"] == [
        each[4]["completion"] for each in (table.to_pylist(), lines(tmp_path / "r.jsonl"))
    ]


def test_states_are_counted_and_failed_rows_asked_again(tmp_path: Path, store: Store) -> None:
    """Whatever is no score is a state in the file, with the others rated all the same."""
    path = write_rows(tmp_path / "pool.jsonl", alpaca_rows(6))
    script: list[Any] = [None, "prose", "refusal", "400", "content-filter"]
    with JudgeServer(reply=rating, script=script) as server:
        first = rate(server, path, tmp_path / "r.jsonl", store, settings={"concurrency": 1})
        assert {"rated": 2, "unreadable": 1, "refused": 2, "failed": 1} == first.statuses
        second = rate(server, path, tmp_path / "r.jsonl", store)
    assert {"rated": 3, "unreadable": 1, "refused": 2} == second.statuses
    assert 7 == len(server.requests)
    choice = Score(ratings=str(tmp_path / "r.jsonl"), threshold=None).choose(
        open_data(path),
        Work(budget=None, engine=None),  # type: ignore[arg-type]
    )
    assert {"no score: refused": 2, "no score: unreadable": 1} == choice.dropped


def test_what_stops_a_run_leaves_the_old_file(tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong key, or the limit on the cost: what was answered is kept, and the message says where."""
    path, output = write_rows(tmp_path / "pool.jsonl", alpaca_rows(40)), tmp_path / "r.jsonl"
    output.write_text("old")
    with JudgeServer(reply="401") as server, pytest.raises(JudgeRejectedError):
        rate(server, path, output, store)
    prices = {"price_input": 0.0, "price_output": 100.0}
    with JudgeServer(reply=rating) as server:
        with pytest.raises(CostLimitError):
            rate(server, path, output, store, settings={**prices, "max_cost_usd": 0.06})
        assert "old" == output.read_text()
        kept = store.count()
        assert 0 < kept < 40
        assert f"stopped after {kept} of 40 rows; what was answered is kept in {store.path}" in caplog.text
        rate(server, path, output, store, settings={**prices, "max_cost_usd": 10})
    assert 40 == len(server.requests) == len(lines(output))


def test_only_the_first_rows(tmp_path: Path, store: Store) -> None:
    """For a look at what comes out; the manifest says so."""
    with JudgeServer(reply=rating) as server:
        rated = rate(server, write_rows(tmp_path / "a.jsonl", alpaca_rows(9)), tmp_path / "r.jsonl", store, limit=4)
    assert (4, 4, 4) == (rated.rows, len(server.requests), read_json(tmp_path / "r.jsonl.manifest.json")["limit"])


def test_conversations_are_refused_unless_told(tmp_path: Path, store: Store) -> None:
    """Before anything is paid; the first turn and the whole are different ratings."""
    talk = [{"from": speaker, "value": f"{speaker} {n}"} for n in range(2) for speaker in ("human", "gpt")]
    path = write_rows(tmp_path / "pool.jsonl", [{"conversations": talk[:2]}, {"conversations": talk}])
    with JudgeServer(reply="first") as server:
        with pytest.raises(ConfigError, match=r"1 of 2 rows are conversations .*pool\.jsonl:2: .*--multi-turn first"):
            rate(server, path, tmp_path / "r.jsonl", store)
        with pytest.raises(ConfigError, match="multi_turn must be refuse, first, all"):
            rate(server, path, tmp_path / "r.jsonl", store, multi_turn="last")
        assert [] == server.requests
        rate(server, path, tmp_path / "r.jsonl", store, multi_turn="first")
        assert 1 == len(server.requests)  # both rows begin the same
        rate(server, path, tmp_path / "r.jsonl", store, multi_turn="all")
    assert 2 == len(server.requests)


@pytest.mark.parametrize("name", ["r.csv", "r", "r.json"])
def test_endings_of_ratings_are_known(tmp_path: Path, store: Store, name: str) -> None:
    """Another one is refused before anything is paid."""
    path = write_rows(tmp_path / "pool.jsonl", alpaca_rows(2))
    with JudgeServer(reply=rating) as server, pytest.raises(ConfigError, match="a file of ratings ends in"):
        rate(server, path, tmp_path / name, store)
    assert [] == server.requests


def test_the_data_are_never_replaced(tmp_path: Path, store: Store) -> None:
    """By a slip of the name."""
    path = write_rows(tmp_path / "pool.jsonl", alpaca_rows(2))
    with JudgeServer(reply=rating) as server, pytest.raises(ConfigError, match="would replace the data itself"):
        rate(server, path, tmp_path / "." / "pool.jsonl", store)
    assert 2 == len(lines(path))


def test_rows_that_cannot_be_read_are_named_before_anything_is_paid(tmp_path: Path, store: Store) -> None:
    """Even the last of many."""
    path = tmp_path / "pool.jsonl"
    write_rows(path, alpaca_rows(50))
    with path.open("ab") as file:
        file.write(b'{"instruction": "caf\xe9", "input": "", "output": "x"}\n')
    with JudgeServer(reply=rating) as server, pytest.raises(SchemaError, match=r"pool\.jsonl:51: not UTF-8"):
        rate(server, path, tmp_path / "r.jsonl", store)
    assert [] == server.requests


def test_survey_counts_before_anything_is_asked(tmp_path: Path) -> None:
    """Rows, empty ones, conversations."""
    rows = [{"prompt": "a", "completion": ""}, {"prompt": "b", "completion": "c"}]
    survey = survey_rows(open_data(write_rows(tmp_path / "a.jsonl", rows)))
    assert (2, 1, 0) == (survey.rows, survey.empty, survey.multi_turn)


def test_words_are_counted_for_nothing(tmp_path: Path, store: Store) -> None:
    """A smoke run has the same files, with the caveat in them; nothing is stored."""
    path = write_rows(tmp_path / "pool.jsonl", alpaca_rows(5))
    rated = rate_rows(open_data(path), make_rater("lexical", {}, {}), tmp_path / "r.jsonl", store=store)
    assert {"rated": 5} == rated.statuses
    assert "heuristic" in read_json(tmp_path / "r.jsonl.manifest.json")["note"]
    assert 0 == store.count()
