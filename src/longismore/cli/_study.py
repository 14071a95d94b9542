"""``longismore study``: does a selection beat random?"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import typer

__all__ = ["study"]


def study(
    file: Path = typer.Argument(metavar="STUDY.YAML", help="What is compared; see docs/study.md."),
    output: Path | None = typer.Option(
        None,
        "--output",
        "-o",
        help="Folder of everything; default: runs/STUDY, as the file is called. The same command goes on there.",
    ),
    only: list[str] = typer.Option(
        [], "--only", metavar="CELL", help="Only this cell; * stands for anything. For job arrays."
    ),
    max_cost_usd: float | None = typer.Option(
        None, envvar="LONGISMORE_JUDGE_MAX_COST_USD", help="Stop judging before this command can cost more."
    ),
    length_prior: str | None = typer.Option(
        None, metavar="MEAN,SD|FILE", help="Of the length slope, in the place of the file's."
    ),
    store: Path | None = typer.Option(None, envvar="LONGISMORE_STORE", help="Database of paid answers."),
    scores: Path | None = typer.Option(
        None, envvar="LONGISMORE_SCORES", help="Folder of the score store: what is in it is not computed again."
    ),
    plan: bool = typer.Option(False, "--plan", help="Print the commands of every stage, and what it takes."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print what it takes; compute and send nothing."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Select, train, generate and judge, for every strategy, budget, data set and seed, against random selections.

    Whatever is finished is not done again, also after the command was killed. Exit code 1: a cell failed; the others
    were finished.
    """
    from longismore.cli._run_study import StudyRequest, plan_command, run_command
    from longismore.testsets import folder_in

    request = StudyRequest(
        file=file,
        output=output,
        only=only,
        max_cost_usd=max_cost_usd,
        length_prior=length_prior,
        store=store,
        scores=scores,
        testsets_folder=folder_in(os.environ),
        environ=dict(os.environ),
    )
    if plan or dry_run:
        found = plan_command(request, with_commands=plan, show=not as_json)
    else:
        found = run_command(request, show=not as_json)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    if found.get("failed"):
        raise typer.Exit(1)
