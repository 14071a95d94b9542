"""Every number of a comparison in one table: a column a test set, the pooled one last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._escape import html_text
from longismore.reports._page.frame import table
from longismore.reports._words import named_rates, number, percent, percent_interval, times

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.reports._page.entry import Entry
    from longismore.reports.winrate import Interval, Rates

    Row = tuple[str, Callable[[Rates], object]]

__all__ = ["numbers_table"]

_DASH = "\N{EN DASH}"
_FIVE = {
    "win_win": "win and win",
    "win_tie": "win and tie",
    "even": "tie and tie, or win and lose",
    "lose_tie": "lose and tie",
    "lose_lose": "lose and lose",
}

_RESULT: list[Row] = [
    ("pairs judged", lambda rates: rates.n),
    ("distinct prompts among them", lambda rates: rates.clusters),
    ("wins / ties / losses", lambda rates: f"{rates.wins} / {rates.ties} / {rates.losses}"),
    ("win rate, %", lambda rates: percent_interval(rates.win_rate, rates.win_rate_ci)),
    ("winning score, 0 to 2", lambda rates: number(rates.winning_score, 3)),
    ("preference, %", lambda rates: percent_interval(rates.preference, rates.preference_ci)),
    ("p of an even match", lambda rates: _p(rates.p_value)),
    ("p, Holm-adjusted over the sets", lambda rates: _p(rates.p_value_holm)),
    ("smallest difference from 50% that would show, points", lambda rates: percent(rates.mde)),
]
_LENGTH: list[Row] = [
    ("length-controlled win rate, %", lambda rates: percent_interval(rates.lc_win_rate, rates.lc_win_rate_ci)),
    ("answer", lambda rates: rates.length_verdict or _DASH),
    ("length slope, log odds", lambda rates: _signed(rates.length_slope, rates.length_slope_ci)),
    ("points gained by an answer twice as long", lambda rates: _points(rates.length_points)),
    ("tipping slope", lambda rates: _signed(rates.length_tipping_slope, None)),
    ("characters, candidate / reference", lambda rates: times(rates.length_ratio)),
    ("mean characters, candidate", lambda rates: number(rates.mean_chars_candidate, 0)),
    ("mean characters, reference", lambda rates: number(rates.mean_chars_reference, 0)),
    ("overlap of the lengths, %", lambda rates: percent(rates.overlap)),
    ("weight of the prior in the slope, %", lambda rates: percent(rates.length_prior_weight)),
]
_ORDER: list[Row] = [
    (
        "kept in both orders, %",
        lambda rates: percent_interval(rates.swap_consistency, rates.swap_consistency_ci),
    ),
    ("reversed, %", lambda rates: percent(rates.swap_flip)),
]
_MISSING: list[Row] = [
    ("pairs given", lambda rates: rates.pairs),
    ("partial: one order could be read", lambda rates: rates.partial),
    ("missing: no order could be read", lambda rates: rates.pairs - rates.n - rates.partial),
    ("calls unparsed", lambda rates: rates.unparsed),
    ("calls refused", lambda rates: rates.refused),
    ("calls failed", lambda rates: rates.failed),
    ("empty answers of the candidate", lambda rates: rates.empty_candidate),
    ("empty answers of the reference", lambda rates: rates.empty_reference),
]
_EXPLANATION = (
    "Intervals are 95%, clustered by distinct prompt. Win rate: a win counts 1, a tie half. Winning score: wins minus "
    "losses over pairs, plus 1. Preference: the candidate's share averaged over both orders. Slope: what the length "
    "difference, as tanh(difference / its standard deviation), adds to the log odds of being preferred. Partial and "
    "missing pairs enter no rate and are never counted as ties; calls are counted one by one, two a pair where both "
    "orders were asked. Empty means nothing but white space."
)


def numbers_table(entry: Entry) -> str:
    """Show every number, and count everything that was not judged, also where nothing is missing."""
    *sets, last = named_rates(entry.results)
    named = [last, *sets]  # what a narrow screen shows without scrolling
    columns = [rates for _, rates in named]
    groups = [
        ("Result", _rows(_RESULT, columns)),
        ("Length", _rows(_LENGTH, columns)),
        ("Order", _order(columns)),
        ("Not judged", _rows(_MISSING, columns)),
    ]
    head = ["measure", *(name for name, _ in named)]
    return f'{table(f"Numbers of {entry.title}", head, groups)}<p class="soft">{html_text(_EXPLANATION)}</p>'


def _rows(rows: Sequence[Row], columns: Sequence[Rates]) -> list[list[object]]:
    return [[name, *(value(rates) for rates in columns)] for name, value in rows]


def _order(columns: Sequence[Rates]) -> list[list[object]]:
    """Say what the order did; nothing where only one was asked."""
    if all(rates.swap_consistency is None for rates in columns):
        return []
    counts = [[words, *(rates.outcomes.get(name, 0) for rates in columns)] for name, words in _FIVE.items()]
    return [*_rows(_ORDER, columns), *counts]


def _p(value: float | None) -> str:
    if value is None:
        return _DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004  three digits are shown


def _signed(value: float | None, interval: Interval | None) -> str:
    shown = number(value, 2)
    if value is not None and interval is not None:
        shown += f" ({number(interval[0], 2)} to {number(interval[1], 2)})"
    return shown.replace("-", "\N{MINUS SIGN}")


def _points(value: float | None) -> str:
    return _DASH if value is None else f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")
