"""The rates as a table, for the terminal and for Markdown.

Rates are percent here and nowhere below. What could not be judged has its own column, because a win rate over
fewer pairs than were asked is another number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._escape import markdown_text, name_text, printable
from longismore.reports._words import (
    explain,
    named_rates,
    not_judged,
    number,
    percent,
    percent_interval,
    times,
)

if TYPE_CHECKING:
    from rich.table import Table

    from longismore.reports.winrate import Rates, Results

__all__ = ["markdown_table", "results_table"]

_MARKDOWN_HEAD = (
    "test set",
    "n",
    "win",
    "tie",
    "lose",
    "win rate % (95% interval)",
    "at equal length %",
    "winning score",
    "kept when swapped %",
    "chars ratio",
    "not judged",
)


def results_table(results: Results, *, reference: str, candidate: str, judge: str, note: str | None = None) -> Table:
    """Build the table for a terminal; it fits 80 columns without a broken number.

    Args:
        results: What `summarize` gave.
        reference: Name of the reference, for the title.
        candidate: Name of the candidate, for the title.
        judge: Name of the judge, for the title.
        note: A remark on the judge that is printed as it is, e.g. that it is a control.
    """
    # Imported here: reports is loaded by programs that never print.
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = named_rates(results)
    result, *warnings = explain(results, note=note)
    table = Table(
        title=Text(
            f"{name_text(candidate) or 'the candidate'} against {name_text(reference) or 'the reference'}, "
            f"judged by {name_text(judge) or 'an unnamed judge'}"
        ),
        title_style="bold",
        title_justify="left",
        caption=Text(printable("\n".join(["", result, *(f"note: {warning}" for warning in warnings)]))),
        caption_style="",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    # Numbers never break; where 80 columns are too few, the names of the sets and the last column do.
    table.add_column("set", overflow="fold", min_width=min(10, max(len(name) for name, _ in rows)))
    for head in ("n", "win/tie/\nlose", "win rate %\nat equal length %", "score", "swap\nkept %", "chars\nratio"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("not\njudged")
    for name, rates in rows:
        table.add_row(*(Text(cell) for cell in _cells(name, rates)))
    return table


def _cells(name: str, rates: Rates) -> list[str]:
    return [
        name,
        str(rates.n),
        f"{rates.wins}/{rates.ties}/{rates.losses}",
        "\n".join(
            percent_interval(rate, interval)
            for rate, interval in ((rates.win_rate, rates.win_rate_ci), (rates.lc_win_rate, rates.lc_win_rate_ci))
        ),
        number(rates.winning_score, 3),
        percent(rates.swap_consistency),
        times(rates.length_ratio),
        "\n".join(not_judged(rates)),
    ]


def markdown_table(results: Results) -> str:
    """Write the table as GitHub-flavoured Markdown, with a line feed at the end."""
    rows = [_MARKDOWN_HEAD, ("---", *["---:"] * 9, "---")]
    rows += [_markdown_cells(name, rates) for name, rates in named_rates(results)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _markdown_cells(name: str, rates: Rates) -> tuple[str, ...]:
    return (
        markdown_text(name),
        str(rates.n),
        str(rates.wins),
        str(rates.ties),
        str(rates.losses),
        percent_interval(rates.win_rate, rates.win_rate_ci),
        percent_interval(rates.lc_win_rate, rates.lc_win_rate_ci),
        number(rates.winning_score, 3),
        percent(rates.swap_consistency),
        times(rates.length_ratio),
        ", ".join(not_judged(rates)),
    )
