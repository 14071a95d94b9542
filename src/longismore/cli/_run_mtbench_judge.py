"""What ``longismore mtbench judge`` does, once its arguments are read."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from longismore.cli._progress import answering_progress
from longismore.cli._row_estimates import print_estimate, remark_on_protocol
from longismore.mtbench import load_questions, select_questions
from longismore.mtbench._chat_judge import ChatTurnJudge
from longismore.mtbench._layout import check_mode, model_names
from longismore.mtbench._run import judge_folder, plan_judging
from longismore.mtbench._turn_judge import make_turn_judge
from longismore.records import Status
from longismore.reports import name_text
from longismore.store import Store, default_store_path
from longismore.testsets import folder_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.mtbench._run import JudgedFolder, Judging

__all__ = ["JudgeRequest", "run_judge"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRequest:
    """One call of the command."""

    folder: Path
    judge: str
    options: Mapping[str, Any]
    mode: str
    baseline: str | None
    models: Sequence[str]
    questions: str
    judge_name: str | None
    store: Path | None
    dry_run: bool
    environ: Mapping[str, str]


def run_judge(request: JudgeRequest, *, show: bool) -> dict[str, Any]:
    """Judge and save, or say what it would take; with *show*, print it. Returns what ``--json`` prints.

    Raises:
        UsageError: Something in the request will not do; nothing was spent.
        JudgeError: The judge could not go on.
    """
    # Before anything is fetched.
    check_mode(request.mode)
    model_names(request.folder)
    published = folder_in(request.environ)
    judge = make_turn_judge(
        request.judge, request.options, request.environ, pairwise=request.mode != "single", folder=published
    )
    if isinstance(judge, ChatTurnJudge):
        remark_on_protocol(request.options, "mtbench judge")
    judging = plan_judging(
        request.folder,
        judge,
        select_questions(load_questions(published), request.questions),
        mode=request.mode,
        models=request.models,
        baseline=request.baseline,
        judge_name=request.judge_name,
    )
    with Store(request.store or default_store_path()) as store:
        estimate = judge.estimate(judging.matches, store)
        if request.dry_run:
            return print_estimate(judge.name, estimate, rows=len(judging.matches), show=show)
        if estimate is not None:
            logger.info("%s: %s", judge.name, estimate.sentence())
        with answering_progress(judge.name) as advance:
            judged = judge_folder(judging, store=store, on_progress=advance)
    if show:
        _show(judged, request.folder)
    elif judge.note:
        logger.warning("%s", judge.note)
    _warn(judged.states)
    return judged.to_dict()


def _show(judged: JudgedFolder, folder: Path) -> None:
    judging = judged.judging
    judge, path = name_text(judging.judge.name), name_text(str(judging.path), 300)
    counts = ", ".join(f"{count:,} {state}" for state, count in judged.states.items())
    kept = f"; rows about other models or questions that were kept: {judged.kept:,}" if judged.kept else ""
    usage = judging.judge.usage
    cost = "" if not usage.answered else f", US$ {usage.known_cost_usd:.4f}" if usage.known_cost_usd is not None else ""
    lines = [
        f"{judge}, {judging.mode}: {judged.rows:,} {'row' if judged.rows == 1 else 'rows'}, {counts}{cost}",
        *([judging.judge.note] if judging.judge.note else []),
        f"written to {path}{kept}",
        f"to see what it says: longismore mtbench show {name_text(str(folder), 300)}{_mode_options(judging)}",
    ]
    console = Console(highlight=False)
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _mode_options(judging: Judging) -> str:
    """Without a mode the other command shows scores, where there are any."""
    if judging.mode == "single":
        return ""
    return f" --mode {judging.mode}" + (f" --baseline {name_text(judging.baseline)}" if judging.baseline else "")


def _warn(states: Mapping[str, int]) -> None:
    total = sum(states.values())
    if states[Status.JUDGED] == total:
        return
    again = "; those that failed are asked again by the same command" if Status.FAILED in states else ""
    logger.warning("judgments without a result: %d of %d%s", total - states[Status.JUDGED], total, again)
