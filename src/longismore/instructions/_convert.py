"""Instruction data from one format into another, and what the other one cannot hold.

Formats differ in what they can say. Where one has no place for an input of its own, the input follows the instruction,
and the field ``context`` remembers it, so that the way back finds the border again. What has no place at all is
counted, or an error.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, SchemaError
from longismore.instructions._formats import format_named, recognise
from longismore.instructions._unwrap import unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from longismore.instructions._formats import Format
    from longismore.instructions._instruction_data import InstructionData
    from longismore.instructions._row import Row

__all__ = ["Conversion", "ConversionCounts"]

_REMEMBERED = "context"
_ANSWERS = {"sharegpt": "gpt", "messages": "assistant"}
_QUESTIONS = {"sharegpt": "human", "messages": "user"}
_CHOICES = {"multi_turn": ("error", "first", "split"), "system": ("error", "drop", "prepend")}


@dataclass(slots=True)
class ConversionCounts:
    """What a conversion did."""

    rows: int = 0
    written: int = 0
    unwrapped: int = 0
    not_wrapped: int = 0
    """Rows without a template, where templates were to be taken off."""
    joined: int = 0
    """Inputs put behind the instruction."""
    separated: int = 0
    """Inputs found again behind the instruction."""
    split: int = 0
    """Conversations made into several rows."""
    cut: int = 0
    """Conversations of which only the first turn was kept."""
    turns_lost: int = 0
    systems_dropped: int = 0
    systems_prepended: int = 0
    fields_lost: Counter[str] = field(default_factory=Counter)
    """Rows that lost a field, by the field's name."""

    def to_dict(self) -> dict[str, Any]:
        """Give every count."""
        names = ("rows", "written", "unwrapped", "not_wrapped", "joined", "separated", "split", "cut", "turns_lost")
        counts: dict[str, Any] = {name: getattr(self, name) for name in names}
        systems = {"systems_dropped": self.systems_dropped, "systems_prepended": self.systems_prepended}
        return counts | systems | {"fields_lost": dict(self.fields_lost)}


class Conversion:
    """A way from rows to records of another format.

    Args:
        to: A name of :data:`~longismore.instructions.FORMATS`.
        unwrap: Whether instructions are taken out of a template with ``### Instruction:`` in it.
        multi_turn: What becomes of a conversation in a format of single turns: ``error``; ``first``, only the first
            turn is kept; or ``split``, every turn becomes a row that knows nothing of the others.
        system: What becomes of a system message in a format without: ``error``, ``drop`` or ``prepend``, it stands
            before the instruction.
        join: What stands between instruction and input, and between system message and instruction, where both
            become one text.

    Raises:
        ConfigError: A choice that does not exist.
        UnknownNameError: There is no such format.
    """

    def __init__(
        self, to: str, *, unwrap: bool = False, multi_turn: str = "error", system: str = "error", join: str = "\n\n"
    ) -> None:
        self.form = format_named(to)
        self._unwrap, self._join = unwrap, join
        self._multi_turn, self._system = multi_turn, system
        self.counts = ConversionCounts()
        given = {"multi_turn": multi_turn, "system": system}
        problems = [
            f'{name} must be {", ".join(_CHOICES[name][:-1])} or {_CHOICES[name][-1]}, found "{value}"'
            for name, value in given.items()
            if value not in _CHOICES[name]
        ]
        if problems:
            raise ConfigError(problems)

    def records(self, data: InstructionData) -> Iterator[Mapping[str, Any]]:
        """Convert all rows, one by one.

        Raises:
            SchemaError: A row cannot be held by the format, and nothing was said of what to do.
        """
        source = data.form
        for row in data.rows():
            self.counts.rows += 1
            changed = unwrapped(row) if self._unwrap else None
            if self._unwrap and changed is None:
                self.counts.not_wrapped += 1
            elif changed is not None:
                self.counts.unwrapped += 1
            if source.name == self.form.name and changed is None:
                self.counts.written += 1
                yield row.fields
                continue
            extras = self._extras(row, source)
            for each in self._fitting(changed or row, source):
                self.counts.written += 1
                yield self._record(each, extras)

    def _fitting(self, row: Row, source: Format) -> Iterator[Row]:
        """The row, or the rows made of it, with nothing in it that the format has no place for."""
        if self.form.messages:
            yield row
            return
        if row.system:
            row = self._without_system(row)
        if self.form.input and not source.input:
            row = self._separated(row)
        if not row.is_multi_turn:
            yield row
        elif self._multi_turn == "error":
            raise SchemaError(
                row.place,
                f"a conversation of {len(row.turns)} turns does not fit into the format {self.form.name}; choose "
                "--multi-turn first or split, or another format: messages, sharegpt",
            )
        elif self._multi_turn == "first":
            self.counts.cut += 1
            self.counts.turns_lost += len(row.turns) - 1
            yield replace(row, turns=row.turns[:1])
        else:
            self.counts.split += 1
            for number, turn in enumerate(row.turns):
                yield replace(row, turns=(turn,), input="" if number else row.input)

    def _without_system(self, row: Row) -> Row:
        if self._system == "error":
            raise SchemaError(
                row.place,
                f"a system message does not fit into the format {self.form.name}; choose --system drop or prepend, or "
                f"another format: messages, sharegpt; it begins {row.system[:60]!r}",
            )
        if self._system == "drop":
            self.counts.systems_dropped += 1
            return replace(row, system="")
        self.counts.systems_prepended += 1
        first = replace(row.turns[0], instruction=f"{row.system}{self._join}{row.instruction}")
        return replace(row, system="", turns=(first, *row.turns[1:]))

    def _separated(self, row: Row) -> Row:
        """Find the input again that an earlier conversion put behind the instruction."""
        text = row.fields.get(_REMEMBERED)
        if row.input or not text or not isinstance(text, str) or not row.instruction.endswith(self._join + text):
            return row
        self.counts.separated += 1
        first = replace(row.turns[0], instruction=row.instruction[: -len(self._join + text)])
        return replace(row, turns=(first, *row.turns[1:]), input=text)

    def _extras(self, row: Row, source: Format) -> dict[str, Any]:
        """What the record says beside its content; what its single messages say beside it is lost."""
        extras = {name: value for name, value in row.fields.items() if name not in source.content_fields}
        if source.messages:
            messages = row.fields[source.messages]
            lost = {name for message in messages for name, value in message.items() if value is not None}
            for name in sorted(lost - {source.speaker, source.text}):
                self.counts.fields_lost[f"{source.messages}[].{name}"] += 1
        return extras

    def _record(self, row: Row, extras: Mapping[str, Any]) -> dict[str, Any]:
        form, record = self.form, dict[str, Any]()
        first = row.turns[0]
        if row.input and not form.input:
            self.counts.joined += 1
            first = replace(first, instruction=f"{row.instruction}{self._join}{row.input}")
        if form.messages:
            record[form.messages] = self._messages(replace(row, turns=(first, *row.turns[1:])))
        else:
            record[form.instruction] = first.instruction
            if form.input:
                record[form.input] = row.input
            record[form.response] = first.response
        if row.input and not form.input:
            record[_REMEMBERED] = row.input
        return self._with_extras(record, extras, separated=bool(row.input and form.input))

    def _messages(self, row: Row) -> list[dict[str, str]]:
        speaker, text = self.form.speaker, self.form.text
        messages = [{speaker: "system", text: row.system}] if row.system else []
        for turn in row.turns:
            messages.append({speaker: _QUESTIONS[self.form.name], text: turn.instruction})
            messages.append({speaker: _ANSWERS[self.form.name], text: turn.response})
        return messages

    def _with_extras(self, record: dict[str, Any], extras: Mapping[str, Any], *, separated: bool) -> dict[str, Any]:
        """Add every further field whose name is free, and which does not make it a record of another format."""
        kept = dict(record)
        for name, value in extras.items():
            # Null: a table has the field for the sake of other rows.
            if name == _REMEMBERED and (value is None or (separated and value == record[self.form.input])):
                continue
            if name in record or recognise([*kept, name], "").name != self.form.name:
                self.counts.fields_lost[name] += 1
            else:
                kept[name] = value
        return kept
