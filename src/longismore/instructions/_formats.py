"""The formats of instruction data: which field holds what, and how a format is recognised.

======================  ==================================================================================
``alpaca``              ``instruction``, ``input``, ``output``
``dolly``               ``instruction``, ``context``, ``response`` (and ``category``)
``input_target``        ``input``, ``target``: the files of Chasing Random
``prompt_completion``   ``prompt``, ``completion``: TRL's plain-text data sets
``sharegpt``            ``conversations``: a list of ``{"from": "human" | "gpt" | "system", "value"}``, as FastChat's
``messages``            ``messages``: a list of ``{"role": "user" | "assistant" | "system", "content"}``
======================  ==================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.errors import SchemaError, UnknownNameError
from longismore.instructions._row import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["FORMATS", "ROLES", "Content", "Format", "content_of", "content_of_messages", "format_named", "recognise"]

ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "assistant": "assistant",
    "system": "system",
}
"""What speakers are called in published files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """Where a format keeps what; a conversation has :attr:`messages`, the others a field for each part."""

    name: str
    instruction: str = ""
    input: str = ""
    response: str = ""
    messages: str = ""
    speaker: str = ""
    text: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that every record must have."""
        return (self.messages,) if self.messages else (self.instruction, self.response)

    @property
    def content_fields(self) -> tuple[str, ...]:
        """The fields that are read, in a record's order."""
        return (self.messages,) if self.messages else tuple(filter(None, (self.instruction, self.input, self.response)))


FORMATS = {
    entry.name: entry
    for entry in (
        Format(name="alpaca", instruction="instruction", input="input", response="output"),
        Format(name="dolly", instruction="instruction", input="context", response="response"),
        Format(name="input_target", instruction="input", response="target"),
        Format(name="prompt_completion", instruction="prompt", response="completion"),
        Format(name="sharegpt", messages="conversations", speaker="from", text="value"),
        Format(name="messages", messages="messages", speaker="role", text="content"),
    )
}


def format_named(name: str) -> Format:
    """The format of that name.

    Raises:
        UnknownNameError: There is none.
    """
    if name not in FORMATS:
        raise UnknownNameError("format of instruction data", name, list(FORMATS))
    return FORMATS[name]


def recognise(fields: list[str], place: str) -> Format:
    """The format of a record with these fields: the first one whose fields are all there.

    Raises:
        SchemaError: It is none of the known ones.
    """
    found = [entry for entry in FORMATS.values() if set(entry.fields) <= set(fields)]
    conversations = [entry for entry in found if entry.messages]
    if not found:
        known = "; ".join(f"{entry.name}: {', '.join(entry.content_fields)}" for entry in FORMATS.values())
        names = ", ".join(map(repr, fields[:20])) or "none"
        raise SchemaError(place, f"no known format of instruction data; fields found: {names}; known are {known}")
    return (conversations or found)[0]


@dataclass(frozen=True, slots=True)
class Content:
    """What a record says, whatever its format."""

    turns: tuple[Turn, ...]
    input: str = ""
    system: str = ""

    def pieces(self) -> list[str]:
        """Every text, in the order in which a row's key is made of them."""
        pieces = [self.system, self.input]
        for turn in self.turns:
            pieces += (turn.instruction, turn.response)
        return pieces


def content_of(record: Mapping[str, Any], form: Format, place: str) -> Content:
    """Read a record.

    An answer that is null counts as empty; an input may be missing.

    Raises:
        SchemaError: A field is missing or holds no text, or a speaker is unknown.
    """
    if form.messages:
        return _conversation(record, form, place)
    return Content(
        turns=(Turn(_text(record, form.instruction, place), _text(record, form.response, place, may_be_null=True)),),
        input=_text(record, form.input, place, may_be_null=True) if form.input in record else "",
    )


def _text(record: Mapping[str, Any], field: str, place: str, *, may_be_null: bool = False) -> str:
    if field not in record:
        raise SchemaError(place, f'field "{field}" is missing; found: {", ".join(record) or "none"}')
    value = record[field]
    if value is None and may_be_null:
        return ""
    if not isinstance(value, str):
        raise SchemaError(place, f'field "{field}" must hold text, found {type(value).__name__}: {str(value)[:60]!r}')
    return value


def _conversation(record: Mapping[str, Any], form: Format, place: str) -> Content:
    messages = record.get(form.messages)
    if form.messages not in record:
        raise SchemaError(place, f'field "{form.messages}" is missing; found: {", ".join(record) or "none"}')
    if not isinstance(messages, list):
        raise SchemaError(place, f'field "{form.messages}" must be a list of messages, found {type(messages).__name__}')
    spoken = []
    for number, message in enumerate(messages):
        here = f"{place}: {form.messages}[{number}]"
        if not isinstance(message, dict):
            raise SchemaError(here, f"a message must be an object, found {type(message).__name__}")
        spoken.append((_text(message, form.speaker, here), _text(message, form.text, here, may_be_null=True)))
    return content_of_messages(spoken, form, lambda: place)


def content_of_messages(messages: Sequence[tuple[str, str]], form: Format, place: Callable[[], str]) -> Content:
    """Read a conversation, as pairs of speaker and text.

    Args:
        messages: The pairs, in their order.
        form: The format, for messages.
        place: Says where the row stands, for messages.

    Raises:
        SchemaError: A speaker is unknown, or nobody asks or answers.
    """
    turns: list[Turn] = []
    system: list[str] = []
    for number, (speaker, text) in enumerate(messages):
        role = ROLES.get(speaker)
        if role is None:
            here = f"{place()}: {form.messages}[{number}]"
            raise SchemaError(here, f'"{speaker}" is no known speaker; known are {", ".join(ROLES)}')
        if role == "system":
            system.append(text)
        elif role == "user":
            turns.append(Turn(text, ""))
        elif turns and not turns[-1].response:
            turns[-1] = Turn(turns[-1].instruction, text)
        else:  # an answer without a question: published conversations begin so now and then
            turns.append(Turn("", text))
    if not turns:
        raise SchemaError(place(), f'field "{form.messages}" has no message of a user or an assistant')
    return Content(turns=tuple(turns), system="\n\n".join(system))
