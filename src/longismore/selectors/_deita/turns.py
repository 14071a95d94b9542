"""The scores of the turns of all rows, and one number a row made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

__all__ = ["TurnScores", "described_errors", "evol"]

_SHOWN_ERRORS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnScores:
    """What one scorer, or one field of the data, says of every row."""

    values: npt.NDArray[np.float64]
    """The scores of all turns, row after row."""
    counts: npt.NDArray[np.int64]
    """How many of them each row has (n,); 0 where it has no score."""
    missing: dict[str, npt.NDArray[np.int64]]
    """Numbers of the rows without a score, by reason."""
    cut: int = 0
    """Of how many rows a text was cut."""
    errors: tuple[str, ...] = ()
    """What went wrong with the first rows."""

    @classmethod
    def of_lists(cls, lists: Sequence[Sequence[float]], kind: str) -> TurnScores:
        """Of each row's numbers; rows with a number that is not finite have no score."""
        counts = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
        values = np.fromiter((value for row in lists for value in row), dtype=np.float64, count=int(counts.sum()))
        owners = np.repeat(np.arange(len(lists)), counts)
        bad = np.unique(owners[~np.isfinite(values)])
        is_good = np.ones(len(lists), dtype=np.bool_)
        is_good[bad] = False
        return cls(
            values=values[is_good[owners]],
            counts=np.where(is_good, counts, 0),
            missing={f"{kind} is not a finite number": bad} if len(bad) else {},
        )

    @classmethod
    def of_frame(cls, frame: pl.DataFrame, kind: str) -> TurnScores:
        """Of an engine's frame of every row, with the columns ``scores`` and ``cut``."""
        missing: dict[str, npt.NDArray[np.int64]] = {}
        for (reason,), rows in frame.drop_nulls("skipped").group_by("skipped", maintain_order=True):
            missing[str(reason)] = rows["row"].to_numpy()
        failed = frame.drop_nulls("error")
        if failed.height:
            missing[f"{kind} scoring failed"] = failed["row"].to_numpy()
        return cls(
            values=frame["scores"].explode().drop_nulls().to_numpy().astype(np.float64),
            counts=frame["scores"].list.len().fill_null(0).to_numpy().astype(np.int64),
            missing=missing,
            cut=int((frame["cut"] > 0).sum()),
            errors=tuple(described_errors(frame)),
        )

    def sums(self) -> npt.NDArray[np.float64]:
        """The sum over each row's turns (n,); not a number where there is no score."""
        return _sums(self.values, self.counts)


def described_errors(frame: pl.DataFrame) -> list[str]:
    """What went wrong with the first rows of an engine's frame."""
    failed = frame.drop_nulls("error").head(_SHOWN_ERRORS)
    return [f"row {row}: {error}" for row, error in failed.select("row", "error").iter_rows()]


def evol(complexity: TurnScores, quality: TurnScores) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """DEITA's score: complexity times quality of each turn, summed over a row's turns.

    Where one of the two has a single number for a row of several turns, it counts for each of them.

    Returns:
        The sums (n,), not a number where a score is missing; and the rows whose numbers of scores differ otherwise.
    """
    both = (complexity.counts > 0) & (quality.counts > 0)
    counts = np.where(both, np.maximum(complexity.counts, quality.counts), 0)
    fits = [(each.counts == counts) | (each.counts == 1) for each in (complexity, quality)]
    differing = np.flatnonzero(both & ~(fits[0] & fits[1]))
    counts[differing] = 0
    with np.errstate(over="ignore"):
        product = _spread(complexity, counts) * _spread(quality, counts)
    return _sums(product, counts), differing


def _spread(scores: TurnScores, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The scores of rows with so many turns; a single one is repeated."""
    starts = np.cumsum(scores.counts) - scores.counts
    owners = np.repeat(np.arange(len(counts)), counts)
    turns = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    places = starts[owners] + np.where(scores.counts[owners] == 1, 0, turns)
    spread: npt.NDArray[np.float64] = scores.values[places]
    return spread


def _sums(values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    owners = np.repeat(np.arange(len(counts)), counts)
    found: npt.NDArray[np.float64] = np.bincount(owners, weights=values, minlength=len(counts)).astype(np.float64)
    found[counts == 0] = np.nan
    return found
