"""One row of a judgment file of MT-Bench: the grade of one turn, or the comparison of one turn in both orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["HIGHEST", "LOWEST", "Grade", "TurnComparison", "Winner"]

LOWEST, HIGHEST = 1.0, 10.0
"""The scale that the published prompts ask for."""

Winner = Literal["model_1", "model_2", "tie"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """The score that a judge gave one turn of one model's answer.

    Attributes:
        question: The number of the question, 81 to 160 in the published set.
        category: What the question asks for, such as ``"writing"``; ``None`` where it is not known.
        model: Whose answer it is.
        judge: Who graded it.
        prompt_name: What the judge was asked with, such as ``"single-v1"``.
        turn: 1 or 2.
        score: From 1 to 10; ``None`` where no score could be read, which is never a number.
        fingerprint: Of the judge with its settings and prompts; ``None`` where it is not known, as in FastChat's rows.
    """

    question: int
    category: str | None
    model: str
    judge: str
    prompt_name: str
    turn: int
    score: float | None
    fingerprint: str | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that are no scores, such as FastChat's -1.

        Raises:
            ValueError: The score is not from 1 to 10.
        """
        if self.score is not None and not LOWEST <= self.score <= HIGHEST:
            raise ValueError(f"a score is from 1 to 10, or None where there is none, not {self.score}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnComparison:
    """What a judge said of one turn of two models' answers, in both orders.

    Attributes:
        question: The number of the question.
        category: What the question asks for; ``None`` where it is not known.
        model_1: The model that was shown first in the first order.
        model_2: The other one.
        judge: Who compared them.
        turn: 1 or 2.
        winner_1st: Who won in the first order; ``None`` where no verdict could be read.
        winner_2nd: Who won with the places exchanged, again by name and not by place.
        fingerprint: Of the judge with its settings and prompts; ``None`` where it is not known, as in FastChat's rows.
    """

    question: int
    category: str | None
    model_1: str
    model_2: str
    judge: str
    turn: int
    winner_1st: Winner | None
    winner_2nd: Winner | None
    fingerprint: str | None = None
