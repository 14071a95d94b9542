"""A study's results as a table for the terminal, and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._escape import markdown_text, name_text, printable
from longismore.reports._study.words import (
    cost_text,
    floor_sentence,
    general_notes,
    overlap_text,
    row_name,
    shared_caveats,
    verdict_text,
)
from longismore.reports._words import number, percent_interval, times

if TYPE_CHECKING:
    from rich.table import Table

    from longismore.reports._study.rows import Floor, StudyResults, StudyRow

__all__ = ["floor_title", "study_markdown", "study_table"]

_HEADS = (
    "strategy",
    "answer",
    "raw win rate %",
    "at equal length %",
    "chars ratio",
    "mean chars",
    "shared with random",
    "selection took",
)
_CAPTION = (
    "Win rates against random selections of the same size, in percent, with 95% intervals that know of prompts and of "
    "the spread between random trials. Answers are corrected for the number of rows (Holm), raw and at equal length "
    "apart."
)


def study_table(results: StudyResults) -> Table:
    """Build the table for a terminal; it fits 80 columns without a broken number."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(f"{name_text(results.name)}: strategies against random, judged by {name_text(results.judge)}"),
        title_style="bold",
        title_justify="left",
        caption=Text(printable("\n".join(["", *_remarks(results)]))),
        caption_style="",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    table.add_column("strategy", overflow="fold", min_width=10)
    table.add_column("answer")
    for head in ("win rate %\nat equal length %", "chars\nratio", "shared with\nrandom"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in results.rows:
        rates = row.estimate.rates
        cells = [
            row_name(row, results),
            verdict_text(row),
            "\n".join(
                percent_interval(rate, interval)
                for rate, interval in ((rates.win_rate, rates.win_rate_ci), (rates.lc_win_rate, rates.lc_win_rate_ci))
            ),
            times(rates.length_ratio),
            overlap_text(row.overlaps, "random").replace(" (", "\n("),
        ]
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _remarks(results: StudyResults) -> list[str]:
    said = [f"{floor_title(floor, results)}{floor_sentence(floor)}" for floor in results.floors]
    return [*said, *(f"note: {note}" for note in [*shared_caveats(results), *general_notes(results)])]


def floor_title(floor: Floor, results: StudyResults) -> str:
    """Name a floor where there are several."""
    if len(results.floors) <= 1:
        return ""
    return f"{name_text(floor.data)}, {floor.budget:,} rows: "


def study_markdown(results: StudyResults) -> str:
    """Write ``report.md``."""
    lines = [f"# {markdown_text(name_text(results.name))}", "", markdown_text(_CAPTION), ""]
    lines += [f"Judge: {markdown_text(name_text(results.judge))}.", ""]
    rows = [
        _HEADS,
        ("---", "---", *["---:"] * (len(_HEADS) - 3), "---"),
        *(_cells(row, results) for row in results.rows),
    ]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    lines += ["", *(f"- {markdown_text(remark)}" for remark in _remarks(results)), ""]
    lines += [
        f"- **{markdown_text(name_text(label))}**: {markdown_text(name_text(value, 1000))}"
        for label, value in results.facts
    ]
    return "\n".join(lines) + "\n"


def _cells(row: StudyRow, results: StudyResults) -> tuple[str, ...]:
    rates = row.estimate.rates
    return (
        markdown_text(row_name(row, results)),
        verdict_text(row),
        percent_interval(rates.win_rate, rates.win_rate_ci),
        percent_interval(rates.lc_win_rate, rates.lc_win_rate_ci),
        times(rates.length_ratio),
        number(rates.mean_chars_candidate, 0),
        markdown_text(overlap_text(row.overlaps, "random")),
        markdown_text(cost_text(row.cost)),
    )
