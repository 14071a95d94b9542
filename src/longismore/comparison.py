"""One comparison, from pairs to results: what every host and command does."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from longismore.judges import combine
from longismore.records import Order, Pair
from longismore.reports import summarize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from longismore.judges import Judge
    from longismore.records import Answer, Example, Judgment, Verdict
    from longismore.reports import Results
    from longismore.run_folder import RunFolder
    from longismore.store import Store

__all__ = ["Comparison", "Progress", "Team", "compare_pairs", "make_pairs", "pair_of"]

logger = logging.getLogger(__name__)


class Team(Protocol):
    """Several processes that share the pairs of one comparison."""

    def gather(self, mine: list[Judgment]) -> list[Judgment]:
        """The judgments of all, in every process.

        Raises:
            JudgeError: Another process has abandoned the comparison.
        """

    def abandon(self, error: Exception) -> None:
        """Tell the others, who wait in :meth:`gather`, that this process has none to give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the judging has come."""

    made: int
    """Judgments, stored ones included."""
    wanted: int
    calls_per_s: float | None
    """Answers that arrive now; ``None`` before the first."""
    left_s: float | None
    """At that rate."""
    spent_usd: float | None
    """In this run; ``None``: the price is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came out of judging pairs."""

    verdicts: list[Verdict]
    results: Results
    folder: Path | None
    judgments: list[Judgment] = field(default_factory=list)
    """In the order of the pairs."""


def make_pairs(
    examples: Sequence[Example],
    reference: Mapping[tuple[str, str], Answer],
    candidate: Mapping[tuple[str, str], Answer],
) -> list[Pair]:
    """Put both answers to each example side by side.

    Args:
        examples: In the order in which pairs come out.
        reference: Answers by test set and id; has every example.
        candidate: The same of the other model.
    """
    return [
        Pair(
            id=example.id,
            testset=example.testset,
            prompt=example.question,
            reference=reference[example.testset, example.id],
            candidate=candidate[example.testset, example.id],
        )
        for example in examples
    ]


def pair_of(judgment: Judgment) -> Pair:
    """The pair that a judgment is about."""
    return Pair(
        id=judgment.id,
        testset=judgment.testset,
        prompt=judgment.prompt,
        reference=judgment.reference,
        candidate=judgment.candidate,
    )


def compare_pairs(
    pairs: Sequence[Pair],
    judge: Judge,
    *,
    store: Store,
    folder: RunFolder | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    team: Team | None = None,
    all_pairs: Sequence[Pair] | None = None,
) -> Comparison:
    """Judge both orders of every pair and compute the results.

    Args:
        pairs: What this process judges.
        judge: By whom.
        store: Where answers of paid judges are kept.
        folder: The run folder, or ``None`` where another process keeps it.
        on_progress: Called with every judgment made.
        team: The processes that judge together; ``None`` for a single one.
        all_pairs: What all processes judge together; *pairs* for a single one.

    Raises:
        JudgeError: The judge could not go on; what it said is in the store and in the run folder.
    """
    every_pair = pairs if all_pairs is None else all_pairs
    if folder is not None:
        folder.begin(every_pair)
    made: list[Judgment] = []
    started, answered_before = time.monotonic(), judge.usage.answered

    def progress() -> Progress:
        arrived, elapsed_s = judge.usage.answered - answered_before, time.monotonic() - started
        calls_per_s = arrived / elapsed_s if arrived and elapsed_s > 0 else None
        return Progress(
            made=len(made),
            wanted=2 * len(pairs),
            calls_per_s=calls_per_s,
            left_s=(2 * len(pairs) - len(made)) / calls_per_s if calls_per_s else None,
            spent_usd=judge.usage.known_cost_usd,
        )

    def on_judgment(judgment: Judgment) -> None:
        made.append(judgment)
        if folder is not None:
            folder.record(judgment)
        if on_progress is not None:
            on_progress(progress())

    try:
        judge.judge(pairs, store=store, on_judgment=on_judgment)
    except BaseException as error:
        if folder is not None:
            folder.stop(repr(error), judge.usage)
        logger.error(  # noqa: TRY400  the traceback belongs to whoever handles the error
            "judging stopped after %d of %d judgments; what was answered is kept in %s, "
            "and the same command goes on from there",
            len(made), 2 * len(pairs), store.path,
        )  # fmt: skip
        if team is not None and isinstance(error, Exception):
            team.abandon(error)
        raise
    judgments = _in_order(every_pair, _gather(made, team, folder))
    verdicts = combine(every_pair, judgments)
    results = summarize(verdicts)
    if folder is not None:
        folder.end(judgments, results, judge.usage)
    path = None if folder is None else folder.path
    return Comparison(verdicts=verdicts, results=results, folder=path, judgments=judgments)


def _gather(made: list[Judgment], team: Team | None, folder: RunFolder | None) -> list[Judgment]:
    """The judgments of all processes; where another one has given up, the run folder says so too."""
    try:
        return made if team is None else team.gather(made)
    except Exception as error:
        if folder is not None:
            folder.stop(repr(error))
        raise


def _in_order(pairs: Sequence[Pair], judgments: Sequence[Judgment]) -> list[Judgment]:
    """Answers arrive in any order; files list them by pair, so that two equal runs write equal files."""
    made = {(judgment.testset, judgment.id, judgment.order): judgment for judgment in judgments}
    wanted = ((pair.testset, pair.id, order) for pair in pairs for order in Order)
    return [made[key] for key in wanted if key in made]
