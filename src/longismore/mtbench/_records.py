"""A question of MT-Bench, and a model's answer to it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CATEGORIES", "NEEDS_REFERENCE", "NO_ANSWER", "ModelAnswer", "Question"]

CATEGORIES = ("writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities")
"""The eight of MT-Bench, in the order of its questions."""
NEEDS_REFERENCE = frozenset({"math", "reasoning", "coding"})
"""Categories whose judge is shown a reference answer."""
NO_ANSWER = "$ERROR$"
"""What FastChat writes in the place of a text that never came: an answer or a judgment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: what the user says, turn by turn."""

    id: int
    """81 to 160 in MT-Bench."""
    category: str
    turns: tuple[str, ...]
    reference: tuple[str, ...] | None = None
    """The reference answer, one text a turn; ``None`` where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """What a model answered to one question; a line of ``model_answer/MODEL.jsonl``."""

    question: int
    model: str
    turns: tuple[str, ...]
    """One text a turn, of the first choice where there are several."""
    answer_id: str
    created: float | None = None
    """Seconds since 1970; ``None`` where the file does not say."""
