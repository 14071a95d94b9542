"""What ``longismore rate`` does, once its arguments are read."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from longismore._row_asking import check_outputs, first_rows
from longismore.cli._progress import answering_progress
from longismore.cli._row_estimates import print_estimate, remark_on_protocol
from longismore.instructions import open_data
from longismore.judges._rating import RatingStatus, make_rater
from longismore.judges._row_prompt import read_row_prompt
from longismore.rating import rate_rows, survey_rows
from longismore.reports import name_text
from longismore.reports._figure.file import check_figure
from longismore.reports.scores import draw_scores, score_table
from longismore.selectors import manifest_path
from longismore.store import Store, default_store_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.instructions import InstructionData
    from longismore.judges._rating import Rater
    from longismore.rating import Rated

__all__ = ["Request", "run_rate"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of the command."""

    data: Sequence[Path]
    judge: str
    options: Mapping[str, Any]
    dimension: str
    output: Path
    prompt: Path | None
    multi_turn: str
    format: str
    limit: int | None
    plot: Path | None
    store: Path | None
    dry_run: bool
    environ: Mapping[str, str]
    command: Sequence[str]


def run_rate(request: Request, *, show: bool) -> dict[str, Any]:
    """Rate and save, or say what it would take; with *show*, print it. Returns what ``--json`` prints.

    Raises:
        UsageError: Something in the request will not do; nothing was spent.
        JudgeError: The model could not go on.
    """
    remark_on_protocol(request.options, "rate")
    rater = make_rater(
        request.judge,
        request.options,
        request.environ,
        dimension=request.dimension,
        prompt=None if request.prompt is None else read_row_prompt(request.prompt),
        whole=request.multi_turn == "all",
    )
    if request.plot is not None:
        check_figure(request.plot)
    data = open_data(request.data, format=request.format)
    check_outputs(data, request.output, manifest_path(request.output), request.plot)
    with Store(request.store or default_store_path()) as store:
        if request.dry_run:
            return _estimate(request, rater, data, store, show=show)
        with answering_progress(rater.name) as advance:
            rated = rate_rows(
                data,
                rater,
                request.output,
                store=store,
                spec=request.judge,
                multi_turn=request.multi_turn,
                limit=request.limit,
                command=request.command,
                on_progress=advance,
            )
    if request.plot is not None and rated.scores:
        title = (f"{rated.dimension}, rated by {rated.judge}", f"{sum(rated.scores.values()):,} of {rated.rows:,} rows")
        draw_scores(rated.scores, request.plot, title=title)
    if show:
        _show(rated)
    elif rated.note:
        logger.warning("%s", rated.note)
    _warn(rated)
    return rated.to_dict()


def _estimate(request: Request, rater: Rater, data: InstructionData, store: Store, *, show: bool) -> dict[str, Any]:
    survey = survey_rows(data, multi_turn=request.multi_turn, limit=request.limit)
    estimate = rater.estimate(first_rows(data, request.limit), store)
    if show:
        sys.stdout.write(f"{survey.rows:,} rows, {survey.empty:,} without a response\n")
    return print_estimate(rater.name, estimate, rows=survey.rows, show=show)


def _show(rated: Rated) -> None:
    console = Console()
    console.print(Text(f"{name_text(rated.dimension)}, rated by {name_text(rated.judge)}", "bold"), soft_wrap=True)
    if rated.scores:
        console.print(score_table(rated.scores))
    counts = ", ".join(f"{count:,} {status}" for status, count in rated.statuses.items())
    mean = "" if rated.mean is None else f"; mean score {rated.mean:.3f}"
    console.print(Text(f"{rated.rows:,} rows: {counts or 'none'}{mean}"), soft_wrap=True)
    if rated.note:
        console.print(Text(rated.note), soft_wrap=True)
    console.print(Text(f"written to {name_text(str(rated.output), 300)}"), soft_wrap=True)


def _warn(rated: Rated) -> None:
    without = rated.rows - sum(rated.scores.values()) - rated.statuses.get(RatingStatus.EMPTY, 0)
    if without:
        logger.warning(
            "%d of %d rows have no score; those that failed are asked again by the same command", without, rated.rows
        )
