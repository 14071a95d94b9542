"""Drawing rows at random: by hash, whatever the order and the parts of the data, or as ``datasets`` shuffles."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from longismore._jsonl import write_jsonl
from longismore.errors import ConfigError
from longismore.instructions import open_data
from longismore.selectors import SELECTORS, Work
from longismore.selectors._hash_sampling import Smallest, draw_hashes, repeated
from longismore.selectors.random import Random

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from longismore.instructions import InstructionData
    from longismore.selectors import Choice

    Write = Callable[..., InstructionData]


def work(budget: int | None, **options: Any) -> Work:
    """A work without an engine: nothing here is scored."""
    return Work(budget=budget, engine=None, **options)  # type: ignore[arg-type]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write rows whose instructions are these numbers, and open them."""

    def written(numbers: Iterable[int], name: str = "pool.jsonl", empty: Iterable[int] = ()) -> InstructionData:
        rows = [
            {"instruction": f"count to {number}", "output": " " if number in set(empty) else f"answer {number}"}
            for number in numbers
        ]
        write_jsonl(tmp_path / name, rows)
        return open_data(tmp_path / name)

    return written


def drawn(data: InstructionData, choice: Choice) -> set[str]:
    """The instructions of the rows of a choice."""
    return {row.instruction for row in data.pick(choice.rows)}


def test_it_is_a_strategy(write: Write) -> None:
    """It is found by its name, and accounts for every row."""
    assert SELECTORS.get("random") is Random
    choice = Random().choose(write(range(50), empty=[3, 4]), work(10))
    assert 10 == len(choice.rows)
    assert sorted(choice.rows) == list(choice.rows)
    assert {"empty response": 2, "not drawn": 38} == choice.dropped


def test_the_draw_is_made_of_known_hashes(write: Write) -> None:
    """The hash is xxh3 (64 bits) of ``seed/trial/key``, and the smallest are drawn: a plain sort gives the same."""
    import xxhash

    data = write(range(300))
    keys = [row.key for row in data.rows()]
    assert draw_hashes(keys, seed=7, trial=2).tolist() == [
        xxhash.xxh3_64_intdigest(f"7/2/{key}".encode()) for key in keys
    ]
    order = sorted(range(300), key=lambda row: (xxhash.xxh3_64_intdigest(f"7/2/{keys[row]}".encode()), row))
    assert sorted(order[:40]) == list(Random(seed=7, trial=2).choose(data, work(40)).rows)


def test_the_order_of_the_data_does_not_matter(write: Write) -> None:
    """Shuffled data, and data in two files, give the same rows."""
    numbers = list(range(400))
    data = write(numbers)
    random.Random(1).shuffle(numbers)
    shuffled = write(numbers, "shuffled.jsonl")
    parts = write(numbers[:150], "a.jsonl"), write(numbers[150:], "b.jsonl")
    both = open_data([path for part in parts for path in part.paths])
    selector = Random(seed=5)
    expected = drawn(data, selector.choose(data, work(60)))
    assert expected == drawn(shuffled, selector.choose(shuffled, work(60)))
    assert expected == drawn(both, selector.choose(both, work(60)))


def test_added_rows_displace_few(write: Write) -> None:
    """Of 100 drawn rows of 1,000, those that leave when 20 rows are added are as many as the added ones drawn."""
    data, more = write(range(1000)), write(range(-10, 1010), "more.jsonl")
    before = drawn(data, Random().choose(data, work(100)))
    after = drawn(more, Random().choose(more, work(100)))
    added = {f"count to {number}" for number in (*range(-10, 0), *range(1000, 1010))}
    assert after - before == after & added
    assert len(before - after) == len(after & added) < 10


def test_a_larger_budget_keeps_what_a_smaller_one_drew(write: Write) -> None:
    """Budgets are nested; without one all rows with an answer are chosen."""
    data = write(range(500), empty=[0])
    draws = [set(Random().choose(data, work(budget)).rows) for budget in (10, 50, 200, None)]
    assert draws[0] < draws[1] < draws[2] < draws[3] == set(range(1, 500))


def test_shards_merge_to_the_whole() -> None:
    """The smallest of the smallest of parts are the smallest of all, in whatever order they come."""
    rng = np.random.default_rng(3)
    hashes = rng.integers(0, 5000, 100_000).astype(np.uint64)  # few values, so that ties decide
    rows = np.arange(100_000)
    whole = Smallest(1000)
    whole.add(hashes, rows)
    merged = Smallest(1000)
    for shard in (3, 0, 2, 1):
        part = Smallest(1000)
        for start in range(0, 100_000, 9973):
            inside = rows[start : start + 9973]
            inside = inside[inside % 4 == shard]
            part.add(hashes[inside], inside)
        merged.merge(part)
    plain = sorted(np.lexsort((rows, hashes))[:1000].tolist())
    assert plain == whole.kept()[1].tolist() == merged.kept()[1].tolist()
    assert hashes[plain].tolist() == merged.kept()[0].tolist()


def test_an_earlier_row_displaces_a_later_one_of_its_hash() -> None:
    """Also when it comes late, after the others were sorted out once."""
    smallest = Smallest(3)
    smallest.add(np.full(70_000, 5, dtype=np.uint64), np.arange(1000, 71_000))
    smallest.add(np.array([5, 6, 5], dtype=np.uint64), np.array([7, 8, 9]))
    assert [7, 9, 1000] == smallest.kept()[1].tolist()


def test_every_row_has_the_same_chance(write: Write) -> None:
    """Over 400 trials of 50 of 200 rows each row is drawn about 100 times: chi-square is near its mean of 199.

    Draws without replacement spread less than a multinomial: the statistic is divided by 1 - 50/200. Its standard
    deviation is 20; the limits are 3.5 of them away.
    """
    keys = [row.key for row in write(range(200)).rows()]
    counts = np.zeros(200)
    for trial in range(1, 401):
        counts[np.argsort(draw_hashes(keys, seed=0, trial=trial))[:50]] += 1
    chi_square = ((counts - 100) ** 2 / 100).sum() / (1 - 50 / 200)
    assert 129 < chi_square < 269


def test_hashes_are_uniform(write: Write) -> None:
    """100,000 hashes in 64 equal bins: chi-square is near its mean of 63, with a standard deviation of 11.2."""
    keys = [f"{number:032x}" for number in range(100_000)]
    for trial in (1, 2, 3):
        places = (draw_hashes(keys, seed=0, trial=trial) >> np.uint64(58)).astype(np.int64)
        counts = np.bincount(places, minlength=64)
        assert 63 - 3.5 * 11.2 < ((counts - 100_000 / 64) ** 2 / (100_000 / 64)).sum() < 63 + 3.5 * 11.2


def test_trials_and_seeds_are_independent(write: Write) -> None:
    """Two draws of 200 of 1,000 share about 40 rows, with a standard deviation of 5.1; the same one all 200."""
    data = write(range(1000))
    first = set(Random().choose(data, work(200)).rows)
    assert first == set(Random().choose(data, work(200)).rows)
    others = [Random(trial=2), Random(trial=3), Random(seed=1), Random(seed=1, trial=2)]
    for other in others:
        assert 40 - 18 < len(first & set(other.choose(data, work(200)).rows)) < 40 + 18


def test_equal_rows_are_drawn_together_the_earlier_first(write: Write) -> None:
    """With copies of all rows a budget of 10 takes five and their copies, an odd one the earlier of the last two."""
    data = write([*range(100), *range(100)])
    rows = list(Random().choose(data, work(10)).rows)
    assert [row + 100 for row in rows[:5]] == rows[5:]
    odd = list(Random().choose(data, work(11)).rows)
    assert 6 == len([row for row in odd if row < 100])


@pytest.mark.parametrize("shuffle", ["hash", "hf"])
def test_duplicates_are_dropped_on_request(write: Write, shuffle: str) -> None:
    """Only the first of equal rows may be drawn; the others are counted, those without an answer not twice."""
    data = write([*range(100), *range(80)], empty=[0, 1])
    choice = Random(shuffle=shuffle).choose(data, work(30, drop_duplicates=True))
    assert 30 == len(choice.rows)
    assert max(choice.rows) < 100
    assert {"empty response": 4, "duplicate of an earlier row": 78, "not drawn": 68} == choice.dropped
    if shuffle == "hash":
        once = write(range(100), "once.jsonl", empty=[0, 1])
        assert list(choice.rows) == list(Random().choose(once, work(30)).rows)


def test_repeated_keys_are_found_by_all_of_their_bits() -> None:
    """A plain loop over random keys of few values says the same; half a key is not enough."""
    rng = np.random.default_rng(1)
    for size, values in ((0, 2), (1, 2), (50, 3), (400, 40)):
        words = rng.integers(0, values, (size, 2)).astype(np.uint64)
        seen, expected = set(), []
        for key in map(tuple, words.tolist()):
            expected.append(key in seen)
            seen.add(key)
        assert expected == repeated(words).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 42, 2**40])
def test_hf_is_the_shuffle_of_datasets(write: Write, seed: int) -> None:
    """The rows are the first ones after ``Dataset.shuffle(seed)``, for several budgets."""
    datasets = pytest.importorskip("datasets")
    data = write(range(1037))
    shuffled = datasets.Dataset.from_dict({"row": list(range(1037))}).shuffle(seed=seed)["row"][:]
    for budget in (1, 100, 1037):
        choice = Random(shuffle="hf", seed=seed).choose(data, work(budget))
        assert sorted(shuffled[:budget]) == list(choice.rows)
        assert {"without_answer_among_the_first": 0} == choice.facts


def test_hf_passes_over_rows_without_an_answer(write: Write) -> None:
    """The next rows of the same order move up, and the facts say how many were passed over."""
    order = np.random.default_rng(9).permutation(60).tolist()
    empty = [order[0], order[3], order[50]]
    choice = Random(shuffle="hf", seed=9).choose(write(range(60), empty=empty), work(10))
    assert sorted(row for row in order[:12] if row not in empty) == list(choice.rows)
    assert {"without_answer_among_the_first": 2} == choice.facts
    assert {"empty response": 3, "not drawn": 47} == choice.dropped


def test_the_pool_is_drawn_from(data: Path) -> None:
    """1,000 of the 9,229 published rows, of which four have no answer; they are the same on every machine."""
    pool = open_data(data / "pools" / "random_9k.json")
    choice = Random(seed=42).choose(pool, work(1000))
    assert {"empty response": 4, "not drawn": 8225} == choice.dropped
    assert [8, 14, 15, 18, 22] == list(choice.rows[:5])


def test_progress_is_told(write: Write) -> None:
    """Rows read so far; the last call has them all."""
    told: list[tuple[str, int, int | None]] = []
    for shuffle in ("hash", "hf"):
        Random(shuffle=shuffle).choose(write(range(30)), work(5, on_progress=lambda *args: told.append(args)))
        assert ("drawing", 30, None) == told[-1]


def test_wrong_parameters_are_all_named() -> None:
    """One message for all of them; a trial has no meaning for the shuffle of datasets."""
    with pytest.raises(ConfigError) as caught:
        Random(seed=-1, trial=0, shuffle="sorted")
    assert [
        "seed must be at least 0, found -1",
        "trial must be at least 1, found 0",
        'shuffle must be hash or hf, found "sorted"',
    ] == caught.value.problems
    with pytest.raises(ConfigError, match="trial must be 1 with shuffle=hf, found 2; give each trial a seed"):
        Random(shuffle="hf", trial=2)
