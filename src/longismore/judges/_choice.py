"""The prompt protocols ``choice`` and ``logprob``: one letter says which answer is better.

``choice`` asks for A, B or C (equal) and reads the letter. ``logprob`` asks for A or B and reads how probable
either letter was, so that a close call is a number near 0.5; the idea is that of AlpacaEval 2's weighted win rate
(https://arxiv.org/abs/2404.04475), the wording is our own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longismore.judges._parse_choice import CHOICE_PARSER_VERSION, parse_choice, read_letter_probability
from longismore.judges._protocol import Reading
from longismore.judges._quote import code_of, prompt_text, quote, shown_texts, with_code

if TYPE_CHECKING:
    from longismore.judges._client import Completion, Messages
    from longismore.records import Order, Pair

__all__ = ["CHOICE_VERSION", "Choice", "Logprob"]

CHOICE_VERSION = 1
"""Goes up when the layout of the messages changes; the text itself is in the fingerprint anyway."""


def _choice_prompt() -> str:
    return prompt_text("choice")


def _logprob_prompt() -> str:
    return prompt_text("logprob")


def _messages(prompt: str, pair: Pair, order: Order) -> Messages:
    texts = shown_texts(pair, order)
    code = code_of([pair.testset, pair.id, *texts.values()])
    return [
        {"role": "system", "content": with_code(prompt, code)},
        {"role": "user", "content": quote(texts, code) + "\n\nThe letter:"},
    ]


@dataclass(frozen=True, slots=True)
class Choice:
    """Asks for A, B or C.

    Args:
        prompt: The instructions, with ``@CODE@`` where the code of the call will stand.
    """

    prompt: str = field(default_factory=_choice_prompt)
    name: str = field(default="choice", init=False)
    max_tokens: int = field(default=256, init=False)
    usual_output_tokens: int = field(default=3, init=False)
    top_logprobs: int | None = field(default=None, init=False)

    @property
    def identity(self) -> object:
        """Name, versions and text."""
        return [self.name, CHOICE_VERSION, self.prompt, CHOICE_PARSER_VERSION]

    def render(self, pair: Pair, order: Order) -> Messages:
        """A system message with the rules, a user message with the quoted texts."""
        return _messages(self.prompt, pair, order)

    def read(self, completion: Completion) -> Reading | None:
        """The letter, as :func:`parse_choice` reads it."""
        preference = parse_choice(completion.text)
        return None if preference is None else Reading(preference)


@dataclass(frozen=True, slots=True)
class Logprob:
    """Asks for A or B, and reads the probability of A among the two.

    Args:
        prompt: The instructions, with ``@CODE@`` where the code of the call will stand.
    """

    prompt: str = field(default_factory=_logprob_prompt)
    name: str = field(default="logprob", init=False)
    max_tokens: int = field(default=4, init=False)
    usual_output_tokens: int = field(default=1, init=False)
    top_logprobs: int | None = field(default=20, init=False)

    @property
    def identity(self) -> object:
        """Name, versions and text."""
        return [self.name, CHOICE_VERSION, self.prompt, CHOICE_PARSER_VERSION]

    def render(self, pair: Pair, order: Order) -> Messages:
        """A system message with the rules, a user message with the quoted texts."""
        return _messages(self.prompt, pair, order)

    def read(self, completion: Completion) -> Reading | None:
        """The probability at the first generated token that is not white space."""
        token = next((each for each in completion.logprobs or () if each.token.strip()), None)
        probability = None if token is None else read_letter_probability(token.top | {token.token: token.logprob})
        return None if probability is None else Reading(probability)
