"""The fields of a study's file one by one; what is wrong is collected, so that all of it is said at once."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, UsageError, near_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from longismore.study._yaml import Place

__all__ = ["Reader"]


@dataclass(slots=True)
class Reader:
    """The document of one file."""

    path: Path
    document: Mapping[str, Any]
    lines: Mapping[Place, int]
    problems: list[str] = field(default_factory=list)

    def refuse(self, place: Place, problem: str) -> None:
        """Note what is wrong with the value at a place."""
        known = next((self.lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in self.lines), None)
        line = "" if known is None else f":{known}"
        self.problems.append(f"{self.path}{line}: {problem}")

    def refuse_others(self, names: Sequence[str]) -> None:
        """Refuse every field but these."""
        for name in self.document:
            if name not in names:
                self.refuse((str(name),), f'"{name}" is no field of a study{near_names(str(name), list(names))}')

    def attempt(self, place: Place, make: Callable[[], Any]) -> Any:
        """What *make* gives; where it raises, the message is noted, and ``None`` comes back."""
        try:
            return make()
        except ConfigError as error:
            for problem in error.problems:
                self.refuse(place, f"{place[0]}: {problem}")
        except UsageError as error:
            self.refuse(place, f"{place[0]}: {error}")
        return None

    def text(self, name: str, what: str) -> str:
        """A text that must be there.

        Args:
            name: Of the field.
            what: An example, for the message.
        """
        value = self.document.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        self._must(name, f"a text, e.g. {name}: {what}", value)
        return ""

    def whole(self, name: str, default: int | None, *, least: int = 1) -> int | None:
        """A whole number."""
        value = self.document.get(name, default)
        if value is None or (isinstance(value, int) and _is_whole(value) and value >= least):
            return value
        self._must(name, f"a whole number of at least {least}", value)
        return default

    def flag(self, name: str) -> bool:
        """True or false; false where it is not given."""
        value = self.document.get(name, False)
        if isinstance(value, bool):
            return value
        self._must(name, "true or false", value)
        return False

    def wholes(self, name: str, *, least: int, example: str) -> tuple[int, ...]:
        """Whole numbers, one or a list, each once; empty where the field is missing."""
        value = self.document.get(name)
        if value is None:
            return ()
        found = value if isinstance(value, list) else [value]
        if found and all(_is_whole(each) and each >= least for each in found) and len(set(found)) == len(found):
            return tuple(found)
        self._must(name, f"different whole numbers of at least {least}, e.g. {name}: {example}", value)
        return ()

    def texts(self, name: str, example: str) -> tuple[str, ...]:
        """Texts, one or a list, each once, at least one."""
        value = self.document.get(name)
        found = [str(each).strip() for each in value] if isinstance(value, list) else [str(value or "").strip()]
        if found and all(found) and len(set(found)) == len(found):
            return tuple(found)
        self._must(name, f"different names, e.g. {name}: {example}", value)
        return ()

    def mapping(self, name: str, example: str) -> dict[str, Any]:
        """Settings by name; empty where there are none."""
        value = self.document.get(name)
        if value is None:
            return {}
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return dict(value)
        self._must(name, f"settings by name, e.g. {name}: {example}", value)
        return {}

    def _must(self, name: str, what: str, value: object) -> None:
        found = "it is missing" if name not in self.document else f"found {reprlib.repr(value)}"
        self.refuse((name,), f"{name} must be {what}; {found}")

    def entries(self, name: str, example: str) -> Iterator[tuple[str | int, Any]]:
        """What a list or a mapping has, with number or name; nothing else will do, and it must not be empty."""
        value = self.document.get(name)
        if isinstance(value, list) and value:
            yield from enumerate(value)
        elif isinstance(value, dict) and value:
            yield from ((str(key), each) for key, each in value.items())
        elif isinstance(value, str) and value.strip():
            yield 0, value
        else:
            self._must(name, f"a list or a mapping with at least one entry, e.g. {name}: {example}", value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
