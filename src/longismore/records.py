"""The values that the rooms hand to each other: frozen, and without behaviour.

Every rate in longismore is seen from the candidate's side. A state in which no preference could be read is
never a number: ``preference`` is then ``None`` and ``status`` says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Answer",
    "Example",
    "Judged",
    "Judgment",
    "ModelOutput",
    "Order",
    "Outcome",
    "Pair",
    "Status",
    "Verdict",
]


class Order(StrEnum):
    """Which answer the judge saw first."""

    REFERENCE_FIRST = "reference_first"
    CANDIDATE_FIRST = "candidate_first"


class Status(StrEnum):
    """What became of one judge call."""

    JUDGED = "judged"
    UNPARSED = "unparsed"
    """The judge answered, but no preference could be read."""
    REFUSED = "refused"
    """The judge or its provider would not answer."""
    FAILED = "failed"
    """No answer came, for a technical reason; it is asked again in the next run."""


class Outcome(StrEnum):
    """What a pair, or one order of it, says of the candidate."""

    WIN = "win"
    TIE = "tie"
    LOSE = "lose"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One instruction of a test set."""

    id: str
    """Stable, unique within its test set."""
    testset: str
    instruction: str
    input: str = ""
    """What the instruction works on; empty for most."""
    prompt: str
    """What the model is asked."""
    question: str
    """What the judge is shown as the question."""
    category: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOutput:
    """One answer as it stands in an outputs file, before it is matched to a test set."""

    output: str
    where: str
    """File and line or row, for messages."""
    instruction: str | None = None
    input: str = ""
    id: str | None = None
    dataset: str | None = None
    generator: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered to one instruction."""

    model: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers to one instruction."""

    id: str
    testset: str
    prompt: str
    """The question as the judge is shown it."""
    reference: Answer
    candidate: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """One judge call on one pair in one order; a line of ``judgments.jsonl``. Unknown is ``None``, never 0."""

    id: str
    testset: str
    prompt: str
    reference: Answer
    candidate: Answer
    order: Order
    judge: str
    fingerprint: str
    status: Status
    score_reference: float | None = None
    score_candidate: float | None = None
    preference: float | None = None
    """1 if the candidate is preferred, 0.5 for equal, 0 otherwise, or the judge's probability."""
    completion: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    latency_s: float | None = None
    created: str | None = None
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Both orders of one pair combined."""

    id: str
    testset: str
    prompt: str
    """Two verdicts with the same prompt belong to one cluster."""
    reference_chars: int
    candidate_chars: int
    reference_is_empty: bool = False
    """Nothing but white space."""
    candidate_is_empty: bool = False
    statuses: tuple[Status | None, Status | None]
    """Of the reference-first and the candidate-first call; ``None`` where there was no call."""
    preferences: tuple[float | None, float | None]
    """The candidate's share in the same two orders."""
    outcome: Outcome | None = None
    """``None`` where an order is missing: such a pair does not enter any rate."""
    one_order: bool = False
    """The judge was meant to see one order only; the outcome is that order's, and nothing is known of the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Everything that one judge said of one candidate against one reference."""

    judge: str
    fingerprint: str | None
    """``None`` where the file does not tell which settings the judge had."""
    reference: str
    candidate: str
    verdicts: tuple[Verdict, ...]
    judgments: tuple[Judgment, ...] = ()
    """Empty where the file keeps verdicts only."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """The content of ``run.json``, where there is one."""
    files: tuple[str, ...] = ()
    """Where it was read."""
