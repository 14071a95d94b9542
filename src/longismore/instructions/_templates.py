"""How an instruction becomes the text that a model continues with its answer.

==================  ============================================================================================
``plain``           our own: the sections ``### Instruction:``, ``### Input:`` and ``### Response:``, no preamble
``none``            instruction, input and a line end each: Superfiltering's
``chasing_random``  the same two markers on lines that begin and end with a space, without the source's first sentence
``chat``            the chat template of the model's tokenizer
``alpaca``          Alpaca's preamble, read from the installed package ``alpaca_eval``: the form without input only
``vicuna``          Vicuna 1.1, read from the installed package ``fschat``; an input follows as ``Input:``
a file              any other text with ``{instruction}`` and ``{input}``
==================  ============================================================================================

A file holds the form for rows without input. A line ``=== with input ===`` begins the form for rows with one; without
such a line the one form, if it has ``{input}``, is for all rows. One line end at the end of a form is not part of it.
What stands after the last of the fields stands right before the answer. A system message, for which no form but a chat
template has a place of its own, stands before everything else, followed by an empty line.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from longismore.errors import ChecksumError, DataError, UnknownNameError, UsageError
from longismore.instructions._chat_template import ChatTemplate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.instructions._row import Turn

__all__ = ["TEMPLATES", "ChatTemplate", "Template", "TextTemplate", "load_template"]

TEMPLATES = ("alpaca", "chasing_random", "chat", "none", "plain", "vicuna")

_FIELD = re.compile(r"\{(instruction|input)\}")
_FOREIGN = re.compile(r"\{(system|prompt|output|response|answer|completion|context)\}")
_SECOND_FORM = re.compile(r"^=== with input ===[^\S\n]*\n", flags=re.MULTILINE)
_ALPACA_FILE = "models_configs/alpaca-7b/prompt.txt"
_ALPACA_SHA256 = "35101bc36d10997c7d926d8f21f7d173aec6523f3a57d78821b944a89925cdca"


class Template(Protocol):
    """Writes what stands before an answer."""

    @property
    def name(self) -> str:
        """As the user asks for it."""

    @property
    def digest(self) -> str:
        """Hash of everything that changes the text (16 hexadecimal digits)."""

    @property
    def response_prefix(self) -> str:
        """What stands right before every answer, e.g. ``### Response:``."""

    @property
    def start(self) -> str:
        """What every text begins with, if the tokenizer shall not add it."""

    @property
    def is_complete(self) -> bool:
        """Whether the text has its control tokens already: the tokenizer shall add none then."""

    @property
    def takes_input(self) -> bool:
        """Whether rows with an input can be written."""

    def prompt(self, instruction: str, input: str = "", system: str = "", history: Sequence[Turn] = ()) -> str:  # noqa: A002  the field's word
        """Everything before the answer.

        Args:
            instruction: What the user says now.
            input: What the first instruction of the conversation is about.
            system: The system message.
            history: What was said before.

        Raises:
            UsageError: There is an input, and no form for it.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTemplate:
    """Forms with fields. Braces in the data are text, whatever stands between them."""

    name: str
    without_input: str
    with_input: str | None
    """``None``: rows with an input cannot be written."""
    opening: str = ""
    """Stands before the first turn where a row has no system message of its own."""
    opening_end: str = "\n\n"
    """Between the opening, or system message, and the first turn."""
    answer_gap: str = ""
    """Between a prompt and its answer, where a conversation goes on after it."""
    turn_end: str = "\n\n"
    """After such an answer."""
    remedy: str = "give a form for rows with input in its file"

    @property
    def digest(self) -> str:
        """Hash of everything that changes the text."""
        shown = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in {"name", "remedy"}}
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def response_prefix(self) -> str:
        """What stands after the last field, without white space at its beginning."""
        return _FIELD.split(self.without_input)[-1].lstrip()

    @property
    def start(self) -> str:
        """Nothing: the tokenizer adds what it adds to every text."""
        return ""

    @property
    def is_complete(self) -> bool:
        """It is not."""
        return False

    @property
    def takes_input(self) -> bool:
        """Whether there is a form for rows with an input."""
        return self.with_input is not None

    def prompt(self, instruction: str, input: str = "", system: str = "", history: Sequence[Turn] = ()) -> str:  # noqa: A002  the field's word
        """Everything before the answer.

        Raises:
            UsageError: There is an input, and no form for it.
        """
        opening = system or self.opening
        text = f"{opening}{self.opening_end}" if opening else ""
        for number, turn in enumerate(history):
            written = self._turn(turn.instruction, "" if number else input)
            text += f"{written}{self.answer_gap}{turn.response}{self.turn_end}"
        return text + self._turn(instruction, "" if history else input)

    def _turn(self, instruction: str, input: str) -> str:  # noqa: A002  the field's word
        form = self.with_input if input else self.without_input
        if form is None:
            raise UsageError(f'template "{self.name}" has no form for rows with an input; {self.remedy}')
        values = {"instruction": instruction, "input": input}
        return _FIELD.sub(lambda match: values[match[1]], form)


_SECTION, _ANSWER = "### Instruction:\n{instruction}\n\n", "### Response:\n"
_OWN = {
    template.name: template
    for template in (
        TextTemplate(
            name="plain",
            without_input=_SECTION + _ANSWER,
            with_input=f"{_SECTION}### Input:\n{{input}}\n\n{_ANSWER}",
        ),
        TextTemplate(name="none", without_input="{instruction}\n", with_input="{instruction}\n{input}\n"),
        TextTemplate(
            name="chasing_random",
            without_input="### Instruction: {instruction} \n ### Response: ",
            with_input="### Instruction: {instruction}{input} \n ### Response: ",
        ),
    )
}


def load_template(name: str, tokenizer: Any = None) -> Template:
    """The template of a name, or of a file.

    Args:
        name: One of :data:`TEMPLATES`, or a path.
        tokenizer: Needed for ``chat``.

    Raises:
        UsageError: It cannot be read; or the tokenizer has no chat template.
        UnknownNameError: There is neither such a template nor such a file.
    """
    if name in _OWN:
        return _OWN[name]
    match name:
        case "chat":
            if not getattr(tokenizer, "chat_template", None):
                raise UsageError('template "chat": the model\'s tokenizer has no chat template; name another template')
            return ChatTemplate(tokenizer=tokenizer)
        case "alpaca":
            return _alpaca()
        case "vicuna":
            return _vicuna()
    path = Path(name).expanduser()
    if not path.is_file():
        if path.suffix or len(path.parts) > 1:
            raise DataError(f"template {name}: there is no such file, and it is none of {', '.join(TEMPLATES)}")
        raise UnknownNameError("template", name, TEMPLATES)
    return _from_file(path)


def _from_file(path: Path) -> TextTemplate:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"template {path}: cannot be read: {error}") from error
    if found := _FOREIGN.search(text):
        known = "{instruction} and {input}; the answer follows at the end of the text by itself"
        raise DataError(f"template {path}: the field {found[0]} is not known; known are {known}")
    forms = [form.removesuffix("\n") for form in _SECOND_FORM.split(text)]
    if len(forms) > 2 or not all("{instruction}" in form for form in forms):  # noqa: PLR2004  with and without input
        raise DataError(
            f"template {path}: one or two forms with the field {{instruction}} are wanted, the second one after the "
            f'line "=== with input ==="; found {sum("{instruction}" in form for form in forms)} of {len(forms)}'
        )
    without, with_input = forms[0], forms[-1] if "{input}" in forms[-1] else None
    if len(forms) == 2 and with_input is None:  # noqa: PLR2004  with and without input
        raise DataError(f'template {path}: the form after "=== with input ===" lacks the field {{input}}')
    if _FIELD.split(forms[0])[-1] != _FIELD.split(forms[-1])[-1]:
        raise DataError(f"template {path}: the two forms differ in what stands after the last field, before the answer")
    return TextTemplate(name=str(path), without_input=without, with_input=with_input)


def _alpaca() -> TextTemplate:
    own = "give Alpaca's own texts, with and without input, as template=FILE"
    spec = importlib.util.find_spec("alpaca_eval")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            'template "alpaca" is read from the package alpaca_eval, which is not installed; '
            f'do: pip install "longismore[alpaca]", or {own}'
        )
    path = Path(spec.submodule_search_locations[0], *_ALPACA_FILE.split("/"))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f'template "alpaca": {path} cannot be read: {error.strerror}; {own}') from error
    found = hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest()
    if found != _ALPACA_SHA256:
        raise ChecksumError(f"{path}: not the text of alpaca_eval 0.6.6: sha256 {found}; {own}")
    return TextTemplate(
        name="alpaca",
        without_input=data.decode().replace("\r\n", "\n"),
        with_input=None,
        remedy=f"alpaca_eval has the form without input only: {own}",
    )


def _vicuna() -> TextTemplate:
    if importlib.util.find_spec("fastchat") is None:
        raise UsageError(
            'template "vicuna" is read from the package fschat, which is not installed; do: '
            'pip install "longismore[fastchat]", '
            "or give Vicuna's own text as template=FILE"
        )
    conversation = importlib.import_module("fastchat.conversation").get_conv_template("vicuna_v1.1")
    user, assistant = conversation.roles
    return TextTemplate(
        name="vicuna",
        without_input=f"{user}: {{instruction}}{conversation.sep}{assistant}:",
        with_input=f"{user}: {{instruction}}\nInput:\n{{input}}{conversation.sep}{assistant}:",
        opening=conversation.system_message,
        opening_end=conversation.sep,
        answer_gap=" ",
        turn_end=conversation.sep2,
    )
