"""Judges that need no call: each order is scored on the spot and nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longismore.errors import ConfigError
from longismore.judges._chat import digest
from longismore.judges._order import make_judgment
from longismore.judges._usage import Usage
from longismore.records import Order, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from longismore.judges._judge import OnJudgment
    from longismore.records import Example, Pair
    from longismore.store import Store

__all__ = ["ScoringJudge", "refuse_argument"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringJudge:
    """Scores each answer by itself; both orders therefore agree always."""

    name: str
    version: int
    """Goes up when scores change."""
    score: Callable[[str, str], float]
    """Of a prompt and an answer."""
    note: str | None
    usage: Usage = field(default_factory=Usage, init=False)

    @property
    def fingerprint(self) -> str:
        """Hash of name and version."""
        return digest([self.name, self.version])

    @property
    def settings(self) -> Mapping[str, object]:
        """Its version."""
        return {"version": self.version}

    def check(self, examples: Sequence[Example], store: Store) -> None:
        """Nothing can fail."""

    def judge(self, pairs: Sequence[Pair], *, store: Store, on_judgment: OnJudgment) -> None:  # noqa: ARG002
        """Score both answers of every pair."""
        for pair in pairs:
            reference, candidate = (
                self.score(pair.prompt, answer.output) for answer in (pair.reference, pair.candidate)
            )
            for order in Order:
                judgment = make_judgment(
                    pair,
                    order,
                    judge=self.name,
                    fingerprint=self.fingerprint,
                    status=Status.JUDGED,
                    scores=(reference, candidate),
                )
                on_judgment(judgment)


def refuse_argument(name: str, argument: str) -> None:
    """Raise for a spec such as ``length/x``: these judges have no variants."""
    if argument:
        raise ConfigError(f'the judge "{name}" takes nothing after its name, found "{argument}"')
