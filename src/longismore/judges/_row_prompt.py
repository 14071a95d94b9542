"""What a model is told about one row of instruction data: our rules with quoted texts, or a template of the user's.

Our own prompts, and whatever a user writes in their place, are rules: a system message, in which ``@CODE@`` stands for
the code of the call. The row's texts follow between lines that carry the code, so that none can pose as a rule.

A text with ``@RESPONSE@`` in it is a template instead, for prompts that must be word for word those of somebody else::

    You check answers.
    @USER@
    Task: @INSTRUCTION@
    Context: @INPUT@
    Answer: @RESPONSE@

What stands above the line ``@USER@`` is the system message. The row's texts are put in as they are; its own system
message, for which a template has no place, stands before the instruction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore._jsonl import read_text
from longismore.errors import ConfigError, SchemaError
from longismore.judges._quote import code_of, quote, sendable, with_code

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from longismore.instructions import Row
    from longismore.judges._client import Messages

__all__ = ["RowPrompt", "is_unanswered", "quoted_texts", "read_row_prompt"]

_USER = re.compile(r"\r?\n?^@USER@[ \t]*(?:\r?\n|\Z)", re.MULTILINE)


def is_unanswered(row: Row, *, whole: bool = False) -> bool:
    """Whether the first turn, or *whole*, every turn of a row lacks a response."""
    turns = row.turns if whole else row.turns[:1]
    return not any(turn.response.strip() for turn in turns)


def quoted_texts(row: Row, *, whole: bool = False) -> dict[str, str]:
    """The texts of a row by title, as they are shown: of the first turn, or *whole*, of the conversation."""
    turns = row.turns if whole else row.turns[:1]
    texts = {"system message": row.system} if row.system else {}
    for number, turn in enumerate(turns, start=1):
        suffix = f" {number}" if len(turns) > 1 else ""
        texts[f"instruction{suffix}"] = turn.instruction
        if number == 1 and row.input:
            texts["input"] = row.input
        texts[f"response{suffix}"] = turn.response
    return {title: sendable(text) for title, text in texts.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPrompt:
    """Makes the messages of a row."""

    text: str
    """The rules, or a template."""
    request: str
    """The last line after quoted texts: what is to be written now."""
    values: Mapping[str, str]
    """What else stands in the rules between two ``@``, by name."""
    whole: bool = False
    """Show all turns of a conversation, and not only the first."""

    def __post_init__(self) -> None:
        if self.is_template and self.whole:
            raise ConfigError("a template (a prompt with @RESPONSE@) shows one response: it cannot show all turns")

    @property
    def is_template(self) -> bool:
        """Whether the texts are put into the prompt itself."""
        return "@RESPONSE@" in self.text

    @property
    def identity(self) -> object:
        """Everything that changes the messages of a row, as a JSON value."""
        return [self.text, self.request, dict(self.values), self.whole]

    def code(self, row: Row) -> str:
        """The code of a row's quotations: none of its texts contains it."""
        return code_of(list(quoted_texts(row, whole=self.whole).values()))

    def messages(self, row: Row, **more: str) -> Messages:
        """The chat about a row; equal texts give equal chats.

        Args:
            row: What it is about.
            more: Further values of this row, by name; ``@CODE@`` stands for the code in them, too.
        """
        texts = quoted_texts(row, whole=self.whole)
        code = code_of(list(texts.values()))
        values = {**self.values, **{name: value.replace("@CODE@", code) for name, value in more.items()}}
        if self.is_template:
            return self._filled(texts, values | {"CODE": code})
        rules = self.text
        for name, value in values.items():
            rules = rules.replace(f"@{name}@", value)
        return [
            {"role": "system", "content": with_code(rules, code)},
            {"role": "user", "content": f"{quote(texts, code)}\n\n{self.request}"},
        ]

    def _filled(self, texts: Mapping[str, str], values: Mapping[str, str]) -> Messages:
        instruction, given = texts["instruction"], texts.get("input", "")
        if given and "@INPUT@" not in self.text:
            instruction = f"{instruction}\n\n{given}"
        if system := texts.get("system message"):
            instruction = f"{system}\n\n{instruction}"
        known = {**values, "INSTRUCTION": instruction, "INPUT": given, "RESPONSE": texts["response"]}
        names = "|".join(map(re.escape, known))

        # At one go: what stands in a text is never taken for a place.
        def filled(part: str) -> str:
            return re.sub(f"@({names})@", lambda found: known[found[1]], part)

        *above, user = _USER.split(self.text, maxsplit=1)
        parts = [*(("system", part) for part in above if part), ("user", user)]
        return [{"role": role, "content": filled(part)} for role, part in parts]


def read_row_prompt(path: Path) -> str:
    """Read a prompt of the user's own.

    Raises:
        DataError: It cannot be read; ``SchemaError`` where it lacks what a prompt must have.
    """
    text = read_text(path)
    if "@RESPONSE@" in text:
        if "@INSTRUCTION@" not in text:
            raise SchemaError(str(path), "a template with @RESPONSE@ must also say where the @INSTRUCTION@ stands")
    elif "@CODE@" not in text:
        raise SchemaError(
            str(path),
            "a prompt must say which code marks the quoted texts: put @CODE@ where the code of the call shall stand; "
            "or make it a template with @INSTRUCTION@, @INPUT@ and @RESPONSE@",
        )
    return text
