"""Numbers of one column that are not comparable: refused, or marked where the user wants them together."""

from __future__ import annotations

from collections import Counter
from itertools import count
from string import ascii_lowercase
from typing import TYPE_CHECKING

from longismore.errors import DataError
from longismore.reports.collection import Mark, version_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from longismore.reports.collection import Number, Place

__all__ = ["mark_mixed", "refuse_mixed", "unknown_versions"]

_MOST = 10
_WAY_OUT = (
    "numbers of different versions are not compared: repeat the older runs, give the folders apart, leave the column "
    "out (--metric names those to keep), or take all and have such cells marked (--allow-mixed)"
)


def refuse_mixed(columns: Mapping[str, Sequence[Number]]) -> None:
    """Make sure that the numbers of each column are of one version.

    Args:
        columns: The numbers by the column's name.

    Raises:
        DataError: They are not; two files are named for each difference.
    """
    problems = dict.fromkeys(problem for numbers in columns.values() for problem in _problems(numbers))
    if not problems:
        return
    shown = list(problems)[:_MOST]
    more = [f"... and {len(problems) - _MOST} more"] if len(problems) > _MOST else []
    raise DataError("\n".join([*shown, *more, _WAY_OUT]))


def _problems(numbers: Sequence[Number]) -> Iterator[str]:
    """Name two files for every difference; the metrics of a benchmark share it, so it is said of the benchmark."""
    for name in _differing(numbers):
        known = [number for number in numbers if number.versions.get(name) is not None]
        one = known[0]
        other = next(number for number in known if number.versions[name] != one.versions[name])
        told = (
            f"{version_text(number.versions[name])} in {number.source.path} ({number.model})" for number in (one, other)
        )
        yield f"{one.benchmark}: {name}: {' and '.join(told)}"


def _differing(numbers: Sequence[Number]) -> list[str]:
    """The versions of which at least two are known."""
    names = dict.fromkeys(name for number in numbers for name in number.versions)
    return [name for name in names if len({number.versions.get(name) for number in numbers} - {None}) > 1]


def mark_mixed(columns: Mapping[str, Sequence[Number]]) -> dict[Place, Mark]:
    """Mark, in each column of several versions, the numbers that are not of the version that most have.

    Args:
        columns: The numbers by the column's name, in the order of the table.
    """
    letters: dict[str, str] = {}
    fresh = _letters()
    marks = {}
    for place, numbers in enumerate(columns.values()):
        for number, reason in _reasons(numbers):
            if reason not in letters:
                letters[reason] = next(fresh)
            marks[number.model, place] = Mark(letters[reason], reason)
    return marks


def _reasons(numbers: Sequence[Number]) -> Iterator[tuple[Number, str]]:
    names = _differing(numbers)
    if not names:
        return
    # Of equally many, the version of the first model: a table is the same each time.
    usual = Counter(tuple(number.versions.get(name) for name in names) for number in numbers).most_common(1)[0][0]
    for number in numbers:
        differs = [
            f"{name}: {version_text(number.versions.get(name))}, not {version_text(value)}"
            for name, value in zip(names, usual, strict=True)
            if number.versions.get(name) != value
        ]
        if differs:
            yield number, f"not comparable: {'; '.join(differs)} as in the unmarked cells of the column"


def _letters() -> Iterator[str]:
    yield from ascii_lowercase
    yield from (f"{letter}{number}" for number in count(2) for letter in ascii_lowercase)


def unknown_versions(columns: Mapping[str, Sequence[Number]]) -> list[str]:
    """Say of which models a version is not known that others of the column have."""
    found: dict[str, dict[str, None]] = {}
    for numbers in columns.values():
        for name in dict.fromkeys(name for number in numbers for name in number.versions):
            without = [number.model for number in numbers if number.versions.get(name) is None]
            if without and len(without) < len(numbers):
                found.setdefault(f"{numbers[0].benchmark}: {name}", {}).update(dict.fromkeys(without))
    return [
        f"{what} is not known of {', '.join(models)}, so nobody can tell whether it is that of the others"
        for what, models in found.items()
    ]
