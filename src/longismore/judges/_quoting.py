"""What our own prompt protocols share: rules with a code, then the quoted texts of one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from longismore.judges._quote import code_of, prompt_text, quote, shown_texts, with_code

if TYPE_CHECKING:
    from longismore.judges._client import Messages
    from longismore.records import Order, Pair

__all__ = ["QuotingProtocol"]


@dataclass(frozen=True, slots=True)
class QuotingProtocol:
    """A protocol that quotes the answers; a subclass says what is asked for, and reads it.

    Args:
        prompt: The instructions, with ``@CODE@`` where the code of the call will stand; empty for our own.
    """

    prompt: str = ""
    name: ClassVar[str]
    version: ClassVar[int]
    """Goes up when the layout of the messages changes; the text itself is in the fingerprint anyway."""
    parser_version: ClassVar[int]
    request: ClassVar[str]
    """The last line: what the judge is to write now."""
    max_tokens: ClassVar[int]
    usual_output_tokens: ClassVar[int]
    top_logprobs: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        if not self.prompt:
            object.__setattr__(self, "prompt", prompt_text(self.name))

    @property
    def identity(self) -> object:
        """Name, versions and text."""
        return [self.name, self.version, self.prompt, self.parser_version]

    def render(self, pair: Pair, order: Order) -> Messages:
        """A system message with the rules, a user message with the quoted texts."""
        texts = shown_texts(pair, order)
        code = code_of([pair.testset, pair.id, *texts.values()])
        return [
            {"role": "system", "content": with_code(self.prompt, code)},
            {"role": "user", "content": f"{quote(texts, code)}\n\n{self.request}"},
        ]
