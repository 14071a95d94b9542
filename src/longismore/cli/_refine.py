"""``longismore refine``: better responses for the rows of instruction data."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from longismore.cli._judge_options import given_settings, with_judge_settings

__all__ = ["refine"]

_Model = Annotated[
    str,
    typer.Option(
        "--judge",
        "--model",
        envvar="LONGISMORE_JUDGE",
        help="openai/MODEL, anthropic/MODEL, google/MODEL, hf/PATH, vllm/PATH or a judge file; there is no default.",
    ),
]


@with_judge_settings
def refine(
    output: Path = typer.Option(help="Gets all rows, in the format of the data; it is replaced."),
    data: list[Path] = typer.Option(help="Instruction data: JSON, JSON lines or Parquet; several are one data set."),
    judge: _Model = "",
    details: Path | None = typer.Option(None, help="Gets status, critique and the model's text of each row: .jsonl."),
    prompt: Path | None = typer.Option(None, help="Rules with @CODE@, or a template with @RESPONSE@, for our prompt."),
    multi_turn: str = typer.Option("refuse", help="Conversations of several turns: refuse, or keep as they are."),
    max_chars: int | None = typer.Option(None, min=1, help="Keep rows as they are whose texts are longer together."),
    format_: str = typer.Option("auto", "--format", help="Of the data: auto, alpaca, dolly, sharegpt, messages, ..."),
    store: Path | None = typer.Option(None, envvar="LONGISMORE_STORE", help="Database of paid answers."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print calls, tokens and cost; send nothing."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    **settings: Any,
) -> None:
    """Let a model criticise every response and write a better one, as Long Is More does: one call a row.

    Where no better response can be read, the old one is kept, and counted by the reason. The same command again pays
    only for what is missing.
    """
    from longismore.cli._run_refine import Request, run_refine

    found = run_refine(
        Request(
            data=data,
            judge=judge,
            options=given_settings(settings),
            output=output,
            details=details,
            prompt=prompt,
            multi_turn=multi_turn,
            max_chars=max_chars,
            format=format_,
            store=store,
            dry_run=dry_run,
            environ=dict(os.environ),
            command=sys.argv,
        ),
        show=not as_json,
    )
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
