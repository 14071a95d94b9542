"""Several comparisons as tables: CSV for programs, LaTeX for a paper, Markdown for a report.

Raw always stands beside length-controlled, each with its interval, and what was not judged has its own column. People
read percent; CSV has rates of 0..1 at full precision, an empty cell where something is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._csv import csv_text, flat
from longismore.reports._escape import markdown_text, name_text
from longismore.reports._latex import Group, latex_document
from longismore.reports._paired.words import p_text
from longismore.reports._words import named_rates, not_judged, number, percent, percent_interval, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged
    from longismore.reports._rates import Rates, Results

__all__ = ["RATE_HEADS", "csv_table", "latex_table", "markdown_report_table", "rate_cells"]

_LONGEST = 60
_LEVEL = 0.05
_DASH = "\N{EN DASH}"
RATE_HEADS = ("test set", "n", "win/tie/lose", "win rate %", "at equal length %", "chars", "answer", "not judged")
"""Names of the columns of `rate_cells`."""
_CAPTION = (
    "Win rates of the candidate in percent, with 95% intervals clustered by distinct prompt: raw, where a tie counts "
    "half, beside what is preferred at equal length. chars: characters of the candidate over those of the reference. "
    "Pairs that were not judged enter no rate. * differs from 50% after Holm's correction for the number of test sets."
)


def csv_table(judged: Sequence[Judged], results: Sequence[Results]) -> str:
    """Write one line for each comparison and test set, and one pooled over its sets, with every field of its rates.

    The column ``scope`` tells ``pooled`` from ``testset``; pooled lines have no ``testset``. Intervals have a column
    for each limit. Texts that a spreadsheet would run as a formula have an apostrophe in front.

    Args:
        judged: The comparisons.
        results: What `summarize` gave for each of them.

    Raises:
        ValueError: The two differ in length.
    """
    rows = []
    for comparison, result in zip(judged, results, strict=True):
        names = {
            "judge": comparison.judge,
            "fingerprint": comparison.fingerprint,
            "reference": comparison.reference,
            "candidate": comparison.candidate,
        }
        for name, rates in result.testsets.items():
            rows.append(names | {"scope": "testset", "testset": name} | dict(flat(rates.to_dict())))
        rows.append(names | {"scope": "pooled", "testset": None} | dict(flat(result.pooled.to_dict())))
    return csv_text(rows)


def latex_table(judged: Sequence[Judged], results: Sequence[Results]) -> str:
    """Write a table for a paper, with the package booktabs: a group of rows for each comparison.

    Args:
        judged: The comparisons.
        results: What `summarize` gave for each of them.

    Raises:
        ValueError: The two differ in length.
    """
    groups = [
        Group(_title(comparison), [rate_cells(*named) for named in named_rates(result)], _note(result.pooled))
        for comparison, result in zip(judged, results, strict=True)
    ]
    return latex_document(RATE_HEADS, groups, caption=_CAPTION)


def markdown_report_table(judged: Sequence[Judged], results: Sequence[Results]) -> str:
    """Write GitHub-flavoured Markdown: for each comparison a title, a table and a note, then what the columns mean.

    Args:
        judged: The comparisons.
        results: What `summarize` gave for each of them.

    Raises:
        ValueError: The two differ in length.
    """
    parts = []
    for comparison, result in zip(judged, results, strict=True):
        rows = [rate_cells(name, rates) for name, rates in named_rates(result)]
        lines = [RATE_HEADS, ("---", *["---:"] * (len(RATE_HEADS) - 3), "---", "---"), *map(_markdown_cells, rows)]
        table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
        parts.append(f"{markdown_text(_title(comparison))}\n\n{table}\n{markdown_text(_note(result.pooled))}\n")
    return "\n".join([*parts, f"{markdown_text(_CAPTION)}\n"])


def _markdown_cells(cells: Sequence[str]) -> tuple[str, ...]:
    name, *others = cells
    return markdown_text(name), *(cell.replace("*", r"\*") for cell in others)


def _title(comparison: Judged) -> str:
    candidate, reference, judge = (
        name_text(name, _LONGEST) or "unnamed"
        for name in (comparison.candidate, comparison.reference, comparison.judge)
    )
    return f"{candidate} against {reference}, judged by {judge}"


def rate_cells(name: str, rates: Rates) -> tuple[str, ...]:
    """Give a row of a table below `RATE_HEADS`; the name is printable, and one line."""
    differs = rates.p_value_holm is not None and rates.p_value_holm < _LEVEL
    return (
        name_text(name, _LONGEST) or "unnamed",
        str(rates.n),
        f"{rates.wins}/{rates.ties}/{rates.losses}",
        percent_interval(rates.win_rate, rates.win_rate_ci) + ("*" if differs else ""),
        percent_interval(rates.lc_win_rate, rates.lc_win_rate_ci),
        times(rates.length_ratio),
        rates.length_verdict or _DASH,
        ", ".join(not_judged(rates)),
    )


def _note(rates: Rates) -> str:
    """Say of all pairs what no column says."""
    parts = []
    if rates.length_slope is not None and rates.length_slope_ci is not None:
        low, high = (number(slope, 2) for slope in rates.length_slope_ci)
        tipping = "" if rates.length_tipping_slope is None else f", even at {number(rates.length_tipping_slope, 2)}"
        parts.append(f"length slope {number(rates.length_slope, 2)} ({low} to {high}){tipping}")
    if rates.swap_consistency is not None:
        parts.append(f"verdict kept when swapped {percent(rates.swap_consistency)}%")
    if rates.mde is not None:
        parts.append(f"smallest difference seen with 80% power {percent(rates.mde)} points")
    if rates.p_value is not None:
        parts.append(p_text(rates.p_value))
    return f"all pairs: {'; '.join(parts)}" if parts else "no pair was judged"
