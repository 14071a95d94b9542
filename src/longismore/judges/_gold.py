"""Gold labels: which of two answers people prefer, to measure judges by.

``gold.jsonl`` has one line a pair: ``{"testset", "id", "preference"}``, where 1 means that the candidate is better, 0
that the reference is, 0.5 that they are equal; what several people said may stand as their share.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_jsonl, read_text, write_jsonl
from longismore.errors import SchemaError
from longismore.judges._llmbar import labels_of_dataset

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_gold", "write_gold"]


def read_gold(path: str | Path) -> dict[tuple[str, str], float]:
    """Read the labels of a ``gold.jsonl``, or of LLMBar's ``dataset.json`` in its place below ``LLMBar``.

    Returns:
        The candidate's share by test set and id.

    Raises:
        DataError: The file cannot be read.
        SchemaError: A line is not a label, stands twice, or there is none; the message has file, line and field.
        ConfigError: LLMBar's folders do not tell the test set.
    """
    if read_text(path).lstrip().startswith("["):
        return labels_of_dataset(Path(path))
    labels: dict[tuple[str, str], float] = {}
    lines: dict[tuple[str, str], int] = {}
    for number, row in read_jsonl(path):
        where = f"{path}:{number}"
        key = (_name(row, "testset", where), _name(row, "id", where))
        if key in lines:
            raise SchemaError(where, f"{key[0]} {key[1]} stands already in line {lines[key]}; keep one of them")
        labels[key], lines[key] = _share(row, where), number
    if not labels:
        raise SchemaError(str(path), 'has no labels; write lines of {"testset": ..., "id": ..., "preference": 0 to 1}')
    return labels


def write_gold(path: str | Path, labels: Mapping[tuple[str, str], float]) -> None:
    """Write labels in the order given."""
    write_jsonl(
        path, ({"testset": testset, "id": name, "preference": share} for (testset, name), share in labels.items())
    )


def _name(row: Mapping[str, Any], field: str, where: str) -> str:
    value = row.get(field)
    if not isinstance(value, str):
        raise _wrong(row, field, where, "a string, as in judgments.jsonl")
    return value


def _share(row: Mapping[str, Any], where: str) -> float:
    value = row.get("preference")
    # true is an int for Python, and NaN is between nothing.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        expected = "a number from 0 to 1: 1 where the candidate is better, 0 where the reference is, 0.5 for equal"
        raise _wrong(row, "preference", where, expected)
    return float(value)


def _wrong(row: Mapping[str, Any], field: str, where: str, expected: str) -> SchemaError:
    found = f"found {row[field]!r:.80}" if field in row else f"but is missing; found: {', '.join(row) or 'nothing'}"
    return SchemaError(where, f'field "{field}" must be {expected}, {found}')
