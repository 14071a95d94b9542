"""Recorded judgments in the place of calls: a file of FastChat, or of this package.

A recorded judgment holds for its question, turn and models, and for the answers that stand in its prompt.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, DataError
from longismore.judges._usage import Usage
from longismore.mtbench._judgments import judge_of, key_of, lacking_models, rows_of, score_of, turn_of, winner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from longismore.mtbench._matches import Match
    from longismore.store import Store
    from longismore.testsets._row import Row

__all__ = ["ReplayTurnJudge", "replay_judge"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTurnJudge:
    """Says again what a file recorded of one judge; rows are given as they stand there."""

    path: str
    name: str
    fingerprint: str | None
    recorded: Mapping[tuple[object, ...], dict[str, Any]]
    """By question, turn and models."""
    note: str | None = None
    usage: Usage = field(default_factory=Usage, init=False)

    def check(self, matches: Sequence[Match], store: Store) -> None:  # noqa: ARG002  part of the protocol
        """The file has judgments of these matches, made of these very answers; what it lacks is counted.

        Raises:
            DataError: It has none, or of other answers.
        """
        missing = [match for match in matches if self._row(match) is None]
        if missing:
            example = f"question {missing[0].question.id}, turn {missing[0].turn}, {' and '.join(missing[0].models)}"
            if len(missing) == len(matches):
                raise DataError(f"{self.path}: has none of these judgments, e.g. {example}; name another file")
            logger.warning(
                "%s: judgments that are not recorded: %d of %d, the first: %s",
                self.path,
                len(missing),
                len(matches),
                example,
            )
        for match in matches:
            if (row := self._row(match)) is not None:
                self._check_answers(match, row)

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
        """The recorded rows, under the name that the judge has in files; what is not recorded has none."""
        rows = [row for match in matches if (row := self._row(match)) is not None]
        return [{**row, "judge": [name, row["judge"][1]]} for row in rows]

    def _row(self, match: Match) -> dict[str, Any] | None:
        return self.recorded.get((match.question.id, match.turn, *sorted(match.models)))

    def _check_answers(self, match: Match, row: Mapping[str, Any]) -> None:
        for model in lacking_models(row, match.turn, match.answers):
            raise DataError(
                f"{self.path}: the judgment of question {match.question.id}, turn {match.turn}, was made of "
                f'another answer of "{model}" than is in its file; replay it with the answers it came with'
            )


def replay_judge(path: str, *, pairwise: bool) -> ReplayTurnJudge:
    """The judge ``replay:FILE``; of repeated rows the last one with a result holds, which is logged.

    Raises:
        ConfigError: The file is missing from the spec, or holds the judgments of several judges.
        DataError: The file cannot be read; ``SchemaError`` where a row is wrong or of the other mode.
    """
    if not path:
        raise ConfigError('"replay" needs a judgment file: replay:mt_bench/model_judgment/gpt-4_single.jsonl')
    recorded: dict[tuple[object, ...], dict[str, Any]] = {}
    judges: set[tuple[str, str | None]] = set()
    rows = 0
    for row in rows_of(path):
        judges.add((judge_of(row)[0], row.optional_text("fingerprint")))
        readable = _is_readable(row, pairwise=pairwise)
        key = key_of(row)
        if readable or key not in recorded:
            recorded[key] = {**row.fields, "turn": turn_of(row)}
        rows += 1
    if len(judges) != 1:
        names = ", ".join(f"{name} ({mark[:12]})" if mark else name for name, mark in sorted(judges, key=str))
        raise ConfigError(
            f"{path}: holds the judgments of {len(judges)} judges ({names or 'it is empty'}); replay a file of "
            "one judge"
        )
    if rows > len(recorded):
        logger.warning("%s: repeated rows: %d; the last one with a result holds", path, rows - len(recorded))
    ((name, fingerprint),) = judges
    return ReplayTurnJudge(path=path, name=name, fingerprint=fingerprint, recorded=recorded)


def _is_readable(row: Row, *, pairwise: bool) -> bool:
    if not pairwise:
        row.text("model"), row.text("judgment")
        return score_of(row) is not None
    for name in ("model_1", "model_2", "g1_judgment", "g2_judgment"):
        row.text(name)
    return None not in {winner_of(row, "g1_winner"), winner_of(row, "g2_winner")}
