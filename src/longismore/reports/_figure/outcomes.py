"""Wins, ties and losses of each test set as bars, with how the two orders made them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._figure.style import FIVE, INK, headings, label, write_heading
from longismore.reports._words import named_rates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged
    from longismore.reports._figure.style import Axes, Canvas
    from longismore.reports._rates import Rates, Results

__all__ = ["draw_outcomes", "outcomes_height"]

_MEANING = {
    "win_win": "win (both orders)",
    "win_tie": "win (one order a tie)",
    "even": "tie (tie twice, or win and lose)",
    "lose_tie": "lose (one order a tie)",
    "lose_lose": "lose (both orders)",
}
_ONE_ORDER = {"win_win": "win", "even": "tie", "lose_lose": "lose"}
_WIDE = 7.0
"""Percent; a narrower part has no number in it."""


def outcomes_height(results: Sequence[Results]) -> float:
    """Give the height in inches for so many rows."""
    headings = len(results) if len(results) > 1 else 0
    return 1.1 + 0.25 * (sum(len(named_rates(each)) for each in results) + headings)


def draw_outcomes(figure: Canvas, judged: Sequence[Judged], results: Sequence[Results]) -> None:
    """Draw a bar for each test set and one for all pairs of each comparison."""
    axes = figure.add_subplot()
    names: dict[float, str] = {}
    place = 0.0
    for heading, result in zip(headings(judged), results, strict=True):
        if len(judged) > 1:
            write_heading(axes, place, heading)
            place += 1
        for name, rates in named_rates(result):
            names[place] = f"{label(name, 18)} (n = {rates.n})"
            _bar(axes, place, rates)
            place += 1
    axes.axvline(50, color=INK, linewidth=0.8, zorder=1)
    axes.set_xlim(0, 100)
    axes.set_ylim(place - 0.4, -0.6)
    axes.set_yticks(list(names), list(names.values()))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("judged pairs, %; numbers are pairs")
    _legend(figure, one_order=all(verdict.one_order for each in judged for verdict in each.verdicts))


def _bar(axes: Axes, place: float, rates: Rates) -> None:
    start = 0.0
    for name, colour in FIVE.items():
        count = rates.outcomes.get(name, 0)
        share = 100 * count / rates.n if rates.n else 0.0
        if not share:
            continue
        axes.barh(place, share, left=start, height=0.72, color=colour, edgecolor="white", linewidth=0.6, zorder=2)
        if share >= _WIDE:
            ink = "white" if name == "win_win" else INK
            axes.text(start + share / 2, place, str(count), color=ink, ha="center", va="center", size=6, zorder=4)
        start += share


def _legend(figure: Canvas, *, one_order: bool) -> None:
    from matplotlib.patches import Patch

    meaning = _ONE_ORDER if one_order else _MEANING
    handles = [Patch(color=FIVE[name], label=said) for name, said in meaning.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=3 if one_order else 2, columnspacing=1.0)
