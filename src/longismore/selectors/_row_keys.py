"""The rows of a file as a set of keys, so that selections can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.instructions import content_key
from longismore.instructions._unwrap import unwrapped

if TYPE_CHECKING:
    from longismore.instructions import InstructionData, Row

__all__ = ["RowKeys", "row_keys"]


@dataclass(frozen=True, slots=True)
class RowKeys:
    """What makes the rows of some data the same as others."""

    rows: int
    keys: frozenset[str]
    not_wrapped: int = 0
    """Rows without a template, where templates were to be taken off."""


def row_keys(data: InstructionData, *, by: str = "content", unwrap: bool = False) -> RowKeys:
    """Read all rows once.

    Args:
        data: Whose rows.
        by: ``content``: rows are the same where every text is; ``instruction``: where first instruction and input are,
            whatever the white space in them and between them.
        unwrap: Whether instructions are taken out of a template first.
    """
    rows, not_wrapped, keys = 0, 0, set[str]()
    for block in data.blocks(data.form.content_fields):
        rows += block.size
        if by == "content" and not unwrap:
            keys.update(block.keys())
            continue
        for row in block.rows():
            bare = unwrapped(row) if unwrap else None
            not_wrapped += unwrap and bare is None
            keys.add(_instruction_key(bare or row) if by == "instruction" else (bare or row).key)
    return RowKeys(rows, frozenset(keys), not_wrapped)


def _instruction_key(row: Row) -> str:
    return content_key([" ".join(f"{row.instruction} {row.input}".split())])
