"""One row of a file, whose fields are asked for by name and type; errors say file, row and field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Row", "first_chars", "json_type", "listed"]

_CHARS_SHOWN = 80
_NAMES_SHOWN = 20


def first_chars(text: str) -> str:
    """The beginning of *text* on one line, for messages."""
    line = " ".join(text.split())
    return line if len(line) <= _CHARS_SHOWN else f"{line[:_CHARS_SHOWN]}..."


def listed(names: Iterable[str]) -> str:
    """The first names, for messages, and how many more there are: in a broken file an answer may stand as a name."""
    every = list(names)
    more = len(every) - _NAMES_SHOWN
    return ", ".join(map(first_chars, every[:_NAMES_SHOWN])) + (f" and {more} more" if more > 0 else "")


def json_type(value: object) -> str:
    """Name what JSON calls *value*, with the value itself where it is short."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case str():
            return "a string"
        case list():
            return f"a list of {len(value)}"
        case _:
            return "an object"


@dataclass(frozen=True, slots=True)
class Row:
    """A JSON object and the place where it stands."""

    fields: Mapping[str, Any]
    where: str
    """File and line or row, for messages."""
    position: int = 0
    """Counted from 0 among the rows of the file."""

    def text(self, name: str) -> str:
        """The string in field *name*; anything else is an error."""
        value = self.value(name)
        if not isinstance(value, str):
            raise self.wrong(name, "a string", value)
        return value

    def optional_text(self, name: str) -> str | None:
        """The string in field *name*, ``None`` where the field is missing or null."""
        return None if self.fields.get(name) is None else self.text(name)

    def integer(self, name: str) -> int:
        """The whole number in field *name*."""
        value = self.value(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(name, "a whole number", value)
        return value

    def value(self, name: str) -> Any:
        """Whatever stands in field *name*, which must be there."""
        if name not in self.fields:
            raise SchemaError(self.where, f'field "{name}" is missing; found: {self.names()}')
        return self.fields[name]

    def names(self) -> str:
        """The names of the fields, for messages."""
        return listed(self.fields) or "none"

    def wrong(self, name: str, expected: str, found: object, remedy: str = "") -> SchemaError:
        """Make the error for a field of the wrong type."""
        end = f"; {remedy}" if remedy else ""
        return SchemaError(self.where, f'field "{first_chars(name)}" must be {expected}, found {json_type(found)}{end}')
