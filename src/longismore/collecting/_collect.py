"""From folders to one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longismore.collecting._alpaca_folders import read_alpaca_folder
from longismore.collecting._choosing import Key, chosen, key_of, newest, renamed, without_copies
from longismore.collecting._harness_files import read_harness_file
from longismore.collecting._mixing import mark_mixed, refuse_mixed, unknown_versions
from longismore.collecting._mtbench_files import read_mtbench_file
from longismore.collecting._notes import (
    alias_hints,
    costs,
    differing_remarks,
    hidden,
    left_out,
    separate_columns,
    without_interval,
    without_number,
)
from longismore.collecting._run_folders import read_run_folder
from longismore.collecting._walk import ALPACA, KINDS, LM_EVAL, MT_BENCH, RUN, find_results
from longismore.errors import DataError
from longismore.reports.collection import Collection, Column, Left, setting_names, setting_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from longismore.collecting._reading import Read, Without
    from longismore.collecting._walk import Found
    from longismore.reports.collection import Number, Source

__all__ = ["collect"]

_READERS: dict[str, Callable[[Path], Read]] = {
    LM_EVAL: read_harness_file,
    RUN: read_run_folder,
    ALPACA: read_alpaca_folder,
    MT_BENCH: read_mtbench_file,
}


@dataclass(slots=True)
class _Everything:
    """All that was read."""

    numbers: list[Number] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    without_value: list[Without] = field(default_factory=list)
    unreadable: list[Left] = field(default_factory=list)


def collect(
    paths: Sequence[str | Path],
    *,
    metrics: Sequence[str] = (),
    aliases: Mapping[str, str] | None = None,
    allow_mixed: bool = False,
) -> Collection:
    """Gather the results of many models in one table: a row for each model, a column for each metric.

    Numbers under other settings (shots, judge, reference, ...) stand in columns of their own; numbers of other versions
    (of a task, a judge, a test set, the reference's answers) are refused, or marked. Of several numbers of one model
    and column, the newest is taken. What cannot be read is named in the result.

    Args:
        paths: Folders, searched all the way down, or files.
        metrics: Patterns of what to show; without them, the main metrics.
        aliases: The name to use for a model, by a name that was found.
        allow_mixed: Mark numbers of other versions in place of refusing them.

    Raises:
        ConfigError: A pattern or a name matches nothing.
        DataError: There is nothing to collect, or numbers of a column are of different versions.
    """
    everything = _read_all(find_results(paths))
    named = renamed(everything.numbers, aliases or {})
    found, copies = without_copies(named)
    lacking = [each._replace(model=(aliases or {}).get(each.model, each.model)) for each in everything.without_value]
    wanted = chosen(found, metrics)
    kept, superseded = newest(wanted)
    if not kept:
        raise DataError(_nothing(paths, everything))
    columns = _columns(kept)
    numbers = {column.name: members for column, members in columns}
    if not allow_mixed:
        refuse_mixed(numbers)
    models = tuple(sorted({number.model for number in kept}, key=lambda name: (name.casefold(), name)))
    return Collection(
        models=models,
        columns=tuple(column for column, _ in columns),
        cells={(number.model, place): number for place, (_, members) in enumerate(columns) for number in members},
        marks=mark_mixed(numbers) if allow_mixed else {},
        sources=tuple(_sources(kept)),
        notes=(
            *separate_columns(numbers),
            *unknown_versions(numbers),
            *differing_remarks(numbers),
            *left_out(superseded, copies),
            *without_number(lacking, models),
            *(() if metrics else hidden(found, kept)),
            *without_interval(kept),
            *alias_hints(models),
            *costs(kept),
            *dict.fromkeys(everything.notes),
        ),
        unreadable=tuple(everything.unreadable),
        superseded=tuple(superseded),
    )


def _read_all(found: Sequence[Found]) -> _Everything:
    everything = _Everything()
    for each in found:
        try:
            read = _READERS[each.kind](each.path)
        except DataError as error:
            everything.unreadable.append(Left(str(each.path), str(error)))
            continue
        everything.numbers += read.numbers
        everything.notes += read.notes
        everything.without_value += read.without_value
    return everything


def _nothing(paths: Sequence[str | Path], everything: _Everything) -> str:
    places = ", ".join(map(str, paths))
    if everything.unreadable:
        reasons = "\n".join(each.reason for each in everything.unreadable)
        return f"{places}: nothing to collect; results that cannot be read: {len(everything.unreadable)}\n{reasons}"
    said = dict.fromkeys([*without_number(everything.without_value, ()), *everything.notes])
    notes = "".join(f"\n{note}" for note in said)
    return f"{places}: nothing to collect; expected {KINDS}{notes}"


def _columns(numbers: Sequence[Number]) -> list[tuple[Column, list[Number]]]:
    """The columns in the order of their benchmarks and metrics, each with its numbers in the order of the models."""
    members: dict[Key, list[Number]] = {}
    for number in sorted(numbers, key=lambda number: number.model):
        members.setdefault(key_of(number), []).append(number)
    metrics = {name: place for place, name in enumerate(dict.fromkeys(number.metric for number in numbers))}
    keys = sorted(members, key=lambda key: (key[0], metrics[key[1]], len(key[2]), _natural(key[2])))
    names: dict[str, int] = {}
    columns = []
    for key in keys:
        benchmark, metric, settings = key
        name = _name(key, members)
        names[name] = names.get(name, 0) + 1
        column = Column(
            benchmark=benchmark,
            metric=metric,
            settings=settings,
            name=name if names[name] == 1 else f"{name} ({names[name]})",
            is_rate=all(number.is_rate for number in members[key]),
            lower_is_better=any(number.lower_is_better for number in members[key]),
        )
        columns.append((column, members[key]))
    return columns


def _natural(settings: tuple[tuple[str, str], ...]) -> list[tuple[str, int, str]]:
    """A key that sorts 5 shots before 25."""
    return [(name, int(value) if value.isdecimal() else -1, value) for name, value in settings]


def _name(key: Key, members: Mapping[Key, Sequence[Number]]) -> str:
    benchmark, metric, settings = key
    own = dict(settings)
    others = {name for each in members if each[:2] == key[:2] for name, _ in each[2]}
    said = [setting_text(name, own.get(name)) for name in setting_names(others)]
    return ", ".join([f"{benchmark} {metric}", *filter(None, said)])


def _sources(numbers: Sequence[Number]) -> list[Source]:
    return list({id(number.source): number.source for number in numbers}.values())
