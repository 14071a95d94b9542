"""How scores are distributed: bins, table, picture."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from longismore.errors import ConfigError
from longismore.reports.scores import bars, draw_scores, score_bins, score_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def shown(scores: Mapping[float, int]) -> list[list[str]]:
    """The table's lines, in words."""
    console = Console(file=io.StringIO(), width=100)
    console.print(score_table(scores))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return [line.split() for line in lines if line.strip() and "\u2500" not in line]


def test_few_scores_stand_by_themselves() -> None:
    """The highest first, with its share and how many have it or more."""
    lines = shown({3.5: 537, 4.5: 277, 4.0: 178, 3.0: 8})
    assert [["4.5", "277", "27.7", "277"], ["4", "178", "17.8", "455"], ["3.5", "537", "53.7", "992"]] == [
        line[:4] for line in lines[1:4]
    ]
    assert ["3", "8", "0.8", "1,000", "\u2588"] == lines[4]


def test_many_scores_are_put_into_round_bins() -> None:
    """Each belongs to the bin that it begins, and the end of the scale stands by itself."""
    bins = score_bins({number / 20: 1 for number in range(101)})
    assert [(place / 2, place / 2 + 0.5, 10) for place in range(10)] == bins[:10]
    assert (5.0, 5.0, 1) == bins[10]
    assert (11, 101) == (len(bins), sum(rows for *_, rows in bins))


@given(st.dictionaries(st.floats(-1e6, 1e6, width=32), st.integers(1, 9), min_size=22, max_size=60))
def test_no_row_is_lost_in_bins(scores: dict[float, int]) -> None:
    """Whatever the scores are; bins follow each other."""
    bins = score_bins(scores)
    assert sum(scores.values()) == sum(rows for *_, rows in bins)
    assert 10 <= len(bins) <= 30
    assert all(low <= high for low, high, _ in bins)
    assert bins == sorted(bins)


@pytest.mark.parametrize(
    "scores", [{4.5: 3}, {0.0: 1, 5.0: 2}, {4.5: 1, 4.51: 1}, {number / 20: number for number in range(101)}]
)
def test_no_bar_covers_another_or_looks_like_other_scores(scores: dict[float, int]) -> None:
    """Also that of the highest score beside the bin below it, and those of two scores that are far apart."""
    places, width = bars(score_bins(scores))
    assert all(second - first > width for first, second in pairwise(places))
    assert width < 0.5


def test_no_scores_are_an_empty_table() -> None:
    """Nothing was rated."""
    assert 1 == len(shown({}))


@pytest.mark.parametrize("scores", [{4.5: 3}, {0.0: 1, 5.0: 2}, {number / 20: number for number in range(101)}])
def test_pictures_are_the_same_each_time(tmp_path: Path, scores: dict[float, int]) -> None:
    """Byte for byte, in the format of the name."""
    pytest.importorskip("matplotlib")
    for name in ("a.png", "b.png", "a.svg"):
        draw_scores(scores, tmp_path / name, title=["accuracy, rated by $x$", "3 rows"])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()
    with pytest.raises(ConfigError, match="gif"):
        draw_scores(scores, tmp_path / "a.gif", title=[])
