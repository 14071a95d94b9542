"""A collection as CSV for programs, as Markdown, and as a LaTeX table for a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longismore.reports._collection.words import (
    CAPTION,
    COLUMN_HEADS,
    SOURCE_HEADS,
    TITLE,
    cell_text,
    column_facts,
    cost_text,
    head_lines,
    mark_sentences,
    row_name,
    source_facts,
)
from longismore.reports._csv import csv_text
from longismore.reports._escape import markdown_text, name_text
from longismore.reports._latex import latex_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longismore.reports._collection.records import Collection, Column, Mark, Number

__all__ = ["collection_csv", "collection_latex", "collection_markdown"]

_PROGRAMS = ("lm_eval", "longismore")
_LONG = 1000


def collection_csv(collection: Collection) -> str:
    """Write a line for each model, at full precision; rates are 0..1, and what is not known is empty.

    Each column of the table has its number, the limits of its interval, the items it is over, and what it rests on:
    the versions, and the reason where it cannot be compared with the others.
    """
    rows = []
    for model in collection.models:
        row: dict[str, Any] = {"model": model}
        for place, (column, number) in enumerate(zip(collection.columns, collection.row(model), strict=True)):
            row |= dict(_fields(column, number, collection.marks.get((model, place))))
        cost, unknown = collection.costs(model)
        row |= {"cost_usd": cost, "sources_of_unknown_cost": unknown}
        row |= {name: " ".join(collection.versions_of(model, name)) or None for name in _PROGRAMS}
        row["sources"] = "; ".join(dict.fromkeys(source.path for source in collection.sources_of(model)))
        rows.append(row)
    return csv_text(rows)


def _fields(column: Column, number: Number | None, mark: Mark | None) -> Iterator[tuple[str, object]]:
    low, high = (None, None) if number is None else number.interval or (None, None)
    yield column.name, None if number is None else number.value
    yield f"{column.name} low", low
    yield f"{column.name} high", high
    yield f"{column.name} n", None if number is None else number.n
    versions = {} if number is None else number.versions
    known = "; ".join(f"{name} {version}" for name, version in versions.items() if version is not None)
    yield f"{column.name} versions", known or None
    yield f"{column.name} mixed", None if mark is None else mark.reason


def collection_markdown(collection: Collection) -> str:
    """Write the table, what its columns rest on, where its numbers are from, and the notes."""
    heads = ["model", *(", ".join(head_lines(column)) for column in collection.columns), "cost US$"]
    rows = [[markdown_text(row_name(model)), *map(_plain, _cells(collection, model))] for model in collection.models]
    parts = [f"# {TITLE}\n", markdown_text(CAPTION) + "\n", _table(heads, rows, words=1)]
    remarks = [*mark_sentences(collection), *_notes(collection)]
    if remarks:
        parts.append("".join(f"- {markdown_text(remark)}\n" for remark in remarks))
    for title, of_words, facts in (
        ("Columns", COLUMN_HEADS, column_facts(collection)),
        ("Sources", SOURCE_HEADS, source_facts(collection)),
    ):
        lines = [[markdown_text(cell) for cell in line] for line in facts]
        parts += [f"## {title}\n", _table(of_words, lines, words=len(of_words))]
    return "\n".join(parts)


def _plain(cell: str) -> str:
    """A cell of numbers: they begin no list, but the letter of a mark could begin a link."""
    return cell.replace("[", r"\[")


def _cells(collection: Collection, model: str) -> list[str]:
    numbers = zip(collection.columns, collection.row(model), strict=True)
    cells = [
        cell_text(number, column, collection.marks.get((model, place)))
        for place, (column, number) in enumerate(numbers)
    ]
    return [*cells, cost_text(*collection.costs(model))]


def _notes(collection: Collection) -> list[str]:
    unread = [f"not read: {each.sentence}" for each in collection.unreadable]
    return [name_text(note, _LONG) for note in [*unread, *collection.notes]]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: int) -> str:
    """Write a table whose first columns hold words and whose others hold numbers; the rows are Markdown already."""
    rule = ["---"] * words + ["---:"] * (len(heads) - words)
    lines = [[markdown_text(head) for head in heads], rule, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def collection_latex(collection: Collection) -> str:
    """Write a table for a paper, with the package booktabs: heads of several lines, notes and columns below."""
    heads = [["model"], *map(head_lines, collection.columns), ["cost US$"]]
    height = max(map(len, heads))
    rows = [[row_name(model), *_cells(collection, model)] for model in collection.models]
    facts = [f"{name}: n {n}; {versions}; interval: {kind}" for name, n, versions, kind in column_facts(collection)]
    notes = [*mark_sentences(collection), *_notes(collection), *facts]
    lines = [
        "% needs \\usepackage{booktabs}; names with letters beyond Latin need LuaLaTeX or XeLaTeX",
        r"\begin{table}[htbp]",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{_tex(CAPTION)}}}",
        r"\label{tab:longismore-collection}",
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(collection.columns)}r@{{}}}}",
        r"\toprule",
        *(_row([head[line] if line < len(head) else "" for head in heads]) for line in range(height)),
        r"\midrule",
        *map(_row, rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip",
        r"\begin{minipage}{\linewidth}\footnotesize\raggedright",
        *(rf"{{{_tex(note)}}}\par" for note in notes),
        r"\end{minipage}",
        r"\end{table}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _row(cells: Sequence[str]) -> str:
    return " & ".join(f"{{{_tex(cell)}}}" for cell in cells) + r" \\"


def _tex(text: str) -> str:
    """Write a text; the arrow is in no text font, and its name in text mode would need another package."""
    return latex_text(text).replace("\N{DOWNWARDS ARROW}", r"$\downarrow$")
