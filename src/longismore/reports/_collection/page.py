"""A collection as one HTML page that loads nothing: the table, the notes, and what the numbers rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._collection.words import (
    CAPTION,
    COLUMN_HEADS,
    SOURCE_HEADS,
    TITLE,
    cell_text,
    column_facts,
    cost_text,
    folded_head,
    mark_sentences,
    row_name,
    source_facts,
)
from longismore.reports._escape import html_text
from longismore.reports._page.frame import document, section
from longismore.reports._page.head import head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports._collection.records import Collection

__all__ = ["collection_page"]


def collection_page(collection: Collection) -> str:
    """Write the page."""
    models, columns = len(collection.models), len(collection.columns)
    subtitle = (
        f"{models:,} {'model' if models == 1 else 'models'}, {columns:,} {'column' if columns == 1 else 'columns'}"
    )
    unread = [f"not read: {each.sentence}" for each in collection.unreadable]
    body = [
        head(TITLE, subtitle),
        _list(unread, kind="notes"),
        _table(collection),
        _list(mark_sentences(collection), kind="said"),
        section("notes", "What to know before comparing", [_list(collection.notes, kind="said")]),
        section("columns", "What the columns rest on", [_facts(COLUMN_HEADS, column_facts(collection))]),
        section("sources", "Where the numbers are from", [_facts(SOURCE_HEADS, source_facts(collection))]),
    ]
    return document(TITLE, body)


def _table(collection: Collection) -> str:
    """Write the table; each head has a line for the benchmark, the metric and each setting."""
    heads = [["model"], *map(folded_head, collection.columns), ["cost US$"]]
    top = "".join(f'<th scope="col">{"".join(map(_line, lines))}</th>' for lines in heads)
    body = "".join(_row(collection, model) for model in collection.models)
    return (
        f'<div class="scroll" role="group" aria-label="{TITLE}" tabindex="0"><table>'
        f"<caption><span>{html_text(CAPTION)}</span></caption><thead><tr>{top}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _line(text: str) -> str:
    return f"<div>{html_text(text)}</div>"


def _row(collection: Collection, model: str) -> str:
    cells = [
        cell_text(number, collection.columns[place], collection.marks.get((model, place)))
        for place, number in enumerate(collection.row(model))
    ]
    shown = "".join(f"<td>{html_text(cell)}</td>" for cell in [*cells, cost_text(*collection.costs(model))])
    return f'<tr><th scope="row">{html_text(row_name(model))}</th>{shown}</tr>'


def _facts(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """List rows of words below each other: they are too long for the columns of a table."""
    inside = ""
    for first, *rest in rows:
        said = "; ".join(f"{name} {cell}" for name, cell in zip(heads[1:], rest, strict=True))
        inside += f"<dt>{html_text(first)}</dt><dd>{html_text(said)}</dd>"
    return f'<dl class="facts">{inside}</dl>' if inside else ""


def _list(items: Sequence[str], *, kind: str) -> str:
    inside = "".join(f"<li>{html_text(item)}</li>" for item in items)
    return f'<ul class="{kind}">{inside}</ul>' if inside else ""
