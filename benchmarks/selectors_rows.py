"""What it costs to choose rows by their length, beside loops that measure every row and sort.

    OMP_NUM_THREADS=1 python benchmarks/selectors_rows.py [--pool ../shared/data/pools/random_9k.json]

- The 177 longest of 9,229 Alpaca rows by NLTK's words, beside NLTK on every row: at least 8 times as fast.
- The 1,000 longest of 370,000 JSON lines by characters (170 MB, made here), beside reading every line: at least 3 times
  as fast; and the peak memory of that for a file and for one four times as large, each in a process of its own.

Both sides give the same rows, or the program ends. They take turns in one process; what counts is CPU time, the least
of several runs.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
from pathlib import Path

# Beside this file stands a selectors.py, which must not be found for the standard library's.
# ruff: noqa: E402
sys.path[:] = [*(entry for entry in sys.path if Path(entry) != Path(__file__).parent), str(Path(__file__).parent)]

import argparse
import json
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

import numpy as np
from nltk.tokenize import NLTKWordTokenizer, PunktSentenceTokenizer

from longismore.instructions import open_data
from longismore.selectors import SELECTORS, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POOL = Path(__file__).parents[2] / "shared" / "data" / "pools" / "random_9k.json"
NLTK_LIMIT, LINES_LIMIT, PEAKS_LIMIT = 8.0, 3.0, 0.8
LINES = 370_000
_RUNS = 5
CHILD = """
import json, os, resource, sys, time
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
from longismore.instructions import open_data
from longismore.selectors import SELECTORS, Work
name, settings, path, budget = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3], int(sys.argv[4])
started = time.perf_counter()
choice = SELECTORS.get(name)(**settings).choose(open_data(path), Work(budget=budget, engine=None))
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps([list(choice.rows), seconds, time.process_time(), peak]))
"""


def measure(pool: Path = POOL) -> list[tuple[str, float, float, str]]:
    """What was compared, the ratio, the least that it may be, and a note."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_nltk_words(pool), *_lines(Path(folder))]


def main() -> None:
    """Print the ratios; end with 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pool", type=Path, default=POOL)
    print_ratios(measure(parser.parse_args().pool))


def print_ratios(ratios: list[tuple[str, float, float, str]]) -> None:
    """Print them; end with 1 where one is missed."""
    for what, ratio, limit, note in ratios:
        print(f"{what}: {ratio:.2f} (at least {limit:g}); {note}")
    sys.exit(any(ratio < limit for _, ratio, limit, _ in ratios))


def _nltk_words(pool: Path) -> Iterator[tuple[str, float, float, str]]:
    budget = 177

    def plain() -> list[int]:
        punkt, words = PunktSentenceTokenizer(), NLTKWordTokenizer()
        rows = json.loads(pool.read_text(encoding="utf-8"))
        counts = [sum(len(words.tokenize(sentence)) for sentence in punkt.tokenize(row["output"])) for row in rows]
        return sorted(sorted(range(len(rows)), key=lambda row: -counts[row])[:budget])

    ours, theirs = _take_turns(lambda: _choose("longest", {}, pool, budget), plain)
    yield "longest by nltk_words, 177 of 9,229", theirs / ours, NLTK_LIMIT, f"{ours:.2f} s beside {theirs:.2f} s"


def _lines(folder: Path) -> Iterator[tuple[str, float, float, str]]:
    small, large, budget = folder / "small.jsonl", folder / "large.jsonl", 1000
    _write_lines(small, LINES)
    _write_lines(large, 4 * LINES)
    settings = {"measure": "chars"}

    def plain() -> list[int]:
        with small.open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        return sorted(sorted(range(len(rows)), key=lambda row: -len(rows[row]["output"]))[:budget])

    ours, theirs = _take_turns(lambda: _choose("longest", settings, small, budget), plain)
    megabytes = small.stat().st_size / 1e6
    note = f"{ours:.2f} s beside {theirs:.2f} s, {megabytes:.0f} MB"
    yield "longest by chars, 1,000 of 370,000 JSON lines", theirs / ours, LINES_LIMIT, note
    peaks = [in_a_process("longest", settings, path, budget)[-1] for path in (small, large)]
    note = f"peak memory {peaks[0]} MiB, and {peaks[1]} MiB of a file four times as large"
    yield "the smaller peak by the larger one", peaks[0] / peaks[1], PEAKS_LIMIT, note
    small.unlink()
    large.unlink()


def _choose(name: str, settings: dict[str, str], path: Path, budget: int) -> list[int]:
    strategy = SELECTORS.get(name)(**settings)
    return list(strategy.choose(open_data(path), Work(budget=budget, engine=None)).rows)


def _take_turns(ours: Callable[[], list[int]], theirs: Callable[[], list[int]]) -> tuple[float, float]:
    """The least CPU time of each, in seconds."""
    times_s: tuple[list[float], list[float]] = [], []
    for _ in range(_RUNS):
        results = []
        for side, taken in zip((ours, theirs), times_s, strict=True):
            started = time.process_time()
            results.append(side())
            taken.append(time.process_time() - started)
        if results[0] != results[1]:
            sys.exit("the two sides chose other rows")
    return min(times_s[0]), min(times_s[1])


def in_a_process(name: str, settings: dict[str, str], path: Path, budget: int) -> tuple[list[int], float, float, int]:
    """Choose on two cores; gives the rows, seconds, CPU seconds with all imports, and the peak of memory in MiB."""
    command = [sys.executable, "-c", CHILD, name, json.dumps(settings), str(path), str(budget)]
    # A child begins with its parent's peak; a shell between the two has a small one.
    shell = ["/bin/sh", "-c", '"$0" "$@"', *command]
    done = subprocess.run(shell, check=True, capture_output=True, text=True)
    rows, seconds, cpu_s, peak = json.loads(done.stdout)
    return rows, seconds, cpu_s, peak


def words() -> str:
    """Some text to cut answers from."""
    stream = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = ["".join(stream.choice(letters, length)) for length in stream.integers(1, 11, 4000)]
    ends = np.array([*[" "] * 60, *[", "] * 6, *[". "] * 5, *["\n"] * 3, '" ', "é "])
    return "".join(
        word + end for word, end in zip(stream.choice(words, 60_000), stream.choice(ends, 60_000), strict=True)
    )


def _write_lines(path: Path, rows: int) -> None:
    stream, text = np.random.default_rng(1), words()
    lengths = np.minimum(stream.lognormal(5.2, 1.0, rows).astype(int) + 1, 6000)
    starts = stream.integers(0, len(text) - 6000, rows)
    with path.open("w", encoding="utf-8") as file:
        for number, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
            row = {
                "instruction": f"Write the text number {number} about the things that come to mind.",
                "input": "" if number % 3 else text[start : start + 60].lstrip(),
                "output": text[start : start + length].lstrip(),
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
