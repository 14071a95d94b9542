"""Recorded judgments in the place of calls: analyse again what was judged before, for nothing.

Spec: ``replay:FILE`` with a ``judgments.jsonl``, written by a run or by ``longismore import``. A recorded
judgment holds for its test set, id, order and exactly the two answers it was made of.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from longismore.errors import ConfigError, DataError
from longismore.judges import JUDGES
from longismore.judges._judgments import read_judgments
from longismore.judges._order import make_judgment
from longismore.judges._usage import Usage
from longismore.records import Judgment, Order, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.judges._judge import OnJudgment
    from longismore.judges._options import JudgeOptions
    from longismore.records import Example, Pair
    from longismore.store import Store

__all__ = ["ReplayJudge", "replay_judge"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayJudge:
    """Says again what a file recorded of one judge."""

    path: str
    name: str
    fingerprint: str
    recorded: Mapping[tuple[str, str, Order], Judgment]
    """By test set, id and order."""
    note: str | None = None
    usage: Usage = field(default_factory=Usage, init=False)

    @property
    def settings(self) -> Mapping[str, object]:
        """The file."""
        return {"path": self.path}

    def check(self, examples: Sequence[Example], store: Store) -> None:  # noqa: ARG002  part of the protocol
        """The file has judgments of these examples; what it lacks is counted and will be ``failed``."""
        wanted = [(example.testset, example.id, order) for example in examples for order in Order]
        missing = [key for key in wanted if key not in self.recorded]
        if wanted and len(missing) == len(wanted):
            sets = ", ".join(sorted({testset for testset, _, _ in self.recorded}))
            raise DataError(
                f"{self.path}: has no judgment of {examples[0].testset} ({wanted[0][1]}, ...); it is about {sets}"
            )
        if missing:
            testset, name, order = missing[0]
            logger.warning(
                "%s: %d of %d judgments are not recorded, the first: %s %s %s; they will count as failed",
                self.path, len(missing), len(wanted), testset, name, order,
            )  # fmt: skip

    def judge(self, pairs: Sequence[Pair], *, store: Store, on_judgment: OnJudgment) -> None:  # noqa: ARG002
        """Hand over what was recorded.

        Raises:
            DataError: The file recorded other answers to the same instruction.
        """
        for pair in pairs:
            for order in Order:
                on_judgment(self._judgment(pair, order))

    def _judgment(self, pair: Pair, order: Order) -> Judgment:
        recorded = self.recorded.get((pair.testset, pair.id, order))
        if recorded is None:
            return make_judgment(pair, order, judge=self.name, fingerprint=self.fingerprint, status=Status.FAILED)
        for role in ("reference", "candidate"):
            given, then = getattr(pair, role).output, getattr(recorded, role).output
            if given != then:
                raise DataError(
                    f"{self.path}: {pair.testset} {pair.id}: the judgment was made of another {role} answer: "
                    f"{then!r:.60} there, {given!r:.60} here; replay it with the answers it came with"
                )
        return replace(recorded, prompt=pair.prompt, reference=pair.reference, candidate=pair.candidate)


def replay_judge(argument: str, options: JudgeOptions) -> ReplayJudge:  # noqa: ARG001  part of the protocol
    """The judge ``replay:FILE``.

    Raises:
        ConfigError: The file is missing from the spec, or holds the judgments of several judges.
        DataError: The file cannot be read; ``SchemaError`` where a line is wrong.
    """
    if not argument:
        raise ConfigError('"replay" needs a file: replay:PATH/judgments.jsonl')
    judgments = read_judgments(argument)
    judges = {judgment.fingerprint: judgment.judge for judgment in judgments}
    if len(judges) > 1:
        raise ConfigError(
            f"{argument}: holds the judgments of {len(judges)} judges ({', '.join(sorted(judges.values()))}); "
            "split it by the field fingerprint and replay one"
        )
    ((fingerprint, name),) = judges.items()
    recorded = {(entry.testset, entry.id, entry.order): entry for entry in judgments}
    return ReplayJudge(path=argument, name=name, fingerprint=fingerprint, recorded=recorded)


JUDGES.register("replay", replay_judge)
