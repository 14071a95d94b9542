"""Wins, ties and losses of every test set as bars, and raw beside length-controlled win rates as a forest plot.

Names of sets are text beside the pictures, not inside, so that they may be as long as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.reports._escape import html_text
from longismore.reports._page.svg import Axis, circle, diamond, line, rect, text, ticks
from longismore.reports._words import named_rates, percent_interval, percent_sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longismore.reports.winrate import Interval, Rates, Results

__all__ = ["MarkRow", "bars", "forest", "forest_rows", "mark_rows"]

_LABELLED = 0.09
"""Share of a bar in which a count has room."""
_BAR_PX = 22
_EVEN = 0.5
_AROUND = 0.02
"""Kept free at both ends of the forest plot."""
_HEIGHTS = {1: (22,), 2: (14, 31)}
"""Of one mark in a row, and of two."""
_KEYS = {"raw": "dot", "lc": "rhomb"}


def bars(results: Results) -> str:
    """Draw win, tie and lose of every set as one bar, and the win rate with its interval below."""
    rows = [_bar(name, rates) for name, rates in named_rates(results) if rates.n]
    keys = "".join(f'<span><i class="key {word}"></i>{word}</span>' for word in ("win", "tie", "lose"))
    return f'<div class="legend">{keys}</div><div class="rows">{"".join(rows)}</div>'


def _bar(name: str, rates: Rates) -> str:
    low, high = rates.win_rate_ci or (0.0, 1.0)
    shown = percent_interval(rates.win_rate, rates.win_rate_ci)
    said = percent_sentence(rates.win_rate, rates.win_rate_ci)
    label = f"{name}: {rates.wins} wins, {rates.ties} ties, {rates.losses} losses; win rate {said}"
    shapes, start = [], 0.0
    for kind, count in (("win", rates.wins), ("tie", rates.ties), ("lose", rates.losses)):
        share = count / rates.n
        shapes.append(rect(kind, _share(start), 0, _share(share), _BAR_PX))
        if share > _LABELLED:
            shapes.append(text(str(count), _share(start + share / 2), 15.5, kind=f"on-{kind}"))
        start += share
    shapes += [
        line("half", "50%", _BAR_PX, "50%", 42),
        line("whisker", _share(low), 32, _share(high), 32),
        circle("mark", _share(rates.win_rate or 0.0), 32, 4.5),
    ]
    return _line(name, shown, label, shapes)


def _line(name: str, shown: str, label: str, shapes: Iterable[str]) -> str:
    return (
        f'<div class="name">{html_text(name)}</div><div class="value">{html_text(shown)}</div>'
        f'<svg role="img" aria-label="{html_text(label)}">{"".join(shapes)}</svg>'
    )


def _share(rate: float) -> str:
    return f"{100 * rate:.2f}%"


def forest(results: Results) -> str:
    """Draw raw and length-controlled win rate of every set, with intervals, on one scale."""
    return forest_rows(named_rates(results))


def forest_rows(named: Sequence[tuple[str, Rates]]) -> str:
    """Draw raw and length-controlled win rates, one row a name."""
    rows = [_forest_row(name, rates) for name, rates in named if rates.win_rate is not None]
    return mark_rows(rows, {"raw": "raw", "lc": "length-controlled"})


def _forest_row(name: str, rates: Rates) -> MarkRow:
    raw, controlled = (
        percent_interval(rate, interval)
        for rate, interval in ((rates.win_rate, rates.win_rate_ci), (rates.lc_win_rate, rates.lc_win_rate_ci))
    )
    return MarkRow(
        name=name,
        label=f"{name}: raw win rate {raw} percent, length-controlled {controlled} percent",
        values=(f"raw {raw}", f"LC {controlled}"),
        marks=(("raw", rates.win_rate, rates.win_rate_ci), ("lc", rates.lc_win_rate, rates.lc_win_rate_ci)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRow:
    """A row of a plot: rates of 0..1 with their intervals on a scale that all rows share."""

    name: str
    label: str
    """What a screen reader says."""
    values: tuple[str, ...]
    """Lines beside the picture."""
    marks: tuple[tuple[str, float | None, Interval | None], ...]
    """One below the other: ``raw`` or ``lc``, the rate and its interval."""


def mark_rows(rows: Sequence[MarkRow], keys: Mapping[str, str], *, bar: float | None = None) -> str:
    """Draw rates with their intervals and a line at one half; nothing where there are no rows.

    Args:
        rows: From above.
        keys: What the kinds of marks mean.
        bar: Another line.
    """
    if not rows:
        return ""
    axis = _axis(rows, bar)
    marks = ticks(axis.low, axis.high, 7)
    body = "".join(_mark_row(row, axis, marks, bar) for row in rows)
    numbers = "".join(text(f"{100 * mark:g}%", _place(axis, mark), 13, anchor=axis.anchor(mark)) for mark in marks)
    said = "".join(f'<span><i class="key {_KEYS[kind]}"></i>{html_text(words)}</span>' for kind, words in keys.items())
    return (
        f'<div class="legend">{said}</div><div class="rows forest">{body}'
        f'<div class="name"></div><div class="value"></div><svg class="axis" aria-hidden="true">{numbers}</svg></div>'
    )


def _axis(rows: Sequence[MarkRow], bar: float | None) -> Axis:
    limits = [_EVEN] if bar is None else [_EVEN, bar]
    for _, rate, interval in (mark for row in rows for mark in row.marks):
        limits += interval or (() if rate is None else (rate,))
    low, high = max(0.0, min(limits) - _AROUND), min(1.0, max(limits) + _AROUND)
    return Axis(math.floor(20 * low) / 20, math.ceil(20 * high) / 20, 0, 100)


def _place(axis: Axis, rate: float) -> str:
    return f"{axis.at(rate):.2f}%"


def _mark_row(row: MarkRow, axis: Axis, marks: Sequence[float], bar: float | None) -> str:
    shapes = [line("grid", _place(axis, mark), 0, _place(axis, mark), 44) for mark in marks]
    shapes.append(line("half", _place(axis, _EVEN), 0, _place(axis, _EVEN), 44))
    if bar is not None:
        shapes.append(line("tipping", _place(axis, bar), 0, _place(axis, bar), 44))
    for y, mark in zip(_HEIGHTS[len(row.marks)], row.marks, strict=True):
        shapes += _estimate(*mark, axis, y)
    values = "".join(f"<span>{html_text(value)}</span>" for value in row.values)
    return (
        f'<div class="name">{html_text(row.name)}</div><div class="value">{values}</div>'
        f'<svg role="img" aria-label="{html_text(row.label)}">{"".join(shapes)}</svg>'
    )


def _estimate(kind: str, rate: float | None, interval: Interval | None, axis: Axis, y: int) -> list[str]:
    if rate is None:
        return []
    shapes = []
    if interval is not None:
        shapes.append(line(f"whisker {kind}", _place(axis, interval[0]), y, _place(axis, interval[1]), y))
    point = circle(kind, _place(axis, rate), y, 5) if kind == "raw" else diamond(kind, _place(axis, rate), y, 6.5)
    return [*shapes, point]
