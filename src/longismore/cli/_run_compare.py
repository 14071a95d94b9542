"""What ``longismore compare`` does, once its arguments are read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rich.console import Console

from longismore.api._comparing import Request, prepare, read_request, run_comparison
from longismore.cli._estimates import show_estimates
from longismore.cli._progress import answering_progress, judging_progress
from longismore.store import Store, default_store_path

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.api import Compared

__all__ = ["Request", "run_compare"]

logger = logging.getLogger(__name__)


def run_compare(request: Request, *, store: Path | None, dry_run: bool, show: bool) -> Compared | None:
    """Read, check, judge, save; with *show*, print the table to stdout. A dry run only prints what it would take.

    Raises:
        UsageError: Something in the request will not do; nothing was spent.
        JudgeError: The judge, or a model that writes answers, could not go on.
    """
    ready = read_request(request)
    with Store(store or default_store_path()) as opened:
        if dry_run:
            show_estimates(ready.judge, ready.examples, ready.sources, opened)
            return None
        run = prepare(request, ready, opened, answering_progress)
        with judging_progress() as advance:
            compared = run_comparison(run, ready.judge, opened, advance)
    if show:
        Console().print(compared)
    elif ready.judge.note:
        logger.warning("%s", ready.judge.note)
    logger.info("run folder: %s (report.html, judgments.jsonl, results.json)", compared.folder)
    return compared
