"""The prompt protocols ``choice`` and ``logprob``: one letter says which answer is better.

``choice`` asks for A, B or C (equal) and reads the letter. ``logprob`` asks for A or B and reads how probable
either letter was, so that a close call is a number near 0.5; the idea is that of AlpacaEval 2's weighted win rate
(https://arxiv.org/abs/2404.04475), the wording is our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from longismore.judges._parse_choice import CHOICE_PARSER_VERSION, parse_choice, read_letter_probability
from longismore.judges._protocol import Reading
from longismore.judges._quoting import QuotingProtocol

if TYPE_CHECKING:
    from longismore.judges._client import Completion

__all__ = ["Choice", "Logprob"]


class Choice(QuotingProtocol):
    """Asks for A, B or C."""

    __slots__ = ()
    name: ClassVar[str] = "choice"
    version: ClassVar[int] = 1
    parser_version: ClassVar[int] = CHOICE_PARSER_VERSION
    request: ClassVar[str] = "The letter:"
    max_tokens: ClassVar[int] = 256
    usual_output_tokens: ClassVar[int] = 3

    def read(self, completion: Completion) -> Reading | None:
        """The letter, as :func:`parse_choice` reads it."""
        preference = parse_choice(completion.text)
        return None if preference is None else Reading(preference)


class Logprob(QuotingProtocol):
    """Asks for A or B, and reads the probability of A among the two."""

    __slots__ = ()
    name: ClassVar[str] = "logprob"
    version: ClassVar[int] = 1
    parser_version: ClassVar[int] = CHOICE_PARSER_VERSION
    request: ClassVar[str] = "The letter:"
    max_tokens: ClassVar[int] = 4
    usual_output_tokens: ClassVar[int] = 1
    top_logprobs: ClassVar[int | None] = 20

    def read(self, completion: Completion) -> Reading | None:
        """The probability at the first generated token that is not white space."""
        token = next((each for each in completion.logprobs or () if each.token.strip()), None)
        probability = None if token is None else read_letter_probability(token.top | {token.token: token.logprob})
        return None if probability is None else Reading(probability)
