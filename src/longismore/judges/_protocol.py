"""Prompt protocols: what a judge is asked, and how its answer is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from longismore.errors import UnknownNameError

if TYPE_CHECKING:
    from longismore.judges._client import Completion, Messages
    from longismore.records import Order, Pair

__all__ = ["PromptProtocol", "Reading", "find_protocol", "protocol_names"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one completion says of the two answers in the order in which they were shown."""

    preference: float
    """For the answer shown first: 1 preferred, 0.5 equal, 0 not, or its probability."""
    scores: tuple[float, float] | None = None
    """Of the first and the second answer, where the protocol asks for scores."""


class PromptProtocol(Protocol):
    """A prompt with its parser."""

    @property
    def name(self) -> str:
        """As users choose it."""

    @property
    def identity(self) -> object:
        """Everything that changes the prompt or its reading, as a JSON value; part of the judge's fingerprint."""

    @property
    def max_tokens(self) -> int:
        """That an answer of the judge may have, unless the user says otherwise."""

    @property
    def usual_output_tokens(self) -> int:
        """What an answer has on average, for estimates of the cost before anything is known."""

    @property
    def top_logprobs(self) -> int | None:
        """How many alternatives of each generated token are read; ``None`` where none are."""

    def render(self, pair: Pair, order: Order) -> Messages:
        """The chat of one call: equal pairs give equal texts."""

    def read(self, completion: Completion) -> Reading | None:
        """What the completion says, or ``None`` where that cannot be read."""


def protocol_names() -> tuple[str, ...]:
    """Every protocol that can be chosen."""
    return ("choice", "logprob", "score_pair")


def find_protocol(name: str, prompt: str | None = None) -> PromptProtocol:
    """The protocol of that name, with its own instructions or those in *prompt*.

    Raises:
        UnknownNameError: There is none.
    """
    # Modules of protocols know this one.
    from longismore.judges._choice import Choice, Logprob
    from longismore.judges._score_pair import ScorePair

    for protocol in (Choice, Logprob, ScorePair):
        if protocol.name == name:
            return protocol(prompt or "")
    raise UnknownNameError("protocol", name, protocol_names())
