"""What ``longismore study`` does, once its arguments are read."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from longismore.api._length_prior import PriorChoice
from longismore.cli._study_progress import study_progress
from longismore.errors import ConfigError, UsageError
from longismore.judges import JudgeOptions, make_judge
from longismore.reports import name_text, printable
from longismore.reports.study import study_table
from longismore.selectors import LocalEngine, ScoreStore, default_scores_path
from longismore.store import Store, default_store_path
from longismore.study import (
    Judging,
    LocalWork,
    Pipeline,
    Selecting,
    chosen_cells,
    plan_study,
    read_study,
    run_study,
)
from longismore.testsets import TESTSETS
from longismore.train._model_size import model_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from longismore.reports import LengthPrior
    from longismore.study import Cell, Study, StudyPlan, Work

__all__ = ["StudyRequest", "plan_command", "run_command"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequest:
    """One call of the command."""

    file: Path
    output: Path | None
    only: Sequence[str]
    max_cost_usd: float | None
    length_prior: str | None
    store: Path | None
    scores: Path | None
    testsets_folder: Path | None
    environ: Mapping[str, str]
    work: Work | None = None
    """Who trains and answers; ``None``: this machine."""


def run_command(request: StudyRequest, *, show: bool) -> dict[str, Any]:
    """Run the study, and with *show* print its table; gives what ``--json`` prints.

    Raises:
        UsageError: Something in the file or the request will not do; nothing was computed.
    """
    with _prepared(request) as (pipeline, prior):
        judging, study = pipeline.judging, pipeline.study
        _check_budgets(pipeline, chosen_cells(pipeline.cells, request.only))
        judging.judge.check(judging.examples, judging.store)
        _check_model(pipeline)
        run = run_study(pipeline, only=request.only, prior=prior, on_cell=_announce)
    if show:
        Console().print(study_table(run.results))
    for path in run.files:
        logger.info("%s written", path)
    if run.troubles:
        failed = ", ".join(dict.fromkeys(trouble.name for trouble in run.troubles))
        logger.error("failed: %s; mend it and repeat the command, which goes on with them (%s)", failed, study.path)
    return run.results.to_dict()


def plan_command(request: StudyRequest, *, with_commands: bool, show: bool) -> dict[str, Any]:
    """Print what the study takes, and with *with_commands* the commands of a cluster; gives what ``--json`` prints.

    Raises:
        UsageError: Something in the file or the request will not do.
    """
    with _prepared(request) as (pipeline, _):
        plan = plan_study(pipeline, chosen_cells(pipeline.cells, request.only))
    if show:
        if with_commands:
            for what, commands in plan.phases:
                sys.stdout.write(printable(f"# {what}\n" + "".join(f"{command}\n" for command in commands) + "\n"))
        sys.stdout.write(printable("".join(f"# {line}\n" for line in _estimate(plan))))
    found = plan.to_dict()
    return found if with_commands else {"estimate": found["estimate"]}


@contextmanager
def _prepared(request: StudyRequest) -> Iterator[tuple[Pipeline, LengthPrior]]:
    study = read_study(request.file, environ=request.environ)
    judge = make_judge(study.judge, JudgeOptions.from_mapping(_judge_settings(study, request), request.environ))
    testsets = [TESTSETS.get(name) for name in study.testsets]
    examples = [each for testset in testsets for each in testset.load(request.testsets_folder)[: study.limit]]
    prior = PriorChoice(request.length_prior or study.length_prior).of(judge.name)
    scores = request.scores or default_scores_path(request.environ)
    output = request.output or Path("runs") / study.path.stem
    with Store(request.store or default_store_path()) as store, study_progress() as bar:
        pipeline = Pipeline(
            study=study,
            output=output,
            work=request.work or LocalWork(on_training=bar.training, on_answers=bar.answering),
            selecting=Selecting(
                engine=LocalEngine(ScoreStore(scores)),
                folder=scores,
                drop_duplicates=study.drop_duplicates,
                allow_fewer=study.allow_fewer,
                on_progress=bar.selecting,
            ),
            judging=Judging(
                judge=judge,
                spec=study.judge,
                store=store,
                examples=examples,
                testsets=testsets,
                on_progress=bar.judging,
            ),
        )
        yield pipeline, prior


def _judge_settings(study: Study, request: StudyRequest) -> dict[str, Any]:
    given = {} if request.max_cost_usd is None else {"max_cost_usd": request.max_cost_usd}
    return {**study.judge_settings, **given}


def _check_model(pipeline: Pipeline) -> None:
    """Find out before the first selection whether there is a model to train."""
    model = pipeline.study.model
    try:
        pipeline.work.model_digest(model)
    except UsageError:
        raise
    except Exception as error:  # of Transformers and its hub: they have no base in common
        told = " ".join(str(error).split())[:300]
        raise UsageError(f"{pipeline.study.path}: model {model} cannot be used: {told}") from error
    asked = pipeline.study.max_new_tokens
    most = _positions(model) if isinstance(pipeline.work, LocalWork) else None
    if most is not None and asked >= most:
        raise ConfigError(
            f"{pipeline.study.path}: max_new_tokens={asked} leaves no room for a prompt in the {most} tokens that "
            f"{model} takes; set a smaller one"
        )


def _positions(model: str) -> int | None:
    """The longest text that a model takes; what else is wrong with it is said where it is trained."""
    with suppress(UsageError):
        return model_size(model).positions
    return None


def _check_budgets(pipeline: Pipeline, cells: Sequence[Cell]) -> None:
    """Find out before the first selection whether there are as many rows as are wanted."""
    sizes = {data.name: pipeline.data(data.name).size for data in pipeline.study.data}
    wanted = sorted({(cell.data, cell.budget) for cell in cells if cell.budget is not None})
    problems = [
        f"{pipeline.study.path}: budgets: {budget} is more than the {sizes[data]} rows of {data}; "
        "set a smaller one, or allow_fewer: true"
        for data, budget in wanted
        if budget > sizes[data]
    ]
    if problems and not pipeline.study.allow_fewer:
        raise ConfigError(problems)


def _announce(name: str, number: int, count: int) -> None:
    logger.info("cell %d of %d: %s", number, count, name_text(name))


def _estimate(plan: StudyPlan) -> Iterator[str]:
    """The estimate in lines."""
    yield f"{plan.cells} cells, {plan.cells_done} of them done"
    yield f"{plan.matches} matches, {plan.matches_done} of them done"
    for selection, rows in plan.to_score.items():
        yield f"{selection}: {'unknown how many' if rows is None else f'{rows:,}'} rows are to be scored by a model"
    tokens = "unknown" if plan.train_tokens is None else f"about {plan.train_tokens:,}"
    yield f"training: {plan.rows:,} rows in all, tokens of all epochs: {tokens} (by a sample of the data)"
    yield f"answers: {plan.generations:,}"
    if plan.judge is None:
        yield f"judging: {plan.judge_calls:,} judgments, no calls, no cost"
    else:
        yield f"judging: {plan.judge_calls:,} judgments; {plan.judge.sentence()}"
