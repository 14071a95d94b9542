"""A judgment as a row of FastChat's files, with a few fields more that FastChat passes over."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from longismore.mtbench._records import NO_ANSWER
from longismore.records import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.judges._calls import Answered
    from longismore.mtbench._matches import Match

__all__ = ["NOT_ANSWERED", "Said", "comparison_row", "count_states", "grade_row"]

_PARTS_OF_A_GRADE = (("status", "score", "judgment"),)
_PARTS = (("g1_status", "g1_winner", "g1_judgment"), ("g2_status", "g2_winner", "g2_judgment"))
"""Fields of a comparison, for either order."""
NOT_ANSWERED = "no answer"
"""The state of a turn whose answer never came: nothing was asked."""
_FREE = (Status.JUDGED, NOT_ANSWERED)
"""States for which no call was made where none is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a judge said of one answer, or of two in one order."""

    status: str
    """A :class:`longismore.records.Status`, or :data:`NOT_ANSWERED`."""
    result: float | str | None = None
    """A score, or ``model_1``, ``model_2`` or ``tie``; ``None`` where nothing can be read."""
    prompt: str = ""
    """What the user is made to say; empty where the judge is asked otherwise."""
    answered: Answered | None = None
    text: str | None = None
    """What the judge wrote, where no call was made."""

    @property
    def judgment(self) -> str:
        """What the judge wrote, or FastChat's word for nothing."""
        if self.answered is not None and self.answered.completion is not None:
            return self.answered.completion.text
        return NO_ANSWER if self.text is None else self.text


def grade_row(match: Match, said: Said, *, judge: tuple[str, str], fingerprint: str) -> dict[str, Any]:
    """A row of ``JUDGE_single.jsonl``.

    Args:
        match: What was judged.
        said: What the judge said.
        judge: Its name in files, and the name of the prompt.
        fingerprint: The judge's.
    """
    score = said.result
    if isinstance(score, float) and score.is_integer():
        score = int(score)
    return {
        "question_id": match.question.id,
        "model": match.models[0],
        "judge": list(judge),
        "user_prompt": said.prompt,
        "judgment": said.judgment,
        "score": -1 if score is None else score,
        "turn": match.turn,
        "tstamp": _time([said]),
        "category": match.question.category,
        "status": str(said.status),
        "fingerprint": fingerprint,
        **_spent([said]),
    }


def comparison_row(match: Match, said: Sequence[Said], *, judge: tuple[str, str], fingerprint: str) -> dict[str, Any]:
    """A row of ``JUDGE_pair.jsonl``; *said* is of both orders, ``model_1`` shown first and ``model_2`` shown first."""
    first, second = said
    return {
        "question_id": match.question.id,
        "model_1": match.models[0],
        "model_2": match.models[1],
        "g1_winner": first.result or "error",
        "g2_winner": second.result or "error",
        "judge": list(judge),
        "g1_user_prompt": first.prompt,
        "g1_judgment": first.judgment,
        "g2_user_prompt": second.prompt,
        "g2_judgment": second.judgment,
        "turn": match.turn,
        "tstamp": _time(said),
        "category": match.question.category,
        "g1_status": str(first.status),
        "g2_status": str(second.status),
        "fingerprint": fingerprint,
        **_spent(said),
    }


def _time(said: Sequence[Said]) -> float:
    """When the last of them was answered, in seconds since 1970; now where no call was made."""
    created = [each.answered.created for each in said if each.answered is not None]
    known = [datetime.fromisoformat(text).timestamp() for text in created if text is not None]
    return max(known, default=time.time())


def _spent(said: Sequence[Said]) -> dict[str, float | None]:
    """Tokens and cost of the answers; ``None`` where one of them is unknown, 0 where no call was made."""
    asked = [each for each in said if each.answered is not None or each.status not in _FREE]
    completions = [None if each.answered is None else each.answered.completion for each in asked]
    spent: dict[str, float | None] = {}
    for name in ("input_tokens", "output_tokens", "cost_usd"):
        values = [None if completion is None else getattr(completion, name) for completion in completions]
        known = [value for value in values if value is not None]
        spent[name] = sum(known, 0) if len(known) == len(values) else None
    return spent


def count_states(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many judgments are in which state, each order of a pair by itself; how many are judged is always said."""
    states = Counter([str(Status.JUDGED)])
    for row in rows:
        for status, result, judgment in _PARTS if "model" not in row else _PARTS_OF_A_GRADE:
            states[row.get(status) or _state(row[result], row[judgment])] += 1
    states[str(Status.JUDGED)] -= 1
    return dict(sorted(states.items()))


def _state(result: object, judgment: object) -> str:
    """Of a row that FastChat has written, which has no state."""
    if result not in {-1, "error"}:
        return str(Status.JUDGED)
    return str(Status.FAILED if judgment == NO_ANSWER else Status.UNPARSED)
