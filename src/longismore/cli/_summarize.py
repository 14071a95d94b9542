"""``longismore summarize``: rates, raw and at equal length, of what was judged before; nothing is called."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

__all__ = ["summarize"]


def summarize(
    files: list[Path] = typer.Argument(
        help="Run folders, judgments.jsonl, lm_eval's samples_longismore_*.jsonl, or alpaca_eval's annotations.json."
    ),
    length_prior: str | None = typer.Option(
        None, help="Prior of the length slope: MEAN,SD, or the JSON of longismore audit --probe length."
    ),
    official: Path | None = typer.Option(
        None, help="df_gamed.csv of AlpacaEval: alpaca_eval's own length_controlled_v1 stands beside ours (805 rows)."
    ),
    seed: int = typer.Option(0, min=0, max=2**32 - 1, help="Of the resampling behind the intervals at equal length."),
    draws: int = typer.Option(1000, min=100, help="How often is resampled."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Say what verdicts mean: win rates with intervals, and what is left of them at equal length.

    Several files of one judge and reference are fitted together: their candidates share the judge's length slope and
    the difficulty of the prompts, are compared in pairs, and, from three models on, are rated.
    """
    from longismore.cli._run_summarize import SummaryRequest, run_summarize

    request = SummaryRequest(
        files=[str(file) for file in files],
        length_prior=length_prior,
        official=official,
        seed=seed,
        draws=draws,
    )
    if not run_summarize(request, out=sys.stdout, as_json=as_json):
        raise typer.Exit(1)
