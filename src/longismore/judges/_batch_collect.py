"""Wait for batches and take in what they bring."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from longismore.errors import JudgeRejectedError, JudgeServerError, RefusalError
from longismore.judges._batch_submit import look_for
from longismore.judges._client import Completion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longismore.errors import JudgeError
    from longismore.judges._batch_run import BatchRun
    from longismore.judges._client import BatchState
    from longismore.store import BatchNote

__all__ = ["collect"]

_FORGOTTEN_AFTER = timedelta(days=1)
_TIMES_UNKNOWN = 10

logger = logging.getLogger(__name__)


def collect(run: BatchRun, notes: Iterable[BatchNote]) -> bool:
    """Wait until all batches are done and take in their results; whether any of them brought something."""
    waiting = {note.batch or "": note for note in notes}
    seen: dict[str, BatchState] = {}
    unknown = Counter[str]()
    got_through = False
    asked = 0
    while True:
        for batch, note in list(waiting.items()):
            state = run.patiently(partial(_state, run, note, unknown))
            if state != seen.get(batch):
                logger.info("batch %s: %d/%d", batch, state.done, state.total)
                seen[batch] = state
            if state.is_done:
                del waiting[batch]
                got_through |= _finish(run, note, state)
        if not waiting:
            return got_through
        asked += 1
        run.pause(asked)


def _state(run: BatchRun, note: BatchNote, unknown: Counter[str]) -> BatchState:
    batch = note.batch or ""
    state = run.client.state(batch)
    is_known = state.total > 0 or state.problem is not None or not state.is_done
    if is_known or datetime.now(UTC) - datetime.fromisoformat(note.created) > _FORGOTTEN_AFTER:
        return state
    # So young a batch is not forgotten: handing it in again could pay for it twice.
    unknown[batch] += 1
    problem = f"{run.judge}: the batch {batch} of {note.created} is not known under this key and address"
    raise JudgeRejectedError(problem) if unknown[batch] > _TIMES_UNKNOWN else JudgeServerError(problem)


def _finish(run: BatchRun, note: BatchNote, state: BatchState) -> bool:
    """Take in what one batch has brought; whether that was anything."""
    if state.problem is not None:
        logger.warning("batch %s was refused: %s", note.batch, state.problem)
        run.problem = state.problem
        run.note(note, state="done")
        return False
    if state.total == 0:  # the provider has forgotten it: that is no try
        run.note(note, state="done")
        return False
    ours, strangers = _read(run, note)
    if strangers:
        logger.warning("batch %s has %d results that were not asked for; they are ignored", note.batch, strangers)
    if strangers and not ours and note.label in run.guessed:
        # It was another program's, of the same size: ours may still be there.
        found = look_for(run, note)
        if found is None:
            run.note(note, state="done")
        return found is not None and collect(run, [found])
    run.note(note, state="done")
    for key in [key for key in note.keys if key in run.missing]:
        run.tries[key] += 1
        if run.tries[key] > run.retries:
            run.lose(key, run.errors.get(key) or JudgeServerError("the batch ended without an answer to it"))
    return ours > 0


def _read(run: BatchRun, note: BatchNote) -> tuple[int, int]:
    """Take in results as they are read; how many were ours, and how many were not asked for."""
    names = set(note.keys)
    ours, strangers = set[str](), set[str]()

    def read() -> None:
        for name, result in run.client.results(note.batch or ""):
            if name not in names:
                strangers.add(name)
            elif name not in ours:
                _take(run, name, result)
                ours.add(name)

    run.patiently(read, most=run.retries + 1)
    return len(ours), len(strangers)


def _take(run: BatchRun, key: str, result: Completion | JudgeError) -> None:
    if isinstance(result, RefusalError):
        result = Completion(text=str(result), refused=True)
    if isinstance(result, Completion):
        run.keep(key, result)
    elif key not in run.missing:
        return  # of an earlier run, which it no longer concerns
    elif isinstance(result, JudgeRejectedError):
        run.rejection = result
    elif result.retryable:
        run.errors[key] = result
    else:
        run.lose(key, result)
