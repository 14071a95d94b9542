"""What ``longismore collect`` does, once its arguments are read."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from longismore.collecting import check_outputs, collect
from longismore.errors import ConfigError
from longismore.reports import printable
from longismore.reports.collection import check_table, collection_json, collection_tables, mark_sentences, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longismore.reports.collection import Collection

__all__ = ["CollectRequest", "run_collect"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectRequest:
    """One call of the command."""

    paths: Sequence[Path]
    outputs: Sequence[Path] = ()
    metrics: Sequence[str] = ()
    aliases: Sequence[str] = ()
    """Each ``NAME=OTHER``."""
    allow_mixed: bool = False


def run_collect(request: CollectRequest, *, out: TextIO, as_json: bool) -> None:
    """Gather, write, show.

    Raises:
        UsageError: Something in the request will not do, or numbers of different versions meet in a column.
    """
    for path in request.outputs:
        check_table(path)
    check_outputs(request.outputs, request.paths)
    collection = collect(
        request.paths,
        metrics=request.metrics,
        aliases=_aliases(request.aliases),
        allow_mixed=request.allow_mixed,
    )
    for path in request.outputs:
        write_table(collection, path)
        logger.info("%s written", path)
    for left in collection.unreadable:
        logger.warning("not read: %s", left.sentence)
    if as_json:
        out.write(collection_json(collection))
    else:
        _show(collection, out)


def _aliases(given: Sequence[str]) -> dict[str, str]:
    """The name to use, by the name that is found.

    Raises:
        ConfigError: An alias has no two names, or a model gets two.
    """
    aliases: dict[str, str] = {}
    problems = []
    for alias in given:
        name, sign, other = (part.strip() for part in alias.partition("="))
        if not (name and sign and other):
            problems.append(f'--alias "{alias}": NAME=OTHER was expected, e.g. tuned=out/checkpoint-500')
        elif aliases.setdefault(other, name) != name:
            problems.append(f'--alias: "{other}" cannot be both "{aliases[other]}" and "{name}"')
    if problems:
        raise ConfigError(problems)
    return aliases


def _show(collection: Collection, out: TextIO) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, highlight=False)
    for table in collection_tables(collection, width=console.width):
        console.print(table)
        console.print()
    for mark in mark_sentences(collection):
        console.print(Text(printable(mark)))
    for note in collection.notes:
        console.print(Text(printable(f"note: {note}")))
