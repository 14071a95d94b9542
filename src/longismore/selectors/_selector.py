"""What a strategy is: it prepares what each row needs by itself, and then chooses among all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from longismore.instructions import InstructionData
    from longismore.selectors._scorer import RowScorer

__all__ = ["Choice", "Engine", "OnProgress", "Selector", "Shard", "Work"]

OnProgress = Callable[[str, int, int | None], None]
"""What is done, how many rows of it, and of how many (``None``: unknown)."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several equal parts of the work, so that jobs without a common scheduler can share it."""

    index: int
    """From 1."""
    count: int

    def takes(self, number: int) -> bool:
        """Whether the span of that number (from 0) belongs to this shard."""
        return number % self.count == self.index - 1


class Engine(Protocol):
    """Runs a scorer over rows, and keeps what comes out."""

    def scores(
        self,
        data: InstructionData,
        scorer: RowScorer,
        *,
        numbers: Sequence[int] | None = None,
        shard: Shard | None = None,
        on_progress: OnProgress | None = None,
    ) -> pl.DataFrame:
        """The scores of every row, or of those with the given *numbers* (ascending), or of a shard's.

        What the score store has is not computed again; what is computed is committed batch by batch.

        Returns:
            One line a row, by ``row`` (Int64, the row's number, ascending), with ``key`` (String), the scorer's
            columns (null where there is none), ``skipped`` (String: the scorer's reason) and ``error`` (String: what
            went wrong with this row).
        """

    def missing(self, data: InstructionData, scorer: RowScorer) -> int:
        """How many rows have no score yet; nothing is computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a strategy works with."""

    budget: int | None
    """How many rows are wanted; ``None``: all that qualify."""
    engine: Engine
    folder: Path | None = None
    """Where strategies keep what they commit beside the score store."""
    shard: Shard | None = None
    """Only this part is prepared, and nothing chosen."""
    drop_duplicates: bool = False
    """Of rows with equal content only the first may be chosen."""
    on_progress: OnProgress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a strategy has chosen."""

    rows: Sequence[int]
    """Row numbers, ascending: a selection keeps the order of the data."""
    dropped: Mapping[str, int]
    """How many rows were not chosen, by reason; with :attr:`rows` they add up to all."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else the manifest shall say, e.g. where the cut fell."""


class Selector(Protocol):
    """A strategy: a frozen dataclass whose fields are its parameters, registered under its module's name.

    Two more methods are looked for: ``files()``, the files that the parameters name, and ``scorers()``, the scorers
    that are needed. What these contain decides, with the parameters, whether a selection is done already.
    """

    def prepare(self, data: InstructionData, work: Work) -> None:
        """Compute and commit what each row needs by itself; of *work*'s shard only, where it has one.

        Raises:
            UsageError: The data or the parameters cannot be used.
        """

    def choose(self, data: InstructionData, work: Work) -> Choice:
        """Choose among all rows; what :meth:`prepare` has committed is not computed again.

        Raises:
            UsageError: The data or the parameters cannot be used.
        """
