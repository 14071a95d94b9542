"""What to know before one compares the numbers of a table, in sentences."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from longismore.reports import name_text
from longismore.reports.collection import setting_text

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from longismore.collecting._reading import Without
    from longismore.reports.collection import Left, Number

__all__ = [
    "alias_hints",
    "costs",
    "differing_remarks",
    "hidden",
    "left_out",
    "separate_columns",
    "without_interval",
    "without_number",
]

_MOST = 5
_HASHED = {"prompts and items"}
"""Remarks whose values say nothing to a person."""
_PARTS = re.compile(r"/|__")


def separate_columns(columns: Mapping[str, Sequence[Number]]) -> Iterator[str]:
    """Say why a metric has several columns."""
    settings: dict[str, dict[str, list[Mapping[str, str]]]] = {}
    for numbers in columns.values():
        first = numbers[0]
        settings.setdefault(first.benchmark, {}).setdefault(first.metric, []).append(first.settings)
    for benchmark, metrics in settings.items():
        many = [each for each in metrics.values() if len(each) > 1]
        differing = {
            name: sorted({setting_text(name, each.get(name)) or f"no {name}" for group in many for each in group})
            for name in dict.fromkeys(name for group in many for each in group for name in each)
            if any(len({each.get(name) for each in group}) > 1 for group in many)
        }
        if differing:
            said = "; ".join(" and ".join(values) for values in differing.values())
            yield f"{benchmark} stands in several columns, which are not compared with each other: {said}"


def differing_remarks(columns: Mapping[str, Sequence[Number]]) -> Iterator[str]:
    """Say what else is not the same within a column; benchmarks with the same difference share a sentence."""
    found: dict[str, list[str]] = {}
    for numbers in columns.values():
        for name in dict.fromkeys(name for number in numbers for name in number.remarks):
            values: dict[str, list[str]] = {}
            for number in numbers:
                value = number.remarks.get(name)
                values.setdefault("unknown" if value is None else value, []).append(number.model)
            if len(values.keys() - {"unknown"}) > 1:
                benchmarks = found.setdefault(_difference(name, values), [])
                if numbers[0].benchmark not in benchmarks:
                    benchmarks.append(numbers[0].benchmark)
    for difference, benchmarks in found.items():
        yield f"{difference}; in {_listed(benchmarks)}"


def _difference(name: str, values: Mapping[str, Sequence[str]]) -> str:
    if name in _HASHED:
        return f"{name} are not the same: {' | '.join(_listed(models) for models in values.values())}"
    return f"{name} differs: {', '.join(f'{value} ({_listed(models)})' for value, models in values.items())}"


def hidden(found: Sequence[Number], kept: Sequence[Number]) -> Iterator[str]:
    """Say which metrics were found and not chosen."""
    shown = {(number.benchmark, number.metric) for number in kept}
    others = dict.fromkeys(
        f"{number.benchmark}/{number.metric}" for number in found if (number.benchmark, number.metric) not in shown
    )
    if others:
        yield f"metrics that were found and are not shown: {len(others)}; --metric chooses: {_listed(list(others))}"


def left_out(superseded: Sequence[Left], copies: int) -> Iterator[str]:
    """Say what was found twice and is there once, with its count."""
    if superseded:
        files = [f"{path} ({count})" for path, count in Counter(each.path for each in superseded).items()]
        yield f"numbers left out, for a newer one of the same model is there: {len(superseded)}, in {_listed(files)}"
    if copies:
        yield (
            "numbers of lm_eval's tables and of annotations that stand in run folders, or annotations, beside them "
            f"too, and are taken from there: {copies}"
        )


def without_number(found: Sequence[Without], shown: Container[str]) -> Iterator[str]:
    """Say whose values are no numbers, and which of these models have no row for that.

    Args:
        found: What has no number.
        shown: The models that have a row.
    """
    if found:
        metrics = _listed(list(dict.fromkeys(each.metric for each in found)))
        models = dict.fromkeys(each.model for each in found)
        missing = [model for model in models if model not in shown]
        told = f"values left out, for they are no numbers: {len(found)}, in {metrics}; of {_named(models)}"
        yield told + (f"; without a row in the table: {_named(missing)}" if missing else "")


def without_interval(numbers: Sequence[Number]) -> Iterator[str]:
    """Say which numbers have none, though they are rates of items."""
    metrics = dict.fromkeys(
        f"{number.benchmark}/{number.metric}" for number in numbers if number.is_rate and number.interval is None
    )
    if metrics:
        yield f"without an interval, since the source has no standard error or one of 0: {_listed(list(metrics))}"


def alias_hints(models: Sequence[str]) -> Iterator[str]:
    """Say which rows may be one model, called differently by different programs."""
    named: dict[str, list[str]] = {}
    for model in models:
        named.setdefault(_PARTS.split(model.rstrip("/"))[-1].casefold(), []).append(model)
    for same in named.values():
        if len(same) > 1:
            first, *others = sorted(same, key=len)
            options = " ".join(f'--alias "{first}={other}"' for other in others)
            yield f"{' and '.join(same)} have rows of their own; if they are one model: {options}"


def costs(numbers: Sequence[Number]) -> Iterator[str]:
    """Say what the costs are of."""
    if any(number.source.is_paid for number in numbers):
        yield (
            "costs are of the judges' calls in the runs that the numbers are from; what writing the answers cost is in "
            "none of these files"
        )


def _named(models: Iterable[str]) -> str:
    return _listed([name_text(model) or "unnamed" for model in models])


def _listed(names: Sequence[str]) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
