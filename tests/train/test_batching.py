"""Every row once in an epoch, on one of the devices; hardly any padding; the same order from the same seed."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longismore.train._batching import EpochBatches, count_positions, make_batches
from longismore.train._packing import pack_rows
from longismore.train._steps import count_steps
from longismore.train.settings import load_preset

if TYPE_CHECKING:
    from longismore.train.settings import TrainSettings

WAYS = ("pad", "group", "pack")
DRAW = random.Random(5)
LENGTHS = [min(20 + int(DRAW.expovariate(1 / 120)), 512) for _ in range(1003)]


def chosen(batching: str, **changes: object) -> TrainSettings:
    """Batches of four, up to 512 tokens."""
    return load_preset(
        "tiny-cpu", {"batching": batching, "batch_size": 4, "global_batch_size": 4, "max_length": 512} | changes
    )


@pytest.mark.parametrize("batching", WAYS)
@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
def test_every_row_once(batching: str, world_size: int) -> None:
    """No row is lost or repeated, and every device gets the same number of batches, the last short one included."""
    batches = make_batches(LENGTHS, chosen(batching), 1, 0, world_size=world_size)
    assert sorted(row for batch in batches for row in batch) == list(range(len(LENGTHS)))
    assert len(batches) % world_size == 0
    shares = [batches[rank::world_size] for rank in range(world_size)]
    assert {len(share) for share in shares} == {len(batches) // world_size}
    first_empty = next((place for place, batch in enumerate(batches) if not batch), len(batches))
    assert not any(batches[first_empty:])
    assert len(batches) - first_empty < world_size


@pytest.mark.parametrize("batching", WAYS)
@pytest.mark.parametrize("world_size", [1, 3])
def test_as_many_batches_as_steps_are_counted_with(batching: str, world_size: int) -> None:
    """A device's batches are those from which the number of steps is worked out."""
    settings = chosen(batching, global_batch_size=12)
    sequences = len(pack_rows(LENGTHS, 512)) if batching == "pack" else len(LENGTHS)
    counted = count_steps(settings, rows=len(LENGTHS), sequences=sequences, processes=world_size)
    for epoch in range(3):
        made = EpochBatches(lengths=LENGTHS, settings=settings, seed=1, world_size=world_size, epoch=epoch)
        assert len(made) == len(list(made)) == counted.batches


@pytest.mark.parametrize("batching", WAYS)
def test_few_rows_on_many_devices(batching: str) -> None:
    """Devices for which there is no row get an empty batch."""
    batches = make_batches([512, 512], chosen(batching, batch_size=1, global_batch_size=8), 0, 0, world_size=8)
    assert sorted(map(len, batches)) == [0] * 6 + [1, 1]
    assert make_batches([], chosen(batching), 0, 0, world_size=2) == []


@pytest.mark.parametrize("batching", WAYS)
def test_the_order_follows_seed_and_epoch(batching: str) -> None:
    """The same seed and epoch give the same batches; another seed or epoch gives others."""
    settings = chosen(batching)
    first = make_batches(LENGTHS, settings, 1, 0)
    assert make_batches(list(LENGTHS), settings, 1, 0) == first
    assert make_batches(LENGTHS, settings, 1, 1) != first
    assert make_batches(LENGTHS, settings, 2, 0) != first


def test_the_order_is_known() -> None:
    """A run that is resumed after an update of Python goes on in the order in which it began."""
    lengths = [5, 9, 2, 7, 7, 3, 8, 1, 6, 4]
    found = {way: make_batches(lengths, chosen(way, batch_size=2, max_length=12), 7, 3) for way in WAYS}
    assert found == {
        "pad": [[8, 6], [3, 4], [7, 1], [9, 0], [2, 5]],
        "group": [[1, 6], [8, 0], [3, 4], [2, 7], [9, 5]],
        "pack": [[6, 9, 3, 2, 7], [1, 5, 8], [4, 0]],
    }


@pytest.mark.parametrize("batching", WAYS)
def test_epochs_of_a_device(batching: str) -> None:
    """A device's sampler gives its share of an epoch's batches, again and again, until the epoch is set."""
    settings = chosen(batching)
    sampler = EpochBatches(lengths=LENGTHS, settings=settings, seed=3, rank=1, world_size=2)
    assert list(sampler) == list(sampler) == make_batches(LENGTHS, settings, 3, 0, world_size=2)[1::2]
    sampler.set_epoch(4)
    assert list(sampler) == make_batches(LENGTHS, settings, 3, 4, world_size=2)[1::2]


def test_batching_must_be_decided() -> None:
    """What ``auto`` means depends on the machine."""
    with pytest.raises(ValueError, match="batching=auto is not decided"):
        make_batches(LENGTHS, chosen("auto"), 0, 0)


def test_little_is_padding() -> None:
    """Useful shares: padding every row to the longest of its batch 60 %, groups and packs 96 % and more."""
    fill = {
        way: sum(LENGTHS) / count_positions(LENGTHS, make_batches(LENGTHS, chosen(way), 0, 0), chosen(way))
        for way in WAYS
    }
    assert 0.5 < fill["pad"] < 0.7
    assert fill["group"] > 0.96
    assert fill["pack"] > 0.99


def test_positions_by_hand() -> None:
    """Rows of 3, 5 and 2 tokens: padded 3 x 5; to eight 3 x 8; packed in sequences of eight 2 x 8, or 1 x 10."""
    rows, lengths = [[0, 1, 2]], [3, 5, 2]
    assert count_positions(lengths, rows, chosen("pad")) == 15
    assert count_positions(lengths, rows, chosen("pad", pad_to=8, max_length=8)) == 24
    assert count_positions(lengths, rows, chosen("pack", max_length=8)) == 16
    flat = chosen("pack", max_length=8, attention="flash_attention_2", precision="bf16")
    assert count_positions(lengths, rows, flat) == 10
    assert count_positions(lengths, [[]], flat) == count_positions(lengths, [[]], chosen("group")) == 1


def test_groups_are_of_equal_length_on_all_devices() -> None:
    """What devices read at the same time is alike, and the longest row comes first."""
    batches = make_batches(LENGTHS, chosen("group"), 1, 0, world_size=4)
    rounds = [[LENGTHS[row] for batch in batches[start : start + 4] for row in batch] for start in range(0, 252, 4)]
    assert max(rounds[0]) == max(LENGTHS)
    spans = sorted(max(each) - min(each) for each in rounds if each)
    assert spans[len(spans) // 2] < 20
    middles = [sum(each) / len(each) for each in rounds]
    assert middles[1:-1] != sorted(middles[1:-1], reverse=True)


def test_packs_are_mixed() -> None:
    """Long and short packs come in random order: the order of packing shows nowhere."""
    packs = make_batches(LENGTHS, chosen("pack", batch_size=1), 0, 0)
    sizes = [len(pack) for pack in packs]
    assert sizes != sorted(sizes)
    assert sum(sizes[: len(sizes) // 2]) == pytest.approx(sum(sizes) / 2, rel=0.25)


@given(st.lists(st.integers(1, 64), max_size=60), st.integers(64, 80))
def test_packs_hold_every_row_once(lengths: list[int], capacity: int) -> None:
    """No pack is too long, and no two of them would fit into one."""
    packs = pack_rows(lengths, capacity)
    assert sorted(row for pack in packs for row in pack) == list(range(len(lengths)))
    sums = sorted(sum(lengths[row] for row in pack) for pack in packs)
    assert all(total <= capacity for total in sums)
    assert len(sums) < 2 or sums[0] + sums[1] > capacity


@settings(max_examples=200)
@given(st.lists(st.integers(1, 32), min_size=1, max_size=60), st.data())
def test_some_packs_packed_again_are_the_same(lengths: list[int], draw: st.DataObject) -> None:
    """The rows of some packs make packs of the same lengths, as many, whatever order they come in."""
    packs = pack_rows(lengths, 32)
    some = draw.draw(st.lists(st.sampled_from(packs), unique_by=id, min_size=1))
    rows = draw.draw(st.permutations([row for pack in some for row in pack]))
    again = pack_rows([lengths[row] for row in rows], 32)

    def profiles(found: list[list[int]], of: list[int]) -> Counter[tuple[int, ...]]:
        return Counter(tuple(sorted(of[row] for row in pack)) for pack in found)

    assert profiles(again, [lengths[row] for row in rows]) == profiles(some, lengths)


def test_packing_by_hand() -> None:
    """Best fit, longest first: 7 and 3, 6 and 4, 5 and 5; first come, first served would need four."""
    assert pack_rows([5, 7, 5, 6, 4, 3], 10) == [[1, 5], [3, 4], [0, 2]]
    assert pack_rows([], 10) == []


@pytest.mark.parametrize("length", [0, 11])
def test_a_row_that_fits_into_no_pack(length: int) -> None:
    """It is named, with its length and what is allowed."""
    with pytest.raises(ValueError, match=rf"row 1 has {length} tokens; allowed: 1 to 10"):
        pack_rows([3, length], 10)
