"""What instruction data are like, as tables for a terminal of 80 columns."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from longismore.reports._distribution.bins import coarse_edges, counts_between
from longismore.reports._escape import name_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from longismore.reports.distribution import Description, Lengths

__all__ = ["add_row", "distribution_tables", "new_table"]

_PARTS = ("instruction", "input", "response")
_MOST_BARS = 4
"""With more data sets there is no room for bars."""
_DASH = "\N{EN DASH}"
_EIGHTHS = " \u258f\u258e\u258d\u258c\u258b\u258a\u2589\u2588"
"""Blocks of a line, from nothing to a whole one."""
_LEAST_BAR, _MOST_BAR = 6, 40


def distribution_tables(descriptions: Sequence[Description], *, width: int = 80) -> list[Table]:
    """Build the tables: what rows there are, how long their parts are, and bars of the lengths of the responses.

    Args:
        descriptions: Of one measure all.
        width: Columns of the terminal.
    """
    tables = [_kinds(descriptions), _lengths(descriptions)]
    if len(descriptions) <= _MOST_BARS and any(len(each.lengths["response"].values) for each in descriptions):
        tables.append(_bars(descriptions, width))
    return tables


def _kinds(descriptions: Sequence[Description]) -> Table:
    heads = ("rows", "multi-\nturn", "with\ninput", "no\nanswer", "same\ncontent", "same\nprompt", "same\ninstr.")
    table = new_table("Rows", ["data\nformat", *heads], left=1)
    for each in descriptions:
        counts = (each.rows, each.multi_turn, each.with_input, each.empty_responses, *each.repeated.values())
        add_row(table, [f"{_name(each)}\n{each.format}", *map(str, counts)])
    notes = ["same: as an earlier row; prompt: instruction and input"]
    notes += [
        f"{_name(each)}: {each.turns / each.rows:.1f} turns a row, at most {each.most_turns}"
        for each in descriptions
        if each.multi_turn
    ]
    table.caption = "\n".join(notes)
    return table


def _lengths(descriptions: Sequence[Description]) -> Table:
    heads = ("rows", "min", "5%", "25%", "50%", "75%", "95%", "max", "mean")
    table = new_table(f"Lengths, {descriptions[0].measure}", ["", *heads], left=1)
    for part in _PARTS:
        found = [each for each in descriptions if len(each.lengths[part].values)]
        if not found:
            continue
        if len(descriptions) > 1:
            add_row(table, [part])
        for each in found:
            name = f"  {_name(each)}" if len(descriptions) > 1 else part
            add_row(table, [name, *_figures(each.lengths[part])])
    table.caption = "of rows in which the part is not empty"
    return table


def _figures(lengths: Lengths) -> Iterator[str]:
    yield str(len(lengths.values))
    for value in lengths.figures().values():
        yield _DASH if value is None else f"{value:.0f}"


def _bars(descriptions: Sequence[Description], width: int) -> Table:
    lengths = [each.lengths["response"].values for each in descriptions]
    edges = coarse_edges(lengths)
    names = [str(low) if high - low == 1 else f"{low}{_DASH}{high - 1}" for low, high in pairwise(edges)]
    room = (width - max(map(len, names)) - 1) // len(descriptions) - len("100.0% ") - 1
    room = max(_LEAST_BAR, min(_MOST_BAR, room))
    heads = [_name(each, room + len("100.0%")) for each in descriptions]
    table = new_table("Lengths of the responses", ["", *heads], left=1 + len(heads))
    table.columns[0].justify, table.columns[0].no_wrap = "right", True
    table.show_header = len(descriptions) > 1
    shares = [[count / max(1, len(each)) for count in counts_between(each, edges)] for each in lengths]
    most = max(max(each) for each in shares)
    for place, name in enumerate(names):
        add_row(table, [name, *(f"{100 * each[place]:5.1f}% {_bar(each[place] / most, room)}" for each in shares)])
    return table


def _bar(share: float, room: int) -> str:
    """A bar over *share* of the room, drawn to the eighth of a letter; nothing is the only thing without a bar."""
    eighths = max(round(8 * room * share), 1 if share else 0)
    return (_EIGHTHS[-1] * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def new_table(title: str, heads: Sequence[str], *, left: int) -> Table:
    """Begin a table whose first column may break, the first *left* columns set to the left."""
    # Imported here: reports is loaded by programs that never print.
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title),
        title_style="bold",
        title_justify="left",
        caption_style="",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for number, head in enumerate(heads):
        if number == 0:
            table.add_column(Text(head), overflow="fold")
        else:
            table.add_column(Text(head), justify="left" if number < left else "right", no_wrap=True)
    return table


def add_row(table: Table, cells: Sequence[str]) -> None:
    """Add a row of texts, in which nothing is markup."""
    from rich.text import Text

    table.add_row(*(Text(cell) for cell in cells))


def _name(description: Description, longest: int = 120) -> str:
    return name_text(description.name, longest) or "unnamed"
