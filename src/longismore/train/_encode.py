"""Rows as what a model is trained on: token ids, and which of them carry loss.

A row is its prompt, as the template writes it and generation gives it to the model, its answer and the tokenizer's
end-of-text token. With ``loss_on=response`` every answer of a conversation carries loss, each with its end; with
``full`` all tokens do. Where a template writes a token of its own after an answer, as chat templates do, that is the
answer's end; the end-of-text token follows the last one then, unless it is the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from longismore.errors import DataError
from longismore.instructions._row import Turn
from longismore.train._answer_form import AnswerForm, Piece, pieces_of
from longismore.train._template import training_template
from longismore.train._tokens import check_tokenizer, encode, encode_answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from longismore.instructions import Row
    from longismore.instructions._templates import Template
    from longismore.train.settings import TrainSettings

__all__ = ["EMPTY", "LONG_PROMPT", "OVERLONG", "Encoded", "EncodedData", "encode_prompts", "encode_rows"]

EMPTY = "empty response"
LONG_PROMPT = "prompt as long as the maximum"
OVERLONG = "longer than the maximum"
_BLOCK = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A row as the model reads it."""

    input_ids: NDArray[np.int32]
    """Shape (s,)."""
    loss: NDArray[np.bool_]
    """Which of them carry loss, of shape (s,). Whatever stands here, the first one has none: nothing foretells it."""
    row: int
    """Number of the row in its data."""

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EncodedData:
    """Every row that can be trained on, and what became of the others."""

    examples: list[Encoded]
    rows: int
    """How many there were, the dropped ones included."""
    dropped: Mapping[str, int]
    """How many were dropped, by reason; only reasons that occurred."""
    truncated: int
    """How many lost the end of their last answer."""
    tokens: int
    loss_tokens: int
    """Tokens whose loss is taken."""

    @property
    def lengths(self) -> list[int]:
        """Tokens of each example."""
        return [len(example) for example in self.examples]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    """Conversations as tokens."""

    tokenizer: Any
    template: Template
    form: AnswerForm
    append_eos: bool

    def conversations(self, rows: Sequence[Row]) -> Iterator[tuple[Row, list[tuple[list[int], list[int]]]]]:
        """Each row with its pieces as tokens; more than once where its answers are not of one sequence."""
        written = [
            (row, pieces)
            for row in rows
            for pieces in pieces_of(row, self.template, self.form, is_ended=self.append_eos)
        ]
        first = iter(self._encode([pieces[0] for _, pieces in written], special=not self.template.is_complete))
        more = iter(self._follow([piece for _, pieces in written for piece in pieces[1:]]))
        for row, pieces in written:
            found = [next(first), *islice(more, len(pieces) - 1)]
            yield row, [self._ended(*each, is_last=number == len(found)) for number, each in enumerate(found, 1)]

    def _encode(self, pieces: Sequence[Piece], *, special: bool, lead: str = "") -> list[tuple[list[int], list[int]]]:
        prompts, answers = [lead + piece.before for piece in pieces], [piece.answer for piece in pieces]
        return encode_answers(self.tokenizer, prompts, answers, special=special)

    def _follow(self, pieces: Sequence[Piece]) -> list[tuple[list[int], list[int]]]:
        """Encode what stands after the end of an answer as the tokenizer does it there."""
        lead = (self.form.end_token or self.tokenizer.eos_token) if self.append_eos else ""
        if not lead or len(encode(self.tokenizer, [lead], special=False)[0]) != 1:
            return self._encode(pieces, special=False)
        return [(before[1:], answer) for before, answer in self._encode(pieces, special=False, lead=lead)]

    def _ended(self, before: list[int], answer: list[int], *, is_last: bool) -> tuple[list[int], list[int]]:
        is_due = not self.form.end or (is_last and self.form.end_token != self.tokenizer.eos_token)
        if self.append_eos and is_due and answer:
            return before, [*answer, self.tokenizer.eos_token_id]
        return before, answer


def encode_rows(rows: Iterable[Row], tokenizer: Any, settings: TrainSettings) -> EncodedData:
    """Write rows with the template and encode them.

    Args:
        rows: Any, read once.
        tokenizer: Of the model.
        settings: Template, loss and lengths.

    Raises:
        UsageError: The tokenizer lacks a token that is needed, or the template cannot write a row.
        DataError: There is nothing to train on; or a row is too long, where that is an error.
    """
    writer = _writer(tokenizer, settings)
    examples: list[Encoded] = []
    dropped: Counter[str] = Counter()
    count = truncated = 0
    for block in _blocks(rows):
        count += len(block)
        dropped[EMPTY] += sum(not any(turn.response.strip() for turn in row.turns) for row in block)
        for row, pieces in writer.conversations(block):
            found = _fit(row, pieces, settings)
            if isinstance(found, str):
                dropped[found] += 1
            else:
                examples.append(found)
                truncated += sum(len(before) + len(answer) for before, answer in pieces) > settings.max_length
    dropped = +dropped
    if not examples:
        raise DataError(_nothing_left(count, dropped, settings.max_length))
    return EncodedData(
        examples=examples,
        rows=count,
        dropped=dict(dropped),
        truncated=truncated,
        tokens=sum(map(len, examples)),
        loss_tokens=sum(int(example.loss[1:].sum()) for example in examples),
    )


def encode_prompts(rows: Sequence[Row], tokenizer: Any, settings: TrainSettings) -> list[list[int]]:
    """What the model reads before the last answer of each row: the very tokens that it was trained to answer.

    Args:
        rows: Their last answer may be empty.
        tokenizer: Of the model.
        settings: Those of the training.

    Raises:
        UsageError: As for :func:`encode_rows`.
    """
    asked = [replace(row, turns=(*row.turns[:-1], Turn(row.turns[-1].instruction, "answer"))) for row in rows]
    found = {}
    for row, pieces in _writer(tokenizer, settings).conversations(asked):
        whole = [token for before, answer in pieces for token in before + answer]
        found[id(row)] = whole[: len(whole) - len(pieces[-1][1])]
    return [found[id(row)] for row in asked]


def _writer(tokenizer: Any, settings: TrainSettings) -> _Writer:
    check_tokenizer(tokenizer, append_eos=settings.append_eos)
    template, form = training_template(settings, tokenizer)
    return _Writer(tokenizer=tokenizer, template=template, form=form, append_eos=settings.append_eos)


def _blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while block := list(islice(source, _BLOCK)):
        yield block


def _fit(row: Row, pieces: Sequence[tuple[list[int], list[int]]], settings: TrainSettings) -> Encoded | str:
    """The row within the maximum length, or why it is dropped."""
    import numpy as np

    ids = [token for before, answer in pieces for token in before + answer]
    most = settings.max_length
    if len(ids) > most:
        if settings.overlong == "error":
            raise DataError(
                f"{row.place}: {len(ids)} tokens with its prompt, more than max_length={most}; "
                "set a larger max_length, or overlong=truncate or drop"
            )
        if len(pieces[0][0]) >= most:
            return LONG_PROMPT
        if settings.overlong == "drop":
            return OVERLONG
    marks = [np.repeat((settings.loss_on == "full", True), (len(before), len(answer))) for before, answer in pieces]
    loss = np.concatenate(marks)[:most]
    if not loss[1:].any():
        return EMPTY  # the tokenizer makes nothing of the answer
    end = int(loss.nonzero()[0][-1]) + 1  # what stands after the last loss teaches nothing
    return Encoded(np.asarray(ids[:end], dtype=np.int32), loss[:end], row.number)


def _nothing_left(count: int, dropped: Mapping[str, int], most: int) -> str:
    if not count:
        return "there are no rows to train on"
    reasons = ", ".join(f"{reason}: {number}" for reason, number in dropped.items())
    remedy = f"; max_length is {most}" if {LONG_PROMPT, OVERLONG} & set(dropped) else ""
    return f"no row is left to train on; of {count} were dropped: {reasons}{remedy}"
