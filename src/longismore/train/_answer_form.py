"""What a template writes around an answer, and a conversation as pieces: what stands before each answer, the answer.

Templates write prompts. What stands between a prompt and its answer, and at the answer's end, shows in a prompt with a
history; so it is looked for there, in a conversation made for that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from longismore.errors import UsageError
from longismore.instructions._templates import ChatTemplate

if TYPE_CHECKING:
    from longismore.instructions._row import Row
    from longismore.instructions._templates import Template

__all__ = ["AnswerForm", "Piece", "answer_form", "pieces_of"]

_ASKED, _ANSWERED, _ASKED_NEXT = "question-of-the-probe", "answer-of-the-probe", "next-question-of-the-probe"


class Piece(NamedTuple):
    """A part of a conversation, up to the end of an answer."""

    before: str
    """Everything since the answer before, or since the beginning."""
    answer: str
    """With what the template writes between prompt and answer, and with the end that it writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerForm:
    """What a template writes around an answer."""

    gap: str = ""
    """Between a prompt and its answer, e.g. a space."""
    end: str = ""
    """After an answer, up to and with a special token of the tokenizer; empty where there is none."""
    end_token: str = ""
    """That token."""


def answer_form(template: Template, tokenizer: Any) -> AnswerForm:
    """Find out what a template writes around an answer.

    Args:
        template: Any.
        tokenizer: Knows the special tokens.
    """
    from longismore.instructions._row import Turn

    try:
        first = template.prompt(_ASKED)
        second = template.prompt(_ASKED_NEXT, history=(Turn(_ASKED, _ANSWERED),))
    except UsageError:  # the template refuses conversations
        return AnswerForm()
    gap, found, rest = second.removeprefix(first).partition(_ANSWERED)
    if not second.startswith(first) or not found:
        return AnswerForm()
    special = _special_tokens(tokenizer)
    opening = re.findall("|".join(map(re.escape, special)), first.partition(_ASKED)[0]) if special else []
    ends = [token for token in special if token not in opening[-1:] or _closes(template, token)]
    match = re.match(rf"\s*({'|'.join(map(re.escape, ends))})", rest) if ends else None
    return AnswerForm(gap=gap, end=match[0] if match else "", end_token=match[1] if match else "")


def _closes(template: Template, token: str) -> bool:
    """Whether a chat template ends a conversation with this token: one token may begin texts and end answers."""
    if not isinstance(template, ChatTemplate):
        return False
    try:
        closing = template.answered(_ASKED, _ANSWERED).partition(_ANSWERED)[2]
    except UsageError:  # it refuses one that nobody goes on with
        return False
    return closing.strip() == token


def _special_tokens(tokenizer: Any) -> list[str]:
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    found = {*tokenizer.all_special_tokens, *(token.content for token in added if token.special)}
    return sorted(found, key=lambda token: (-len(token), token))


def pieces_of(row: Row, template: Template, form: AnswerForm, *, is_ended: bool) -> list[list[Piece]]:
    """The answers of a row, each with what stands before it.

    Questions without an answer are part of what stands before the next one; after the last answer nothing is kept.

    Args:
        row: Any.
        template: Writes the prompts.
        form: Of the template.
        is_ended: Whether the end that the template writes belongs to an answer.

    Returns:
        One sequence of pieces; or several, with one answer each, where a prompt is not what the model has read and
        written so far, because the template writes former answers in another way. None for a row without answers.

    Raises:
        UsageError: The template cannot write the row.
    """
    answered = [number for number, turn in enumerate(row.turns) if turn.response.strip()]
    try:
        prompts = {
            number: template.prompt(row.turns[number].instruction, row.input, row.system, row.turns[:number])
            for number in answered
        }
    except UsageError as error:
        raise UsageError(f"{row.place}: {error}") from error
    end = form.end if is_ended else ""
    pieces = [Piece(prompts[number], f"{form.gap}{row.turns[number].response}{end}") for number in answered]
    joined = pieces[:1]
    for before, piece in pairwise(pieces):
        so_far = before.before + before.answer
        if not piece.before.startswith(so_far):
            return [[each] for each in pieces]
        joined.append(Piece(piece.before.removeprefix(so_far), piece.answer))
    return [joined] if joined else []
