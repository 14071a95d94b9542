"""Bring rows to a scorer in batches: a row that cannot be scored is a line with an error, never the end of the job."""

from __future__ import annotations

import operator
import time
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from longismore._optional import require
from longismore.errors import CostLimitError, JudgeRejectedError, UsageError
from longismore.instructions._chat_template import ConversationRefusedError
from longismore.selectors._scorer import Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import polars as pl

    from longismore.instructions import Row
    from longismore.selectors._scorer import RowScorer

__all__ = ["FAILURES_IN_A_ROW", "Line", "score_rows"]

FAILURES_IN_A_ROW = 20
"""So many failures one after the other are no matter of single rows."""
_COMMIT_S = 10.0
_COMMIT_BATCHES = 32
_COMMIT_ROWS = 8192
_LONGEST_ERROR = 200


class Line(NamedTuple):
    """What came out for one row: exactly one of the last three is there."""

    key: str
    place: str
    values: tuple[Any, ...] | None = None
    skipped: str | None = None
    error: str | None = None


def score_rows(
    rows: Iterable[Row],
    scorer: RowScorer,
    commit: Callable[[pl.DataFrame], None],
    *,
    is_proven: bool = False,
    failures_in_a_row: int | None = FAILURES_IN_A_ROW,
    on_rows: Callable[[int], None] = lambda _: None,
) -> None:
    """Score rows, and commit what came out every few batches, at least every 10 seconds.

    What is done is committed too where this ends with an exception, such as Ctrl-C.

    Args:
        rows: Of different content.
        scorer: What scores them.
        commit: Keeps a frame of ``key``, the scorer's columns, ``skipped`` and ``error``.
        is_proven: The scorer has scored rows before, so that a first batch that fails says nothing of it.
        failures_in_a_row: How many rows may fail one after the other; ``None``: any number.
        on_rows: Told after each batch how many rows it had.

    Raises:
        UsageError: Every row seems to fail; or the scorer says that it cannot work.
    """
    run = _Run(scorer, commit, failures_in_a_row, is_proven=is_proven)
    iterator = iter(rows)
    try:
        while batch := list(islice(iterator, max(scorer.batch_rows, 1))):
            run.score(batch)
            run.after_batch(batch)
            on_rows(len(batch))
    except BaseException:
        # The last failures may be the scorer's fault: they are not kept, and tried again the next time.
        run.commit()
        raise
    run.take_failures()
    run.commit()


class _Run:
    def __init__(
        self, scorer: RowScorer, commit: Callable[[pl.DataFrame], None], limit: int | None, *, is_proven: bool
    ) -> None:
        self.scorer = scorer
        self._commit = commit
        self._limit = limit
        self._is_proven = is_proven
        self._ready: list[Line] = []
        self._failures: list[Line] = []
        """The last failures, since which nothing has succeeded."""
        self._batches = 0
        self._since = time.monotonic()

    def score(self, rows: Sequence[Row]) -> None:
        """Score rows at once; where that fails, each half by itself, down to the row that is to blame."""
        failure = None
        try:
            lines = _lines(rows, self.scorer.score(rows), self.scorer)
        except ConversationRefusedError as error:
            failure = _said(error)
        except (UsageError, JudgeRejectedError, CostLimitError):
            raise
        except Exception as error:  # noqa: BLE001  a scorer is a plug-in, and a row may be anything
            failure = _said(error)
        # The exception is gone by now, and with it what its traceback kept in a model's memory.
        if failure is None:
            self._take(lines)
        elif len(rows) == 1:
            self._take([Line(rows[0].key, rows[0].place, error=failure)])
        else:
            middle = len(rows) // 2
            self.score(rows[:middle])
            self.score(rows[middle:])

    def after_batch(self, rows: Sequence[Row]) -> None:
        """Commit, if it is time; stop where the very first batch has failed as a whole."""
        errors = {line.error for line in self._failures}
        if not self._is_proven and 1 < len(rows) == len(self._failures) and len(errors) == 1:
            raise self._stopped(f"all {len(rows)} rows of the first batch")
        self._batches += 1
        is_long_ago = time.monotonic() - self._since >= _COMMIT_S
        if is_long_ago or self._batches >= _COMMIT_BATCHES or len(self._ready) >= _COMMIT_ROWS:
            self.commit()

    def take_failures(self) -> None:
        """Count the last failures as the rows' own."""
        self._ready += self._failures
        self._failures = []

    def commit(self) -> None:
        """Keep what is ready."""
        lines, self._ready = self._ready, []
        self._batches, self._since = 0, time.monotonic()
        if lines:
            self._commit(_frame(lines, self.scorer))

    def _take(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if line.error is not None:
                self._failures.append(line)
                if self._limit is not None and len(self._failures) >= self._limit:
                    raise self._stopped(f"{self._limit} rows in a row")
                continue
            if line.skipped is None:
                self._is_proven = True
                self.take_failures()
            self._ready.append(line)

    def _stopped(self, which: str) -> UsageError:
        last = self._failures[-1]
        return UsageError(
            f'scorer "{self.scorer.name}": {which} could not be scored, the last ({last.place}) with: {last.error}; '
            "these rows are not marked as failed, and what was scored before is kept: "
            "put right what is wrong, and repeat the command"
        )


def _lines(rows: Sequence[Row], results: Sequence[Any], scorer: RowScorer) -> list[Line]:
    if len(results) != len(rows):
        raise ValueError(f"the scorer returned {len(results)} results for {len(rows)} rows")
    return [_line(row, result, tuple(scorer.columns.values())) for row, result in zip(rows, results, strict=True)]


def _line(row: Row, result: Any, kinds: tuple[str, ...]) -> Line:
    if isinstance(result, Skipped):
        return Line(row.key, row.place, skipped=result.reason)
    if len(result) != len(kinds):
        raise ValueError(f"the scorer returned {len(result)} numbers where it has {len(kinds)} columns")
    values = tuple(None if value is None else _CONVERT[kind](value) for kind, value in zip(kinds, result, strict=True))
    for kind, value in zip(kinds, values, strict=True):
        if value is not None and (problem := _not_finite(kind, value)):
            return Line(row.key, row.place, error=problem)
    return Line(row.key, row.place, values=values)


def _vector(value: Any) -> Any:
    import numpy as np

    array = np.asarray(value, dtype=np.float32)
    if array.ndim != 1:
        raise ValueError(f"a vector has one dimension, found {array.ndim}")
    return array


_CONVERT: dict[str, Callable[[Any], Any]] = {"float": float, "integer": operator.index, "vector": _vector}


def _not_finite(kind: str, value: Any) -> str | None:
    import numpy as np

    if kind == "integer" or np.isfinite(value).all():
        return None
    return "not a number" if np.isnan(value).any() else "not a finite number"


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:_LONGEST_ERROR]


def _frame(lines: Sequence[Line], scorer: RowScorer) -> pl.DataFrame:
    polars = require("polars", extra="select")
    types = {"float": polars.Float64, "integer": polars.Int64}
    columns = {"key": polars.Series([line.key for line in lines], dtype=polars.String)}
    for place, (name, kind) in enumerate(scorer.columns.items()):
        values = [None if line.values is None else line.values[place] for line in lines]
        columns[name] = _vectors(values) if kind == "vector" else polars.Series(values, dtype=types[kind])
    columns["skipped"] = polars.Series([line.skipped for line in lines], dtype=polars.String)
    columns["error"] = polars.Series([line.error for line in lines], dtype=polars.String)
    frame: pl.DataFrame = polars.DataFrame(columns)
    return frame


def _vectors(values: Sequence[Any]) -> pl.Series:
    import numpy as np

    polars, pyarrow = require("polars", extra="select"), require("pyarrow", extra="select")
    # Polars makes a column of vectors item by item, and one of another type where all are equally long.
    is_null = np.asarray([value is None for value in values] + [False])
    ends = np.cumsum([0 if value is None else len(value) for value in values])
    flat = np.concatenate([np.zeros(0, dtype=np.float32), *(value for value in values if value is not None)])
    offsets = pyarrow.array(np.concatenate([[0], ends]), type=pyarrow.int64(), mask=is_null)
    series: pl.Series = polars.from_arrow(pyarrow.LargeListArray.from_arrays(offsets, pyarrow.array(flat)))
    return series
