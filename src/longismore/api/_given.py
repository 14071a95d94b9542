"""What a program gives to a call, where its type does not stop it: wrong values are named, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, cast

from longismore.errors import ConfigError

if TYPE_CHECKING:
    from typing import SupportsIndex

__all__ = ["check_number", "check_resampling", "check_seed", "check_whole", "listed", "path_of", "rows_in"]


def check_whole(name: str, value: object, *, least: int = 1, most: int | None = None) -> None:
    """Make sure that a number is a whole one; ``None`` stands for none.

    Args:
        name: Of the parameter.
        value: As it was given; the integers of NumPy will do.
        least: The smallest that is allowed.
        most: The largest.

    Raises:
        ConfigError: It is something else, or out of range.
    """
    if value is None:
        return
    try:
        number = None if isinstance(value, bool) else index(cast("SupportsIndex", value))
    except TypeError:
        number = None
    if number is None:
        raise ConfigError(f"{name} must be a whole number, found {value!r:.80}")
    if number < least:
        raise ConfigError(f"{name} must be at least {least}, found {number}")
    if most is not None and number > most:
        raise ConfigError(f"{name} must be at most {most}, found {number}")


def check_resampling(seed: object, draws: object) -> None:
    """Make sure that intervals can be drawn.

    Raises:
        ConfigError: *seed* or *draws* will not do.
    """
    check_seed(seed)
    if draws is None:
        raise ConfigError("draws must be a whole number, found None")
    check_whole("draws", draws)


def check_seed(seed: object) -> None:
    """Make sure that a seed is one.

    Raises:
        ConfigError: It is not.
    """
    if seed is None:
        raise ConfigError("seed must be a whole number, found None")
    check_whole("seed", seed, least=0, most=2**32 - 1)


def check_number(name: str, value: object) -> None:
    """Make sure that something is a number; its range is not looked at.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ConfigError(f"{name} must be a number, found {value!r:.80}")


def path_of(name: str, value: object) -> Path | None:
    """Give a path; ``None`` stands for none.

    Raises:
        ConfigError: It is something else.
    """
    if value is None:
        return None
    if not isinstance(value, str | Path):
        raise ConfigError(f"{name} must be a path, found {type(value).__name__}")
    return Path(value)


def listed(names: object, *, name: str) -> list[str]:
    """Give one name, or several.

    Raises:
        ConfigError: They are no names.
    """
    if isinstance(names, str):
        return [names]
    several: list[object] = list(names) if isinstance(names, Iterable) else [names]
    if wrong := [each for each in several if not isinstance(each, str)]:
        raise ConfigError(f"{name} must be a name or a list of names, found {type(wrong[0]).__name__}")
    return [str(each) for each in several]


def rows_in(rows: object, name: str) -> Iterable[object]:
    """Give rows in memory as what can be gone through.

    Raises:
        ConfigError: They are a table of pandas, which gives its columns, or no list at all.
    """
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        raise ConfigError(f'{name}: a table of pandas is given as rows: table.to_dict("records")')
    if isinstance(rows, bytes | bytearray) or not isinstance(rows, Iterable):
        raise ConfigError(f"{name} must be a path or a list of rows (dictionaries), found {type(rows).__name__}")
    return rows
