"""Never write a table over what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from longismore.collecting._walk import find_results
from longismore.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["check_outputs"]

_IN_FOLDERS = frozenset(
    {
        "annotations.json",
        "candidate.json",
        "judgments.jsonl",
        "leaderboard.csv",
        "reference.json",
        "report.html",
        "report.md",
        "results.json",
        "run.json",
    }
)
"""What programs write into the folders that are read as a whole."""


def check_outputs(outputs: Sequence[str | Path], paths: Sequence[str | Path]) -> None:
    """Make sure that no table takes the place of results.

    Args:
        outputs: Files that will be written.
        paths: What is collected.

    Raises:
        ConfigError: One is among the results.
        DataError: A path does not exist, or is a file that holds no results.
    """
    if not outputs:
        return
    results = {each.path.resolve() for each in find_results(paths)}
    if problems := list(dict.fromkeys(_problems(map(Path, outputs), results))):
        raise ConfigError(problems)


def _problems(outputs: Iterator[Path], results: set[Path]) -> Iterator[str]:
    for path in outputs:
        place = path.resolve()
        if place in results or (place.parent in results and path.name in _IN_FOLDERS):
            yield f"{path}: is one of the results, which would be lost; name another file for the table"
