"""Keep the rows that were rated best: AlpaGasus.

A model has given every row a score (``longismore rate``), or the rows bring one along; kept is what reaches a
threshold, and, of that, no more than the budget. AlpaGasus has the threshold 4.5 and no budget; Chasing Random has
the threshold 4 and a budget, and takes the highest first.

Source: Chen et al., AlpaGasus, ICLR 2024, https://arxiv.org/abs/2307.08701, section 2; Diddee and Ippolito, Chasing
Random, https://arxiv.org/abs/2410.15225 (its ``scorer.py``).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError
from longismore.selectors import SELECTORS, Choice
from longismore.selectors._ratings.match import scores_in_file, scores_in_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longismore.instructions import InstructionData
    from longismore.selectors import Work
    from longismore.selectors._ratings.match import RowScores

__all__ = ["Score"]

_MOST_LISTED = 51
"""Different scores that are counted one by one: 0 to 5 in tenths."""
_BINS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Keep rows by a score, higher is better; with a budget the highest, and among equals the earlier."""

    ratings: str | None = None
    """A file of ratings: JSON, JSON lines or Parquet; ``None``: the rows have the score themselves."""
    column: str = "score"
    """Which column of the ratings, or field of the rows."""
    threshold: float | None = 4.5
    """What a row must reach, in the unit of the scores; ``None``: any score will do."""
    partial: bool = False
    """Rows that the ratings do not name are left out and counted, in the place of an error."""

    def __post_init__(self) -> None:
        problems = []
        if not self.column:
            problems.append('column must name a column, found ""; the usual one is score')
        if self.threshold is not None and not math.isfinite(self.threshold):
            problems.append(f"threshold must be a finite number or none, found {self.threshold}")
        if self.partial and self.ratings is None:
            problems.append("partial is about a file of ratings: give ratings=FILE, or leave it out")
        if problems:
            raise ConfigError(problems)

    def files(self) -> tuple[str, ...]:
        """The files that the parameters name."""
        return () if self.ratings is None else (self.ratings,)

    def prepare(self, data: InstructionData, work: Work) -> None:
        """Do nothing: ratings are made by ``longismore rate``, which keeps them."""

    def choose(self, data: InstructionData, work: Work) -> Choice:
        """Choose by what the ratings say.

        Raises:
            DataError: They cannot be read, or are about other data.
        """
        import numpy as np

        scores = self._scores(data)
        left = np.ones(len(scores.values), dtype=bool)
        dropped: Counter[str] = Counter()

        def drop(mask: NDArray[np.bool_], reason: str) -> None:
            if count := int((left & mask).sum()):
                dropped[reason] += count
            left[mask] = False

        empty, repeated = _empty_and_repeated(data, len(left), find_repeated=work.drop_duplicates)
        drop(empty, "empty response")
        drop(repeated, "duplicate of an earlier row")
        for reason in sorted(set(scores.reasons.values())):
            without = np.zeros(len(left), dtype=bool)
            without[[row for row, why in scores.reasons.items() if why == reason]] = True
            drop(without, f"no score: {reason}")
        facts = {**scores.facts, "column": self.column, "threshold": self.threshold}
        facts["scores"] = _distribution(scores.values[~np.isnan(scores.values)])
        if self.threshold is not None:
            drop(scores.values < self.threshold, f"score below {self.threshold:g}")
        if work.budget is not None and (rows := np.flatnonzero(left)).size > work.budget:
            best = rows[np.argsort(-scores.values[rows], kind="stable")[: work.budget]]
            facts |= _cut(scores.values, rows, best)
            below = left.copy()
            below[best] = False
            drop(below, "below the budget")
        return Choice(rows=np.flatnonzero(left).tolist(), dropped=dict(dropped), facts=facts)

    def _scores(self, data: InstructionData) -> RowScores:
        if self.ratings is None:
            return scores_in_rows(data, self.column)
        return scores_in_file(data, Path(self.ratings), self.column, partial=self.partial)


def _empty_and_repeated(
    data: InstructionData, rows: int, *, find_repeated: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows have no answer, and which say what an earlier one says."""
    import numpy as np

    empty, repeated = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
    seen: set[bytes] = set()
    for block in data.blocks():
        empty[block.start : block.start + block.size] = block.response_sizes() == 0
        if not find_repeated:
            continue
        for number, text in enumerate(block.keys(), start=block.start):
            key = bytes.fromhex(text)
            repeated[number] = key in seen
            seen.add(key)
    return empty, repeated


def _distribution(values: NDArray[np.float64]) -> dict[str, Any]:
    """How many rows have which score; in bins of equal width where there are many different ones."""
    import numpy as np

    if not len(values):
        return {"rows": 0}
    distinct, counts = np.unique(values, return_counts=True)
    found: dict[str, Any] = {"rows": len(values), "mean": float(values.mean())}
    if len(distinct) <= _MOST_LISTED:
        names = [str(score).removesuffix(".0") for score in distinct.tolist()]
        return found | {"counts": dict(zip(names, counts.tolist(), strict=True))}
    counts, edges = np.histogram(values, bins=_BINS)
    return found | {"edges": edges.tolist(), "rows_between": counts.tolist()}


def _cut(values: NDArray[np.float64], rows: NDArray[np.intp], best: NDArray[np.intp]) -> dict[str, Any]:
    """Where the budget cut, and how many rows had exactly that score."""
    lowest = float(values[best].min())
    return {
        "lowest_kept": lowest,
        "rows_at_lowest": int((values[rows] == lowest).sum()),
        "kept_at_lowest": int((values[best] == lowest).sum()),
    }


SELECTORS.register("score", Score)
