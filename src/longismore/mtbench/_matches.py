"""What is judged: one turn of one model's answer, or of two models' answers to the same question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from longismore.errors import ConfigError, DataError
from longismore.mtbench._records import NO_ANSWER

if TYPE_CHECKING:
    from longismore.mtbench._records import ModelAnswer, Question

__all__ = ["Answers", "Match", "check_answers", "make_matches"]

Answers = Mapping[str, Mapping[int, "ModelAnswer"]]
"""By model and question."""

_IDS_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One turn to be judged."""

    question: Question
    turn: int
    """1 or 2."""
    answers: tuple[ModelAnswer, ...]
    """One, or two: the first is ``model_1``."""

    @property
    def models(self) -> tuple[str, ...]:
        """Whose answers they are."""
        return tuple(answer.model for answer in self.answers)

    @property
    def is_answered(self) -> bool:
        """Whether there is something to judge: a text that never came is none."""
        return all(text != NO_ANSWER for answer in self.answers for text in answer.turns[: self.turn])

    @property
    def said(self) -> tuple[str, tuple[str, ...]]:
        """The conversation so far as whole texts: the questions, and what each model answered."""
        return (
            "\n\n".join(self.question.turns[: self.turn]),
            tuple("\n\n".join(answer.turns[: self.turn]) for answer in self.answers),
        )


def check_answers(questions: Sequence[Question], answers: Answers) -> None:
    """Find out, before anything is paid, whether every model has answered every turn of every question.

    Raises:
        DataError: One has not; all are named.
    """
    problems = []
    for model, given in answers.items():
        missing = [
            question.id
            for question in questions
            if question.id not in given or len(given[question.id].turns) < len(question.turns)
        ]
        if missing:
            shown = ", ".join(map(str, missing[:_IDS_SHOWN]))
            more = f" and {len(missing) - _IDS_SHOWN} more" if len(missing) > _IDS_SHOWN else ""
            problems.append(f'"{model}" has no whole answer to {len(missing)} of {len(questions)}: {shown}{more}')
    if problems:
        raise DataError(
            f"questions without an answer: {'; '.join(problems)}; generate them (longismore mtbench generate), or "
            "judge fewer questions (--questions) or models (--models)"
        )


def make_matches(
    questions: Sequence[Question], answers: Answers, *, models: Sequence[str], mode: str, baseline: str | None = None
) -> list[Match]:
    """Every match of a mode, first turns before second ones.

    Args:
        questions: In their order.
        answers: Of the models and of the baseline, to all questions.
        models: In their order.
        mode: ``single``, ``pairwise-baseline`` or ``pairwise-all``.
        baseline: Whom the others are compared with in ``pairwise-baseline``; it is ``model_2``, as for FastChat.

    Raises:
        ConfigError: The mode needs a baseline, or other models.
    """
    sides = _sides(models, mode, baseline)
    return [
        Match(question=question, turn=turn, answers=tuple(answers[model][question.id] for model in side))
        for turn in (1, 2)
        for side in sides
        for question in questions
        if turn <= len(question.turns)
    ]


def _sides(models: Sequence[str], mode: str, baseline: str | None) -> list[tuple[str, ...]]:
    if (mode == "pairwise-baseline") != (baseline is not None):
        raise ConfigError(
            "the mode pairwise-baseline compares each model with one: name that one with --baseline MODEL"
            if baseline is None
            else f'--baseline is for the mode pairwise-baseline, found the mode "{mode}"'
        )
    sides: Iterator[tuple[str, ...]]
    if mode == "single":
        sides = ((model,) for model in models)
    elif baseline is not None:
        sides = ((model, baseline) for model in models if model != baseline)
    else:
        sides = combinations(models, 2)
    if not (found := list(sides)):
        raise ConfigError(f"the mode {mode} needs two models with answers, found only {', '.join(models)}")
    return found
