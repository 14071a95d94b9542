"""What the finished cells of a study say, whatever cells these are."""

from __future__ import annotations

import logging
import sys
from statistics import fmean
from typing import TYPE_CHECKING

import longismore
from longismore.errors import LongismoreError
from longismore.instructions import open_data
from longismore.reports._facts import command_of
from longismore.reports.study import (
    Floor,
    MatchRate,
    MatchVerdicts,
    Overlap,
    SelectionCost,
    StudyResults,
    StudyRow,
    conclude,
    estimate_runs,
)
from longismore.run_folder import describe_run
from longismore.selectors import overlap, row_keys
from longismore.study._cells import Cell, Match, matches_of
from longismore.study._strategy import FULL, RANDOM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from longismore.records import Verdict
    from longismore.reports import LengthPrior
    from longismore.reports.study import Estimate, Trouble
    from longismore.selectors import Shared
    from longismore.study._pipeline import Pipeline
    from longismore.study._selecting import Selected

__all__ = ["collect_results"]

logger = logging.getLogger(__name__)


def collect_results(
    pipeline: Pipeline, *, prior: LengthPrior, troubles: Sequence[Trouble] = (), draws: int = 1000
) -> StudyResults:
    """Read every match that is judged, and compute the results; nothing is made that is not there.

    Args:
        pipeline: The study's.
        prior: Of the length slope.
        troubles: What failed.
        draws: Of the resampling behind length-controlled intervals.
    """
    study = pipeline.study
    matches = matches_of(study, pipeline.cells)
    verdicts = {match.name: found for match in matches if (found := _verdicts(pipeline, match)) is not None}
    rows, floors = [], []
    for data in study.data:
        for budget in study.budgets:
            here = [match for match in matches if match.reference.data == data.name]
            here = [match for match in here if match.reference.budget == budget]
            floor = _floor(data.name, budget, [match for match in here if match.is_floor], verdicts, prior)
            floors.append(floor)
            selections = _selections(pipeline, [each for match in here for each in (match.candidate, match.reference)])
            overlaps = _overlaps(pipeline, data.name, selections)
            for strategy in study.strategies:
                own = [match for match in here if match.candidate.strategy == strategy.name]
                if strategy.kind == RANDOM or not own:
                    continue
                selected = selections.get(own[0].candidate.label)
                rows.append(
                    StudyRow(
                        data=data.name,
                        strategy=strategy.name,
                        kind=strategy.kind,
                        budget=budget,
                        estimate=_estimate(own, verdicts, prior, draws),
                        wanted=len(own),
                        overlaps=() if strategy.kind == FULL else tuple(overlaps.get(strategy.name, ())),
                        cost=None if selected is None else _cost(selected),
                        floor=floor if floor.matches else None,
                    )
                )
    judging = pipeline.judging
    return StudyResults(
        name=study.name,
        judge=judging.judge.name,
        note=judging.judge.note,
        rows=tuple(conclude(rows)),
        floors=tuple(floors),
        trials=study.trials,
        seeds=study.seeds,
        testsets={
            name: sum(example.testset == name for example in pipeline.examples)
            for name in dict.fromkeys(example.testset for example in pipeline.examples)
        },
        waiting=tuple(match.name for match in matches if match.name not in verdicts),
        troubles=tuple(troubles),
        facts=tuple(_facts(pipeline, prior)),
        command=command_of(_run_of(pipeline)),
        reports={name: f"judgments/{name}/report.html" for name in verdicts},
    )


def _verdicts(pipeline: Pipeline, match: Match) -> list[Verdict] | None:
    try:
        return pipeline.judged(match, make=False)
    except (LongismoreError, OSError) as error:
        logger.warning("%s is left out: %s", match.name, error)
        return None


def _estimate(
    matches: Sequence[Match], verdicts: Mapping[str, Sequence[Verdict]], prior: LengthPrior, draws: int
) -> Estimate:
    return estimate_runs(list(_judged(matches, verdicts)), prior=prior, draws=draws)


def _judged(matches: Iterable[Match], verdicts: Mapping[str, Sequence[Verdict]]) -> Iterator[MatchVerdicts]:
    for match in matches:
        if match.name in verdicts:
            trial = match.reference.trial
            assert trial is not None  # noqa: S101  a reference is a trial of random
            seed = match.candidate.seed
            yield MatchVerdicts(name=match.name, trial=trial, seed=seed, verdicts=verdicts[match.name])


def _floor(
    data: str, budget: int, matches: Sequence[Match], verdicts: Mapping[str, Sequence[Verdict]], prior: LengthPrior
) -> Floor:
    found: list[MatchRate] = []
    for each in _judged(matches, verdicts):
        found += estimate_runs([each], prior=prior, draws=2).matches
    return Floor(data=data, budget=budget, matches=tuple(found))


def _selections(pipeline: Pipeline, cells: Iterable[Cell]) -> dict[str, Selected]:
    """The selections that are there, by label."""
    found: dict[str, Selected] = {}
    for cell in cells:
        if cell.label not in found:
            try:
                selected = pipeline.selected(cell, make=False)
            except (LongismoreError, OSError) as error:
                logger.warning("%s is left out: %s", cell.selection, error)
                continue
            if selected is not None:
                found[cell.label] = selected
    return found


def _overlaps(pipeline: Pipeline, data: str, selections: Mapping[str, Selected]) -> dict[str, list[Overlap]]:
    """What each selection shares with random, and with those after it."""
    kinds = {strategy.name: strategy.kind for strategy in pipeline.study.strategies}
    random = pipeline.study.random.name
    strategy_of = {label: label if label in kinds else random for label in selections}
    labels = [label for label in selections if kinds[strategy_of[label]] != FULL]
    sets = {label: row_keys(open_data(list(selections[label].paths))).keys for label in labels}
    pool = len(row_keys(pipeline.data(data)).keys) if sets else 0
    shared = overlap(sets, pool=pool)
    ordinary = [label for label in labels if strategy_of[label] != random]
    trials = [label for label in labels if strategy_of[label] == random]
    found: dict[str, list[Overlap]] = {}
    for number, label in enumerate(ordinary):
        found[label] = [_joined(random, [shared.between(label, trial) for trial in trials])] if trials else []
        found[label] += [_joined(other, [shared.between(label, other)]) for other in ordinary[number + 1 :]]
    return found


def _joined(other: str, pairs: Sequence[Shared]) -> Overlap:
    said = {pair.verdict for pair in pairs}
    jaccards = [pair.jaccard for pair in pairs if pair.jaccard is not None]
    chances = [pair.chance.mean for pair in pairs if pair.chance is not None]
    return Overlap(
        other=other,
        count=fmean(pair.count for pair in pairs),
        jaccard=fmean(jaccards) if jaccards else None,
        by_chance=fmean(chances) if chances else None,
        than_chance=said.pop() if len(said) == 1 else None,
    )


def _cost(selected: Selected) -> SelectionCost:
    return SelectionCost(rows=selected.rows, pool=selected.pool, **selected.cost)


def _facts(pipeline: Pipeline, prior: LengthPrior) -> Iterator[tuple[str, str]]:
    study = pipeline.study
    overrides = ", ".join(f"{name}={value}" for name, value in study.overrides.items())
    yield "model that is trained", study.model
    yield "preset", f"{study.preset}{f' with {overrides}' if overrides else ''}"
    yield "random trials", str(study.trials)
    yield "training seeds", ", ".join(map(str, study.seeds))
    for data in study.data:
        for path, checksum in pipeline.data(data.name).checksums().items():
            yield f"data {data.name}", f"{path}, SHA-256 {checksum}"
    yield "answers", f"at most {study.max_new_tokens} tokens, the likeliest one each time"
    yield "judge", f"{pipeline.judging.spec}, fingerprint {pipeline.judging.judge.fingerprint}"
    yield "prior of the length slope", f"mean {prior.mean:g}, sd {prior.sd:g}: {prior.source}"
    yield "longismore", longismore.__version__


def _run_of(pipeline: Pipeline) -> Mapping[str, object]:
    judging = pipeline.judging
    return describe_run(judge=judging.judge, spec=judging.spec, sources={}, testsets=judging.testsets, command=sys.argv)
