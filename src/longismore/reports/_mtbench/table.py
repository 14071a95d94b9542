"""Scores and win rates of MT-Bench for a terminal of 80 columns: the interval stands below its number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._distribution.table import add_row, new_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from longismore.reports._mtbench.grid import Cell, Grid

__all__ = ["grid_tables"]

_MOST_COLUMNS, _ROOMY = 8, 6
_HEADS = {
    "both turns": "both\nturns",
    "extraction": "extrac-\ntion",
    "humanities": "humani-\nties",
    "inconsistent": "incon-\nsistent",
    "no score": "no\nscore",
    "not read": "not\nread",
    "reasoning": "reason-\ning",
    "roleplay": "role-\nplay",
    "win/tie/lose": "win/tie/\nlose",
}
"""How a head is broken, so that eight columns and a name fit."""
_ROOM = 16
"""For the names."""


def grid_tables(grids: Sequence[Grid]) -> list[Table]:
    """Build the tables; one with more than eight columns goes on below.

    Args:
        grids: What `score_grids` or `rate_grids` gave.
    """
    tables = []
    for grid in grids:
        for start in range(0, len(grid.heads), _MOST_COLUMNS):
            chosen = slice(start, start + _MOST_COLUMNS)
            heads = [_HEADS.get(head, head) for head in grid.heads[chosen]]
            table = new_table(grid.title, ["model", *heads], left=1)
            narrow = len(heads) > _ROOMY
            if narrow:
                table.padding = 0  # the box parts the columns
            table.columns[0].min_width = min(_ROOM, max((len(name) for name, _ in grid.rows), default=0))
            for name, cells in grid.rows:
                add_row(table, [name, *(_stacked(cell, narrow=narrow) for cell in cells[chosen])])
            tables.append(table)
    return tables


def _stacked(cell: Cell, *, narrow: bool) -> str:
    interval = cell.brief if narrow else cell.interval
    return f"{cell.value}\n{interval}" if interval else cell.value
