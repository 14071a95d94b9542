"""``longismore data``: what instruction data are like, and what selections of them have in common."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

__all__ = ["app"]

app = typer.Typer(help="Describe instruction data, and compare selections.", no_args_is_help=True)

_FORMAT = typer.Option("auto", "--format", help="Of the files; default: as their fields say.")
_JSON = typer.Option(False, "--json", help="Print one JSON object.")


@app.command("stats")
def stats(
    files: list[Path] = typer.Argument(help="JSON, JSON lines or Parquet; each is described by itself."),
    measure: str = typer.Option(
        "chars", help="Of lengths: chars, words, nltk_words, or tokens:TOKENIZER, a name or a folder."
    ),
    data_format: str = _FORMAT,
    plot: Path | None = typer.Option(
        None, help='Draw the lengths into this file (.png, .svg, .pdf); needs "longismore[plot]".'
    ),
    as_json: bool = _JSON,
) -> None:
    """Say how many rows there are of which kind, which repeat, and how long their texts are."""
    from longismore.cli._run_data import StatsRequest, run_stats

    run_stats(
        StatsRequest(files=files, measure=measure, format=data_format, plot=plot), out=sys.stdout, as_json=as_json
    )


@app.command("overlap")
def overlap(
    files: list[Path] = typer.Argument(help="Two selections or more, in any format."),
    by: str = typer.Option("content", help="Rows are the same by content, or by instruction: that and the input."),
    unwrap: bool = typer.Option(False, "--unwrap", help='Take instructions out of a template ("### Instruction:").'),
    pool: Path | None = typer.Option(
        None, "--of", help="The data that they were selected from: says what chance would share."
    ),
    plot: Path | None = typer.Option(None, help='Draw the matrix (.png, .svg, .pdf); needs "longismore[plot]".'),
    as_json: bool = _JSON,
) -> None:
    """Say how many rows each two selections share, and with --of whether that is more than by chance."""
    from longismore.cli._run_data import OverlapRequest, run_overlap

    request = OverlapRequest(files=files, by=by, unwrap=unwrap, pool=pool, plot=plot)
    run_overlap(request, out=sys.stdout, as_json=as_json)
