"""What several selections have in common, as tables for a terminal of 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longismore.reports._distribution.table import add_row, new_table
from longismore.reports._escape import name_text
from longismore.reports._words import percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

__all__ = ["overlap_tables"]

_DASH = "\N{EN DASH}"
_PAIR = 2


def overlap_tables(overlap: Mapping[str, Any]) -> list[Table]:
    """Build a matrix, where there are more than two, and a line for each two.

    Args:
        overlap: Names, counts, pool and pairs, as ``longismore data overlap --json`` prints them.
    """
    names = [name_text(name) or "unnamed" for name in overlap["names"]]
    tables = [_matrix(names, overlap)] if len(names) > _PAIR else []
    return [*tables, _pairs(overlap)]


def _matrix(names: Sequence[str], overlap: Mapping[str, Any]) -> Table:
    table = new_table("Shared rows", ["", *_numbers(names)], left=1)
    jaccards = {(pair["one"], pair["other"]): pair["jaccard"] for pair in overlap["pairs"]}
    for row, (name, number, counts) in enumerate(zip(names, _numbers(names), overlap["counts"], strict=True)):
        cells = [f"{name} {number}"]
        for column, count in enumerate(counts):
            value = jaccards.get((overlap["names"][column], overlap["names"][row]))
            cells.append(str(count) if column >= row else _DASH if value is None else f"{value:.3f}")
        add_row(table, cells)
    table.caption = "on the diagonal: different rows\nbelow: Jaccard index"
    return table


def _numbers(names: Sequence[str]) -> list[str]:
    return [f"({number})" for number in range(1, len(names) + 1)]


def _pairs(overlap: Mapping[str, Any]) -> Table:
    by_chance = ["by chance\n(95%)", "than by\nchance"] if overlap["pool"] is not None else []
    table = new_table("Pairs", ["", "shared", "% of\nfirst", "% of\nsecond", "Jaccard", *by_chance], left=1)
    for pair in overlap["pairs"]:
        jaccard = _DASH if pair["jaccard"] is None else f"{pair['jaccard']:.3f}"
        cells = [_names(pair), str(pair["count"]), percent(pair["of_one"]), percent(pair["of_other"]), jaccard]
        if pair["chance"] is not None:
            low, high = pair["chance"]["ci"]
            cells += [f"{pair['chance']['mean']:.1f} ({low}{_DASH}{high})", pair["than_chance"]]
        add_row(table, cells)
    if by_chance:
        table.caption = f"by chance: two random draws of these sizes from {overlap['pool']} rows"
    return table


def _names(pair: Mapping[str, Any]) -> str:
    return f"{name_text(pair['one'], 60) or 'unnamed'}\n{name_text(pair['other'], 60) or 'unnamed'}"
