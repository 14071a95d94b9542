"""What a second run costs after one that has finished: rows are read, and their scores found in the store.

    OMP_NUM_THREADS=1 python benchmarks/selectors_rerun.py

The first run scores rows by the scorer of ``ifd`` with a random LLaMA of 19.5 million parameters, a model much smaller
than any that is used, so that the second run has a hard time; needs torch. Then 50,000 rows whose scores are known are
looked up, which must be as quick as reading them. CPU seconds count, of one thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # beside this file stands one named like Python's own module selectors

import json
import statistics
import tempfile
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.instructions import open_data
from longismore.selectors import LocalEngine, ScoreStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.instructions import Row
    from longismore.selectors import RowScorer

ROWS, KNOWN_ROWS, ROUNDS = 300, 50_000, 5
RERUN_LIMIT, READING_LIMIT = 100.0, 0.5


def measure() -> list[tuple[str, float, float, str]]:
    """What was measured, how often the second fits into the first, how often it must, and details."""
    with tempfile.TemporaryDirectory() as folder:
        return [_rerun(Path(folder)), _lookup(Path(folder))]


def _rerun(folder: Path) -> tuple[str, float, float, str]:
    import torch

    sys.path.append(str(Path(__file__).parent))
    from selectors_ifd import MAX_LENGTH, SMALL, make_model

    from longismore.selectors._ifd.scorers import Instrument, LossScorer
    from longismore.selectors._ifd.texts import Layout

    torch.set_num_threads(1)
    model = make_model(folder / "model", SMALL)
    instrument = Instrument(model=str(model), template=str(model / "template.txt"), dtype="float32", device="cpu")
    scorer = LossScorer(
        instrument=instrument, layout=Layout(max_length=MAX_LENGTH, prefixed=True, direct_extra=None), batch_rows=64
    )
    path = _write(folder / "rows.jsonl", ROWS)
    _run(path, folder / "warm", scorer, ROWS // 10)
    first, scores = _run(path, folder / "scores", scorer, ROWS)
    seconds = []
    for _ in range(ROUNDS):
        spent, again = _run(path, folder / "scores", scorer, ROWS)
        seconds.append(spent)
        if not again.equals(scores):
            raise AssertionError("the second run has other scores")
    second = statistics.median(seconds)
    note = f"{ROWS} rows; {first:.2f} s and {second:.4f} s of CPU, without starting Python; the same scores"
    return "a run, and the same once more (IFD, 19.5M, float32)", first / second, RERUN_LIMIT, note


class _Lengths:
    """Costs nothing, so that all that is left is the engine."""

    name = "length"
    settings: dict[str, object] = {}  # noqa: RUF012
    columns = {"chars": "float", "turns": "integer"}  # noqa: RUF012
    batch_rows = 1024

    def check(self) -> None:
        """It always works."""

    def score(self, rows: Sequence[Row]) -> list[Any]:
        """Characters and turns."""
        return [(float(len(row.response)), len(row.turns)) for row in rows]


def _lookup(folder: Path) -> tuple[str, float, float, str]:
    path = _write(folder / "many.jsonl", KNOWN_ROWS)
    scorer = _Lengths()
    _run(path, folder / "many", scorer, KNOWN_ROWS)
    reading, looking = [], []
    for _ in range(ROUNDS):
        started = time.process_time()
        keys = list(chain.from_iterable(block.keys() for block in open_data(path).blocks()))
        reading.append(time.process_time() - started)
        spent, scores = _run(path, folder / "many", scorer, KNOWN_ROWS)
        looking.append(spent)
        if scores["key"].to_list() != keys:
            raise AssertionError("the scores are not in the rows' order")
    one, other = statistics.median(reading), statistics.median(looking)
    note = f"{KNOWN_ROWS:,} rows; {one:.2f} s to read them and hash their content, {other:.2f} s with their scores"
    return "reading rows, and reading them with known scores", one / other, READING_LIMIT, note


def _run(path: Path, store: Path, scorer: RowScorer, rows: int) -> tuple[float, Any]:
    started = time.process_time()
    scores = LocalEngine(ScoreStore(store)).scores(open_data(path), scorer, numbers=range(rows))
    return time.process_time() - started, scores


def _write(path: Path, rows: int) -> Path:
    """Rows of some 60 words, each another one."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            answer = " ".join(f"word{number * 31 % 997 + place}" for place in range(20 + number % 80))
            file.write(json.dumps({"instruction": f"Say something about {number}.", "output": answer}) + "\n")
    return path


if __name__ == "__main__":
    for what, ratio, limit, note in measure():
        print(f"{what}: {ratio:.2f} (at least {limit:g}); {note}")
