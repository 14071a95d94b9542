"""How a model is asked MT-Bench, as the user says, and what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from longismore.errors import ConfigError
from longismore.harness._mtbench_model import check_model, model_identity
from longismore.harness._mtbench_prompts import check_conversation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.mtbench import Question

__all__ = ["TEMPERATURES", "Generated", "Place", "Plan"]

TEMPERATURES: Mapping[str, float] = {
    "writing": 0.7,
    "roleplay": 0.7,
    "reasoning": 0.0,
    "math": 0.0,
    "coding": 0.0,
    "extraction": 0.0,
    "stem": 0.1,
    "humanities": 0.1,
}
"""Of MT-Bench, by category; 0 is greedy."""
_OTHER_TEMPERATURE = 0.7


class Place(NamedTuple):
    """One answer: to which question, in which turn, counted from 1."""

    question: int
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What came of it."""

    path: Path
    """The file of answers."""
    model: str
    """Its name there."""
    prompts: str | None
    """The template that the model was asked with; ``None`` where every answer was there before."""
    questions: int
    asked: int
    """Answers of this run."""
    kept: int
    """Answers of earlier runs."""
    empty: tuple[Place, ...]
    """Where the model said nothing."""
    shortened: tuple[Place, ...]
    """Where the model's context had no room for as many tokens as were allowed."""
    without_room: tuple[Place, ...]
    """Where it had no room for an answer at all: the file has ``$ERROR$`` there."""
    speaks: bool = True
    """Whether this is the one of several processes that tells and writes."""

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "path": str(self.path),
            "model": self.model,
            "prompts": self.prompts,
            "questions": self.questions,
            "asked": self.asked,
            "kept": self.kept,
            "empty": [place._asdict() for place in self.empty],
            "shortened": [place._asdict() for place in self.shortened],
            "without_room": [place._asdict() for place in self.without_room],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the user says."""

    model: str
    model_args: str | Mapping[str, Any]
    conversation: str | None
    seed: int
    max_new_tokens: int
    temperature: float | None
    """``None``: that of the category."""

    def check(self, questions: Sequence[Question]) -> None:
        """Refuse what can be refused before the model is loaded.

        Raises:
            UsageError: A setting will not do; all such settings are named.
        """
        problems = []
        if self.max_new_tokens < 1:
            problems.append(f"max_new_tokens must be 1 or more, found {self.max_new_tokens}")
        if self.seed < 0:
            problems.append(f"seed must be 0 or more, found {self.seed}")
        if self.temperature is not None and not (math.isfinite(self.temperature) and self.temperature >= 0):
            problems.append(f"temperature must be 0 (greedy) or more, found {self.temperature}")
        if not questions:
            problems.append("there is no question to ask")
        if len({question.id for question in questions}) < len(questions):
            problems.append("a question is given twice")
        if problems:
            raise ConfigError(problems)
        check_model(self.model, self.model_args)
        check_conversation(self.conversation)

    def identity(self) -> dict[str, Any]:
        """What answers of this run share with those of earlier ones that are taken for its own."""
        return model_identity(self.model, self.model_args) | {
            "conversation": self.conversation,
            "seed": self.seed,
            "max_new_tokens": self.max_new_tokens,
            "temperature": self.temperature,
        }

    def temperature_of(self, question: Question) -> float:
        """0 is greedy."""
        if self.temperature is not None:
            return self.temperature
        return TEMPERATURES.get(question.category, _OTHER_TEMPERATURE)
