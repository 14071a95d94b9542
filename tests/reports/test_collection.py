"""`longismore.reports.collection`: the same table in every form, whatever models are called."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from longismore.errors import ConfigError, DataError
from longismore.reports._collection.words import column_facts
from longismore.reports._latex import latex_text
from longismore.reports.collection import (
    Collection,
    Column,
    Left,
    Mark,
    Number,
    Source,
    collection_csv,
    collection_json,
    collection_latex,
    collection_markdown,
    collection_page,
    collection_tables,
    write_table,
)
from page_reader import Page

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = Source(
    path="out/results_1.json",
    kind="lm_eval",
    created=datetime(2026, 1, 2, tzinfo=UTC),
    versions={"lm_eval": "0.4.13"},
    is_paid=True,
    cost_usd=0.5,
)
HOSTILE = '=cmd|<b>[x](y)&$%_{}\\"`\x1b[31m\u202e'


def number(value: float = 0.57215, **more: Any) -> Number:
    """A rate of a task, with its interval."""
    fields: dict[str, Any] = {
        "model": "tuned",
        "benchmark": "arc",
        "metric": "acc",
        "value": value,
        "source": SOURCE,
        "interval": (0.5, 0.64),
        "interval_kind": "normal",
        "n": 1172,
        "is_rate": True,
        "settings": {"shots": "25"},
        "versions": {"task version": "1"},
    }
    return Number(**(fields | more))


def table(*models: str, marks: dict[tuple[str, int], Mark] | None = None, columns: int = 2) -> Collection:
    """A rate that all models have, and perplexities that only the first one has."""
    rate = Column("arc", "acc", (("shots", "25"),), "arc acc, 25-shot", is_rate=True, lower_is_better=False)
    others = [
        Column(f"wiki{place}", "ppl", (), f"wiki{place} ppl", is_rate=False, lower_is_better=True)
        for place in range(1, columns)
    ]
    cells = {(model, 0): number(model=model) for model in models}
    for place in range(1, columns):
        cells[models[0], place] = number(
            12.3456, model=models[0], interval=None, interval_kind=None, is_rate=False, versions={"task version": None}
        )
    return Collection(
        models=models,
        columns=(rate, *others),
        cells=cells,
        marks=marks or {},
        sources=(SOURCE,),
        notes=("mind the shots",),
        unreadable=(Left("bad.json", "bad.json:1: not JSON"),),
    )


def shown(collection: Collection, width: int) -> str:
    """What a terminal of this width shows."""
    console = Console(width=width, file=io.StringIO(), highlight=False)
    for each in collection_tables(collection, width=width):
        console.print(each)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_csv_has_full_precision_and_what_each_number_rests_on() -> None:
    """Rates of 0..1, limits, items, versions; empty where nothing is known; costs and programs at the end."""
    mark = Mark("a", "another version")
    first, second = csv.DictReader(io.StringIO(collection_csv(table("tuned", "base", marks={("base", 0): mark}))))
    name = "arc acc, 25-shot"
    assert ["0.57215", "0.5", "0.64", "1172", "task version 1", ""] == [
        first[f"{name}{part}"] for part in ("", " low", " high", " n", " versions", " mixed")
    ]
    assert ["12.3456", "", ""] == [first[f"wiki1 ppl{part}"] for part in ("", " low", " versions")]
    assert ("another version", "") == (second[f"{name} mixed"], second["wiki1 ppl"])
    assert ["0.5", "0", "0.4.13", "", "out/results_1.json"] == list(first.values())[-5:]


def test_csv_of_a_hostile_name_runs_nothing() -> None:
    """A name that a spreadsheet would run as a formula has an apostrophe in front."""
    (row,) = csv.DictReader(io.StringIO(collection_csv(table(HOSTILE))))
    assert row["model"].startswith("'=cmd")


def test_markdown_has_the_table_the_notes_and_the_sources() -> None:
    """Percent with intervals, a dash where there is nothing, and what could not be read is said first."""
    text = collection_markdown(table("tuned", "base", marks={("base", 0): Mark("a", "another version")}))
    assert "| model | arc, acc %, 25-shot | wiki1, ppl \N{DOWNWARDS ARROW} | cost US\\$ |\n" in text
    assert "| tuned | 57.2 (50.0\N{EN DASH}64.0) | 12.35 | 0.5000 |\n" in text
    assert "| base | 57.2 (50.0\N{EN DASH}64.0) \\[a] | \N{EN DASH} | 0.5000 |\n" in text
    notes = [line for line in text.splitlines() if line.startswith("- ")]
    assert ["- \\[a\\] another version", "- not read: bad.json:1: not JSON", "- mind the shots"] == notes
    assert "| tuned | out/results\\_1.json | lm\\_eval (lm\\_eval 0.4.13) | 2026-01-02 | US\\$ 0.5000 |\n" in text


def test_markdown_of_a_hostile_name_stays_in_its_cell() -> None:
    """No link, no tag, no further cell, no escape sequence."""
    text = collection_markdown(table(HOSTILE))
    (line,) = [line for line in text.splitlines() if line.startswith("| =cmd") and "57.2" in line]
    assert 4 == len(re.findall(r"(?<!\\)\|", line)) - 1
    assert "\x1b" not in text
    assert "<b>" not in text


def test_latex_has_heads_of_several_lines_and_notes() -> None:
    """A column a metric, a head line for each of benchmark, metric and setting; nothing of a name is a command."""
    text = collection_latex(table("tuned", HOSTILE))
    assert r"\begin{tabular}{@{}lrrr@{}}" in text
    assert "{model} & {arc} & {wiki1} & {cost US\\$} \\\\\n{} & {acc \\%} & {ppl $\\downarrow$} & {} \\\\\n" in text
    assert "{tuned} & {57.2 (50.0--64.0)} & {12.35} & {0.5000} \\\\\n" in text
    assert r"=cmd\textbar{}\textless{}b\textgreater{}" in text
    assert "\N{DOWNWARDS ARROW}" not in text


def test_latex_says_below_the_table_what_its_caption_promises() -> None:
    """What the numbers of each column rest on, and how their intervals were made."""
    _, _, below = collection_latex(table("tuned")).partition(r"\begin{minipage}")
    for name, _, versions, kind in column_facts(table("tuned")):
        (line,) = [line for line in below.splitlines() if latex_text(name) in line]
        assert latex_text(versions) in line
        assert latex_text(kind) in line


def test_html_loads_nothing_and_a_name_is_a_text() -> None:
    """The page closes every element, has no element of a name's, and shows table, notes, columns and sources."""
    page = Page(collection_page(table("tuned", HOSTILE, marks={("tuned", 0): Mark("a", "another version")})))
    assert {"model", "arc", "acc %", "25-shot", "wiki1", "ppl \N{DOWNWARDS ARROW}", "cost US$"} <= set(
        page.texts_in("div")
    )
    assert "57.2 (50.0\N{EN DASH}64.0) [a]" in page.texts_in("td")
    assert any(text.startswith("=cmd|<b>") for text in page.texts_in("th"))
    assert "b" not in {tag for tag, _ in page.elements}
    assert {"What to know before comparing", "What the columns rest on", "Where the numbers are from"} == set(
        page.texts_in("h2")
    )
    assert not {"src", "href"} & {name for _, names in page.elements for name in names}


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_terminal_breaks_no_number(width: int) -> None:
    """Too many columns go into further tables, each with the models' names; no line is longer than the terminal."""
    text = shown(table("a model of a name that is too long for a column", "base", columns=9), width)
    assert max(map(len, map(str.rstrip, text.splitlines()))) <= width
    assert 8 == text.count("12.35")
    assert 2 == text.count("57.2 (50.0\N{EN DASH}64.0)")
    assert text.count("base") == text.count("model\n") + text.count("model ") - text.count("a model")


def test_long_names_of_judges_are_broken_in_the_head() -> None:
    """At their underscores, so that the column stays as wide as its numbers."""
    column = Column("x", "y", (("judge", "weighted_alpaca_eval_gpt4_turbo"),), "z", is_rate=True, lower_is_better=False)
    text = shown(Collection(models=("m",), columns=(column,), cells={}, marks={}, sources=(), notes=()), 80)
    assert "by weighted_alpaca_" in text
    assert "eval_gpt4_turbo" in text


def test_json_is_everything() -> None:
    """It has the cells, the settings, the sources, the notes and what was not read."""
    document = json.loads(collection_json(table("tuned", marks={("tuned", 0): Mark("a", "another version")})))
    assert {"columns", "rows", "sources", "notes", "unreadable", "superseded"} == document.keys()
    (row,) = document["rows"]
    assert {"letter": "a", "reason": "another version"} == row["cells"]["arc acc, 25-shot"]["mixed"]
    assert ["mind the shots"] == document["notes"]


@pytest.mark.parametrize(
    ("known", "unknown", "expected"),
    [
        (None, 0, "\N{EN DASH}"),
        (None, 2, "unknown"),
        (0.0, 0, "0.00"),
        (1.5, 1, "1.50 + 1 unknown"),
        (0.004, 0, "0.0040"),
    ],
)
def test_an_unknown_cost_is_said(known: float | None, unknown: int, expected: str) -> None:
    """No cost at all, an unknown one and zero are three things."""
    sources = [Source(path=f"{place}", kind="x", is_paid=True) for place in range(unknown)]
    sources += [Source(path="k", kind="x", is_paid=True, cost_usd=known)] if known is not None else []
    sources += [Source(path="free", kind="x")]
    columns = tuple(
        Column("b", f"m{place}", (), f"b m{place}", is_rate=True, lower_is_better=False)
        for place in range(len(sources))
    )
    cells = {("m", place): number(model="m", source=source) for place, source in enumerate(sources)}
    made = Collection(models=("m",), columns=columns, cells=cells, marks={}, sources=tuple(sources), notes=())
    (line,) = [line for line in collection_markdown(made).splitlines() if line.startswith("| m | 57.2")]
    assert line.endswith(f"| {expected} |")


def test_the_ending_says_the_form(tmp_path: Path) -> None:
    """Every form is written, folders are made; another ending, and a place that cannot be, are errors."""
    for ending, beginning in (
        (".csv", '"model"'),
        (".md", "# Results"),
        (".tex", "% needs"),
        (".html", "<!doctype html>"),
        (".JSON", "{"),
    ):
        path = tmp_path / "tables" / f"all{ending}"
        write_table(table("tuned"), path)
        assert path.read_text(encoding="utf-8").startswith(beginning)
    with pytest.raises(ConfigError, match=r"\.csv, \.md, \.tex, \.html, \.json"):
        write_table(table("tuned"), tmp_path / "table.xlsx")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        write_table(table("tuned"), tmp_path / "file" / "table.csv")
