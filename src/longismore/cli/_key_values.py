"""The option ``--set KEY=VALUE``, given any number of times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["key_values"]


def key_values(pairs: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """What is wrong with them, one sentence each, and the values by key."""
    problems, found = [], {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key.strip():
            problems.append(f'--set must be KEY=VALUE, found "{pair}"')
        elif key.strip() in found:
            problems.append(f"--set {key.strip()} is given twice")
        else:
            found[key.strip()] = value
    return problems, found
