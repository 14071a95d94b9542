"""What ``longismore judge`` does, once its arguments are read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rich.console import Console

from longismore.api._comparing import Request, run_comparison
from longismore.api._judge import join_answers, prepare_joined
from longismore.api._sources import make_judge_of
from longismore.cli._estimates import show_estimates
from longismore.cli._progress import judging_progress
from longismore.harness._alpaca_files import write_alpaca_files
from longismore.store import Store, default_store_path

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.api import Compared

__all__ = ["Request", "run_judge"]

logger = logging.getLogger(__name__)


def run_judge(request: Request, *, store: Path | None, dry_run: bool, show: bool) -> Compared | None:
    """Read, pair, check, judge, save; with *show*, print the table to stdout. A dry run prints what it would take.

    Raises:
        UsageError: Something in the request will not do; nothing was spent.
        JudgeError: The judge could not go on.
    """
    judge = make_judge_of(request.judge, request.options, request.environ)
    joined = join_answers(request)
    with Store(store or default_store_path()) as opened:
        if dry_run:
            answers = {
                role: {(pair.testset, pair.id): getattr(pair, role) for pair in joined.pairs}
                for role in ("reference", "candidate")
            }
            show_estimates(judge, joined.examples, answers, opened)
            return None
        run = prepare_joined(request, judge, joined, opened)
        with judging_progress() as advance:
            compared = run_comparison(run, judge, opened, advance)
    assert compared.folder is not None  # noqa: S101  a command always makes one
    write_alpaca_files(compared.folder, joined, compared, spec=str(request.judge))
    if show:
        Console().print(compared)
    elif judge.note:
        logger.warning("%s", judge.note)
    logger.info("run folder: %s (report.html, judgments.jsonl, results.json, annotations.json)", compared.folder)
    return compared
