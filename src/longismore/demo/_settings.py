"""What the demonstration does: how much of everything, which models it makes, and who is compared with whom."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXAMPLE", "JUDGES", "MATCHES", "MODELS", "SCORINGS", "SMALL", "TESTSET", "Scoring", "Sizes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything; the defaults take about two minutes of one core."""

    rows: int = 400
    """Of the pool, at most 500."""
    budget: int = 80
    """Rows of a selection."""
    base_steps: int = 600
    """In which a random network learns to write."""
    epochs: int = 3
    """In which it learns to answer."""
    answer_tokens: int = 200
    questions: int | None = None
    """Only the first so many instructions; ``None``: all."""


SMALL = Sizes(rows=24, budget=8, base_steps=2, epochs=1, answer_tokens=8, questions=4)
"""For tests: everything happens, and in seconds."""

TESTSET = "mini"

MODELS = {
    "random": "drawn at random",
    "random-2": "a second draw, for chance",
    "longest": "the longest ones",
    "full": "all of them",
}
"""By name, the rows that each learns from."""

EXAMPLE = "longest"
"""The model whose commands are shown."""

MATCHES = (("longest", "random"), ("longest", "full"), ("random-2", "random"))
"""Candidate and reference."""

JUDGES = ("lexical", "length")
"""Both need no model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """One run of lm_eval."""

    candidate: str
    reference: str | None = None
    judge: str | None = None
    """``None``: the candidate is asked, and not judged, for others to be compared with it."""

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.candidate if self.judge is None else f"{self.candidate}-against-{self.reference}-by-{self.judge}"

    @property
    def is_asked(self) -> bool:
        """Whether it is the first of its candidate: the others compare the answers of that one."""
        return next(each for each in SCORINGS if each.candidate == self.candidate) == self


SCORINGS = (
    Scoring(candidate="random"),
    Scoring(candidate="full"),
    *(Scoring(candidate=one, reference=other, judge=judge) for judge in JUDGES for one, other in MATCHES),
)
"""In an order in which every reference has answered before."""
