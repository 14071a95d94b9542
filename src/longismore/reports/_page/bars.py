"""Wins, ties and losses of every test set as bars, and raw beside length-controlled win rates as a forest plot.

Names of sets are text beside the pictures, not inside, so that they may be as long as they are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from longismore.reports._escape import html_text
from longismore.reports._page.svg import Axis, circle, diamond, line, rect, text, ticks
from longismore.reports._words import named_rates, percent_interval, percent_sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longismore.reports.winrate import Interval, Rates, Results

__all__ = ["bars", "forest", "forest_rows"]

_LABELLED = 0.09
"""Share of a bar in which a count has room."""
_BAR_PX = 22
_EVEN = 0.5
_AROUND = 0.02
"""Kept free at both ends of the forest plot."""


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
    rows = [(name, rates) for name, rates in named if rates.win_rate is not None]
    if not rows:
        return ""
    axis = _axis([rates for _, rates in rows])
    marks = ticks(axis.low, axis.high, 7)
    body = "".join(_forest_row(name, rates, axis, marks) for name, rates in rows)
    numbers = "".join(text(f"{100 * mark:g}%", _place(axis, mark), 13, anchor=axis.anchor(mark)) for mark in marks)
    keys = '<span><i class="key dot"></i>raw</span><span><i class="key rhomb"></i>length-controlled</span>'
    return (
        f'<div class="legend">{keys}</div><div class="rows forest">{body}'
        f'<div class="name"></div><div class="value"></div><svg class="axis" aria-hidden="true">{numbers}</svg></div>'
    )


def _axis(rows: Sequence[Rates]) -> Axis:
    limits = [_EVEN]
    for rates in rows:
        for interval in (rates.win_rate_ci, rates.lc_win_rate_ci):
            limits += interval or ()
    low, high = max(0.0, min(limits) - _AROUND), min(1.0, max(limits) + _AROUND)
    return Axis(math.floor(20 * low) / 20, math.ceil(20 * high) / 20, 0, 100)


def _place(axis: Axis, rate: float) -> str:
    return f"{axis.at(rate):.2f}%"


def _forest_row(name: str, rates: Rates, axis: Axis, marks: Sequence[float]) -> str:
    raw, controlled = (
        percent_interval(rate, interval)
        for rate, interval in ((rates.win_rate, rates.win_rate_ci), (rates.lc_win_rate, rates.lc_win_rate_ci))
    )
    label = f"{name}: raw win rate {raw} percent, length-controlled {controlled} percent"
    shapes = [line("grid", _place(axis, mark), 0, _place(axis, mark), 44) for mark in marks]
    shapes.append(line("half", _place(axis, _EVEN), 0, _place(axis, _EVEN), 44))
    shapes += _estimate("raw", rates.win_rate, rates.win_rate_ci, axis, 14)
    shapes += _estimate("lc", rates.lc_win_rate, rates.lc_win_rate_ci, axis, 31)
    values = f"<span>raw {html_text(raw)}</span><span>LC {html_text(controlled)}</span>"
    return (
        f'<div class="name">{html_text(name)}</div><div class="value">{values}</div>'
        f'<svg role="img" aria-label="{html_text(label)}">{"".join(shapes)}</svg>'
    )


def _estimate(kind: str, rate: float | None, interval: Interval | None, axis: Axis, y: int) -> list[str]:
    if rate is None:
        return []
    shapes = []
    if interval is not None:
        shapes.append(line(f"whisker {kind}", _place(axis, interval[0]), y, _place(axis, interval[1]), y))
    point = circle(kind, _place(axis, rate), y, 5) if kind == "raw" else diamond(kind, _place(axis, rate), y, 6.5)
    return [*shapes, point]
