"""``longismore select``: choose rows of instruction data by a strategy."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

__all__ = ["select"]


def select(
    strategy: str | None = typer.Argument(
        None, metavar="STRATEGY[:KEY=VALUE,...]", help="How rows are chosen, e.g. longest or random:seed=1; see --list."
    ),
    data: list[Path] | None = typer.Option(
        None, help="Instruction data: JSON array, JSON lines or Parquet; several files are one data set."
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="Gets the chosen rows, as they stand in the data."),
    budget: int | None = typer.Option(None, min=1, help="How many rows are wanted; default: all that qualify."),
    settings: list[str] | None = typer.Option(
        None,
        "--set",
        metavar="KEY=VALUE",
        help="A parameter of the strategy; a list's entries are separated by commas.",
    ),
    data_format: str = typer.Option("auto", "--format", help="Of the data, where its fields do not tell."),
    scores: Path | None = typer.Option(
        None, envvar="LONGISMORE_SCORES", help="Folder of the score store: what is in it is not computed again."
    ),
    shard: str | None = typer.Option(
        None, metavar="I/N", help="Compute only this part, e.g. 3/8, and choose nothing: for job arrays."
    ),
    engine: str = typer.Option("local", help="Who computes scores: local, or ray (extra ray)."),
    workers: int | None = typer.Option(None, min=1, help="Of Ray: how many score at once; default: as many as fit."),
    gpus: float = typer.Option(0.0, min=0.0, help="Of Ray: GPUs of each worker; parts of one are allowed."),
    ray_address: str | None = typer.Option(
        None, envvar="RAY_ADDRESS", help="Of Ray: the cluster; default: one on this machine."
    ),
    drop_duplicates: bool = typer.Option(False, "--drop-duplicates", help="Of rows with equal content take the first."),
    allow_fewer: bool = typer.Option(False, "--allow-fewer", help="Less rows than the budget are no error."),
    retry_errors: bool = typer.Option(False, "--retry-errors", help="Score the rows again that failed before."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be computed, and stop."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object: the manifest."),
    list_all: bool = typer.Option(False, "--list", help="List every strategy with its parameters."),
) -> None:
    """Select rows to train on, and write down how it was done.

    The rows are written as they stand in the data and in its order; OUTPUT.manifest.json says by which strategy and
    parameters, from which files, and why each row that is missing was dropped.
    """
    from longismore.cli._run_select import SelectRequest, list_strategies, run_select

    if list_all:
        list_strategies(out=sys.stdout, as_json=as_json)
        return
    request = SelectRequest(
        strategy=strategy or "",
        data=[str(path) for path in data or []],
        data_format=data_format,
        output=output,
        budget=budget,
        settings=settings or [],
        scores=scores,
        shard=shard,
        engine=engine,
        workers=workers,
        gpus=gpus,
        ray_address=ray_address,
        drop_duplicates=drop_duplicates,
        allow_fewer=allow_fewer,
        retry_errors=retry_errors,
        dry_run=dry_run,
        environ=os.environ,
    )
    run_select(request, out=sys.stdout, as_json=as_json)
