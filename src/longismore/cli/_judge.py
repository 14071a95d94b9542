"""``longismore judge``: any two files of answers, paired by their instructions; no test set is needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import typer

from longismore.cli._compare import end_comparison
from longismore.cli._judge_options import JudgeSpec, given_settings, with_judge_settings

__all__ = ["judge_files"]


@with_judge_settings
def judge_files(
    reference: Path = typer.Argument(help="Answers of the reference, e.g. alpaca_eval's model_outputs.json."),
    candidate: Path = typer.Argument(help="Answers of the candidate; every rate is from its side."),
    judge: JudgeSpec = "",
    limit: int | None = typer.Option(None, min=1, help="Only the first so many pairs."),
    output: Path = typer.Option(Path("runs"), help="Folder in which the run folder is made."),
    store: Path | None = typer.Option(None, envvar="LONGISMORE_STORE", help="Database of paid answers."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print calls, tokens and cost; send nothing."),
    as_json: bool = typer.Option(False, "--json", help="Print the results as one JSON object."),
    **settings: Any,
) -> None:
    """Judge any two files of answers in both orders, paired by the text of their instructions.

    Neither alpaca_eval nor a test set is needed. The run folder also gets annotations.json and leaderboard.csv, as
    alpaca_eval writes them. The same command again pays only for what is missing.
    """
    from longismore.cli._run_judge import Request, run_judge

    comparison = run_judge(
        Request(
            reference=reference,
            candidate=candidate,
            judge=judge,
            options=given_settings(settings),
            limit=limit,
            output=output,
            environ=dict(os.environ),
            command=sys.argv,
        ),
        store=store,
        dry_run=dry_run,
        show=not as_json,
    )
    end_comparison(comparison, as_json=as_json)
