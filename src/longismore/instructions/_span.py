"""Where some consecutive rows lie, so that another process can read just these."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Span"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Some consecutive rows of one file."""

    number: int
    """Its place among all spans of the data, from 0."""
    file: int
    """Which of the files."""
    start: int
    """Number of its first row, over all files."""
    size: int
    """How many rows it has."""
    offset: int
    """Where it begins: in bytes of a text file, in rows of a Parquet file."""
    length: int = 0
    """Bytes; of a text file only."""
    line: int = 0
    """Line of its first row, from 1; of a text file only."""
