"""What was handed in to providers' batch APIs: noted before and after, so that no paid batch is forgotten."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.store._database import Database

__all__ = ["OPEN_STATES", "BatchNote", "note_batch", "noted_batches"]

OPEN_STATES = ("submitting", "submitted")
_STATES = (*OPEN_STATES, "done")
_NAMES = ("label", "provider", "fingerprint", "created", "keys", "batch", "state")
_COLUMNS = ", ".join(_NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNote:
    """One batch of calls.

    Raises:
        ValueError: The state is none of the three.
    """

    label: str
    """Ours, unique: a second note of the same label replaces the first."""
    provider: str
    fingerprint: str
    """Of the judge."""
    created: str
    """ISO 8601, UTC."""
    keys: tuple[str, ...]
    """Of the answers that the batch will bring."""
    batch: str | None
    """The provider's own name for it, as soon as that is known."""
    state: str
    """``submitting``: it may have been handed in or not; ``submitted``; ``done``: its results are stored."""

    def __post_init__(self) -> None:
        if self.state not in _STATES:
            raise ValueError(f"the state of a batch is one of {', '.join(_STATES)}, found {self.state!r}")


def note_batch(database: Database, note: BatchNote) -> None:
    """Keep a note, safe even from a power cut before this returns: a forgotten batch is paid for twice."""
    row = (note.label, note.provider, note.fingerprint, note.created, json.dumps(note.keys), note.batch, note.state)
    with database.transaction(to_disk=True) as connection:
        query = f"INSERT OR REPLACE INTO batches ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  only names
        connection.execute(query, row)


def noted_batches(
    database: Database, *, fingerprint: str | None = None, states: Sequence[str] = OPEN_STATES
) -> list[BatchNote]:
    """The notes on the batches of one judge or of all, oldest first."""
    marks = ",".join("?" * len(states))
    query = f"SELECT {_COLUMNS} FROM batches WHERE state IN ({marks})"  # noqa: S608  only names and marks
    values = list(states)
    if fingerprint is not None:
        query, values = f"{query} AND fingerprint = ?", [*values, fingerprint]
    with database.explained():
        rows = database.connection.execute(f"{query} ORDER BY created, label", values).fetchall()
    return [BatchNote(**dict(zip(_NAMES, row, strict=True)) | {"keys": tuple(json.loads(row[4]))}) for row in rows]
