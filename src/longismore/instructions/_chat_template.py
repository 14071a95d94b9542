"""The chat template of a model's tokenizer, as a template of prompts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.instructions._row import Turn

__all__ = ["ChatTemplate", "ConversationRefusedError"]

_PROBE = "instruction-of-the-probe"


class ConversationRefusedError(UsageError):
    """The template does not write this conversation; it may well write others."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ChatTemplate:
    """The chat template of a tokenizer; an input follows the instruction after an empty line."""

    tokenizer: Any
    name: str = "chat"

    @property
    def digest(self) -> str:
        """Hash of the tokenizer's template."""
        return hashlib.sha256(str(self.tokenizer.get_chat_template()).encode()).hexdigest()[:16]

    @property
    def response_prefix(self) -> str:
        """What the template writes to make the model answer, or else what it writes after an instruction."""
        probe = [{"role": "user", "content": _PROBE}]
        asked, told = self._written(probe), self._written(probe, asks=False)
        return (asked.removeprefix(told) if asked.startswith(told) else "") or asked.rpartition(_PROBE)[2]

    @property
    def start(self) -> str:
        """The tokenizer's first token, where the template writes it."""
        first = self.tokenizer.bos_token or ""
        return first if self._written([{"role": "user", "content": _PROBE}]).startswith(first) else ""

    @property
    def is_complete(self) -> bool:
        """It is."""
        return True

    @property
    def takes_input(self) -> bool:
        """It does."""
        return True

    def prompt(self, instruction: str, input: str = "", system: str = "", history: Sequence[Turn] = ()) -> str:  # noqa: A002  the field's word
        """Everything before the answer; a template that refuses system messages gets it with the first instruction.

        Raises:
            ConversationRefusedError: The template refuses the conversation.
        """
        chat: list[dict[str, str]] = []
        for turn in history:
            chat += [{"role": "user", "content": turn.instruction}, {"role": "assistant", "content": turn.response}]
        chat.append({"role": "user", "content": instruction})
        if input:
            chat[0]["content"] += f"\n\n{input}"
        if not system:
            return self._written(chat)
        try:
            return self._written([{"role": "system", "content": system}, *chat])
        except ConversationRefusedError:
            chat[0]["content"] = f"{system}\n\n{chat[0]['content']}"
            return self._written(chat)

    def answered(self, instruction: str, response: str) -> str:
        """A conversation that ends with an answer, whole.

        Raises:
            UsageError: The template refuses it.
        """
        chat = [{"role": "user", "content": instruction}, {"role": "assistant", "content": response}]
        return self._written(chat, asks=False)

    def _written(self, chat: list[dict[str, str]], *, asks: bool = True) -> str:
        import jinja2

        try:
            text = self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=asks)
        except jinja2.TemplateError as error:
            message = f"the tokenizer's chat template cannot write a conversation: {error}"
            raise ConversationRefusedError(message) from error
        return str(text)
