"""``longismore convert``: instruction data from one format into another."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import typer

__all__ = ["convert"]


def convert(
    data: Path = typer.Argument(help="JSON, JSON lines or Parquet."),
    to: str = typer.Option(..., help="alpaca, dolly, input_target, prompt_completion, sharegpt or messages."),
    output: Path = typer.Option(
        ...,
        "--output",
        "-o",
        help="OUT.json (an array), OUT.jsonl (lines) or OUT.parquet; an existing file is replaced.",
    ),
    data_format: str = typer.Option("auto", "--format", help="Of the input; default: as its fields say."),
    unwrap: bool = typer.Option(False, "--unwrap", help='Take instructions out of a template ("### Instruction:").'),
    multi_turn: str = typer.Option(
        "error", help="Conversations in a format of single turns: error, first (turn only) or split (a row a turn)."
    ),
    system: str = typer.Option(
        "error", help="System messages in a format without: error, drop or prepend (to the instruction)."
    ),
    join: str = typer.Option(
        r"\n\n", help="Between instruction and input where they become one text; \\n is a new line."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Convert instruction data, and say what the other format could not hold."""
    from longismore.cli._run_convert import convert_file
    from longismore.instructions._convert import Conversion

    text = join.replace(r"\n", "\n")
    conversion = Conversion(to, unwrap=unwrap, multi_turn=multi_turn, system=system, join=text)
    said = convert_file(data, output, conversion, source=data_format)
    if as_json:
        document = {"input": str(data), "output": str(output), "format": to} | conversion.counts.to_dict()
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    else:
        sys.stdout.writelines(f"{sentence}\n" for sentence in said)
