"""``--plan`` and ``--dry-run``: the commands of every stage for a cluster, and what all of it will take."""

from __future__ import annotations

import logging
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.comparison import make_pairs
from longismore.errors import LongismoreError
from longismore.judges import ChatJudge
from longismore.records import Answer
from longismore.study._cells import excluded_by, matches_of
from longismore.study._strategy import FULL, STRICT, arguments_of
from longismore.study._work import launch_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.instructions import InstructionData
    from longismore.judges import Estimate
    from longismore.study._cells import Cell
    from longismore.study._pipeline import Pipeline
    from longismore.study._strategy import Strategy
    from longismore.train.settings import TrainSettings

__all__ = ["StudyPlan", "plan_study"]

logger = logging.getLogger(__name__)

_SAMPLE = 500
"""Rows of a data set whose tokens are counted."""
_CHARS_OF_AN_ANSWER = 1400
"""What an answer that is still to be written is taken for."""
_GPUS = 8
"""Of the commands for a model that is divided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """What is to be done, as commands and as numbers. Unknown is ``None``."""

    phases: tuple[tuple[str, tuple[str, ...]], ...]
    """What for, and the commands; those of one phase may run beside each other where the words do not deny it."""
    cells: int
    cells_done: int
    matches: int
    matches_done: int
    rows: int
    """Rows that models are trained on, every cell counted, finished ones too."""
    to_score: Mapping[str, int | None]
    """Rows that a strategy's models still have to score, by selection; ``None`` where that cannot be told."""
    train_tokens: int | None
    """Of all cells and epochs, from a sample of the data: a strategy that takes long rows takes more."""
    generations: int
    judge_calls: int
    """Two a pair; of offline judges they are no calls."""
    judge: Estimate | None
    """Of a judge that is asked over a network or locally, with what is in the store already."""

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        cost = None if self.judge is None or self.judge.cost_usd is None else list(self.judge.cost_usd.values())
        return {
            "phases": [{"what": what, "commands": list(commands)} for what, commands in self.phases],
            "estimate": {
                "cells": self.cells,
                "cells_done": self.cells_done,
                "matches": self.matches,
                "matches_done": self.matches_done,
                "rows": self.rows,
                "to_score": dict(self.to_score),
                "train_tokens": self.train_tokens,
                "generations": self.generations,
                "judgments": self.judge_calls,
                "judge_calls_to_send": None if self.judge is None else self.judge.calls,
                "judge_calls_from_store": None if self.judge is None else self.judge.from_store,
                "cost_usd": cost,
            },
        }


def plan_study(pipeline: Pipeline, cells: Sequence[Cell], *, program: str = "longismore") -> StudyPlan:
    """Say what these cells take, and by which commands; nothing is computed but what that needs.

    Args:
        pipeline: The study's.
        cells: Those that are planned.
        program: How the commands call longismore.
    """
    matches = [match for match in matches_of(pipeline.study, pipeline.cells) if match.candidate in cells]
    sizes = {cell.name: _size(pipeline, cell) for cell in cells}
    asked = len(pipeline.examples)
    return StudyPlan(
        phases=_phases(pipeline, cells, program),
        cells=len(cells),
        cells_done=sum(_is_there(pipeline.answered, cell) for cell in cells),
        matches=len(matches),
        matches_done=sum(_is_there(pipeline.judged, match) for match in matches),
        rows=sum(sizes.values()),
        to_score=_to_score(pipeline, cells),
        train_tokens=_tokens(pipeline, cells, sizes),
        generations=asked * len(cells),
        judge_calls=2 * asked * len(matches),
        judge=_judging(pipeline, matches),
    )


def _is_there(stage: Any, thing: Any) -> bool:
    try:
        return stage(thing, make=False) is not None
    except (LongismoreError, OSError) as error:
        logger.debug("%s: %s", thing.name, error)
        return False


def _strategy(pipeline: Pipeline, cell: Cell) -> Strategy:
    return next(each for each in pipeline.study.strategies if each.name == cell.strategy)


def _size(pipeline: Pipeline, cell: Cell) -> int:
    size = pipeline.data(cell.data).size
    return size if cell.budget is None else min(size, cell.budget)


def _phases(pipeline: Pipeline, cells: Sequence[Cell], program: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    selects: dict[str, str] = {}
    strict: dict[str, str] = {}
    for cell in cells:
        strategy = _strategy(pipeline, cell)
        if strategy.kind != FULL:
            (strict if strategy.kind == STRICT else selects)[cell.selection] = _select(pipeline, cell, program)
    trains = [_train(pipeline, cell, program) for cell in cells]
    study = [program, "study", str(pipeline.study.path), "--output", str(pipeline.output)]
    units = [shlex.join([*study, "--only", cell.name]) for cell in cells]
    phases = [
        ("1. select, all at once if you like", tuple(selects.values())),
        ("2. draw what no strategy took, after 1", tuple(strict.values())),
        ("3. train, after its selection", tuple(trains)),
        ("4. a cell's answers and matches, after its training; alone it does 1 to 3 for the cell too", tuple(units)),
        ("5. what is left, and the results, after all", (shlex.join(study),)),
    ]
    return tuple(phase for phase in phases if phase[1])


def _rows_file(pipeline: Pipeline, cell: Cell) -> str:
    return str(pipeline.output / "selections" / cell.selection / f"rows{pipeline.data(cell.data).suffix}")


def _select(pipeline: Pipeline, cell: Cell, program: str) -> str:
    strategy = _strategy(pipeline, cell)
    arguments = arguments_of(strategy)
    if cell.trial is not None:
        arguments += ["--set", f"trial={cell.trial}"]
    if strategy.kind == STRICT:
        excluded = [_rows_file(pipeline, each) for each in excluded_by(pipeline.study, cell, pipeline.cells)]
        arguments = [word for word in arguments if word != "exclude=-"]
        arguments = [*_without_lone_set(arguments), "--set", f"exclude={','.join(excluded)}"]
    data = next(each for each in pipeline.study.data if each.name == cell.data)
    arguments += [word for path in data.paths for word in ("--data", str(path))]
    arguments += ["--format", data.format] if data.format != "auto" else []
    arguments += ["--drop-duplicates"] if pipeline.study.drop_duplicates else []
    arguments += ["--allow-fewer"] if pipeline.study.allow_fewer else []
    arguments += ["--budget", str(cell.budget), "--output", _rows_file(pipeline, cell)]
    return shlex.join([program, "select", *arguments])


def _without_lone_set(arguments: Sequence[str]) -> list[str]:
    """Leave out a ``--set`` whose value was taken away."""
    following = [*arguments[1:], "--set"]
    return [word for word, after in zip(arguments, following, strict=True) if not (word == after == "--set")]


def _train(pipeline: Pipeline, cell: Cell, program: str) -> str:
    data = pipeline.data(cell.data)
    paths = data.paths if cell.budget is None else (Path(_rows_file(pipeline, cell)),)
    job = pipeline.job(cell, paths, data.format)
    start = [program] if job.settings.parallel == "none" else launch_words(job.settings, _GPUS)
    return shlex.join([*start, *job.command()])


def _to_score(pipeline: Pipeline, cells: Sequence[Cell]) -> dict[str, int | None]:
    """Rows without a score, of strategies that ask a model."""
    found: dict[str, int | None] = {}
    for cell in cells:
        selector = _strategy(pipeline, cell).selector
        if not hasattr(selector, "scorers") or cell.selection in found:
            continue
        try:
            scorers = selector.scorers()
            data = pipeline.data(cell.data)
            if scorers:
                found[cell.selection] = sum(pipeline.selecting.engine.missing(data, scorer) for scorer in scorers)
        except (LongismoreError, OSError) as error:
            logger.warning("%s: what is to be scored cannot be told: %s", cell.selection, error)
            found[cell.selection] = None
    return found


def _tokens(pipeline: Pipeline, cells: Sequence[Cell], sizes: Mapping[str, int]) -> int | None:
    """Tokens of all trainings, by the mean of a sample of each data set."""
    settings = pipeline.study.settings
    means: dict[str, float] = {}
    try:
        for name in {cell.data for cell in cells}:
            means[name] = _mean_tokens(pipeline.data(name), pipeline.study.model, settings)
    except (LongismoreError, OSError) as error:
        logger.info("tokens of the training are not known: %s", error)
        return None
    steps = None if settings.max_steps is None else settings.max_steps * settings.global_batch_size
    return round(sum(means[cell.data] * (steps or settings.epochs * sizes[cell.name]) for cell in cells))


def _mean_tokens(data: InstructionData, model: str, settings: TrainSettings) -> float:
    from longismore.train._encode import encode_rows
    from longismore.train._model_size import load_tokenizer

    step = max(1, data.size // _SAMPLE)
    encoded = encode_rows(data.pick(range(0, data.size, step)), load_tokenizer(model), settings)
    return encoded.tokens / encoded.rows


def _judging(pipeline: Pipeline, matches: Sequence[Any]) -> Estimate | None:
    """What judging costs, with stand-ins for answers that are not there yet."""
    judge = pipeline.judging.judge
    if not isinstance(judge, ChatJudge) or not matches:
        return None
    pairs = []
    for match in matches:
        sides = [_answers(pipeline, cell) for cell in (match.reference, match.candidate)]
        pairs += make_pairs(pipeline.examples, *sides)
    return judge.estimate(pairs, pipeline.judging.store)


def _answers(pipeline: Pipeline, cell: Cell) -> Mapping[tuple[str, str], Answer]:
    found = pipeline.answered(cell, make=False) if _is_there(pipeline.answered, cell) else None
    if found is not None:
        return found.read()
    text = f"{cell.name} " + "word " * (_CHARS_OF_AN_ANSWER // 5)
    return {(each.testset, each.id): Answer(cell.label, text) for each in pipeline.examples}
