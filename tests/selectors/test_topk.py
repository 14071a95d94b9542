"""The k largest of many rows, in whatever order and parts they come."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from longismore.selectors._length import topk as _topk
from longismore.selectors._length.topk import Largest

if TYPE_CHECKING:
    import pytest

KEYS = [f"{number:032x}" for number in range(6)]

rows_with_bounds = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 3)), min_size=0, max_size=40
).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(range(len(rows)))))
"""Value and width of the bounds below and above it, of each row; and an order in which the rows come."""


def expected_cut(values: dict[int, int], k: int, keys: dict[int, str] | None = None) -> dict[str, object]:
    """The definition: sort by value, the earlier row first among equal ones, and of equal contents leave the first."""
    distinct = [row for row in sorted(values) if keys is None or all(keys[row] != keys[other] for other in range(row))]
    order = sorted(distinct, key=lambda row: (-values[row], row))
    inside, outside = order[:k], order[k:]
    smallest = values[inside[-1]] if inside else None
    others = set(values) - set(inside)
    return {
        "rows": sorted(inside),
        "smallest_inside": smallest,
        "largest_outside": values[outside[0]] if outside else None,
        "ties_inside": sum(values[row] == smallest for row in inside),
        "ties_outside": sum(values[row] == smallest for row in others) if outside else 0,
        "twins": sum(values[row] > smallest for row in others) if outside else len(others),
    }


def found_cut(largest: Largest, values: dict[int, int]) -> dict[str, object]:
    """Settle what is unsettled, one row after the other, and tell the cut."""
    for _ in itertools.count():
        unsettled = largest.unsettled()
        if not len(unsettled):
            break
        largest.settle(unsettled[:1], [values[int(unsettled[0])]])
    cut = largest.cut()
    return {name: getattr(cut, name) for name in cut.__slots__} | {"rows": cut.rows.tolist()}


def add(largest: Largest, part: list[int], rows: list[tuple[int, int, int]], keys: list[str] | None = None) -> None:
    """Add the rows with these numbers."""
    least = np.array([rows[row][0] - rows[row][1] for row in part], dtype=np.int64)
    most = np.array([rows[row][0] + rows[row][2] for row in part], dtype=np.int64)
    chosen = [keys[row] for row in part] if keys is not None else None
    largest.add(least, most, np.array(part, dtype=np.int64), keys=chosen)


@given(rows_with_bounds, st.integers(1, 12), st.integers(1, 9), st.integers(1, 4))
def test_any_order_and_parts_give_what_a_sort_gives(data: Any, k: int, block: int, shards: int) -> None:
    """Rows, cut, ties and counts are those of a plain sort, in any order, blocks and number of merged parts."""
    rows, order = data
    values = {number: value for number, (value, _, _) in enumerate(rows)}
    parts = []
    for shard in range(shards):
        largest = Largest(k)
        mine = [row for row in order if row % shards == shard]
        for start in range(0, len(mine), block):
            add(largest, mine[start : start + block], rows)
            largest.candidates()
        parts.append(largest)
    whole = Largest(k)
    for part in parts:
        whole.merge(part.candidates(), floor=part.floor, beaten=part.beaten)
    assert found_cut(whole, values) == expected_cut(values, k)


@given(
    st.lists(st.integers(0, 5), max_size=30).flatmap(
        lambda which: st.tuples(st.just(which), st.permutations(range(len(which))))
    ),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 2)), min_size=6, max_size=6),
    st.integers(1, 7),
    st.integers(1, 5),
    st.integers(1, 3),
)
def test_of_equal_contents_only_the_first_is_wanted(
    data: Any, contents: list[tuple[int, int, int]], k: int, block: int, shards: int
) -> None:
    """With keys, the result is that of a plain sort of each content's first row."""
    which, order = data
    rows = [contents[content] for content in which]
    keys = [KEYS[content] for content in which]
    values = {number: row[0] for number, row in enumerate(rows)}
    whole = Largest(k, distinct=True)
    for shard in range(shards):
        largest = Largest(k, distinct=True)
        mine = [row for row in order if row % shards == shard]
        for start in range(0, len(mine), block):
            add(largest, mine[start : start + block], rows, keys)
            largest.candidates()
        whole.merge(largest.candidates(), floor=largest.floor, beaten=largest.beaten)
    assert found_cut(whole, values) == expected_cut(values, k, dict(enumerate(keys)))


@given(rows_with_bounds, st.integers(1, 6), st.integers(0, 6))
def test_a_part_kept_for_more_rows_serves_for_fewer(data: Any, k: int, more: int) -> None:
    """What was kept for a larger k, merged into a smaller one, gives the smaller one's result."""
    rows, order = data
    values = {number: value for number, (value, _, _) in enumerate(rows)}
    larger = Largest(k + more)
    add(larger, list(order), rows)
    smaller = Largest(k)
    smaller.merge(larger.candidates(), floor=larger.floor, beaten=larger.beaten)
    assert found_cut(smaller, values) == expected_cut(values, k)


def test_values_may_be_floats() -> None:
    """Numbers with a fraction are ordered like whole ones."""
    largest = Largest(2)
    values = np.array([0.25, -1.5, 3.75, 0.25])
    largest.add(values, values, np.arange(4))
    cut = largest.cut()
    assert (cut.rows.tolist(), cut.smallest_inside, cut.largest_outside) == ([0, 2], 0.25, 0.25)


def test_no_more_is_kept_than_is_wanted_and_one() -> None:
    """A million exact values leave k + 1 candidates, whatever their order."""
    largest = Largest(100)
    rising = np.arange(1_000_000) // 3
    for start in range(0, len(rising), 10_000):
        largest.add(rising[start : start + 10_000], rising[start : start + 10_000], np.arange(start, start + 10_000))
        assert len(largest.candidates()) == 101
    assert largest.cut().rows.tolist() == [*range(999_900, 1_000_000)]


def test_wide_bounds_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that settle nothing make it crowded; values make room again."""
    monkeypatch.setattr(_topk, "_ROOM", 50)
    largest = Largest(10)
    largest.add(np.zeros(90, dtype=np.int64), np.full(90, 1000), np.arange(90))
    assert not largest.is_crowded
    largest.add(np.zeros(1, dtype=np.int64), np.full(1, 1000), np.array([90]))
    assert largest.is_crowded
    largest.settle(np.arange(91), list(range(91)))
    assert not largest.is_crowded
    assert len(largest.candidates()) == 11


def test_nothing_has_no_cut() -> None:
    """Of no rows there is no smallest one."""
    cut = Largest(3).cut()
    assert (cut.rows.tolist(), cut.smallest_inside, cut.largest_outside, cut.twins) == ([], None, None, 0)
