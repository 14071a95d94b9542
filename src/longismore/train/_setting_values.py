"""What a setting may hold: its type, read from its annotation, and its bounds."""

from __future__ import annotations

import math
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Bounds", "in_words", "read_value"]

_NONE = {"none", "null", "~", ""}
_TRUE, _FALSE = {"true", "yes", "on"}, {"false", "no", "off"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Numbers that are allowed."""

    low: float
    high: float = math.inf
    above: bool = False
    """Whether *low* itself is too small."""
    below: bool = False
    """Whether *high* itself is too large."""

    def hold(self, value: float) -> bool:
        """Whether *value* lies between them."""
        large_enough = value > self.low if self.above else value >= self.low
        return large_enough and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        low = f"{'above' if self.above else 'of at least'} {_number_text(self.low)}"
        if math.isinf(self.high):
            return low
        return f"{low} and {'below' if self.below else 'at most'} {_number_text(self.high)}"


def read_value(value: object, hint: Any, bounds: Bounds | None = None) -> object:
    """The value of a setting, given as what it is or as text.

    Args:
        value: As a file or a command line gives it.
        hint: The setting's annotation.
        bounds: Of a number.

    Raises:
        ValueError: It will not do; the message says what is wanted.
    """
    options = _options(hint)
    if type(None) in options and _is_none(value):
        return None
    for option in options:
        found = _read_as(value, option)
        if found is not None and (bounds is None or not isinstance(found, int | float) or bounds.hold(found)):
            return found
    raise ValueError(in_words(hint, bounds))


def in_words(hint: Any, bounds: Bounds | None = None) -> str:
    """What a setting may hold, e.g. ``a whole number of at least 1, or none``."""
    words = []
    for option in _options(hint):
        if typing.get_origin(option) is Literal:
            words += [str(each) for each in typing.get_args(option)]
        elif option is not type(None):
            words.append(_WORDS[typing.get_origin(option) or option])
    if bounds is not None:
        words[-1] = f"{words[-1]} {bounds}"
    if type(None) in _options(hint):
        words.append("none")
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


_WORDS = {
    str: "text",
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    tuple: "a list (on the command line with commas)",
}


def _options(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in {types.UnionType, typing.Union} else (hint,)


def _read_as(value: object, option: Any) -> object | None:
    """*value* as one of the types of an annotation; ``None`` if it is not of this type."""
    if typing.get_origin(option) is Literal:
        text = value.strip() if isinstance(value, str) else value
        return text if text in typing.get_args(option) else None
    if typing.get_origin(option) is tuple:
        return _list(value)
    if option is bool:
        return _truth(value)
    if option in {int, float}:
        return _number(value, option)
    if option is str and isinstance(value, str):
        return value.strip()
    return None


def _number_text(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _is_none(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in _NONE)


def _truth(value: object) -> bool | None:
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    return value if isinstance(value, bool) else None


def _number(value: object, kind: type[int | float]) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = kind(value)
        # A whole number is not made of 1.5; YAML reads 1e-5 as text, which is a number all the same.
        return number if math.isfinite(number) and (isinstance(value, str) or number == value) else None
    except (OverflowError, ValueError):
        return None


def _list(value: object) -> tuple[str, ...] | None:
    if _is_none(value):
        return ()
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple) and all(isinstance(part, str) and part.strip() for part in value):
        return tuple(part.strip() for part in value)
    return None
