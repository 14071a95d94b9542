"""From a strategy's spec to the strategy: ``NAME`` or ``NAME:key=value,key=value``."""

from __future__ import annotations

import types
import typing
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, near_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.selectors._selector import Selector

__all__ = ["Parameter", "make_selector", "parameters_of"]

_TRUE, _FALSE = {"true", "yes", "1"}, {"false", "no", "0"}
_NONE = {"none", "null", ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One setting of a strategy."""

    name: str
    type: str
    """In words: ``text``, ``number``, ``whole number``, ``true or false``, ``list``; with `` or none``."""
    default: object
    """``...`` where there is none: it must be given."""


def make_selector(spec: str, settings: Mapping[str, str] | None = None) -> Selector:
    """Make the strategy that *spec* names.

    Args:
        spec: ``NAME``, or ``NAME:key=value,key=value``; a list's entries are separated by ``+``.
        settings: Further parameters as text, e.g. those with a comma in their value; a list's entries are separated by
            ``,``.

    Raises:
        UnknownNameError: There is no such strategy.
        ConfigError: A parameter is unknown, given twice, missing or wrong; all of them are named.
    """
    from longismore.selectors import SELECTORS  # the registry is made after this module

    name, _, text = spec.strip().partition(":")
    if not name:
        raise ConfigError(f"no strategy was given; choose one of {', '.join(SELECTORS.names())}")
    given, problems = _pairs(name, text)
    for key, value in (settings or {}).items():
        if key in given:
            problems.append(f"{name}: {key} is given twice")
        given[key] = value
    kind = SELECTORS.get(name)
    values = {}
    known = {parameter.name: hint for parameter, hint in _hints(kind)}
    for key, value in given.items():
        if key not in known:
            problems.append(f'{name}: "{key}" is no parameter{near_names(key, list(known))}')
            continue
        try:
            values[key] = _read(value, known[key], separator="," if settings and key in settings else "+")
        except ValueError as error:
            problems.append(f'{name}: {key} must be {error}, found "{value}"')
    missing = [one.name for one, _ in _hints(kind) if one.default is ... and one.name not in given]
    problems += [f"{name}: {key} is missing; give it: --set {key}=..." for key in missing]
    if problems:
        raise ConfigError(problems)
    return kind(**values)


def parameters_of(kind: type[Selector]) -> list[Parameter]:
    """The settings of a strategy, in the order of its fields."""
    return [parameter for parameter, _ in _hints(kind)]


def _pairs(name: str, text: str) -> tuple[dict[str, str], list[str]]:
    given: dict[str, str] = {}
    problems = []
    for part in filter(None, text.split(",")):
        key, separator, value = part.partition("=")
        if not separator:
            problems.append(f'{name}: "{part}" is no parameter; write key=value (a comma in a value: --set key=value)')
        elif key.strip() in given:
            problems.append(f"{name}: {key.strip()} is given twice")
        else:
            given[key.strip()] = value
    return given, problems


def _hints(kind: Any) -> list[tuple[Parameter, Any]]:
    if not is_dataclass(kind):
        raise ConfigError(f"{kind!r} is no dataclass, so its parameters are not known")
    hints = typing.get_type_hints(kind)
    found = []
    for field in fields(kind):
        default = field.default if field.default is not MISSING else ...
        if default is ... and field.default_factory is not MISSING:
            default = field.default_factory()
        parameter = Parameter(name=field.name, type=_in_words(hints[field.name]), default=default)
        found.append((parameter, hints[field.name]))
    return found


_WORDS = {str: "text", float: "a number", int: "a whole number", bool: "true or false"}


def _in_words(hint: Any) -> str:
    options = _options(hint)
    words = [_WORDS.get(one, "a list") for one in options if one is not type(None)]
    return " or ".join(words + (["none"] if type(None) in options else []))


def _options(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in {types.UnionType, typing.Union} else (hint,)


def _read(value: str, hint: Any, *, separator: str) -> object:
    """The value that *value* stands for.

    Raises:
        ValueError: It is none; the message says what it must be.
    """
    options = _options(hint)
    if type(None) in options and value.strip().lower() in _NONE:
        return None
    for option in options:
        if option is type(None):
            continue
        try:
            return _read_as(value, option, separator)
        except ValueError:
            continue
    raise ValueError(_in_words(hint))


def _read_as(value: str, option: Any, separator: str) -> object:
    if option is bool:
        if value.strip().lower() in _TRUE | _FALSE:
            return value.strip().lower() in _TRUE
        raise ValueError(value)
    if option in {int, float}:
        return option(value)
    if option is str:
        return value
    return tuple(filter(None, value.split(separator)))
