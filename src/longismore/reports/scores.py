"""How scores are distributed: a table for a terminal, and a picture.

Up to 21 different scores (0 to 5 in quarters) stand by themselves; more are put together, ten bins or more of a round
width, from one limit to below the next.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from longismore._rating_text import HIGHEST_RATING
from longismore.reports._distribution.table import add_row, new_table
from longismore.reports._words import percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.table import Table

    from longismore.reports._figure.style import Canvas

__all__ = ["bars", "draw_scores", "score_bins", "score_table"]

_MOST_LISTED = 21
_FEWEST_BINS = 10
_HAIR = 1e-9
_WIDEST = 0.5
"""The most room of a bar of one score: that of scores in halves."""
_BAR = 24
"""Letters of the longest bar."""


def score_bins(scores: Mapping[float, int]) -> list[tuple[float, float, int]]:
    """Put scores together, where there are many different ones.

    Args:
        scores: Rows by score.

    Returns:
        Lowest score, the score below which the bin ends (the same: the bin is one score) and rows, ascending; bins
        without rows between others are there, too.
    """
    if len(scores) <= _MOST_LISTED:
        return [(score, score, rows) for score, rows in sorted(scores.items())]
    low, high = min(scores), max(scores)
    width = _round_width((high - low) / _FEWEST_BINS)
    counts: dict[int, Counter[float]] = defaultdict(Counter)
    for score, rows in scores.items():
        # As a fraction of the width a score like 0.3 may come out a hair below its own bin.
        counts[math.floor(score / width + _HAIR)][score] += rows
    return [
        (place * width, place * width if _is_one(counts[place], place * width) else (place + 1) * width,
         counts[place].total())
        for place in range(min(counts), max(counts) + 1)
    ]  # fmt: skip


def _is_one(counts: Counter[float], low: float) -> bool:
    """Whether nothing is in a bin but its lowest score, as at the end of a scale."""
    return len(counts) == 1 and math.isclose(next(iter(counts)), low)


def _round_width(width: float) -> float:
    """The greatest of 1, 2 and 5 times a power of ten that is not above *width*."""
    power = 10.0 ** math.floor(math.log10(width))
    return max(base * power for base in (1, 2, 5) if base * power <= width * (1 + _HAIR))


def score_table(scores: Mapping[float, int]) -> Table:
    """Build the table: rows by score, the highest first, and how many have that score or more.

    Args:
        scores: Rows by score.
    """
    table = new_table("", ["score", "rows", "%", "this or more", ""], left=1)
    table.columns[0].justify, table.columns[-1].justify = "right", "left"
    bins = score_bins(scores)
    total, most = sum(rows for _, _, rows in bins), max((rows for _, _, rows in bins), default=0)
    above = 0
    for low, high, rows in reversed(bins):
        above += rows
        bar = "\N{FULL BLOCK}" * math.ceil(_BAR * rows / most)
        add_row(table, [_named(low, high), f"{rows:,}", percent(rows / total), f"{above:,}", bar])
    return table


def bars(bins: Sequence[tuple[float, float, int]]) -> tuple[list[float], float]:
    """Where the bars of a picture stand (their middles), and how wide they are, so that none covers another.

    Args:
        bins: As :func:`score_bins` gives them. Where some are ranges, all stand between their limits, the end of the
            scale like a bin of the same width.
    """
    step = min((second[0] - first[0] for first, second in pairwise(bins)), default=_WIDEST)
    if any(low < high for low, high, _ in bins):
        return [low + step / 2 for low, _, _ in bins], 0.85 * step
    return [low for low, _, _ in bins], 0.85 * min(step, _WIDEST)


def _named(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to <{high:g}"


def draw_scores(scores: Mapping[float, int], path: Path, *, title: Sequence[str]) -> None:
    """Draw how many rows have which score (PNG, SVG or PDF by the file's ending).

    Args:
        scores: Rows by score.
        path: Where; its folder is made.
        title: Lines above the picture.

    Raises:
        ConfigError: The ending is none of these.
        DataError: The file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    from longismore.reports._figure.file import write_figure
    from longismore.reports._figure.style import BLUE, label, write_title

    bins = score_bins(scores)
    places, width = bars(bins)

    def draw(figure: Canvas) -> None:
        axes = figure.subplots()
        axes.bar(places, [rows for _, _, rows in bins], width=width, color=BLUE, edgecolor=BLUE)
        axes.set_xlim(min([0.0, *places]) - _WIDEST, max([HIGHEST_RATING, *places]) + _WIDEST)  # the whole scale
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("score")
        axes.set_ylabel("rows")
        write_title(figure, *(label(line, 70) for line in title))

    write_figure(draw, height=2.2, path=path)
