"""One pool of judge calls for all tasks of an evaluation.

A task joins when its requests are built, which is when everything that can fail is checked. The first task that
lm_eval asks for its filters finds all answers there; all tasks that joined are then judged together.
"""

from __future__ import annotations

import logging
import os
import sys
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.comparison import compare_pairs, make_pairs
from longismore.errors import ConfigError
from longismore.harness._host import candidate_name, candidate_path, join_host_logging, output_folder, progress_bar
from longismore.harness._lm_eval import forget_tracker
from longismore.harness._one_order import OneOrderJudge, compare_one_order, one_order_judge
from longismore.harness._settings import PairwiseSettings
from longismore.judges import (
    CHOICES,
    ChatJudge,
    Comparands,
    Generator,
    JudgeOptions,
    is_model,
    make_generator,
    make_judge,
)
from longismore.records import Answer
from longismore.reports import explain
from longismore.run_folder import RunFolder, check_writable, describe_run
from longismore.store import Store, default_store_path
from longismore.testsets import OutputsFile, match_outputs, read_outputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.comparison import Comparison
    from longismore.harness._pairwise_task import PairwiseTask
    from longismore.judges import Judge
    from longismore.records import Pair

__all__ = ["POOL", "Pool"]

logger = logging.getLogger(__name__)

_EMBEDDED_REFERENCE = "mini:better"
_CONCURRENCY = 32
"""Of all ranks together, where the user has not said."""


@dataclass(slots=True, eq=False)
class _Session:
    """The tasks that share judge and reference, and the number of orders."""

    settings: PairwiseSettings
    judge: Judge
    store: Store
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What lm_eval handed to the task that joined last; it says which model is evaluated."""
    tasks: list[weakref.ref[PairwiseTask]] = field(default_factory=list)
    references: dict[str, OutputsFile] = field(default_factory=dict)
    generators: dict[str, Generator] = field(default_factory=dict)
    """References that are models."""
    matched: weakref.WeakKeyDictionary[PairwiseTask, dict[tuple[str, str], Answer]] = field(
        default_factory=weakref.WeakKeyDictionary
    )
    """The reference's answers to what each task asks."""

    def alive(self) -> list[PairwiseTask]:
        """The tasks that were not thrown away since."""
        return [task for each in self.tasks if (task := each()) is not None]

    def match_reference(self, task: PairwiseTask) -> None:
        """Find the reference's answers to what *task* asks; a model is asked for them now, once.

        Raises:
            UsageError: There is no reference, it cannot be read, or lacks an answer.
            JudgeError: The model could not be asked.
        """
        if self.settings.reference is None and task.own_reference is not None:
            self.matched[task] = task.reference_answers()
            return
        source = self.reference_source(task)
        if is_model(source):
            generator = self.generator(source, task.ranks.world_size)
            generator.check(self.store)
            self.matched[task] = generator.answer(task.examples, self.store)
            return
        if source not in self.references:
            self.references[source] = read_outputs(source)
        self.matched[task] = match_outputs(task.examples, self.references[source], role="reference")

    def announce(self, task: PairwiseTask) -> None:
        """Say what judging this task will take, before anything is generated for it."""
        if isinstance(self.judge, ChatJudge):
            reference = self.matched[task]
            # Another character: of equal answers both orders would be one call.
            candidate = {place: Answer("candidate", answer.output + ".") for place, answer in reference.items()}
            pairs = make_pairs(task.examples, reference, candidate)
            sentence = self.judge.estimate(pairs, self.store).sentence()
            logger.info("%s, were its answers as long as the reference's: %s", task.task_name, sentence)

    def generator(self, source: str, world_size: int) -> Generator:
        """The reference that is a model; it shares the judge's limit on the cost."""
        if source not in self.generators:
            options = _options(self.settings, world_size)
            settings = dict(self.settings.reference_options)
            self.generators[source] = make_generator(source, settings, options, self.judge.usage)
        return self.generators[source]

    def reference_source(self, task: PairwiseTask) -> str:
        """Where the reference's answers are; only the embedded test set and AlpacaEval bring their own."""
        if self.settings.reference is not None:
            return self.settings.reference
        if task.own_reference is not None:
            return task.own_reference
        if task.testset.name == "mini":
            return _EMBEDDED_REFERENCE
        raise ConfigError(
            f"no reference answers were given for {task.testset.name}. Make them with the model to compare with:\n"
            "  lm_eval run --model hf --model_args pretrained=REFERENCE_MODEL --tasks longismore_pairwise "
            "--predict_only --log_samples --output_path reference\n"
            "then add judge_reference=reference (the folder) to --metadata, or set LONGISMORE_JUDGE_REFERENCE;\n"
            "or name a model behind an API: judge_reference=openai/MODEL"
        )


class Pool:
    """The tasks of this process that wait to be judged."""

    def __init__(self) -> None:
        self._sessions: list[_Session] = []

    def add(self, task: PairwiseTask, metadata: Mapping[str, Any]) -> None:
        """Let *task* join, and check all that judging it needs; nothing is generated or spent yet.

        Raises:
            UsageError: Judge, key, reference or settings will not do; the message says what to do.
        """
        join_host_logging()
        settings = PairwiseSettings.read(metadata, os.environ)
        if self._left_behind(task):
            for broken_off in self._sessions:
                broken_off.tasks = []
        self._close_idle()
        alike = [each for each in self._sessions if each.settings == settings]
        one_order = settings.judge is not None and task.asks_one_order(settings.judge)
        session = next((each for each in alike if isinstance(each.judge, OneOrderJudge) == one_order), None)
        if session is None:
            session = _open_session(settings, task, alike)
            self._sessions.append(session)
        session.metadata = metadata
        if task.ranks.rank == 0:
            check_writable(_runs(settings))
        session.judge.check(task.judged_examples, session.store)
        session.match_reference(task)
        if task.ranks.rank == 0:
            session.announce(task)
        session.tasks.append(weakref.ref(task))

    def judge(self) -> None:
        """Judge all tasks whose answers are there, each session in one pool of calls."""
        for session in self._sessions:
            tasks = [task for task in session.alive() if task.is_answered]
            if tasks:
                session.tasks = []
                _judge(session, tasks)
        if not any(session.alive() for session in self._sessions):
            forget_tracker()
        self._close_idle()

    def _left_behind(self, task: PairwiseTask) -> bool:
        """Whether the waiting tasks are of an earlier evaluation that broke off, and something keeps them alive.

        Within one evaluation no name comes twice, and all tasks join before the first is answered.
        """
        waiting = [other for session in self._sessions for other in session.alive()]
        return any(other.is_answered or other.task_name == task.task_name for other in waiting)

    def _close_idle(self) -> None:
        """Forget the sessions that no task is left of."""
        idle = [session for session in self._sessions if not session.alive()]
        self._sessions = [session for session in self._sessions if session not in idle]
        for session in idle:
            session.store.close()


POOL = Pool()
"""lm_eval makes the tasks itself and leaves no other place in which they could meet."""


def _open_session(settings: PairwiseSettings, task: PairwiseTask, alike: Sequence[_Session]) -> _Session:
    if settings.judge is None:
        raise ConfigError(
            f"no judge was given for {task.task_name}; add one of these to --metadata as judge=SPEC, "
            f"or set LONGISMORE_JUDGE:\n{CHOICES}"
        )
    judge = make_judge(settings.judge, _options(settings, task.ranks.world_size))
    if isinstance(judge, ChatJudge) and alike:  # one limit on the cost for all
        judge = replace(judge, usage=alike[0].judge.usage)
    if task.asks_one_order(settings.judge):
        judge = one_order_judge(judge)
    return _Session(settings, judge, Store(settings.store or default_store_path()))


def _options(settings: PairwiseSettings, world_size: int = 1) -> JudgeOptions:
    """The judge's settings; ranks share the user's limits on calls in flight and on the cost."""
    options = JudgeOptions.from_mapping(dict(settings.options), os.environ)
    if world_size == 1:
        return options
    cap = options.max_cost_usd
    return replace(
        options,
        concurrency=max(1, (options.concurrency or _CONCURRENCY) // world_size),
        max_cost_usd=None if cap is None else cap / world_size,
    )


def _judge(session: _Session, tasks: list[PairwiseTask]) -> None:
    model = candidate_name(session.settings, session.metadata)
    mine: list[Pair] = []
    for task in tasks:
        task.save_answers()
        answers = {(task.testset.name, name): Answer(model, text) for name, text in task.answers.items()}
        pairs = make_pairs(task.examples, session.matched[task], answers)
        mine += [replace(pair, testset=task.set_of(pair.id)) for pair in pairs]
    ranks = tasks[0].ranks
    # Ranks take documents in turns; files list them as the test sets do, however many ranks there were.
    places = {place: number for number, place in enumerate(place for task in tasks for place in task.places)}
    everyone = sorted(ranks.gather(mine), key=lambda pair: places[pair.testset, pair.id])
    if isinstance(session.judge, ChatJudge):
        session.judge.announce(mine, session.store)
    comparison = _compared(session, tasks, model, mine, everyone)
    reference = ", ".join(sorted({pair.reference.model for pair in everyone}))
    who = Comparands(session.judge.name, session.judge.fingerprint, reference, model)
    for task in tasks:
        sets = {testset for testset, _ in task.places}
        verdicts = [verdict for verdict in comparison.verdicts if verdict.testset in sets]
        whole = comparison.results.pooled if len(tasks) == 1 else None
        task.take(verdicts, comparison.results.testsets.get(task.testset.name, whole), who)
        task.close(
            [pair for pair in everyone if pair.testset in sets],
            [judgment for judgment in comparison.judgments if judgment.testset in sets],
        )
    if ranks.rank == 0:
        for sentence in explain(comparison.results, note=session.judge.note):
            logger.info("%s", sentence)
    if comparison.folder is not None:
        logger.info("run folder: %s (report.html, judgments.jsonl, results.json)", comparison.folder)


def _compared(
    session: _Session, tasks: list[PairwiseTask], model: str, mine: list[Pair], everyone: list[Pair]
) -> Comparison:
    judge, ranks = session.judge, tasks[0].ranks
    shown = ranks.rank == 0
    if isinstance(judge, OneOrderJudge):
        with progress_bar(total=len(mine), shown=shown) as advance:
            return compare_one_order(
                mine, judge, store=session.store, on_progress=advance, ranks=ranks, all_pairs=everyone
            )
    folder = _run_folder(session, tasks, model) if shown else None
    with progress_bar(total=2 * len(mine), shown=shown) as advance:
        return compare_pairs(
            mine,
            judge,
            store=session.store,
            folder=folder,
            on_progress=advance,
            team=ranks,
            all_pairs=everyone,
        )


def _run_folder(session: _Session, tasks: list[PairwiseTask], model: str) -> RunFolder:
    sources = sorted({session.reference_source(task) for task in tasks})
    run = describe_run(
        judge=session.judge,
        spec=session.settings.judge or "",
        sources={"reference": ", ".join(sources), "candidate": candidate_path(session.metadata)},
        testsets=[task.testset for task in tasks],
        command=sys.argv,
    )
    if (trained := tasks[0].trained) is not None:
        run["candidate_template"] = trained.note
    return RunFolder.fresh(_runs(session.settings), model, run)


def _runs(settings: PairwiseSettings) -> Path:
    return output_folder(settings) or Path("runs")
