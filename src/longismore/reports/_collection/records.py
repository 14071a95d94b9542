"""Numbers of many models that stand in one table, and what each of them rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from longismore.reports._rates import Interval

__all__ = ["Collection", "Column", "Left", "Mark", "Number", "Place", "Source"]

Place: TypeAlias = tuple[str, int]
"""A model, and the number of a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file or folder that numbers come from."""

    path: str
    kind: str
    """What wrote it, e.g. ``"lm_eval"``."""
    created: datetime | None = None
    """With its time zone; ``None`` where it is not known."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of programs."""
    is_paid: bool = False
    """A judge was asked: it cost something, even where nobody knows how much."""
    cost_usd: float | None = None
    """What the judge of this source, or of one model's part of it, cost; ``None`` where that is not known."""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON knows them."""
        return {
            "path": self.path,
            "kind": self.kind,
            "created": None if self.created is None else self.created.isoformat(timespec="seconds"),
            "versions": dict(self.versions),
            "cost_usd": self.cost_usd if self.is_paid else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One metric of one model, as one source has it; a rate is 0..1."""

    model: str
    benchmark: str
    metric: str
    value: float
    source: Source
    interval: Interval | None = None
    interval_kind: str | None = None
    """How it was made, in words; ``None`` without an interval."""
    n: int | None = None
    """How many items it is a mean over."""
    is_rate: bool = False
    """Shown in percent."""
    is_shown: bool = True
    """Stands in the table unless metrics are chosen; the parts of a group, and metrics beside the main ones, do not."""
    lower_is_better: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    """What was chosen: shots, judge, reference, ... Numbers with others stand in other columns."""
    versions: Mapping[str, str | None] = field(default_factory=dict)
    """What must be the same for two numbers to be compared; ``None`` where it is not known."""
    remarks: Mapping[str, str | None] = field(default_factory=dict)
    """What may differ, and is said where it does."""


@dataclass(frozen=True, slots=True)
class Column:
    """What is measured: a metric of a benchmark under certain settings."""

    benchmark: str
    metric: str
    settings: tuple[tuple[str, str], ...]
    """Each with its name, by name."""
    name: str
    """All of it on one line; no other column has the same."""
    is_rate: bool
    lower_is_better: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell that is not comparable with the others of its column."""

    letter: str
    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """Something that was found and does not stand in the table."""

    path: str
    reason: str

    @property
    def sentence(self) -> str:
        """The reason, with the path once: most reasons name it, and the line."""
        return self.reason if self.path in self.reason else f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """The table: a row for each model, a column for each metric."""

    models: tuple[str, ...]
    columns: tuple[Column, ...]
    cells: Mapping[Place, Number]
    marks: Mapping[Place, Mark]
    """Of the cells that are mixed on purpose."""
    sources: tuple[Source, ...]
    """Those of the numbers that stand in the table."""
    notes: tuple[str, ...]
    """What to know before one compares, in sentences."""
    unreadable: tuple[Left, ...] = ()
    """Files that look like results and cannot be read, or are not finished."""
    superseded: tuple[Left, ...] = ()
    """Numbers that a newer one of the same model and column replaces."""

    def row(self, model: str) -> list[Number | None]:
        """Give the numbers of a model, column by column."""
        return [self.cells.get((model, place)) for place in range(len(self.columns))]

    def costs(self, model: str) -> tuple[float | None, int]:
        """Give what the judges of a model's numbers cost in US$, and how many sources do not say.

        Returns:
            The sum of what is known, ``None`` where nothing is; and the number of sources of unknown cost.
        """
        paid = [source for source in self.sources_of(model) if source.is_paid]
        known = [source.cost_usd for source in paid if source.cost_usd is not None]
        return (sum(known) if known else None), len(paid) - len(known)

    def sources_of(self, model: str) -> list[Source]:
        """Give the sources of a model's numbers, each once."""
        found = {id(number.source): number.source for number in self.row(model) if number is not None}
        return list(found.values())

    def versions_of(self, model: str, program: str) -> list[str]:
        """Give the versions of a program that made a model's numbers, each once."""
        return sorted({source.versions[program] for source in self.sources_of(model) if program in source.versions})

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON knows it, at full precision."""
        return {
            "columns": [_column(column) for column in self.columns],
            "rows": [self._row(model) for model in self.models],
            "sources": [source.to_dict() for source in self.sources],
            "notes": list(self.notes),
            "unreadable": _left(self.unreadable),
            "superseded": _left(self.superseded),
        }

    def _row(self, model: str) -> dict[str, Any]:
        cost, unknown = self.costs(model)
        cells = {
            self.columns[place].name: _cell(number, self.marks.get((model, place)))
            for place, number in enumerate(self.row(model))
            if number is not None
        }
        return {"model": model, "cost_usd": cost, "sources_of_unknown_cost": unknown, "cells": cells}


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "benchmark": column.benchmark,
        "metric": column.metric,
        "settings": dict(column.settings),
        "is_rate": column.is_rate,
        "lower_is_better": column.lower_is_better,
    }


def _cell(number: Number, mark: Mark | None) -> dict[str, Any]:
    return {
        "value": number.value,
        "interval": None if number.interval is None else list(number.interval),
        "interval_kind": number.interval_kind,
        "n": number.n,
        "versions": dict(number.versions),
        "remarks": dict(number.remarks),
        "source": number.source.path,
        "mixed": None if mark is None else {"letter": mark.letter, "reason": mark.reason},
    }


def _left(found: Sequence[Left]) -> list[dict[str, str]]:
    return [{"path": each.path, "reason": each.reason} for each in found]
