"""Score rows on many machines, by Ray Data; each shard is committed by the worker that has scored it."""

from __future__ import annotations

import secrets
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import DataError, UsageError
from longismore.selectors._scores.keys import ascending, keys_of_rows, offsets_in
from longismore.selectors._scores.local_engine import LocalEngine, with_scores, without_score
from longismore.selectors._scores.ray_session import running_ray
from longismore.selectors._scores.ray_shards import ShardJob, ShardScorer, finished_shards, forget_tries, shard_labels
from longismore.selectors._scores.rows import FAILURES_IN_A_ROW

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import polars as pl

    from longismore.instructions import InstructionData
    from longismore.selectors._scorer import RowScorer
    from longismore.selectors._scores.store import ScoreStore
    from longismore.selectors._selector import OnProgress, Shard

__all__ = ["RayEngine"]


class RayEngine:
    """Scores what the store does not have, shard by shard; a finished shard is not looked at again.

    The data and the store must be on paths that every machine of the cluster sees.

    Args:
        store: Where scores are kept.
        address: Of a cluster, ``auto`` for the one of this machine; ``None``: Ray is started here for as long as it is
            needed, and reached from this machine only. A Ray that this process has joined already is used as it is.
        workers: How many processes score at once; ``None``: as many as there are processors or, with
            *gpus_per_worker*, GPUs for.
        gpus_per_worker: From 0; a fraction shares one.
        rows_per_shard: So many rows are handed out, and marked as finished, together.
        retry_errors: Rows that have failed before are tried again.
        failures_in_a_row: How many rows may fail one after the other before all is stopped; ``None``: any number.
    """

    def __init__(
        self,
        store: ScoreStore,
        *,
        address: str | None = None,
        workers: int | None = None,
        gpus_per_worker: float = 0.0,
        rows_per_shard: int = 8192,
        retry_errors: bool = False,
        failures_in_a_row: int | None = FAILURES_IN_A_ROW,
    ) -> None:
        self.store = store
        self.address = address
        self.workers = workers
        self.gpus_per_worker = gpus_per_worker
        self.rows_per_shard = rows_per_shard
        self.retry_errors = retry_errors
        self.failures_in_a_row = failures_in_a_row

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
            DataError: The data, or a file of the store, cannot be used, perhaps by a worker only.
            MissingDependencyError: Ray is not installed.
            UsageError: Every row seems to fail; the scorer says that it cannot work; or a shard has lost its worker
                again and again.
        """
        job = self._job(data, scorer, numbers, shard)
        finished = self._finished(job, retry_errors=self.retry_errors)
        left = [number for number in job.spans if number not in finished]
        if left:
            folder = self.store.folder_of(scorer)
            self.store.prepare(scorer)
            try:
                self._run(job, left, on_progress)
            finally:
                forget_tries(folder, job.name)
            self.store.compact(scorer)
            finished = self._finished(job, retry_errors=False)
            if finished.keys() != job.spans.keys():
                raise DataError(f"{folder}: scores have gone while others were made; repeat the command")
        polars = require("polars", extra="select")
        wanted = polars.concat([keys_of_rows([], []), *(finished[number] for number in sorted(finished))])
        return with_scores(self.store, scorer, wanted)

    def missing(self, data: InstructionData, scorer: RowScorer) -> int:
        """How many rows have no score yet; nothing is computed, and Ray is not needed."""
        return LocalEngine(self.store, retry_errors=self.retry_errors).missing(data, scorer)

    def _job(
        self, data: InstructionData, scorer: RowScorer, numbers: Sequence[int] | None, shard: Shard | None
    ) -> ShardJob:
        chosen = ascending(numbers)
        spans = {
            span.number: span
            for span in data.spans(self.rows_per_shard)
            if (shard is None or shard.takes(span.number)) and len(offsets_in(span.start, span.size, chosen))
        }
        return ShardJob(
            name=secrets.token_hex(8),
            data=data,
            scorer=scorer,
            store=self.store.folder,
            spans=spans,
            labels=shard_labels(data, spans, chosen),
            numbers=chosen,
            sizes={str(path): path.stat().st_size for path in data.paths},
            folder=str(Path.cwd()),
            retry_errors=self.retry_errors,
            failures_in_a_row=self.failures_in_a_row,
        )

    def _finished(self, job: ShardJob, *, retry_errors: bool) -> dict[int, pl.DataFrame]:
        """The rows and keys of the finished shards of which the store still has every row, by number."""
        polars = require("polars", extra="select")
        finished = finished_shards(self.store.folder_of(job.scorer), job.labels)
        labelled = [frame.with_columns(shard=polars.lit(number)) for number, frame in finished.items()]
        if not labelled:
            return {}
        lost = without_score(self.store, job.scorer, polars.concat(labelled), retry_errors=retry_errors)["shard"]
        gaps = set(lost.unique())
        return {number: frame for number, frame in finished.items() if number not in gaps}

    def _run(self, job: ShardJob, left: Sequence[int], on_progress: OnProgress | None) -> None:
        """Let Ray score the shards that are left.

        Raises:
            UsageError: A worker says that all must stop, or shards are not finished.
        """
        rows = {
            number: len(offsets_in(job.spans[number].start, job.spans[number].size, job.numbers)) for number in left
        }
        total, done, failures = sum(rows.values()), 0, []
        open_shards = set(left)
        with closing(self._outcomes(job, left)) as outcomes:
            for outcome in outcomes:
                if outcome["stop"]:
                    raise UsageError(outcome["stop"])
                if outcome["failure"]:
                    failures.append(outcome["failure"])
                    continue
                open_shards.discard(outcome["number"])
                done += rows[outcome["number"]]
                if on_progress is not None:
                    on_progress(job.scorer.name, done, total)
        if open_shards:
            first = job.spans[min(open_shards)]
            reason = failures[0] if failures else "Ray does not say why"
            raise UsageError(
                f"{len(open_shards)} of {len(left)} shards could not be finished, the first (rows {first.start} to "
                f"{first.start + first.size - 1}): {reason}; what was scored is kept: repeat the command"
            )

    def _outcomes(self, job: ShardJob, left: Sequence[int]) -> Generator[dict[str, Any]]:
        """What workers say of each shard, as they finish."""
        with running_ray(self.address, workers=self.workers) as ray_data:
            dataset = ray_data.from_items([{"number": number} for number in left], override_num_blocks=len(left))
            context = dataset.context
            context.enable_progress_bars = False
            context.print_on_execution_start = False
            context.max_errored_blocks = -1  # a shard that fails for good is told at the end
            scored = dataset.map_batches(
                ShardScorer,
                fn_constructor_kwargs={"job": job},
                batch_size=1,
                compute=ray_data.ActorPoolStrategy(size=self._workers(len(left)), max_tasks_in_flight_per_actor=1),
                num_gpus=self.gpus_per_worker,
            )
            try:
                yield from scored.iter_rows()
            except require("ray", extra="ray").exceptions.RayError as error:
                raise UsageError(f"the Ray job has ended: {_last_line(error)}; what was scored is kept") from error

    def _workers(self, shards: int) -> int:
        ray = require("ray", extra="ray")
        resources = ray.cluster_resources()
        if self.workers is not None:
            count = self.workers
        elif self.gpus_per_worker:
            count = int(resources.get("GPU", 0) / self.gpus_per_worker)
        else:
            count = int(resources.get("CPU", 1))
        return max(min(count, shards), 1)


def _last_line(error: Exception) -> str:
    return ([line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__])[-1]
