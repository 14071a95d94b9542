"""``longismore store``: what the paid answers are, what they cost, and how to take them elsewhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from longismore.store import Store, StoreStats, Totals

__all__ = ["app"]

app = typer.Typer(help="Show, export and prune the store of paid answers.", no_args_is_help=True)

_SHOWN = 12
"""Characters of a fingerprint that tell judges apart."""
_STORE = typer.Option(None, "--store", envvar="LONGISMORE_STORE", help="The database; default: the user's own.")
_JUDGE = typer.Option(None, help="Only answers of the judge with this name.")
_FINGERPRINT = typer.Option(None, help="Only answers of judges whose fingerprint begins so.")


def _open(path: Path | None) -> Store:
    from longismore.store import Store, default_store_path

    return Store.existing(path or default_store_path())


@app.command("stats")
def stats(
    store: Path | None = _STORE, as_json: bool = typer.Option(False, "--json", help="Print one JSON object.")
) -> None:
    """Say what is kept: answers, tokens and money by judge, open batches, calls in flight."""
    with _open(store) as opened:
        found = opened.stats()
    if as_json:
        sys.stdout.write(json.dumps(found.to_dict(), indent=1) + "\n")  # ASCII: no name reaches the terminal raw
        return
    from rich.console import Console
    from rich.text import Text

    from longismore.reports import printable

    console = Console(highlight=False)
    megabytes = found.size_bytes / 1_000_000
    console.print(Text(printable(f"{found.path}: {megabytes:.1f} MB, version {found.version}")), soft_wrap=True)
    console.print(_table(found) if found.judges else "no answers yet")
    for note in found.batches:
        line = f"open batch: {note.provider}, {len(note.keys)} calls, {note.state} {note.created}, {note.batch or '-'}"
        console.print(Text(printable(line)), soft_wrap=True)
    console.print(f"calls in flight: {found.claims}, processes that make them: {found.processes}")


def _table(found: StoreStats) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from longismore.reports import printable

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, show_footer=True)
    total = [Text(cell) for cell in _cells(found.total)]
    table.add_column("judge\nfingerprint", "all", overflow="fold", min_width=_SHOWN)
    for head, foot in zip(("answers", "refused", "tokens in", "tokens out", "US$"), total, strict=False):
        table.add_column(head, foot, justify="right", no_wrap=True)
    table.add_column("oldest\nnewest", total[-1], no_wrap=True)
    for (judge, fingerprint), totals in found.judges.items():
        name = printable(f"{judge or '(not recorded)'}\n{fingerprint[:_SHOWN]}")
        table.add_row(*(Text(cell) for cell in (name, *_cells(totals))))
    return table


def _cells(totals: Totals) -> list[str]:
    from longismore.reports import printable

    unknown = f"\n{totals.without_cost} unknown" if totals.without_cost else ""
    cost = "" if totals.cost_usd is None else f"{totals.cost_usd:.4f}"
    return [
        str(totals.answers),
        str(totals.refused),
        "unknown" if totals.input_tokens is None else str(totals.input_tokens),
        "unknown" if totals.output_tokens is None else str(totals.output_tokens),
        (cost + unknown).lstrip(),
        "\n".join(printable(day or "unknown")[:10] for day in (totals.oldest, totals.newest)),
    ]


@app.command("export")
def export(
    output: Path = typer.Argument(help="OUT.jsonl or OUT.parquet; an existing file is replaced."),
    store: Path | None = _STORE,
    judge: str | None = _JUDGE,
    fingerprint: str | None = _FINGERPRINT,
) -> None:
    """Write the answers, one a row, as JSON lines or Parquet."""
    from longismore.store import AnswerFilter

    with _open(store) as opened:
        done = opened.export(output, AnswerFilter(judge=judge, fingerprint=fingerprint))
    sys.stdout.write(f"{done.answers} answers written to {output}\n")
    if done.mended:
        sys.stderr.write(f"{done.mended} texts had half characters, which Parquet cannot hold: they are U+FFFD there\n")


@app.command("prune")
def prune(
    store: Path | None = _STORE,
    judge: str | None = _JUDGE,
    fingerprint: str | None = _FINGERPRINT,
    age: str | None = typer.Option(None, "--older-than", help="Only answers that came before so many days, e.g. 90d."),
    yes: bool = typer.Option(False, "--yes", help="Do it; without this, say only what would go."),
) -> None:
    """Delete answers for good: a run that needs them pays again. At least one filter must be given."""
    from longismore.store import AnswerFilter, older_than

    before = None if age is None else older_than(age)
    with _open(store) as opened:
        gone = opened.prune(AnswerFilter(judge=judge, fingerprint=fingerprint, before=before), only_look=not yes)
    sys.stdout.write(f"{gone.answers} answers {'deleted' if yes else 'would go'}{_cost(gone)}\n")
    if gone.answers and not yes:
        sys.stderr.write("nothing was deleted; --yes does it\n")


def _cost(totals: Totals) -> str:
    known = [] if totals.cost_usd is None else [f"US$ {totals.cost_usd:.4f}"]
    unknown = [f"{totals.without_cost} of unknown cost"] if totals.without_cost else []
    return f": {' and '.join(known + unknown)}" if totals.answers else ""
