"""The words and numbers of a collection's table: the same in the terminal, in Markdown, in LaTeX and in HTML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from longismore.reports._escape import name_text
from longismore.reports._words import percent_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from longismore.reports._collection.records import Collection, Column, Mark, Number, Source

__all__ = [
    "CAPTION",
    "COLUMN_HEADS",
    "SOURCE_HEADS",
    "TITLE",
    "cell_text",
    "column_facts",
    "cost_text",
    "folded_head",
    "head_lines",
    "mark_sentences",
    "row_name",
    "setting_names",
    "setting_text",
    "source_facts",
    "value_text",
    "version_text",
]

TITLE = "Results"
CAPTION = (
    "Each number with its 95% interval, where its source gives one. \N{DOWNWARDS ARROW}: lower is better. "
    "How the intervals were made, and what the numbers rest on, stands below."
)
COLUMN_HEADS = ("column", "n", "versions", "interval")
SOURCE_HEADS = ("model", "from", "made by", "when", "cost")
_DASH = "\N{EN DASH}"
_LONGEST = 60
_WIDEST_HEAD = 20
_PIECE = re.compile(r"[^\s_/+-]*[\s_/+-]?")
_CHECKSUM = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28,}\b")
"""Twelve digits tell two apart."""
_SETTINGS = {
    "shots": "{}-shot",
    "filter": "{}",
    "limit": "limit {}",
    "judge": "by {}",
    "reference": "against {}",
    "pairs": "{} pairs",
    "questions": "{} questions",
}
"""In the order in which they are said."""
_OPTIONAL = {"filter", "limit", "pairs", "questions"}
"""Without them, all items are meant."""
_MANY, _SOME = 1000, 100


def setting_text(name: str, value: str | None) -> str:
    """Say a setting: ``25-shot``, ``by gpt-4``; without a value that it is not known, or nothing where it may lack."""
    if value is None:
        return "" if name in _OPTIONAL else f"{name} unknown"
    return _SETTINGS.get(name, f"{name} {{}}").format(name_text(value, _LONGEST))


def row_name(model: str) -> str:
    """Name a model on one line."""
    return name_text(model, _LONGEST) or "unnamed"


def head_lines(column: Column) -> list[str]:
    """Give the head of a column: the benchmark, the metric with its unit, the settings."""
    unit = " %" if column.is_rate else ""
    arrow = " \N{DOWNWARDS ARROW}" if column.lower_is_better else ""
    settings = dict(column.settings)
    said = [setting_text(name, settings[name]) for name in setting_names(settings)]
    return [name_text(column.benchmark, _LONGEST), f"{name_text(column.metric, _LONGEST)}{unit}{arrow}", *said]


def folded_head(column: Column) -> list[str]:
    """Give the head with its long lines broken: names of judges are long."""
    return [part for line in head_lines(column) for part in _folded(line)]


def _folded(line: str) -> Iterator[str]:
    """Break a head after a blank, a stroke or an underscore; names of judges are long."""
    part = ""
    for piece in _PIECE.findall(line):
        if part and len(part) + len(piece.rstrip()) > _WIDEST_HEAD:
            yield part.rstrip()
            part = ""
        part += piece
    yield part.rstrip()


def setting_names(settings: Iterable[str]) -> list[str]:
    """Put the names of settings in the order in which they are said."""
    given = set(settings)
    known = [name for name in _SETTINGS if name in given]
    return [*known, *sorted(given - set(known))]


def version_text(value: str | None) -> str:
    """Write a version; of a checksum in it, only the beginning."""
    return "unknown" if value is None else name_text(_CHECKSUM.sub(r"\1", value), 200)


def value_text(value: float) -> str:
    """Write a number that is no rate with as many digits as one reads."""
    if abs(value) >= _MANY:
        return f"{value:,.0f}"
    if abs(value) >= _SOME:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 or value == 0 else f"{value:.3g}"


def cell_text(number: Number | None, column: Column, mark: Mark | None = None) -> str:
    """Write a cell: the number, its interval, and the letter of its mark."""
    if number is None:
        return _DASH
    if column.is_rate:
        said = percent_interval(number.value, number.interval)
    else:
        low, high = number.interval or (None, None)
        limits = "" if low is None or high is None else f" ({value_text(low)}{_DASH}{value_text(high)})"
        said = f"{value_text(number.value)}{limits}"
    return said if mark is None else f"{said} [{mark.letter}]"


def cost_text(cost: float | None, unknown: int) -> str:
    """Write what a model's judges cost; what is not known is said, and never a zero."""
    if cost is None:
        return "unknown" if unknown else _DASH
    more = f" + {unknown} unknown" if unknown else ""
    return f"{cost:.4f}{more}" if 0 < cost < 1 else f"{cost:.2f}{more}"


def mark_sentences(collection: Collection) -> list[str]:
    """Say what the letters mean, each once."""
    marks = {mark.letter: mark.reason for mark in collection.marks.values()}
    return [f"[{letter}] {reason}" for letter, reason in sorted(marks.items(), key=lambda pair: (len(pair[0]), pair))]


def column_facts(collection: Collection) -> list[tuple[str, ...]]:
    """Say of each column how many items its numbers are over, of which versions, and how the intervals were made."""
    rows: list[tuple[str, ...]] = []
    for place, column in enumerate(collection.columns):
        numbers = [number for model in collection.models if (number := collection.cells.get((model, place)))]
        kinds = {number.interval_kind for number in numbers if number.interval_kind}
        rows.append(
            (name_text(column.name, 200), _range(numbers), _versions(numbers), "; ".join(sorted(kinds)) or _DASH)
        )
    return rows


def _range(numbers: Sequence[Number]) -> str:
    counts = {number.n for number in numbers}
    known = sorted(count for count in counts if count is not None)
    if not known:
        return _DASH
    return f"{known[0]:,}" if len(known) == 1 else f"{known[0]:,}{_DASH}{known[-1]:,}"


def _versions(numbers: Sequence[Number]) -> str:
    said = []
    for name in dict.fromkeys(name for number in numbers for name in number.versions):
        values = dict.fromkeys(number.versions.get(name) for number in numbers)
        said.append(f"{name} {' or '.join(map(version_text, values))}")
    return "; ".join(said) or _DASH


def source_facts(collection: Collection) -> list[tuple[str, ...]]:
    """List the sources of each model: where they are, what made them and when, and what they cost."""
    rows: list[tuple[str, ...]] = [
        (row_name(model), name_text(source.path, 300), _program(source), _when(source), _cost(source))
        for model in collection.models
        for source in collection.sources_of(model)
    ]
    return rows


def _program(source: Source) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in source.versions.items())
    return name_text(f"{source.kind} ({versions})" if versions else source.kind)


def _when(source: Source) -> str:
    return _DASH if source.created is None else f"{source.created:%Y-%m-%d}"


def _cost(source: Source) -> str:
    if not source.is_paid:
        return _DASH
    return "unknown" if source.cost_usd is None else f"US$ {cost_text(source.cost_usd, 0)}"
