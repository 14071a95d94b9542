"""Probes of a judge: questions whose right answer is known, asked through the engine like all others.

- ``length``: an answer against itself, made longer without content;
- ``injection``: an answer against itself with a word to the judge below it;
- ``repeat``: the same calls a second time.

The answers are taken from judgments, so that a judge is probed with what it is used for. Everything is deterministic:
the same judgments, seed and limit give the same calls, so a probe that is run again is answered by the store.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longismore._probe_plans import PROBES, plan_probes
from longismore.comparison import Progress
from longismore.reports.probes import ProbeResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.judges import Estimate, Judge
    from longismore.records import Judged, Judgment, Pair
    from longismore.store import Store

__all__ = ["PROBES", "ProbeResult", "estimate_probes", "run_probes"]

logger = logging.getLogger(__name__)


def run_probes(
    names: Sequence[str],
    judged: Sequence[Judged],
    judge: Judge,
    *,
    store: Store,
    limit: int | None,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[ProbeResult]:
    """Ask every probe, one after the other, and compute what it found.

    Args:
        names: Of `PROBES`; each is asked once.
        judged: Where the answers come from; files that keep no answers give none.
        judge: Who is probed.
        store: Where answers of paid judges are kept; the same probe is answered by it the second time.
        limit: At most so many pairs a probe, chosen by *seed*; more of them contain the fewer.
        seed: Chooses pairs and texts.
        on_progress: Called with every judgment, of all probes together.

    Raises:
        UnknownNameError: There is no such probe.
        ConfigError: The judge can be asked nothing new, no probe was named, or *limit* is less than 1.
        DataError: The judgments have no answers to probe with.
        JudgeError: The judge could not go on; what it said is in the store.
    """
    probes = plan_probes(names, judged, judge, limit, seed)
    judge.check((), store)
    for probe in probes:
        if (estimate := probe.estimate(store)) is not None:
            logger.info("probe %s: %s", probe.name, estimate.sentence())
    wanted = sum(2 * len(pairs) for probe in probes for _, pairs in probe.rounds)
    asking = _Asking(judge, store, wanted, on_progress, judge.usage.answered)
    return [probe.result([asking.ask(*each) for each in probe.rounds]) for probe in probes]


def estimate_probes(
    names: Sequence[str],
    judged: Sequence[Judged],
    judge: Judge,
    *,
    store: Store,
    limit: int | None,
    seed: int = 0,
) -> dict[str, Estimate | None]:
    """Say what `run_probes` would take; nothing is sent.

    Returns:
        By name of the probe; ``None`` for a judge that needs no calls.

    Raises:
        UnknownNameError: As `run_probes`; so are ``ConfigError`` and ``DataError``.
    """
    return {probe.name: probe.estimate(store) for probe in plan_probes(names, judged, judge, limit, seed)}


@dataclass(slots=True)
class _Asking:
    """Asks, and says how far it has come."""

    judge: Judge
    store: Store
    wanted: int
    on_progress: Callable[[Progress], None] | None
    answered_before: int
    made: int = 0
    started: float = field(default_factory=time.monotonic)

    def ask(self, judge: Judge, pairs: list[Pair]) -> list[Judgment]:
        """Both orders of every pair, in the order in which they are made."""
        judgments: list[Judgment] = []

        def on_judgment(judgment: Judgment) -> None:
            judgments.append(judgment)
            self.made += 1
            if self.on_progress is not None:
                self.on_progress(self._progress())

        try:
            judge.judge(pairs, store=self.store, on_judgment=on_judgment)
        except BaseException:
            logger.error(  # noqa: TRY400  the traceback belongs to whoever handles the error
                "probing stopped after %d of %d judgments; what was answered is kept in %s, "
                "and the same command goes on from there", self.made, self.wanted, self.store.path,
            )  # fmt: skip
            raise
        return judgments

    def _progress(self) -> Progress:
        usage, elapsed_s = self.judge.usage, time.monotonic() - self.started
        arrived = usage.answered - self.answered_before
        calls_per_s = arrived / elapsed_s if arrived and elapsed_s > 0 else None
        left = self.wanted - self.made
        return Progress(
            made=self.made,
            wanted=self.wanted,
            calls_per_s=calls_per_s,
            left_s=left / calls_per_s if calls_per_s else None,
            spent_usd=usage.known_cost_usd,
        )
