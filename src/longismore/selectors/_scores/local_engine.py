"""Score rows in this process, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.errors import DataError
from longismore.selectors._scores.keys import ascending, keys_of, rows_of, with_numbers
from longismore.selectors._scores.rows import FAILURES_IN_A_ROW, score_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import polars as pl

    from longismore.instructions import InstructionData, Row
    from longismore.selectors._scorer import RowScorer
    from longismore.selectors._scores.store import ScoreStore
    from longismore.selectors._selector import OnProgress, Shard

__all__ = ["LocalEngine", "score_missing", "with_scores", "without_score"]


class LocalEngine:
    """Scores what the store does not have; rows of equal content are scored once.

    Args:
        store: Where scores are kept.
        retry_errors: Rows that have failed before are tried again.
        failures_in_a_row: How many rows may fail one after the other before all is stopped; ``None``: any number.
    """

    def __init__(
        self, store: ScoreStore, *, retry_errors: bool = False, failures_in_a_row: int | None = FAILURES_IN_A_ROW
    ) -> None:
        self.store = store
        self.retry_errors = retry_errors
        self.failures_in_a_row = failures_in_a_row
        self._read: tuple[InstructionData, pl.DataFrame] | None = None
        """The data whose rows were read last, and their keys: a strategy asks for several scores of the same rows."""

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

        Returns:
            As :meth:`Engine.scores` says.

        Raises:
            DataError: The data, or a file of the store, cannot be used.
            UsageError: Every row seems to fail; or the scorer says that it cannot work.
        """
        wanted = self._keys(data, numbers, shard, on_progress)
        score_missing(
            self.store,
            scorer,
            wanted,
            lambda missing: rows_of(data, missing, shard=shard),
            retry_errors=self.retry_errors,
            failures_in_a_row=self.failures_in_a_row,
            on_progress=on_progress,
        )
        return with_scores(self.store, scorer, wanted)

    def missing(self, data: InstructionData, scorer: RowScorer) -> int:
        """How many rows have no score yet; nothing is computed."""
        wanted = self._keys(data, None, None, None)
        return len(without_score(self.store, scorer, wanted, retry_errors=self.retry_errors))

    def _keys(
        self,
        data: InstructionData,
        numbers: Sequence[int] | None,
        shard: Shard | None,
        on_progress: OnProgress | None,
    ) -> pl.DataFrame:
        chosen = ascending(numbers)
        if self._read is not None and self._read[0] is data and shard is None:
            return self._read[1] if chosen is None else with_numbers(self._read[1], chosen)
        wanted = keys_of(data, numbers=chosen, shard=shard, on_progress=on_progress)
        if chosen is None and shard is None:
            self._read = data, wanted
        return wanted


def without_score(store: ScoreStore, scorer: RowScorer, wanted: pl.DataFrame, *, retry_errors: bool) -> pl.DataFrame:
    """Those lines of *wanted* whose keys the store does not have."""
    states = store.states(scorer, wanted["key"])
    if retry_errors:
        states = states.filter(states["error"].is_null())
    return wanted.join(states, on="key", how="anti", maintain_order="left")


def with_scores(store: ScoreStore, scorer: RowScorer, wanted: pl.DataFrame) -> pl.DataFrame:
    """*wanted* with what the store has of each key.

    Raises:
        DataError: The store does not have all.
    """
    known = store.known(scorer, wanted["key"])
    if known.height < wanted["key"].n_unique():
        raise DataError(f"{store.folder_of(scorer)}: scores have gone while others were made; repeat the command")
    return wanted.join(known, on="key", how="left", maintain_order="left")


def score_missing(
    store: ScoreStore,
    scorer: RowScorer,
    wanted: pl.DataFrame,
    rows_with: Callable[[pl.DataFrame], Iterable[Row]],
    *,
    retry_errors: bool = False,
    failures_in_a_row: int | None = FAILURES_IN_A_ROW,
    on_progress: OnProgress | None = None,
) -> int:
    """Score what the store does not have of *wanted*, and keep it.

    Args:
        store: Where scores are kept.
        scorer: What scores.
        wanted: ``row`` and ``key`` of the rows.
        rows_with: Reads the rows of such a frame.
        retry_errors: Rows that have failed before are tried again.
        failures_in_a_row: See :func:`score_rows`.
        on_progress: Told after each batch.

    Returns:
        How many rows were scored.
    """
    missing = without_score(store, scorer, wanted, retry_errors=retry_errors)
    missing = missing.unique(subset="key", keep="first", maintain_order=True)
    if missing.is_empty():
        return 0
    scorer.check()
    store.prepare(scorer)
    done = 0

    def on_rows(count: int) -> None:
        nonlocal done
        done += count
        if on_progress is not None:
            on_progress(scorer.name, done, missing.height)

    score_rows(
        rows_with(missing),
        scorer,
        lambda frame: store.add(scorer, frame),
        is_proven=store.has_scores(scorer),
        failures_in_a_row=failures_in_a_row,
        on_rows=on_rows,
    )
    store.compact(scorer)
    return done
