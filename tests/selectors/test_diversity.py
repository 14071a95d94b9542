"""The greedy filter keeps exactly the rows that a plain loop over exact cosines keeps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore.selectors._deita import diversity as _diversity
from longismore.selectors._deita.diversity import DiversityFilter, Fate


def cosine(one: Any, two: Any) -> float:
    """Of two rows of 32-bit floats, from exactly rounded sums."""
    a, b = one.astype(np.float64), two.astype(np.float64)
    sums = [math.fsum((left * right).tolist()) for left, right in ((a, b), (a, a), (b, b))]
    return sums[0] / math.sqrt(sums[1] * sums[2])


def plain_loop(rows: Any, *, threshold: float = 0.9, budget: int | None = None) -> list[Fate]:
    """What became of each row, one cosine at a time."""
    kept: list[Any] = []
    fates = []
    for row in rows.astype(np.float32):
        if budget is not None and len(kept) >= budget:
            break
        if not np.isfinite(row).all():
            fates.append(Fate.NOT_FINITE)
        elif not row.any():
            fates.append(Fate.ZERO)
        elif any(cosine(row, other) > threshold for other in kept):
            fates.append(Fate.SIMILAR)
        else:
            fates.append(Fate.KEPT)
            kept.append(row)
    return fates


def filtered(rows: Any, *, pieces: int | None = None, **settings: Any) -> list[Fate]:
    """What became of each row, when they are brought in pieces of a size."""
    diverse = DiversityFilter(**settings)
    size = pieces or len(rows) or 1
    fates = [fate for start in range(0, len(rows), size) for fate in diverse.add(rows[start : start + size]).tolist()]
    assert diverse.kept == fates.count(Fate.KEPT)
    return [Fate(fate) for fate in fates]


def clustered(rows: int, width: int, *, clusters: int, spread: float, seed: int = 0) -> Any:
    """Rows around random centres: some of a cluster are similar, and some are not."""
    draw = np.random.default_rng(seed)
    centres = draw.standard_normal((clusters, width))
    noise = draw.standard_normal((rows, width))
    return (centres[draw.integers(clusters, size=rows)] + spread * noise).astype(np.float32)


DATA = {
    "random": np.random.default_rng(1).standard_normal((300, 8)).astype(np.float32),
    "clustered": clustered(300, 32, clusters=12, spread=0.33),
    "tight": clustered(300, 16, clusters=5, spread=0.05),
    "duplicates": np.repeat(clustered(60, 16, clusters=60, spread=1.0), 5, axis=0),
    "opposite": np.concatenate([DATA_ROW := clustered(50, 6, clusters=50, spread=1.0), -DATA_ROW]),
    "of every size": clustered(200, 8, clusters=8, spread=0.3) * np.logspace(-30, 30, 200, dtype=np.float32)[:, None],
    "one": np.ones((1, 4), dtype=np.float32),
    "none": np.ones((0, 4), dtype=np.float32),
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("budget", [None, 1, 7, 1000])
def test_it_keeps_what_a_plain_loop_keeps(name: str, budget: int | None) -> None:
    """The fate of each row is the plain loop's, for every kind of data, until the budget is reached."""
    assert filtered(DATA[name], budget=budget) == plain_loop(DATA[name], budget=budget)


@pytest.mark.parametrize("threshold", [-1.0, -0.5, 0.0, 0.5, 0.99, 1.0])
def test_every_threshold_is_a_cosine(threshold: float) -> None:
    """At -1 only the first row is kept, at 1 all are, and between them those of the plain loop."""
    rows = DATA["clustered"]
    fates = filtered(rows, threshold=threshold)
    assert fates == plain_loop(rows, threshold=threshold)
    assert fates.count(Fate.KEPT) == {-1.0: 1, 1.0: len(rows)}.get(threshold, fates.count(Fate.KEPT))


@pytest.mark.parametrize("chunk", [3, 4096])
@pytest.mark.parametrize("block", [1, 2, 17, 512])
@pytest.mark.parametrize("pieces", [1, 5, 64, None])
def test_blocks_change_nothing(block: int, pieces: int | None, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many rows come at once, are compared at once and are stored at once does not change which are kept."""
    monkeypatch.setattr(_diversity, "CHUNK_ROWS", chunk)
    rows = DATA["clustered"]
    expected = plain_loop(rows, budget=40)
    assert filtered(rows, pieces=pieces, block_rows=block, budget=40) == expected


def near_threshold() -> Any:
    """Rows whose cosine with the first is 0.9 but for the last bits of 32-bit floats, and far less with each other."""
    directions = np.linalg.qr(np.random.default_rng(5).standard_normal((64, 61)))[0].T
    sines = np.sqrt(1 - 0.9**2 + np.linspace(-3e-8, 3e-8, 60))
    return np.concatenate([directions[:1], 0.9 * directions[:1] + sines[:, None] * directions[1:]]).astype(np.float32)


@pytest.mark.parametrize("block", [1, 3, 512])
@pytest.mark.parametrize("seed", [None, 0, 1])
def test_what_rounding_would_decide_is_decided_exactly(block: int, seed: int | None) -> None:
    """Cosines within 1e-8 of the threshold fall where exact sums fall, in whatever order the numbers are added."""
    rows = near_threshold()
    expected = plain_loop(rows)
    assert expected.count(Fate.SIMILAR) > 20
    assert expected.count(Fate.KEPT) > 20
    order = np.arange(64) if seed is None else np.random.default_rng(seed).permutation(64)
    assert filtered(rows[:, order], block_rows=block) == expected


def test_a_cosine_of_the_threshold_is_kept() -> None:
    """A row is similar above the threshold, not at it: (3, 4) and (1, 0) have exactly 0.6."""
    rows = np.array([[1, 0], [3, 4]], dtype=np.float32)
    assert filtered(rows, threshold=0.6) == [Fate.KEPT, Fate.KEPT]
    assert filtered(rows, threshold=math.nextafter(0.6, 0)) == [Fate.KEPT, Fate.SIMILAR]


@pytest.mark.parametrize("seed", range(8))
def test_the_last_bit_of_64_decides_as_exact_sums_do(seed: int) -> None:
    """With the exactly summed cosine as threshold a row is kept, with the next lower number it is too similar."""
    rows = np.random.default_rng(seed).standard_normal((2, 333)).astype(np.float32)
    threshold = cosine(rows[0], rows[1])
    assert filtered(rows, threshold=threshold) == [Fate.KEPT, Fate.KEPT]
    assert filtered(rows, threshold=math.nextafter(threshold, -1)) == [Fate.KEPT, Fate.SIMILAR]


def test_rows_without_a_direction_are_told_apart() -> None:
    """Zeros and rows with a NaN or an infinity are no candidates, and the others are not touched by them."""
    rows = np.eye(6, dtype=np.float64)
    rows[1] = 0
    rows[3, 0] = np.nan
    rows[4, 2] = -np.inf
    rows[5, 1] = 1e300  # infinite in 32 bits
    expected = [Fate.KEPT, Fate.ZERO, Fate.KEPT, Fate.NOT_FINITE, Fate.NOT_FINITE, Fate.NOT_FINITE]
    assert filtered(rows, block_rows=2) == expected
    assert filtered(rows[1:2]) == [Fate.ZERO]


def test_nothing_is_looked_at_when_the_budget_is_reached() -> None:
    """The row that fills the budget is the last one looked at; later rows have no fate."""
    diverse = DiversityFilter(budget=2, block_rows=2)
    rows = np.array([[1, 0, 0], [1, 0, 0.01], [0, 1, 0], [0, 0, 1], [0, 1, 0]], dtype=np.float32)
    assert diverse.add(rows).tolist() == [Fate.KEPT, Fate.SIMILAR, Fate.KEPT]
    assert diverse.is_full
    assert diverse.add(rows).tolist() == []


@given(
    numbers=st.lists(st.tuples(*[st.integers(-3, 3)] * 3), max_size=24),
    block=st.integers(1, 8),
    budget=st.integers(1, 10) | st.none(),
    threshold=st.sampled_from([0.0, 0.5, 1 / math.sqrt(2), 0.9, 1.0]),
)
def test_small_whole_numbers(
    numbers: list[tuple[int, int, int]], block: int, budget: int | None, threshold: float
) -> None:
    """Rows of small whole numbers often have equal, opposite and boundary cosines; all fall as in the plain loop."""
    rows = np.array(numbers, dtype=np.float32).reshape(-1, 3)
    expected = plain_loop(rows, threshold=threshold, budget=budget)
    assert filtered(rows, block_rows=block, budget=budget, threshold=threshold) == expected


@pytest.mark.parametrize("name", DATA)
def test_torch_keeps_the_same(name: str) -> None:
    """Where torch multiplies, as on a GPU, the same rows are kept."""
    pytest.importorskip("torch")
    expected = plain_loop(DATA[name], budget=50)
    assert filtered(DATA[name], device="cpu:0", budget=50, block_rows=32) == expected
