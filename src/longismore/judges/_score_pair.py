"""The prompt protocol ``score_pair``: two answers, two scores on the first line.

The protocol is the one of AlpaGasus (https://arxiv.org/abs/2307.08701, section 4) and Long Is More
(https://arxiv.org/abs/2402.04833, section 2); the wording is our own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longismore.judges._order import preference_of
from longismore.judges._parse import PARSER_VERSION, parse_score_pair
from longismore.judges._protocol import Reading
from longismore.judges._quote import code_of, prompt_text, quote, shown_texts, with_code

if TYPE_CHECKING:
    from longismore.judges._client import Completion, Messages
    from longismore.records import Order, Pair

__all__ = ["PROMPT_VERSION", "ScorePair"]

PROMPT_VERSION = 1
"""Goes up when the layout of :meth:`ScorePair.render` changes; the text itself is in the fingerprint anyway."""


def _own_prompt() -> str:
    return prompt_text("score_pair")


@dataclass(frozen=True, slots=True)
class ScorePair:
    """Asks for two marks from 1 to 10.

    Args:
        prompt: The instructions, with ``@CODE@`` where the code of the call will stand.
    """

    prompt: str = field(default_factory=_own_prompt)
    name: str = field(default="score_pair", init=False)
    max_tokens: int = field(default=1024, init=False)
    usual_output_tokens: int = field(default=200, init=False)
    top_logprobs: int | None = field(default=None, init=False)

    @property
    def identity(self) -> object:
        """Name, versions and text."""
        return [self.name, PROMPT_VERSION, self.prompt, PARSER_VERSION]

    def render(self, pair: Pair, order: Order) -> Messages:
        """A system message with the rules, a user message with the quoted texts."""
        texts = shown_texts(pair, order)
        code = code_of([pair.testset, pair.id, *texts.values()])
        return [
            {"role": "system", "content": with_code(self.prompt, code)},
            {"role": "user", "content": quote(texts, code) + "\n\nThe two marks on one line, then the reasons:"},
        ]

    def read(self, completion: Completion) -> Reading | None:
        """The two scores, as :func:`parse_score_pair` reads them."""
        scores = parse_score_pair(completion.text)
        # preference_of sees the first as the reference: its share is the second's complement.
        return None if scores is None else Reading(1.0 - preference_of(*scores), scores)
