"""Rate every row of instruction data, 0 to 5: what ``longismore rate`` does.

All rows are asked about first, each answer kept in the store when it arrives; then the ratings are written, in the
order of the data. No more rows are in memory than are in flight.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from longismore._jsonl import replacing, write_json
from longismore._optional import require
from longismore._row_asking import ask_rows, check_outputs, first_rows, origin
from longismore.errors import ConfigError
from longismore.instructions import write_records
from longismore.judges._row_prompt import is_unanswered
from longismore.selectors import manifest_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from longismore.instructions import InstructionData, Row
    from longismore.judges._rating import Rater, Rating, RatingStatus
    from longismore.store import Store

__all__ = ["MULTI_TURN", "RATING_COLUMNS", "Rated", "Survey", "rate_rows", "survey_rows"]

RATING_COLUMNS: Mapping[str, str] = {
    "row": "int64",
    "key": "string",
    "score": "float64",
    "status": "string",
    "dimension": "string",
    "judge": "string",
    "fingerprint": "string",
    "completion": "string",
    "input_tokens": "int64",
    "output_tokens": "int64",
    "cost_usd": "float64",
}
"""What a line of a file of ratings has, with Arrow's types."""
MULTI_TURN = ("refuse", "first", "all")
"""What can be done with conversations of several turns."""

_ROWS_PER_GROUP = 5_000
_HALF = re.compile("[\ud800-\udfff]")
_SUFFIXES = {".jsonl": "lines", ".ndjson": "lines", ".parquet": "parquet", ".pq": "parquet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is to be rated."""

    rows: int
    empty: int
    """Rows without a response: nothing is asked about them."""
    multi_turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """How a rating went."""

    output: Path
    judge: str
    dimension: str
    note: str | None
    statuses: Mapping[RatingStatus, int]
    """Rows by what became of them; they add up to all."""
    scores: Mapping[float, int]
    """Rated rows by score, ascending."""
    usage: Mapping[str, object]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.statuses.values())

    @property
    def mean(self) -> float | None:
        """Of the scores; ``None`` where nothing was rated."""
        count = sum(self.scores.values())
        return sum(score * rows for score, rows in self.scores.items()) / count if count else None

    def to_dict(self) -> dict[str, Any]:
        """For ``--json`` and the manifest."""
        return {
            "ratings": str(self.output),
            "judge": self.judge,
            "note": self.note,
            "dimension": self.dimension,
            "rows": self.rows,
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "mean": self.mean,
            "scores": {str(score).removesuffix(".0"): count for score, count in self.scores.items()},
            "usage": dict(self.usage),
        }


def survey_rows(data: InstructionData, *, multi_turn: str = "refuse", limit: int | None = None) -> Survey:
    """Look at the rows before anything is asked.

    Args:
        data: The rows.
        multi_turn: One of :data:`MULTI_TURN`.
        limit: Only the first so many rows.

    Raises:
        ConfigError: A conversation of several turns is not to be rated.
        SchemaError: A row cannot be used.
    """
    if multi_turn not in MULTI_TURN:
        raise ConfigError(f'multi_turn must be {", ".join(MULTI_TURN)}, found "{multi_turn}"')
    rows = empty = several = 0
    place = ""
    for row in first_rows(data, limit):
        rows += 1
        empty += is_unanswered(row, whole=multi_turn == "all")
        several += row.is_multi_turn
        place = place or (row.place if row.is_multi_turn else "")
    if several and multi_turn == "refuse":
        raise ConfigError(
            f"{several} of {rows} rows are conversations of several turns, the first one at {place}: say what is to "
            "be rated, --multi-turn first (the first turn alone) or --multi-turn all (the conversation as a whole)"
        )
    return Survey(rows=rows, empty=empty, multi_turn=several)


def rate_rows(
    data: InstructionData,
    rater: Rater,
    output: Path,
    *,
    store: Store,
    spec: str = "",
    multi_turn: str = "refuse",
    limit: int | None = None,
    command: Sequence[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Rated:
    """Rate the rows and write a file of ratings with its manifest; the same call again pays only for what is missing.

    Args:
        data: The rows.
        rater: Who rates.
        output: ``.jsonl`` or ``.parquet``; the manifest goes beside it.
        store: Where answers are kept.
        spec: The rater's, for the manifest.
        multi_turn: One of :data:`MULTI_TURN`, as the rater was made.
        limit: Only the first so many rows.
        command: The command line that started it.
        on_progress: Called with each answer.

    Raises:
        UsageError: Something will not do; nothing was asked.
        JudgeError: No further call can succeed; what was answered is in the store, and nothing was written.
    """
    if output.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f'a file of ratings ends in {", ".join(_SUFFIXES)}, found "{output.name}"')
    check_outputs(data, output, manifest_path(output))
    survey = survey_rows(data, multi_turn=multi_turn, limit=limit)
    rater.check(store)
    ask_rows(
        rater,
        lambda: first_rows(data, limit),
        total=survey.rows - survey.empty,
        store=store,
        on_progress=on_progress,
    )
    statuses: Counter[RatingStatus] = Counter()
    scores: Counter[float] = Counter()

    who = {"dimension": rater.dimension, "judge": rater.name, "fingerprint": rater.fingerprint}

    def lines() -> Iterator[dict[str, Any]]:
        for row, rating in rater.ratings(first_rows(data, limit), store):
            statuses[rating.status] += 1
            if rating.score is not None:
                scores[rating.score] += 1
            yield _line(row, rating, who)

    _write(lines(), output)
    rated = Rated(
        output=output,
        judge=rater.name,
        dimension=rater.dimension,
        note=rater.note,
        statuses=dict(sorted(statuses.items())),
        scores=dict(sorted(scores.items())),
        usage=rater.usage.to_dict(),
    )
    rest = {name: value for name, value in rated.to_dict().items() if name not in {"ratings", "judge", "usage"}}
    known = {"kind": "ratings", "multi_turn": multi_turn, "limit": limit}
    write_json(manifest_path(output), known | origin(data, rater, spec=spec, command=command) | rest)
    return rated


def _line(row: Row, rating: Rating, who: Mapping[str, str]) -> dict[str, Any]:
    return {
        "row": row.number,
        "key": row.key,
        "score": rating.score,
        "status": str(rating.status),
        **who,
        "completion": rating.completion,
        "input_tokens": rating.input_tokens,
        "output_tokens": rating.output_tokens,
        "cost_usd": rating.cost_usd,
    }


def _write(lines: Iterator[dict[str, Any]], output: Path) -> None:
    if _SUFFIXES[output.suffix.lower()] == "lines":
        write_records(lines, output)
        return
    arrow = require("pyarrow", extra="select")
    parquet = require("pyarrow.parquet", extra="select")
    schema = arrow.schema([(name, getattr(arrow, kind)()) for name, kind in RATING_COLUMNS.items()])
    with replacing(output) as temporary, parquet.ParquetWriter(temporary, schema, compression="zstd") as writer:
        while group := list(islice(lines, _ROWS_PER_GROUP)):
            writer.write_table(arrow.Table.from_pylist([_whole(line) for line in group], schema=schema))


def _whole(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """The line without half characters (lone surrogates), which Parquet cannot hold: each becomes U+FFFD."""
    text = line["completion"]
    return line if text is None else {**line, "completion": _HALF.sub("\ufffd", text)}
