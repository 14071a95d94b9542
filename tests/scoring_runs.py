"""A scorer that writes down what it was asked, and programs that score or write until they are killed.

python tests/scoring_runs.py score data.jsonl scores rows.log 300
python tests/scoring_runs.py add scores
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from longismore.instructions import open_data
from longismore.selectors import Skipped
from longismore.selectors._scores.local_engine import LocalEngine
from longismore.selectors._scores.store import ScoreStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.instructions import InstructionData, Row

__all__ = ["LENGTHS", "LogScorer", "frame_of", "make_data"]

_SEEN = count(1)


@dataclass(frozen=True, kw_only=True)
class LogScorer:
    """Scores a row by its answer's length; what the answer begins with may be a trap."""

    log: Path | None = None
    """The key of every row that comes is written here."""
    version: int = 1
    batch_rows: int = 4
    hangs_after: int | None = None
    """So many rows; then it says so and waits to be killed."""
    dies_once: Path | None = None
    """Made when a row is deadly, so that the next worker lives."""
    broken: str = ""
    """Every row fails so."""
    refused: Exception | None = None
    """What :meth:`check` raises."""

    name = "length"
    columns = {"chars": "float", "words": "integer", "ends": "vector"}  # noqa: RUF012

    @property
    def settings(self) -> dict[str, object]:
        """The version."""
        return {"version": self.version}

    def check(self) -> None:
        """Whether it can work."""
        if self.refused is not None:
            raise self.refused

    def score(self, rows: Sequence[Row]) -> list[tuple[object, ...] | Skipped]:
        """Score rows, one after the other."""
        return [self._score(row) for row in rows]

    def _score(self, row: Row) -> tuple[object, ...] | Skipped:
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(row.key + "\n")
            if next(_SEEN) == self.hangs_after:
                print("hanging", flush=True)  # noqa: T201
                threading.Event().wait()
        word = row.response.partition(" ")[0]
        if word == "deadly" and self.dies_once is not None and not self.dies_once.exists():
            self.dies_once.touch()
            os._exit(1)
        if word == "poison" or self.broken:
            raise ValueError(self.broken or f"cannot score {row.instruction}\nat all")
        if word == "mute":
            raise ValueError("says nothing")
        if word == "long":
            return Skipped("too long")
        chars = float("nan") if word == "nan" else len(row.response) / 2
        ends = [float("inf")] if word == "inf" else [float(ord(end)) for end in row.response[:2]]
        return chars, None if word == "wordless" else len(row.response.split()), ends


LENGTHS = LogScorer()


def make_data(path: Path, answers: Sequence[str]) -> InstructionData:
    """A file of rows with these answers; each instruction is another one, but for equal answers."""
    rows = [{"instruction": f"Question {answers.index(answer)}", "output": answer} for answer in answers]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_data(path)


def frame_of(*keys: str, chars: float | None = 1.0, error: str | None = None) -> pl.DataFrame:
    """Lines of :class:`LogScorer` for the store."""
    columns: dict[str, Any] = {"chars": chars, "words": None, "ends": None, "skipped": None, "error": error}
    schema = {"chars": pl.Float64, "words": pl.Int64, "ends": pl.List(pl.Float32)}
    values = {name: [value] * len(keys) for name, value in columns.items()}
    return pl.DataFrame(
        {"key": list(keys)} | values, schema={"key": pl.String} | schema | {"skipped": pl.String, "error": pl.String}
    )


def _main(task: str, *given: str) -> None:
    if task == "score":
        data, folder, log, hangs_after = given
        scorer = LogScorer(log=Path(log), hangs_after=int(hangs_after) or None)
        LocalEngine(ScoreStore(folder)).scores(open_data(data), scorer)
        return
    store = ScoreStore(given[0])
    for number in count(int(given[1])):
        store.add(LENGTHS, frame_of(f"key {number}", f"key {number - 1}", chars=float(number)))
        print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    _main(*sys.argv[1:])
