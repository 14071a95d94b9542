"""A grade by counting words, for smoke runs without a key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore.judges._chat import digest
from longismore.judges._lexical import lexical_score
from longismore.judges._usage import Usage
from longismore.mtbench._rows import NOT_ANSWERED, Said, grade_row
from longismore.records import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.mtbench._matches import Match
    from longismore.store import Store

__all__ = ["WordTurnJudge"]

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WordTurnJudge:
    """What the judge ``lexical`` gives a conversation so far, 0 to 10, on the scale of MT-Bench: 1 to 10."""

    usage: Usage = field(default_factory=Usage, init=False)

    @property
    def name(self) -> str:
        """As in the spec."""
        return "lexical"

    @property
    def fingerprint(self) -> str:
        """Hash of name and version."""
        return digest(["mt_bench", self.name, _VERSION])

    @property
    def note(self) -> str:
        """That it is a heuristic."""
        return 'the grade of "lexical" is a word-overlap heuristic for smoke runs: it says nothing of a model'

    def check(self, matches: Sequence[Match], store: Store) -> None:
        """Nothing can fail."""

    def estimate(self, matches: Sequence[Match], store: Store) -> None:
        """No calls."""

    def judge(
        self,
        matches: Sequence[Match],
        *,
        name: str,
        store: Store,  # noqa: ARG002  part of the protocol
        on_progress: Callable[[int, int], None],  # noqa: ARG002
    ) -> list[dict[str, Any]]:
        """Count the words of every match that has an answer."""
        return [self._row(match, name) for match in matches]

    def _row(self, match: Match, name: str) -> dict[str, Any]:
        said = Said(status=NOT_ANSWERED)
        if match.is_answered:
            question, (answer,) = match.said
            said = Said(status=Status.JUDGED, result=round(1 + 0.9 * lexical_score(question, answer), 2), text="")
        judge = (name, "single" if match.turn == 1 else "single-multi-turn")
        return grade_row(match, said, judge=judge, fingerprint=self.fingerprint)
