"""``longismore testsets``: what is asked, where it comes from, and whether it is at hand."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from longismore.testsets import TestSet

__all__ = ["app"]

app = typer.Typer(help="List, fetch and show the test sets.", no_args_is_help=True)

_WIDEST = 400


def _print_json(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=1) + "\n")  # ASCII: no text reaches the terminal raw


def _facts(testset: TestSet) -> dict[str, Any]:
    from longismore.testsets import folder_in

    return {
        "size": testset.size,
        "version": testset.version,
        "at_hand": testset.is_at_hand(folder_in(os.environ)),
        "licence": testset.licence,
        "source": testset.source,
    }


@app.command("list")
def list_testsets(as_json: bool = typer.Option(False, "--json", help="Print one JSON object.")) -> None:
    """List every test set, with its licence and whether it is at hand."""
    from longismore.testsets import TESTSETS

    rows = {name: _facts(TESTSETS.get(name)) for name in TESTSETS.names()}
    if as_json:
        _print_json({"testsets": rows})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "size", "at hand", "licence")
    table.columns[1].justify = "right"
    for name, row in rows.items():
        table.add_row(name, str(row["size"]), "yes" if row["at_hand"] else "no", row["licence"])
    Console().print(table)
    missing = [name for name, row in rows.items() if not row["at_hand"]]
    if missing:
        sys.stderr.write(f"fetch what is missing: longismore testsets fetch {' '.join(missing)}\n")


@app.command("fetch")
def fetch(
    names: list[str] = typer.Argument(None, help="Test sets; default: the five of Long Is More, and mini."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Fetch test sets from their public address into the cache, checksum included."""
    from longismore.testsets import FIVE, TESTSETS, folder_in

    testsets = [TESTSETS.get(name) for name in names or sorted([*FIVE, "mini"])]
    for testset in testsets:
        examples = testset.load(folder_in(os.environ))
        if not as_json:
            sys.stdout.write(f"{testset.name}: {len(examples)} instructions at hand\n")
    if as_json:
        _print_json({"testsets": {testset.name: _facts(testset) for testset in testsets}})


@app.command("show")
def show(
    name: str = typer.Argument(help="Test set."),
    id: str | None = typer.Option(None, "--id", help="Only this instruction, in full."),  # noqa: A002
    limit: int = typer.Option(10, min=1, help="How many instructions."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object, in full."),
) -> None:
    """Show the instructions of a test set."""
    from dataclasses import asdict

    from longismore.errors import UnknownNameError
    from longismore.reports import printable
    from longismore.testsets import TESTSETS, folder_in

    examples = TESTSETS.get(name).load(folder_in(os.environ))
    if id is not None:
        chosen = [example for example in examples if example.id == id]
        if not chosen:
            raise UnknownNameError(f"id of {name}", id, [example.id for example in examples])
    else:
        chosen = examples[:limit]
    if as_json:
        _print_json({"testset": name, "examples": [asdict(example) for example in chosen]})
    else:
        for example in chosen:
            text = (
                example.prompt if id is not None or len(example.prompt) <= _WIDEST else example.prompt[:_WIDEST] + " …"
            )
            sys.stdout.write(printable(f"{example.id}\n  " + text.replace("\n", "\n  ") + "\n"))
    if id is None and len(chosen) < len(examples):
        sys.stderr.write(f"{len(chosen)} of {len(examples)}; --limit shows more\n")
