"""What the readers of all kinds share: what they give, and how they take a number from a file."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from longismore._jsonl import is_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from longismore.reports.collection import Number

__all__ = [
    "NORMAL",
    "Read",
    "Without",
    "checksum",
    "clipped",
    "file_time",
    "moment",
    "normal_interval",
    "number_of",
    "section",
]

NORMAL = "value \N{PLUS-MINUS SIGN} 1.96 standard errors of the source"
_Z = 1.959963984540054


class Without(NamedTuple):
    """A model and a metric of it that has no number."""

    model: str
    metric: str
    """With its benchmark: ``arc_challenge/acc``."""


@dataclass(slots=True)
class Read:
    """What one file or folder holds."""

    numbers: list[Number] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What to know of it, in sentences."""
    without_value: list[Without] = field(default_factory=list)
    """Whose value is no number."""


def number_of(value: object) -> float | None:
    """Give a finite number, and ``None`` for whatever else stands in its place."""
    return float(value) if is_number(value) else None


def section(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Give an object inside a JSON document; empty where there is none."""
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def normal_interval(value: float, error: float | None, *, is_rate: bool) -> tuple[float, float] | None:
    """Give the two-sided 95 % interval of the normal distribution; that of a rate is cut to 0..1.

    An error of 0 says that all items are alike, not that the number is certain: it gives no interval, and neither does
    one that is beyond all numbers.
    """
    if error is None or error <= 0:
        return None
    low, high = value - _Z * error, value + _Z * error
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return clipped((low, high)) if is_rate else (low, high)


def clipped(interval: tuple[float, float]) -> tuple[float, float]:
    """Cut an interval to 0..1."""
    return max(0.0, interval[0]), min(1.0, interval[1])


def moment(value: object) -> datetime | None:
    """Read a time: seconds since 1970, or ISO 8601, which is local where it names no zone."""
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value).astimezone(UTC)
        seconds = number_of(value)
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def file_time(path: Path) -> datetime | None:
    """When a file was written last."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None


def checksum(texts: Iterable[tuple[str, str]]) -> str | None:
    """Say how many pairs of texts there are, with one checksum of all, whatever their order; ``None`` of nothing."""
    rows = sorted(texts)
    lines = (f"{len(first)} {first} {second}\n".encode("utf-8", "backslashreplace") for first, second in rows)
    return f"{len(rows)} with sha256 {hashlib.sha256(b''.join(lines)).hexdigest()}" if rows else None
