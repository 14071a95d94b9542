"""``longismore report``: one page of everything that was judged, and the same as tables and figures."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from longismore.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged
    from longismore.reports import Results

__all__ = ["report"]

logger = logging.getLogger(__name__)


def report(
    runs: list[Path] = typer.Argument(
        help="Run folders, judgments.jsonl, samples of lm_eval, or annotations.json of alpaca_eval."
    ),
    output: Path = typer.Option(Path("report.html"), "--output", "-o", help="The page."),
    title: str | None = typer.Option(None, help="Title of the page; default: the models that are compared."),
    markdown: Path | None = typer.Option(None, help="Write the report as Markdown too."),
    csv: Path | None = typer.Option(None, help="Write the numbers as CSV, a row a test set."),
    latex: Path | None = typer.Option(None, help="Write the table for LaTeX."),
    figures: Path | None = typer.Option(None, help='Folder for the figures as PNG and SVG; needs "longismore[plot]".'),
    length_prior: str | None = typer.Option(
        None, help="Prior of the length slope: MEAN,SD, or the JSON of longismore audit --probe length."
    ),
    seed: int = typer.Option(0, min=0, max=2**32 - 1, help="Of the resampling behind the intervals at equal length."),
    draws: int = typer.Option(1000, min=100, help="How often is resampled."),
) -> None:
    """Write one HTML page that loads nothing: the answer, what it rests on, and the pairs; no call is made.

    Several runs stand together: several judges of the same answers, or several candidates.
    """
    from longismore._optional import require
    from longismore.api._length_prior import PriorChoice
    from longismore.judged import read_judged
    from longismore.reports.page import report_page

    if figures is not None:
        require("matplotlib", extra="plot")  # before the work, not after it
    judged = read_judged(runs)
    results = PriorChoice(length_prior).results(judged, seed=seed, draws=draws)
    command = ["longismore", *sys.argv[1:]]
    _write(output, report_page(judged, results, title=title, command=command))
    _write_tables(judged, results, csv=csv, latex=latex)
    if markdown is not None:
        from longismore.reports._page.markdown import report_markdown

        _write(markdown, report_markdown(judged, results, title=title, command=command))
    if figures is not None:
        from longismore.reports.figures import draw_figures

        try:
            drawn = draw_figures(judged, results, figures)
        except OSError as error:
            raise _not_written(figures, error) from error
        logger.info("%d figures in %s", len(drawn), figures)
    _print(judged, results)
    if not any(each.pooled.n for each in results):
        raise typer.Exit(1)


def _write_tables(
    judged: Sequence[Judged], results: Sequence[Results], *, csv: Path | None, latex: Path | None
) -> None:
    from longismore.reports.tables import csv_table, latex_table

    if csv is not None:
        _write(csv, csv_table(judged, results))
    if latex is not None:
        _write(latex, latex_table(judged, results))


def _write(path: Path, text: str) -> None:
    from longismore._jsonl import write_text

    try:
        write_text(path, text)
    except OSError as error:
        raise _not_written(path, error) from error
    logger.info("%s written", path)


def _not_written(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be written: {error.strerror}; name another place")


def _print(judged: Sequence[Judged], results: Sequence[Results]) -> None:
    """Say the answer of every comparison on a line of its own."""
    from longismore.reports import name_text, printable

    for each, result in zip(judged, results, strict=True):
        names = " ".join([name_text(each.candidate), "against", name_text(each.reference), "by", name_text(each.judge)])
        rates = result.pooled
        answer = f"{rates.length_verdict}: {rates.length_reason}" if rates.length_verdict else "no pair was judged"
        sys.stdout.write(printable(f"{names}: {answer}\n"))
