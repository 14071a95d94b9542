"""The shards of a Ray job: what a worker does with one, and how the next job sees that it is finished.

A shard that is finished leaves the keys of its rows, in their order, in a file named after the data, the shard's place
in them and its rows. The scores themselves are in the store like all others: whoever scores the same rows finds them.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import DataError, LongismoreError
from longismore.selectors._scores.files import PREFIX, SUFFIX, check_bytes, write_frame
from longismore.selectors._scores.keys import block_rows, keys_of_block, offsets_in
from longismore.selectors._scores.local_engine import score_missing
from longismore.selectors._scores.store import ScoreStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from longismore.instructions import InstructionData, Span
    from longismore.selectors._scorer import RowScorer

__all__ = ["ShardJob", "ShardScorer", "finished_shards", "forget_tries", "shard_labels"]

_FOLDER = "shards"
_TRIED = ".tried-"
_MOST_TRIES = 10
"""Workers that may die of one shard; what they have committed is not scored again."""
_OLD_S = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardJob:
    """What every worker is told."""

    name: str
    """Of this job alone."""
    data: InstructionData
    scorer: RowScorer
    store: Path
    spans: Mapping[int, Span]
    """Of all shards, by number."""
    labels: Mapping[int, str]
    """What the files of finished shards are called."""
    numbers: NDArray[np.int64] | None
    """Numbers of the rows that are wanted; ``None``: all."""
    sizes: Mapping[str, int]
    """Bytes of the data files, as the driver sees them."""
    folder: str
    """In which the driver runs, and from where relative paths count."""
    retry_errors: bool
    failures_in_a_row: int | None


class ShardScorer:
    """Scores shards in a worker; Ray Data makes one in each of them.

    Args:
        job: What there is to do.
    """

    def __init__(self, job: ShardJob) -> None:
        self._job = job
        # Many workers write at once, and the driver makes one file of many afterwards.
        self._store = ScoreStore(job.store, compacts=False)
        self._is_ready = False

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Score one shard.

        Returns:
            One line: its number, how many rows were scored, and why all must stop, or why this shard is not finished.
        """
        number = int(batch["number"][0])
        scored, stop, failure = 0, "", ""
        try:
            if not self._is_ready:
                self._look_around()
            note = self._begin(number)
            scored = self._score(number)
            note.unlink(missing_ok=True)
        except LongismoreError as error:
            stop = str(error)
        except Exception as error:  # noqa: BLE001  the other shards go on
            failure = f"{type(error).__name__}: {error}"
        return {"number": [number], "scored": [scored], "stop": [stop], "failure": [failure]}

    def _score(self, number: int) -> int:
        job = self._job
        span = job.spans[number]
        block = job.data.block(span)
        wanted = keys_of_block(block, offsets_in(span.start, span.size, job.numbers))
        scored = score_missing(
            self._store,
            job.scorer,
            wanted,
            lambda missing: block_rows(block, missing),
            retry_errors=job.retry_errors,
            failures_in_a_row=job.failures_in_a_row,
        )
        write_frame(self._store.folder_of(job.scorer) / _FOLDER, wanted, job.labels[number])
        return scored

    def _begin(self, number: int) -> Path:
        """Note in a file that a worker tries this shard: whoever dies cannot say so afterwards.

        Raises:
            RuntimeError: Too many have tried.
        """
        job = self._job
        note = self._store.folder_of(job.scorer) / _FOLDER / f"{_TRIED}{job.name}-{number}"
        note.parent.mkdir(exist_ok=True)
        with note.open("a") as file:
            file.write(f"{socket.gethostname()} {os.getpid()}\n")
        if len(note.read_text().splitlines()) > _MOST_TRIES:
            raise RuntimeError(f"{_MOST_TRIES} workers have died of it; perhaps a row needs more memory than there is")
        return note

    def _look_around(self) -> None:
        """See that the files are here too.

        Raises:
            DataError: They are not.
        """
        job = self._job
        if Path.cwd() != Path(job.folder):
            with suppress(OSError):  # only relative paths need it, and those are looked at now
                os.chdir(job.folder)
        for name, size in job.sizes.items():
            path = Path(name)
            if not path.is_file() or path.stat().st_size != size:
                raise _not_shared(path.absolute())
        folder = self._store.folder_of(job.scorer)
        if not folder.is_dir():
            raise _not_shared(folder)
        self._is_ready = True


def shard_labels(data: InstructionData, spans: Mapping[int, Span], numbers: NDArray[np.int64] | None) -> dict[int, str]:
    """A name for each span, of the data's checksums and of its place and wanted rows in them."""
    from longismore import __version__

    checksums = data.checksums()
    about = [__version__, data.format, [checksums[str(path)] for path in data.paths]]
    labels = {}
    for number, span in spans.items():
        which = None
        if numbers is not None:
            which = hashlib.sha256(offsets_in(span.start, span.size, numbers).tobytes()).hexdigest()
        text = json.dumps([*about, span.file, span.start, span.size, span.offset, which])
        labels[number] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return labels


def finished_shards(folder: Path, labels: Mapping[int, str]) -> dict[int, pl.DataFrame]:
    """The ``row`` and ``key`` of each row of those shards that are finished, by number.

    Args:
        folder: The scorer's in the store.
        labels: Of the shards, by number.
    """
    polars = require("polars", extra="select")
    paths = {path.name.split("-")[1]: path for path in (folder / _FOLDER).glob(f"{PREFIX}*{SUFFIX}")}
    found = {}
    for number, label in labels.items():
        if label not in paths:
            continue
        with suppress(DataError, OSError, polars.exceptions.PolarsError):  # then it is done again
            check_bytes(paths[label])
            found[number] = polars.read_parquet(paths[label], glob=False)
    return found


def forget_tries(folder: Path, name: str) -> None:
    """Delete what workers of that job have noted, and what those of jobs did that were killed long ago."""
    for path in (folder / _FOLDER).glob(f"{_TRIED}*"):
        with suppress(OSError):
            if path.name.startswith(f"{_TRIED}{name}-") or time.time() - path.stat().st_mtime > _OLD_S:
                path.unlink()


def _not_shared(path: Path) -> DataError:
    return DataError(
        f"{path}: a Ray worker on {socket.gethostname()} does not find it as it is here; "
        "the data and the score store must be on paths that every machine of the cluster sees"
    )
