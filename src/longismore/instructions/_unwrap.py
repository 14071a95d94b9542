"""Take an instruction out of the template that a published file has put around it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from longismore.instructions._row import Turn

if TYPE_CHECKING:
    from longismore.instructions._row import Row

__all__ = ["unwrap", "unwrapped"]

_INSTRUCTION = re.compile(r"###\s*Instruction:")
_INPUT = re.compile(r"###\s*Input:")
_RESPONSE = re.compile(r"###\s*Response:\s*$")


def unwrap(text: str) -> tuple[str, str] | None:
    """Give instruction and input of a filled template; ``None`` where there is no ``### Instruction:`` in it.

    The first marker of each kind counts, since an instruction may speak of markers itself; a ``### Response:`` counts
    at the very end only. White space around the two is dropped.
    """
    start = _INSTRUCTION.search(text)
    if start is None:
        return None
    inside = _RESPONSE.sub("", text[start.end() :])
    border = _INPUT.search(inside)
    if border is None:
        return inside.strip(), ""
    return inside[: border.start()].strip(), inside[border.end() :].strip()


def unwrapped(row: Row) -> Row | None:
    """The same row with its first instruction taken out of the template; ``None`` where it stands in none."""
    found = None if row.input else unwrap(row.instruction)
    if found is None:
        return None
    instruction, text = found
    return replace(row, turns=(Turn(instruction, row.response), *row.turns[1:]), input=text)
