"""What ``longismore judge`` does, once its arguments are read."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.console import Console

from longismore.cli._estimates import show_estimates
from longismore.cli._progress import judging_progress
from longismore.comparison import compare_pairs
from longismore.harness._alpaca_files import write_alpaca_files
from longismore.harness._alpaca_pairs import join_outputs
from longismore.judges import ChatJudge, JudgeOptions, make_judge
from longismore.reports import results_table
from longismore.run_folder import RunFolder, describe_run
from longismore.store import Store, default_store_path
from longismore.testsets import read_outputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.comparison import Comparison
    from longismore.harness._alpaca_pairs import JoinedOutputs
    from longismore.judges import Judge

__all__ = ["Request", "run_judge"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of the command."""

    reference: Path
    candidate: Path
    judge: str
    options: Mapping[str, Any]
    limit: int | None
    output: Path
    store: Path | None
    dry_run: bool
    environ: Mapping[str, str]
    command: Sequence[str]


def run_judge(request: Request, *, show: bool) -> Comparison | None:
    """Read, pair, check, judge, save; with *show*, print the table to stdout. A dry run prints what it would take.

    Raises:
        UsageError: Something in the request will not do; nothing was spent.
        JudgeError: The judge could not go on.
    """
    judge = make_judge(request.judge, JudgeOptions.from_mapping(request.options, request.environ))
    joined = _joined(request)
    with Store(request.store or default_store_path()) as store:
        if request.dry_run:
            answers = {
                role: {(pair.testset, pair.id): getattr(pair, role) for pair in joined.pairs}
                for role in ("reference", "candidate")
            }
            show_estimates(judge, joined.examples, answers, store)
            return None
        return _judge(request, judge, joined, store, show=show)


def _joined(request: Request) -> JoinedOutputs:
    reference, candidate = read_outputs(request.reference), read_outputs(request.candidate)
    joined = join_outputs(reference.outputs, candidate.outputs, names=(request.reference.stem, request.candidate.stem))
    return replace(joined, matches=joined.matches[: request.limit], pairs=joined.pairs[: request.limit])


def _judge(request: Request, judge: Judge, joined: JoinedOutputs, store: Store, *, show: bool) -> Comparison:
    judge.check(joined.examples, store)
    if isinstance(judge, ChatJudge):
        judge.announce(joined.pairs, store)
    run = describe_run(
        judge=judge,
        spec=request.judge,
        sources={"reference": request.reference, "candidate": request.candidate},
        testsets=[],
        command=request.command,
    )
    folder = RunFolder.fresh(request.output, joined.pairs[0].candidate.model, run)
    with judging_progress() as advance:
        comparison = compare_pairs(joined.pairs, judge, store=store, folder=folder, on_progress=advance)
    write_alpaca_files(folder.path, joined, comparison, spec=request.judge)
    if show:
        first = joined.pairs[0]
        table = results_table(
            comparison.results,
            reference=first.reference.model,
            candidate=first.candidate.model,
            judge=judge.name,
            note=judge.note,
        )
        Console().print(table)
    elif judge.note:
        logger.warning("%s", judge.note)
    logger.info("run folder: %s (report.html, judgments.jsonl, results.json, annotations.json)", folder.path)
    return comparison
