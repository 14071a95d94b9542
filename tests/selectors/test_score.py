"""Selecting by score: thresholds and budgets, every kind of file of ratings, and files that are about other data."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from longismore._jsonl import write_json, write_jsonl
from longismore.errors import ConfigError, DataError, SchemaError
from longismore.instructions import open_data
from longismore.selectors import SELECTORS, Work
from longismore.selectors._spec import make_selector
from longismore.selectors.score import Score

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from longismore.instructions import InstructionData
    from longismore.selectors import Choice

    Write = Callable[..., InstructionData]

SCORES = [4.5, 3.0, 5.0, 4.5, 2.5, 4.0, 4.5, 5.0]


def work(budget: int | None = None, **options: Any) -> Work:
    """A work without an engine: nothing here is scored."""
    return Work(budget=budget, engine=None, **options)  # type: ignore[arg-type]


def rows(number: int = 8) -> list[dict[str, Any]]:
    """Different rows, every other one with an input."""
    return [
        {"instruction": f"Explain {n}.", "input": "" if n % 2 else f"About {n}.", "output": f"{n} is a number."}
        for n in range(number)
    ]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write rows, and open them."""

    def written(these: Sequence[dict[str, Any]], name: str = "pool.jsonl") -> InstructionData:
        write_jsonl(tmp_path / name, these)
        return open_data(tmp_path / name)

    return written


@pytest.fixture
def pool(write: Write) -> InstructionData:
    """Eight rows."""
    return write(rows())


def own_lines(data: InstructionData, scores: Sequence[float | None] = SCORES) -> list[dict[str, Any]]:
    """Lines as ``longismore rate`` writes them."""
    return [
        {"row": row.number, "key": row.key, "score": score, "status": "rated" if score is not None else "refused"}
        for row, score in zip(data.rows(), scores, strict=True)
    ]


def by_file(path: Path, lines: Sequence[object], **parameters: Any) -> Score:
    """A strategy with these ratings."""
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(lines), path)
    else:
        (write_json if path.suffix == ".json" else write_jsonl)(path, lines)
    return Score(ratings=str(path), **parameters)


def adds_up(choice: Choice, number: int) -> bool:
    """Whether every row is chosen or counted."""
    return list(choice.rows) == sorted(set(choice.rows)) and len(choice.rows) + sum(choice.dropped.values()) == number


def test_it_is_a_strategy() -> None:
    """Found by its name, with the threshold of AlpaGasus."""
    assert SELECTORS.get("score") is Score
    assert Score(ratings="r.jsonl", threshold=4.0) == make_selector("score:ratings=r.jsonl,threshold=4")
    assert Score(threshold=None, column="x") == make_selector("score:threshold=none,column=x")
    assert Score().threshold == 4.5


@pytest.mark.parametrize("name", ["r.jsonl", "r.json", "r.parquet"])
def test_threshold_alone_keeps_all_that_reach_it(tmp_path: Path, pool: InstructionData, name: str) -> None:
    """As AlpaGasus does: 4.5 and more, in the order of the pool."""
    choice = by_file(tmp_path / name, own_lines(pool)).choose(pool, work())
    assert ([0, 2, 3, 6, 7], {"score below 4.5": 3}) == (choice.rows, choice.dropped)
    facts = choice.facts
    assert {"rows": 8, "mean": 4.125, "counts": {"2.5": 1, "3": 1, "4": 1, "4.5": 3, "5": 2}} == facts["scores"]
    assert ("key", 4.5, 8) == (facts["matched_by"], facts["threshold"], facts["lines"])
    assert 64 == len(facts["sha256"])


def test_budget_takes_the_highest_and_then_the_earliest(tmp_path: Path, pool: InstructionData) -> None:
    """Of equal scores the first come; the result is in the order of the pool."""
    choice = by_file(tmp_path / "r.jsonl", own_lines(pool)).choose(pool, work(4))
    assert ([0, 2, 3, 7], {"score below 4.5": 3, "below the budget": 1}) == (choice.rows, choice.dropped)
    assert {"lowest_kept": 4.5, "rows_at_lowest": 3, "kept_at_lowest": 2} == {
        name: choice.facts[name] for name in ("lowest_kept", "rows_at_lowest", "kept_at_lowest")
    }


def test_budget_agrees_with_a_plain_sort(tmp_path: Path, write: Write) -> None:
    """Chasing Random: keep 4 and more, sort by score (stable, descending), take the first."""
    rng = random.Random(7)
    data = write(rows(500))
    scores = [float(rng.randrange(6)) for _ in range(500)]
    strategy = by_file(tmp_path / "r.jsonl", own_lines(data, scores), threshold=4.0)
    for budget in (1, 10, 100, 150):
        plain = sorted((n for n in range(500) if scores[n] >= 4), key=lambda n: -scores[n])[:budget]
        assert sorted(plain) == strategy.choose(data, work(budget)).rows


def test_more_than_qualifies_is_not_made_up(tmp_path: Path, pool: InstructionData) -> None:
    """What qualifies comes back; whoever asked sees the number."""
    choice = by_file(tmp_path / "r.jsonl", own_lines(pool)).choose(pool, work(100))
    assert 5 == len(choice.rows)
    assert adds_up(choice, 8)


def test_without_threshold_any_score_will_do(tmp_path: Path, pool: InstructionData) -> None:
    """Other scales too, negative ones as well."""
    lines = own_lines(pool, [-1.0, 7.5, -3.25, 0.0, 100.0, 2.0, None, 1.0])
    choice = by_file(tmp_path / "r.jsonl", lines, threshold=None).choose(pool, work(3))
    assert ([1, 4, 5], {"no score: refused": 1, "below the budget": 4}) == (choice.rows, choice.dropped)


def test_what_is_no_score_is_counted_by_reason(tmp_path: Path, pool: InstructionData) -> None:
    """NaN, infinity, what no float can hold, text and truth are no numbers; a state says what it is."""
    lines = own_lines(pool)
    for line, value in zip(lines, [None, None, float("nan"), float("inf"), "4.5", True, 10**400, 5], strict=True):
        line["score"] = value
    lines[0]["status"], lines[1]["status"] = "unreadable", ""
    choice = by_file(tmp_path / "r.jsonl", lines).choose(pool, work())
    assert [7] == choice.rows
    assert {"no score: unreadable": 1, "no score: no value": 1, "no score: not a number": 5} == choice.dropped


def test_empty_responses_and_repeated_rows_are_dropped(tmp_path: Path, write: Write) -> None:
    """By the reasons that every strategy has; rows that say the same count once only where that is wanted."""
    these = rows(4)
    these[1]["output"] = " \n"
    data = write([*these, these[0], these[2]])
    strategy = by_file(tmp_path / "r.jsonl", own_lines(data, [5.0] * 6))
    assert {"empty response": 1} == strategy.choose(data, work()).dropped
    choice = strategy.choose(data, work(drop_duplicates=True))
    assert ([0, 2, 3], {"empty response": 1, "duplicate of an earlier row": 2}) == (choice.rows, choice.dropped)


def test_scores_in_the_rows_themselves(write: Write) -> None:
    """As in the files of Long Is More; the field has any name."""
    these = [row | {"score": score, "quality": -score} for row, score in zip(rows(), SCORES, strict=True)]
    del these[3]["score"]
    data = write(these)
    choice = Score().choose(data, work())
    assert ([0, 2, 6, 7], {"no score: no value": 1, "score below 4.5": 3}) == (choice.rows, choice.dropped)
    assert [1, 4] == Score(column="quality", threshold=None).choose(data, work(2)).rows


def test_missing_field_is_named(pool: InstructionData) -> None:
    """With those that there are."""
    with pytest.raises(DataError, match='no field "score", found: instruction, input, output; name another'):
        Score().choose(pool, work())


def alpagasus(these: Sequence[dict[str, Any]], scores: Sequence[float]) -> list[dict[str, Any]]:
    """A file of AlpaGasus' ``get_scores``: -1 is a review that it could not read."""
    return [
        {
            "triplet": "###Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n{output}\n\n".format(
                **row
            ),
            "review": "\n\nno number" if score < 0 else f"{score}\n\nIt is so.",
            "score": score,
        }
        for row, score in zip(these, scores, strict=True)
    ]


def test_files_of_alpagasus_are_read(tmp_path: Path, pool: InstructionData) -> None:
    """By the text of the triplet, so that another order does no harm; -1 is no score."""
    lines = alpagasus(rows(), [*SCORES[:-1], -1])
    random.Random(1).shuffle(lines)
    choice = by_file(tmp_path / "r.json", lines).choose(pool, work())
    assert ([0, 2, 3, 6], {"no score: unreadable": 1, "score below 4.5": 3}) == (choice.rows, choice.dropped)
    assert "triplet" == choice.facts["matched_by"]


def test_reviews_without_scores_are_read(tmp_path: Path, pool: InstructionData) -> None:
    """By our own parser; what it cannot read has no score."""
    lines = [{name: line[name] for name in ("triplet", "review")} for line in alpagasus(rows(), [*SCORES[:-1], -1])]
    lines[0]["review"] = "Score: 4.5\nFine."
    choice = by_file(tmp_path / "r.json", lines).choose(pool, work())
    assert ([0, 2, 3, 6], {"no score: unreadable": 1, "score below 4.5": 3}) == (choice.rows, choice.dropped)


def test_files_of_chasing_random_are_read(tmp_path: Path, pool: InstructionData) -> None:
    """Sorted by score, instruction and input in one text; -1 is no score."""
    joined = [
        {"input": row["instruction"] + row["input"], "target": row["output"], "score": score}
        for row, score in zip(rows(), [4, 3, 5, 4, 2, 4, -1, 5], strict=True)
    ]
    joined.sort(key=lambda row: -row["score"])
    choice = by_file(tmp_path / "r.jsonl", joined, threshold=4.0).choose(pool, work())
    assert ([0, 2, 3, 5, 7], {"no score: unreadable": 1, "score below 4": 2}) == (choice.rows, choice.dropped)
    assert "text" == choice.facts["matched_by"]


@pytest.mark.parametrize("name", ["r.jsonl", "r.json", "r.parquet"])
def test_any_column_of_numbers_is_matched_by_position(tmp_path: Path, pool: InstructionData, name: str) -> None:
    """Where the file says nothing of the rows."""
    lines = [{"id": n, "reward": score} for n, score in enumerate(SCORES)]
    choice = by_file(tmp_path / name, lines, column="reward").choose(pool, work())
    assert ([0, 2, 3, 6, 7], "position") == (choice.rows, choice.facts["matched_by"])


def test_a_list_of_numbers_is_enough(tmp_path: Path, pool: InstructionData) -> None:
    """One a row."""
    assert [0, 2, 3, 6] == by_file(tmp_path / "r.json", [*SCORES[:-1], None]).choose(pool, work()).rows


def test_positions_need_the_same_length(tmp_path: Path, pool: InstructionData) -> None:
    """Else nobody knows which row is meant."""
    with pytest.raises(DataError, match=r"7 scores without the rows' key or texts, .* the data have 8 rows"):
        by_file(tmp_path / "r.json", SCORES[:-1]).choose(pool, work())


@pytest.mark.parametrize("kind", ["own", "alpagasus"])
def test_ratings_of_other_data_are_an_error(tmp_path: Path, write: Write, kind: str) -> None:
    """That says how many rows match."""
    rated = write(rows(8), "rated.jsonl")
    others = [row | {"output": "Something else."} for row in rows(20)[8:]]
    lines = own_lines(rated) if kind == "own" else alpagasus(rows(8), SCORES)
    strategy = by_file(tmp_path / "r.json", lines)
    with pytest.raises(DataError, match=r"has a rating for 0 of 12 rows: it is about another data set"):
        strategy.choose(write(others, "others.jsonl"), work())
    mixed = write([*rows(3), *others], "mixed.jsonl")
    with pytest.raises(DataError, match=r"has a rating for 3 of 15 rows: is it about another data set\? partial=true"):
        strategy.choose(mixed, work())


def test_partial_ratings_may_be_allowed(tmp_path: Path, write: Write) -> None:
    """Rows without one are counted; ratings of rows that are not there do no harm."""
    rated = write(rows(8), "rated.jsonl")
    data = write([*rows(12)[8:], *rows(3)], "mixed.jsonl")
    choice = by_file(tmp_path / "r.jsonl", own_lines(rated), partial=True).choose(data, work())
    assert ([4, 6], {"no score: not in the ratings": 4, "score below 4.5": 1}) == (choice.rows, choice.dropped)


def test_the_manifest_says_what_was_rated(tmp_path: Path, write: Write) -> None:
    """The message names the other file, where the ratings' manifest does."""
    strategy = by_file(tmp_path / "r.jsonl", own_lines(write(rows(8), "rated.jsonl")))
    (tmp_path / "r.jsonl.manifest.json").write_text(json.dumps({"data": {"rated.jsonl": "0" * 64}}))
    with pytest.raises(DataError, match=r"it was made of other data \(rated.jsonl\)"):
        strategy.choose(write(rows(20)[10:], "others.jsonl"), work())


def test_a_subset_and_another_format_find_their_ratings(tmp_path: Path, write: Write) -> None:
    """The key is of the content: rows may stand elsewhere, in another file, format and order."""
    strategy = by_file(tmp_path / "r.jsonl", own_lines(write(rows(8), "rated.jsonl")))
    dolly = [
        {"instruction": row["instruction"], "context": row["input"], "response": row["output"]}
        for row in rows(8)[:1:-1]
    ]
    assert [0, 1, 4, 5] == strategy.choose(write(dolly, "dolly.jsonl"), work()).rows


def test_equal_rows_keep_their_own_ratings_in_place(tmp_path: Path, write: Write) -> None:
    """Rated differently, each has its own where the files lie side by side, and none where they do not."""
    these = [rows(1)[0], rows(1)[0]]
    data = write(these)
    lines = own_lines(data, [5.0, 3.0])
    strategy = by_file(tmp_path / "r.jsonl", lines)
    assert [0] == strategy.choose(data, work()).rows
    three = write([*these, these[0]], "three.jsonl")
    assert ([0], {"score below 4.5": 1, "no score: two different scores": 1}) == (
        (found := strategy.choose(three, work())).rows, found.dropped,
    )  # fmt: skip


def test_wrong_files_are_named(tmp_path: Path, pool: InstructionData) -> None:
    """With what is wrong, and where."""
    with pytest.raises(DataError, match="no such file"):
        Score(ratings=str(tmp_path / "none.jsonl")).choose(pool, work())
    with pytest.raises(SchemaError, match=r'r1.jsonl:1: no column "score"; found: row, quality'):
        by_file(tmp_path / "r1.jsonl", [{"row": 1, "quality": 2}]).choose(pool, work())
    with pytest.raises(SchemaError, match=r"r2.jsonl:2: the row is named by its position, unlike .* \(key\)"):
        by_file(tmp_path / "r2.jsonl", [own_lines(pool)[0], {"score": 1}]).choose(pool, work())
    with pytest.raises(DataError, match="holds no ratings"):
        by_file(tmp_path / "r3.jsonl", []).choose(pool, work())
    (tmp_path / "r4.jsonl").write_bytes(b'{"score": 1}\n\xff\n')
    with pytest.raises(SchemaError, match=r"r4.jsonl:2: not UTF-8"):
        Score(ratings=str(tmp_path / "r4.jsonl")).choose(pool, work())
    (tmp_path / "r5.jsonl").write_text('{"score": 1}\n{"score": ')
    with pytest.raises(SchemaError, match=r"r5.jsonl:2: not JSON"):
        Score(ratings=str(tmp_path / "r5.jsonl")).choose(pool, work())


def test_all_wrong_parameters_are_named() -> None:
    """At once."""
    with pytest.raises(ConfigError) as caught:
        Score(column="", threshold=float("nan"), partial=True)
    assert 3 == len(caught.value.problems)


def test_many_different_scores_are_put_into_bins(tmp_path: Path, write: Write) -> None:
    """The facts stay short."""
    data = write(rows(200))
    choice = by_file(tmp_path / "r.jsonl", own_lines(data, [n / 7 for n in range(200)])).choose(data, work())
    scores = choice.facts["scores"]
    assert (20, 200) == (len(scores["rows_between"]), sum(scores["rows_between"]))


def test_real_scores_of_long_is_more(data: Path) -> None:
    """The published 1,000 rows with ChatGPT's scores: 989 have 4.5 and 11 have 5."""
    published = open_data(data / "pools" / "filtered_alpaca_1k_score.json")
    assert {"4.5": 989, "5": 11} == Score().choose(published, work()).facts["scores"]["counts"]
    eleven = Score().choose(published, work(11))
    assert {5.0} == {row.fields["score"] for row in published.pick(eleven.rows)}
    assert {"below the budget": 989} == eleven.dropped


def test_triplets_of_real_rows_find_their_rows(data: Path, tmp_path: Path) -> None:
    """All 9,229 rows of the published pool, by text, in another order."""
    path = data / "pools" / "random_9k.json"
    these = json.loads(path.read_text())
    scores = [float(number % 6) for number in range(len(these))]
    lines = alpagasus(these, scores)[::-1]
    choice = by_file(tmp_path / "r.json", lines, threshold=5.0).choose(open_data(path), work())
    assert adds_up(choice, len(these))
    reasons = set(choice.dropped)
    assert (
        {"score below 5", "empty response"}
        <= reasons
        <= {"score below 5", "empty response", "no score: two different scores"}
    )
    assert {5.0} == {scores[number] for number in choice.rows}
    assert len(choice.rows) > 1500
