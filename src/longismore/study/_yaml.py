"""A YAML file as values, with the line on which each stands, so that a message can name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_text
from longismore.errors import SchemaError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Place", "read_yaml"]

Place = tuple[str | int, ...]
"""Keys and numbers that lead to a value."""


def read_yaml(path: Path) -> tuple[Any, dict[Place, int]]:
    """Read one document.

    Returns:
        Its value, and the line of every value in it, counted from 1.

    Raises:
        DataError: The file cannot be read.
        SchemaError: It is not YAML, is empty, or has a key twice.
    """
    import yaml  # only needed where a study is run

    text = read_text(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that does not exist is a ValueError
        mark = getattr(error, "problem_mark", None)
        where = str(path) if mark is None else f"{path}:{mark.line + 1}"
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise SchemaError(where, f"not YAML: {problem}; indent with blanks, and quote values with a colon") from error
    if node is None:
        raise SchemaError(str(path), "the file is empty")
    lines: dict[Place, int] = {}
    _walk(node, (), lines, path)
    return value, lines


def _walk(node: Any, place: Place, lines: dict[Place, int], path: Path) -> None:
    lines[place] = node.start_mark.line + 1
    if node.id == "mapping":
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in seen:
                raise SchemaError(f"{path}:{line}", f'"{name}" stands twice; keep one of the two')
            seen.add(name)
            _walk(value, (*place, name), lines, path)
            lines[*place, name] = line
    elif node.id == "sequence":
        for number, value in enumerate(node.value):
            _walk(value, (*place, number), lines, path)
