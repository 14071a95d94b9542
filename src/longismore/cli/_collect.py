"""``longismore collect``: the results of many models and programs in one table."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

__all__ = ["collect"]


def collect(
    results: list[Path] = typer.Argument(
        help="Folders, searched all the way down, or files of lm_eval, longismore, alpaca_eval and MT-Bench."
    ),
    output: list[Path] = typer.Option(
        [], "--output", "-o", help="Write the table: .csv, .md, .tex, .html or .json; repeatable."
    ),
    metric: list[str] = typer.Option(
        [], help='Only these: a benchmark, a metric, or BENCHMARK/METRIC, with * and ?; repeatable. "*" is all.'
    ),
    alias: list[str] = typer.Option([], help="NAME=OTHER: the model that is called OTHER is NAME; repeatable."),
    allow_mixed: bool = typer.Option(False, help="Mark numbers of other versions, in place of refusing them."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Gather the results of many models in one table: a row for each model, a column for each metric.

    Numbers that were made with other settings stand in columns of their own; numbers of other versions of a task, a
    judge or a test set are refused. Nothing is run and nothing is changed.
    """
    from longismore.cli._run_collect import CollectRequest, run_collect

    request = CollectRequest(paths=results, outputs=output, metrics=metric, aliases=alias, allow_mixed=allow_mixed)
    run_collect(request, out=sys.stdout, as_json=as_json)
