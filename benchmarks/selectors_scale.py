"""What choosing 1,000 of 10 million rows of Parquet needs, by characters and at random, on two cores: under 2 GiB.

    python benchmarks/selectors_scale.py [--folder FOLDER] [--rows 10000000]

The rows are made here (3 GB in the folder, removed again); each strategy runs in a process of its own. What the
strategy by length chooses is checked; the ratio is the limit by the peak of memory.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Beside this file stands a selectors.py, which must not be found for the standard library's.
# ruff: noqa: E402
sys.path[:] = [*(entry for entry in sys.path if Path(entry) != Path(__file__).parent), str(Path(__file__).parent)]

import argparse
import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from selectors_rows import in_a_process, print_ratios, words

ROWS, BUDGET, PEAK_MIB = 10_000_000, 1000, 2048
_GROUP = 100_000


def measure(folder: Path | None = None, rows: int = ROWS) -> list[tuple[str, float, float, str]]:
    """What was done, the limit of memory by its peak, the least that it may be, and a note."""
    found = []
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        path = Path(temporary) / "rows.parquet"
        longest = _write_parquet(path, rows)
        for name, settings in (("longest", {"measure": "chars"}), ("random", {})):
            chosen, seconds, cpu_s, peak = in_a_process(name, settings, path, BUDGET)
            if len(chosen) != BUDGET or (name == "longest" and chosen != longest):
                sys.exit(f"{name} chose other rows")
            note = f"{peak} MiB, {seconds:.0f} s, {cpu_s:.0f} s CPU; {path.stat().st_size / 1e9:.1f} GB of Parquet"
            found.append((f"{name}, {BUDGET:,} of {rows:,}: 2 GiB by the peak", PEAK_MIB / peak, 1.0, note))
    return found


def main() -> None:
    """Print the ratios; end with 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="where the rows are made and removed again")
    parser.add_argument("--rows", type=int, default=ROWS)
    options = parser.parse_args()
    print_ratios(measure(options.folder, options.rows))


def _write_parquet(path: Path, rows: int) -> list[int]:
    """Write rows of text; gives the longest ones."""
    stream = np.random.default_rng(2)
    text = np.frombuffer(words().replace("é", "e").encode(), dtype=np.uint8)
    lengths = np.minimum(stream.lognormal(5.0, 1.0, rows).astype(np.int64) + 1, 20_000)
    schema = pa.schema({"instruction": pa.string(), "input": pa.string(), "output": pa.string()})
    with pq.ParquetWriter(path, schema, compression="snappy") as writer:
        for first in range(0, rows, _GROUP):
            part = lengths[first : first + _GROUP]
            offsets = np.concatenate([[0], np.cumsum(part)]).astype(np.int32)
            letters = np.resize(text, int(offsets[-1]))
            output = pa.Array.from_buffers(pa.string(), len(part), [None, pa.py_buffer(offsets), pa.py_buffer(letters)])
            numbers = pa.array(np.arange(first, first + len(part))).cast(pa.string())
            instruction = pc.binary_join_element_wise("Write the text number", numbers, " ")
            inputs = pa.repeat(pa.scalar(""), len(part))
            writer.write_batch(pa.record_batch([instruction, inputs, output], schema=schema))
    return np.sort(np.lexsort((np.arange(rows), -lengths))[:BUDGET]).tolist()


if __name__ == "__main__":
    main()
