"""``longismore rate``: a score from 0 to 5 for every row of instruction data."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import typer

from longismore.cli._judge_options import given_settings, with_judge_settings

__all__ = ["rate"]


@with_judge_settings
def rate(
    data: list[Path] = typer.Option(help="Instruction data: JSON, JSON lines or Parquet; several are one data set."),
    judge: str = typer.Option(
        "",
        envvar="LONGISMORE_JUDGE",
        help="openai/MODEL, anthropic/MODEL, google/MODEL, hf/PATH, vllm/PATH, a judge file, or lexical to try it; "
        "there is no default.",
        show_default=False,
    ),
    dimension: str = typer.Option("accuracy", help="accuracy, helpfulness, or other words that name what is rated."),
    output: Path = typer.Option(Path("ratings.jsonl"), help="File of ratings, .jsonl or .parquet; it is replaced."),
    prompt: Path | None = typer.Option(None, help="Rules with @CODE@, or a template with @RESPONSE@, for our prompt."),
    multi_turn: str = typer.Option("refuse", help="Conversations of several turns: refuse, first (turn) or all."),
    format_: str = typer.Option("auto", "--format", help="Of the data: auto, alpaca, dolly, sharegpt, messages, ..."),
    limit: int | None = typer.Option(None, min=1, help="Only the first so many rows."),
    plot: Path | None = typer.Option(None, help="Draw the scores: .png, .svg or .pdf."),
    store: Path | None = typer.Option(None, envvar="LONGISMORE_STORE", help="Database of paid answers."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print calls, tokens and cost; send nothing."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    **settings: Any,
) -> None:
    """Let a model rate every row from 0 to 5, as AlpaGasus does: one call a row.

    Whatever is no readable score stays without one, and is counted. The same command again pays only for what is
    missing. longismore select score takes the file of ratings.
    """
    from longismore.cli._run_rate import Request, run_rate

    found = run_rate(
        Request(
            data=data,
            judge=judge,
            options=given_settings(settings),
            dimension=dimension,
            output=output,
            prompt=prompt,
            multi_turn=multi_turn,
            format=format_,
            limit=limit,
            plot=plot,
            store=store,
            dry_run=dry_run,
            environ=dict(os.environ),
            command=sys.argv,
        ),
        show=not as_json,
    )
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
