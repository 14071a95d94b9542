"""A collection for the terminal: as many tables as the columns need to stand side by side without a broken number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._collection.words import TITLE, cell_text, cost_text, folded_head, row_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from longismore.reports._collection.records import Collection

__all__ = ["collection_tables"]

_WIDEST_NAME = 32
_PADDING = 2
_GAP = _PADDING + 1
"""The box has a blank between columns too."""


def collection_tables(collection: Collection, *, width: int) -> list[Table]:
    """Build tables that fit, each with the names of the models.

    Args:
        collection: What to show.
        width: Of the terminal, in characters.
    """
    names = [row_name(model) for model in collection.models]
    blocks = list(_blocks(_columns(collection), width - _GAP - min(_WIDEST_NAME, max(map(len, names)))))
    return [_table(names, block, number, len(blocks)) for number, block in enumerate(blocks, start=1)]


def _columns(collection: Collection) -> list[tuple[list[str], list[str]]]:
    """The heads and the cells of each column, costs last."""
    columns = []
    for place, column in enumerate(collection.columns):
        cells = [
            cell_text(collection.cells.get((model, place)), column, collection.marks.get((model, place)))
            for model in collection.models
        ]
        columns.append((folded_head(column), cells))
    costs = [cost_text(*collection.costs(model)) for model in collection.models]
    return [*columns, (["cost US$"], costs)]


def _blocks(columns: Sequence[tuple[list[str], list[str]]], width: int) -> Iterator[list[tuple[list[str], list[str]]]]:
    block: list[tuple[list[str], list[str]]] = []
    left = width
    for heads, cells in columns:
        needed = _GAP + max(map(len, [*heads, *cells]))
        if block and needed > left:
            yield block
            block, left = [], width
        block.append((heads, cells))
        left -= needed
    yield block


def _table(names: Sequence[str], block: Sequence[tuple[list[str], list[str]]], number: int, count: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(TITLE if count == 1 else f"{TITLE}, part {number} of {count}"),
        title_style="bold",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, _PADDING, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    table.add_column(
        "model", overflow="fold", max_width=_WIDEST_NAME, min_width=min(_WIDEST_NAME, max(map(len, names)))
    )
    for heads, _ in block:
        table.add_column(Text("\n".join(heads)), justify="right", no_wrap=True)
    for place, name in enumerate(names):
        table.add_row(Text(name), *(Text(cells[place]) for _, cells in block))
    return table
