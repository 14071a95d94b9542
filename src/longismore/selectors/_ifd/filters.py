"""From the numbers of single rows to a selection: which rows qualify, and which of them rank highest."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import UsageError
from longismore.selectors._ifd.texts import EMPTY
from longismore.selectors._selector import Choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from longismore.instructions import InstructionData

__all__ = ["Candidates", "Rule", "candidates_of", "column_of", "select"]

DUPLICATE = "duplicate of an earlier row"
FAILED = "scoring failed"
NOT_A_NUMBER = "IFD is not a number"
BELOW = "IFD below the cut"
_SHOWN_ERRORS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which rows qualify, and which of them are taken."""

    largest: float
    """Rows above it do not qualify: the prompt does not help with their answer."""
    is_strict: bool
    """Whether rows of just that score do not qualify either."""
    later_wins: bool
    """Whether of equal scores the later row ranks higher."""
    rate: float | None
    """Part of the rows that is taken; ``None``: the budget says how many."""
    rate_of_all: bool
    """Whether the rate is of all rows, or of those that qualify."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The rows that have numbers."""

    frame: pl.DataFrame
    """Of the engine, without the others."""
    total: int
    """How many rows the data have."""
    dropped: Counter[str]
    """The others, by reason."""
    errors: list[str] = field(default_factory=list)
    """What went wrong with the first rows that could not be scored."""


def candidates_of(frame: pl.DataFrame, *, drop_duplicates: bool) -> Candidates:
    """Put aside what could not be scored, was skipped by the scorer, or has been there before."""
    pl = require("polars", extra="select")
    reason = pl.when(pl.col("error").is_not_null()).then(pl.lit(FAILED)).otherwise(pl.col("skipped"))
    if drop_duplicates:
        repeated = (pl.col("row") != pl.col("row").min().over("key")) & reason.is_null()
        reason = pl.when(repeated).then(pl.lit(DUPLICATE)).otherwise(reason)
    marked = frame.with_columns(reason.alias("reason"))
    kept = marked.filter(pl.col("reason").is_null())
    failed = frame.filter(pl.col("error").is_not_null()).head(_SHOWN_ERRORS)
    return Candidates(
        frame=kept.drop("reason"),
        total=frame.height,
        dropped=Counter(marked["reason"].drop_nulls().to_list()),
        errors=[f"row {row}: {error}" for row, error in failed.select("row", "error").iter_rows()],
    )


def select(
    rows: NDArray[np.int64], scores: NDArray[np.float64], rule: Rule, *, budget: int | None, candidates: Candidates
) -> Choice:
    """Take the rows that rank highest among those that qualify.

    Args:
        rows: Row numbers, ascending.
        scores: The IFD of each.
        rule: What qualifies, and how many are taken by rate.
        budget: How many are taken, unless by rate; ``None``: all that qualify.
        candidates: Which rows these are, and what became of the others.
    """
    import numpy as np

    dropped = candidates.dropped.copy()
    finite = np.isfinite(scores)
    fits = finite & (scores < rule.largest if rule.is_strict else scores <= rule.largest)
    dropped[NOT_A_NUMBER] += int((~finite).sum())
    above = f"IFD {rule.largest:g} or more" if rule.is_strict else f"IFD above {rule.largest:g}"
    dropped[above] += int((finite & ~fits).sum())
    rows, scores = rows[fits], scores[fits]
    wanted = budget
    if rule.rate is not None:
        wanted = int((candidates.total if rule.rate_of_all else len(rows)) * rule.rate)
    order = np.lexsort((-rows if rule.later_wins else rows, -scores))[:wanted]
    dropped[BELOW] += len(rows) - len(order)
    chosen = np.sort(rows[order])
    cut = float(scores[order[-1]]) if len(order) else None
    facts: dict[str, Any] = {
        "qualifying": len(rows),
        "cut": cut,
        "equal_to_cut_not_taken": 0 if cut is None else int((scores == cut).sum() - (scores[order] == cut).sum()),
        "mean": float(scores[order].mean()) if len(order) else None,
        "errors": candidates.errors,
    }
    return Choice(rows=chosen.tolist(), dropped={name: count for name, count in dropped.items() if count}, facts=facts)


def column_of(
    data: InstructionData, column: str, *, drop_duplicates: bool
) -> tuple[Candidates, list[int], list[float]]:
    """Scores that stand in the data already.

    Returns:
        What became of the other rows; the numbers of the rows, ascending; their scores.

    Raises:
        UsageError: No row has a number there.
    """
    polars = require("polars", extra="select")
    rows: list[int] = []
    scores: list[float] = []
    dropped: Counter[str] = Counter()
    names: set[str] = set()
    seen: set[str] = set()
    total = 0
    for row in data.rows():
        total += 1
        names.update(map(str, row.fields))
        value = row.fields.get(column)
        if not any(turn.response.strip() for turn in row.turns):
            dropped[EMPTY] += 1
        elif drop_duplicates and row.key in seen:
            dropped[DUPLICATE] += 1
        elif isinstance(value, bool) or not isinstance(value, int | float):
            dropped[f'no number in "{column}"'] += 1
        else:
            rows.append(row.number)
            scores.append(float(value) if abs(value) < math.inf else math.nan)
        if drop_duplicates:
            seen.add(row.key)
    if not rows:
        fields = ", ".join(sorted(names)) or "none"
        raise UsageError(
            f'no row of {_paths(data.paths)} has a number in the field "{column}"; fields found: {fields}; '
            "name the field with column=NAME, or let a model score the rows with another variant"
        )
    return Candidates(frame=polars.DataFrame(), total=total, dropped=dropped), rows, scores


def _paths(paths: Sequence[object]) -> str:
    return ", ".join(map(str, paths))
