"""Hand calls in as batches, and find what an earlier run has handed in."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from longismore.errors import JudgeError, JudgeRejectedError, RateLimitError
from longismore.judges._batch_run import now
from longismore.store import BatchNote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from longismore.judges._batch_run import BatchRun
    from longismore.judges._client import Messages

__all__ = ["hand_in", "look_for", "resume"]

logger = logging.getLogger(__name__)

_ALL_STATES = ("submitting", "submitted", "done")


def resume(run: BatchRun, keys: set[str]) -> list[BatchNote]:
    """The batches that were handed in and not collected, as far as they bring any of *keys*."""
    notes = []
    for note in run.store.batches(run.fingerprint):
        if not keys.intersection(note.keys):
            continue
        found = look_for(run, note) if note.state == "submitting" else note
        if found is None:
            run.note(note, state="done")
        else:
            logger.info("batch %s: %d requests were handed in by an earlier run", found.batch, len(note.keys))
            notes.append(found)
    return notes


def look_for(run: BatchRun, note: BatchNote) -> BatchNote | None:
    """Find the batch of a note at the provider, where its name could not be noted; ``None`` if there is none."""
    known = {each.batch for each in run.store.batches(run.fingerprint, states=_ALL_STATES)}
    known |= run.guessed.setdefault(note.label, set())
    find = partial(run.client.find, label=note.label, size=len(note.keys), since=note.created)
    batch = next((each for each in run.patiently(find) if each not in known), None)
    if batch is None:
        return None
    run.guessed[note.label].add(batch)
    return run.note(note, state="submitted", batch=batch)


def hand_in(run: BatchRun, keys: Sequence[str]) -> list[BatchNote]:
    """Hand in the calls of *keys*, in as many batches as it takes.

    Raises:
        JudgeError: A batch was not taken.
    """
    notes = []
    for chunk in _chunks(run, keys):
        note = BatchNote(
            label=uuid4().hex,
            provider=run.judge.partition("/")[0],
            fingerprint=run.fingerprint,
            created=now(),
            keys=tuple(key for key, _ in chunk),
            batch=None,
            state="submitting",
        )
        run.store.note_batch(note)
        notes.append(_submit(run, note, chunk))
        run.usage.sent += len(chunk)
        logger.info(
            "batch %s: %d requests are handed in; should this run end before they are answered, "
            "the same command collects them later",
            notes[-1].batch,
            len(chunk),
        )
    return notes


def _chunks(run: BatchRun, keys: Iterable[str]) -> Iterator[list[tuple[str, Messages]]]:
    """As many chats as one batch takes."""
    chunk: list[tuple[str, Messages]] = []
    size = 0
    for key in keys:
        messages = run.missing[key].messages
        length = len(json.dumps(messages))
        if chunk and (len(chunk) >= run.client.most_requests or size + length > run.client.most_bytes):
            yield chunk
            chunk, size = [], 0
        chunk.append((key, messages))
        size += length
    if chunk:
        yield chunk


def _submit(run: BatchRun, note: BatchNote, chunk: Sequence[tuple[str, Messages]]) -> BatchNote:
    for asked in range(1, run.retries + 2):
        try:
            return run.note(note, state="submitted", batch=run.client.submit(chunk, label=note.label))
        except JudgeError as error:
            was_refused = not error.retryable or isinstance(error, RateLimitError)
            if not error.retryable or asked > run.retries:
                if was_refused:
                    run.note(note, state="done")
                if error.retryable or isinstance(error, JudgeRejectedError):
                    raise
                raise JudgeRejectedError(str(error)) from None
            logger.info("a batch was not taken, trying again: %s", error)
            run.pause(asked, error)
            # Where no answer came, it may have been taken all the same.
            if not was_refused and (found := look_for(run, note)) is not None:
                return found
    raise AssertionError(note)
