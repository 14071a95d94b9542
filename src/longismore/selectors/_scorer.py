"""What gives rows numbers, each row by itself: a model's losses, a judge's rating, an embedding."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.instructions import Row

__all__ = ["RowScorer", "Skipped", "fingerprint"]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that this scorer gives no numbers, always for the same reason, e.g. that it is too long."""

    reason: str
    """A few words without the row's own figures, since rows are counted by it."""


class RowScorer(Protocol):
    """Gives rows numbers; an engine brings the rows in batches and keeps what comes out.

    It is pickled to other processes before its first batch: models are loaded when the first batch comes.
    """

    @property
    def name(self) -> str:
        """What it computes, e.g. ``ifd``: the name of its folder in the score store."""

    @property
    def settings(self) -> Mapping[str, object]:
        """Everything that changes the numbers, as JSON: the model and its checksum, template, limits, a version."""

    @property
    def columns(self) -> Mapping[str, str]:
        """Names of the numbers, each ``"float"`` (64 bits), ``"integer"`` or ``"vector"`` (of 32-bit floats)."""

    @property
    def batch_rows(self) -> int:
        """How many rows it wants at once; they are committed together."""

    def check(self) -> None:
        """Find out, before the first row, whether scoring can work.

        Raises:
            UsageError: It cannot.
        """

    def score(self, rows: Sequence[Row]) -> list[tuple[object, ...] | Skipped]:
        """The numbers of each row, in the order of :attr:`columns`, or why it has none; as many as *rows*.

        Raises:
            Exception: Something is wrong with one of the rows; the engine tries them one by one then.
        """


def fingerprint(scorer: RowScorer) -> str:
    """Hash of everything that changes a scorer's numbers (16 hexadecimal digits)."""
    text = json.dumps([scorer.name, dict(scorer.columns), dict(scorer.settings)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
