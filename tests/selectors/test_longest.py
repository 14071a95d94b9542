"""The rows with the longest answers."""

from __future__ import annotations

import json
import re
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nltk.tokenize import NLTKWordTokenizer, PunktSentenceTokenizer

from longismore.errors import ConfigError, DataError, UsageError
from longismore.instructions import InstructionData, _text_file, open_data
from longismore.selectors import SELECTORS, Choice, Shard, Work
from longismore.selectors._length import scan as _length_scan
from longismore.selectors._length import topk as _topk
from longismore.selectors.longest import Longest

if TYPE_CHECKING:
    from pathlib import Path

ANSWERS = ["", " \n", "\u3000", "a b c", "cannot", "x, y", "no", '"Go!"', "ü" * 4, "1,5", "a a a a", "cannot go."]


def nltk_words(text: str) -> int:
    """The measure by NLTK's public classes."""
    words = NLTKWordTokenizer()
    return sum(len(words.tokenize(sentence)) for sentence in PunktSentenceTokenizer().tokenize(text))


LENGTHS = {"nltk_words": nltk_words, "chars": len, "words": lambda text: len(text.split())}


def work(budget: int | None, **settings: object) -> Work:
    """Work without an engine, which this strategy does not need."""
    return Work(budget=budget, engine=None, **settings)


def write_parquet(path: Path, answers: list[str], group: int = 3) -> InstructionData:
    """A file of small row groups, each of which is a piece of the work, so that there is much to share."""
    rows = {"instruction": ["Say it."] * len(answers), "output": answers}
    pq.write_table(pa.table(rows, schema=pa.schema({name: pa.string() for name in rows})), path, row_group_size=group)
    return open_data(path)


def write_lines(path: Path, answers: list[str]) -> InstructionData:
    """A file of lines; every other one is plain ASCII, with escapes."""
    rows = [{"instruction": "Say it.", "input": "", "output": answer} for answer in answers]
    path.write_text("".join(json.dumps(row, ensure_ascii=number % 2 == 0) + "\n" for number, row in enumerate(rows)))
    return open_data(path)


def expected(answers: list[str], budget: int, measure: str, *, distinct: bool = False) -> tuple[list[int], dict]:
    """What the definition says: a plain sort of all rows that have an answer."""
    lengths = {row: LENGTHS[measure](answer) for row, answer in enumerate(answers) if answer.strip()}
    rows = [row for row in lengths if not (distinct and answers[row] in answers[:row])]
    order = sorted(rows, key=lambda row: (-lengths[row], row))
    inside, outside = order[:budget], order[budget:]
    others = [lengths[row] for row in lengths if row not in inside]
    smallest = lengths[inside[-1]] if inside else 0
    dropped = {
        "empty response": len(answers) - len(lengths),
        "duplicate of an earlier row": sum(length > smallest for length in others) if outside else len(others),
        "as long as the shortest chosen": sum(length == smallest for length in others) if outside else 0,
        "shorter than the chosen": sum(length < smallest for length in others) if outside else 0,
    }
    return sorted(inside), {reason: count for reason, count in dropped.items() if count}


@pytest.mark.parametrize("measure", ["nltk_words", "chars", "words"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    answers=st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=25),
    budget=st.integers(1, 12),
    shards=st.integers(1, 4),
    distinct=st.booleans(),
    kind=st.sampled_from(["parquet", "lines"]),
)
def test_it_is_a_plain_sort(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    measure: str,
    answers: list[str],
    budget: int,
    shards: int,
    distinct: bool,
    kind: str,
) -> None:
    """Rows and reasons are those of a plain sort, at once, from any number of shards, and when asked again."""
    folder = tmp_path_factory.mktemp("case")
    write = write_parquet if kind == "parquet" else write_lines
    data = write(folder / "rows", answers)
    strategy = Longest(measure=measure)
    choice = strategy.choose(data, work(budget, drop_duplicates=distinct))
    assert (list(choice.rows), choice.dropped) == expected(answers, budget, measure, distinct=distinct)
    assert len(choice.rows) + sum(choice.dropped.values()) == len(answers)
    for index in range(1, shards):  # the last one is left for the one that chooses
        shard = Shard(index, shards)
        strategy.prepare(data, work(budget, drop_duplicates=distinct, folder=folder / "store", shard=shard))
    for _ in range(2):
        again = strategy.choose(data, work(budget, drop_duplicates=distinct, folder=folder / "store"))
        assert again == choice


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(answers=st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=40), size=st.integers(1, 400))
def test_the_size_of_blocks_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, answers: list[str], size: int
) -> None:
    """Blocks of any size, and bounds that settle nothing in time, give the same choice."""
    data = write_lines(tmp_path_factory.mktemp("case") / "rows.jsonl", answers)
    choice = Longest().choose(data, work(3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_text_file, "_BLOCK_BYTES", size)
        patch.setattr(_length_scan, "_CHUNK", 1 + size % 7)
        patch.setattr(_length_scan, "_SETTLED_AT_ONCE", 1)
        patch.setattr(_topk, "_ROOM", -8)
        patch.setattr(_topk, "_WAIT", 1)
        assert Longest().choose(data, work(3)) == choice


def test_facts_say_where_the_cut_fell(tmp_path: Path) -> None:
    """The cut is told with the ties on both sides of it, and with what measured."""
    data = write_lines(tmp_path / "rows.jsonl", ["abc", "ab", "x", "de", "fg", ""])
    choice = Longest(measure="chars").choose(data, work(2))
    assert choice == Choice(
        rows=[0, 1],
        dropped={"empty response": 1, "as long as the shortest chosen": 2, "shorter than the chosen": 1},
        facts={
            "measure": "chars",
            "measure_version": "",
            "cut": {"smallest_inside": 2, "largest_outside": 2, "ties_inside": 1, "ties_outside": 2},
        },
    )


def test_the_turns_of_a_conversation_are_added_up(tmp_path: Path) -> None:
    """Two short answers are longer together than a middling one; what is asked does not count."""
    conversations = [
        [("user", "Tell me all about it, please, at once!"), ("assistant", "four words, at most")],
        [("user", "a"), ("assistant", "one two three"), ("user", "b"), ("assistant", "four five six")],
        [("user", "c"), ("assistant", "")],
    ]
    rows = [{"messages": [{"role": role, "content": text} for role, text in turns]} for turns in conversations]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    choice = Longest().choose(open_data(path), work(1))
    assert (choice.rows, choice.facts["cut"]["smallest_inside"]) == ([1], 6)
    assert choice.dropped == {"empty response": 1, "shorter than the chosen": 1}


def test_fewer_rows_than_wanted_are_all_chosen(tmp_path: Path) -> None:
    """A budget larger than what qualifies gives what qualifies."""
    data = write_lines(tmp_path / "rows.jsonl", ["a", "", "b", "b"])
    choice = Longest().choose(data, work(9, drop_duplicates=True))
    assert (choice.rows, choice.dropped) == ([0, 2], {"empty response": 1, "duplicate of an earlier row": 1})
    assert choice.facts["cut"]["largest_outside"] is None


def test_nothing_but_empty_answers_gives_nothing(tmp_path: Path) -> None:
    """Rows without any answer are never chosen."""
    choice = Longest().choose(write_lines(tmp_path / "rows.jsonl", ["", "\t"]), work(1))
    assert (choice.rows, choice.dropped) == ([], {"empty response": 2})


def test_few_rows_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of rows of very different lengths NLTK sees none: the bounds tell."""
    monkeypatch.setattr(NLTKWordTokenizer, "tokenize", lambda *_: pytest.fail("a row was tokenized"))
    data = write_lines(tmp_path / "rows.jsonl", ["word " * 2**power for power in range(12)])
    assert Longest().choose(data, work(3)).rows == [9, 10, 11]


def test_short_rows_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too short by its bytes is not looked at."""
    seen: list[int] = []
    data = write_parquet(tmp_path / "rows.parquet", ["a" * (100 - number) for number in range(100)], group=100)
    block = type(next(iter(data.blocks())))
    responses = block.responses
    monkeypatch.setattr(block, "responses", lambda self, indices: seen.extend(indices) or responses(self, indices))
    monkeypatch.setattr(_length_scan, "_CHUNK", 10)
    monkeypatch.setattr(_topk, "_WAIT", 1)
    assert Longest(measure="chars").choose(data, work(5)).rows == [0, 1, 2, 3, 4]
    assert seen == list(range(10))


def test_bounds_that_settle_nothing_fill_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where bounds are too wide to tell rows apart, rows are measured as they come, and few are kept."""
    monkeypatch.setattr(_topk, "_ROOM", 20)
    monkeypatch.setattr(_length_scan, "_CHUNK", 10)
    answers = ["-".join("a" * (100 + number % 9)) for number in range(500)]
    data = write_lines(tmp_path / "rows.jsonl", answers)
    scan = _length_scan.LengthScan(data, work(3), measure="nltk_words", ties="earlier")
    assert len(scan.whole().largest.candidates()) <= 4 * 3 + 20 + 10 + 4
    assert Longest().choose(data, work(3)).rows == [0, 1, 2]


def test_ties_after_chasing_randoms_shuffle(tmp_path: Path) -> None:
    """With their tie rule the chosen rows are those of datasets' own shuffle and sort, for every budget."""
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    answers = ["x" * (number % 4 + 1) for number in range(40)]
    rows = datasets.Dataset.from_dict({"row": list(range(40)), "length": [len(answer) for answer in answers]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # pyarrow's, about how datasets calls it
        order = rows.shuffle(seed=42).sort("length", reverse=True)["row"][:]
    data = write_parquet(tmp_path / "rows.parquet", answers)
    strategy = Longest(measure="chars", ties="chasing_random")
    for budget in range(1, 41):
        assert strategy.choose(data, work(budget)).rows == sorted(order[:budget])
    in_shards = work(13, folder=tmp_path / "store")
    strategy.prepare(data, work(13, folder=tmp_path / "store", shard=Shard(2, 3)))
    assert strategy.choose(data, in_shards).rows == sorted(order[:13])
    assert Longest(measure="nltk_words", ties="chasing_random").choose(data, work(13)).rows == sorted(
        np.random.default_rng(42).permutation(40)[:13].tolist()
    )


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is read of the data, pass by pass."""
    made: list[str] = []
    for name in ("blocks", "block"):
        method = getattr(InstructionData, name)
        monkeypatch.setattr(InstructionData, name, lambda self, *a, _n=name, _m=method: made.append(_n) or _m(self, *a))
    return made


def test_finished_shards_are_not_read_again(tmp_path: Path, passes: list[str]) -> None:
    """Choosing reads nothing where every shard is finished; a shard is prepared once."""
    data = write_parquet(tmp_path / "rows.parquet", ["a" * number for number in range(1, 13)])
    strategy, folder = Longest(measure="chars"), tmp_path / "store"
    for index in (1, 2, 2):
        strategy.prepare(data, work(3, folder=folder, shard=Shard(index, 2)))
    assert passes == ["block"] * 4
    assert strategy.choose(data, work(3, folder=folder)).rows == [9, 10, 11]
    assert strategy.choose(data, work(2, folder=folder)).rows == [10, 11]
    assert passes == ["block"] * 4
    assert sorted(path.name.partition("-")[2][16:] for path in folder.iterdir()) == [
        "-1-of-2-3.parquet",
        "-2-of-2-3.parquet",
    ]


def test_a_missing_shard_is_made_up_for(tmp_path: Path, passes: list[str]) -> None:
    """What one job has not finished, the one that chooses does; of two divisions the one with more finished is used."""
    data = write_parquet(tmp_path / "rows.parquet", ["a" * number for number in range(1, 13)])
    strategy, folder = Longest(measure="chars"), tmp_path / "store"
    for shard in (Shard(1, 2), Shard(1, 4), Shard(2, 4), Shard(4, 4)):
        strategy.prepare(data, work(3, folder=folder, shard=shard))
    passes.clear()
    assert strategy.choose(data, work(3, folder=folder)).rows == [9, 10, 11]
    assert passes == ["block"]


def test_a_second_run_reads_nothing(tmp_path: Path, passes: list[str]) -> None:
    """What was found is kept, also for fewer rows and the measured ones; other parameters and data start anew."""
    answers = ["can't. " * number for number in range(1, 13)]
    data, folder = write_parquet(tmp_path / "rows.parquet", answers), tmp_path / "store"
    first = Longest().choose(data, work(3, folder=folder))
    passes.clear()
    assert Longest().choose(data, work(3, folder=folder)) == first
    assert Longest().choose(data, work(3, folder=folder, drop_duplicates=True)).rows == first.rows
    assert passes
    passes.clear()
    assert Longest().choose(data, work(6, folder=folder)).rows == [6, 7, 8, 9, 10, 11]
    cuts = [
        Longest(measure=measure).choose(data, work(3, folder=folder)).facts["cut"]["smallest_inside"]
        for measure in ("nltk_words", "words", "chars")
    ]
    assert cuts == [30, 10, 70]
    other = write_parquet(tmp_path / "other.parquet", answers[::-1])
    assert Longest().choose(other, work(3, folder=folder)).rows == [0, 1, 2]
    assert "blocks" in passes


def test_a_file_named_twice_is_twice_the_data(tmp_path: Path) -> None:
    """What was kept of it is no result of the file alone, nor the other way round."""
    once = write_lines(tmp_path / "rows.jsonl", ["a", "bbb", "cc"])
    twice, folder = open_data([*once.paths, *once.paths]), tmp_path / "store"
    for _ in range(2):
        assert Longest(measure="chars").choose(twice, work(2, folder=folder)).rows == [1, 4]
        assert Longest(measure="chars").choose(once, work(2, folder=folder)).rows == [1, 2]


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    """A file that cannot be read is an error that says to delete it, not a shorter selection."""
    data, folder = write_parquet(tmp_path / "rows.parquet", ["a", "bb", "ccc"]), tmp_path / "store"
    Longest().choose(data, work(1, folder=folder))
    (path,) = folder.iterdir()
    for damage in (b"", path.read_bytes()[:100]):
        path.write_bytes(damage)
        with pytest.raises(DataError, match=rf"{re.escape(str(path))}: is damaged .*delete it"):
            Longest().choose(data, work(1, folder=folder))


def test_a_shard_needs_a_folder(tmp_path: Path) -> None:
    """Without a folder a shard's work would be lost."""
    data = write_lines(tmp_path / "rows.jsonl", ["a"])
    with pytest.raises(UsageError, match="give a folder"):
        Longest().prepare(data, work(1, shard=Shard(1, 2)))
    assert Longest().prepare(data, work(1)) is None


@pytest.mark.parametrize("budget", [None, 0])
def test_a_budget_is_needed(tmp_path: Path, budget: int) -> None:
    """Every row is among the longest of all: the strategy asks for a number of rows."""
    data = write_lines(tmp_path / "rows.jsonl", ["a"])
    with pytest.raises(UsageError, match=rf"budget of at least 1 row, found {budget}; give --budget"):
        Longest().choose(data, work(budget))


def test_their_ties_leave_duplicates_in(tmp_path: Path) -> None:
    """Chasing Random's order and dropping duplicates are refused together."""
    data = write_lines(tmp_path / "rows.jsonl", ["a"])
    with pytest.raises(UsageError, match="ties=chasing_random and dropping duplicates exclude each other"):
        Longest(ties="chasing_random").choose(data, work(1, drop_duplicates=True))


def test_wrong_parameters_are_named_all_at_once() -> None:
    """The error names both."""
    with pytest.raises(ConfigError, match=r'(?s)measure must be one of .*found "pages".*ties must be .*found "later"'):
        Longest(measure="pages", ties="later")


def test_progress_is_told(tmp_path: Path) -> None:
    """The number of rows seen so far is told after every block."""
    told: list[tuple[str, int, int | None]] = []
    data = write_lines(tmp_path / "rows.jsonl", ["a", "b"])
    Longest().choose(data, work(1, on_progress=lambda *event: told.append(event)))
    assert told == [("measuring", 2, None)]


def test_it_is_registered() -> None:
    """The strategy goes by its module's name."""
    assert SELECTORS.get("longest") is Longest
