"""Answers of judges on disk: what was paid for is never asked again.

One SQLite database in WAL mode, one row a judgment. The key is the judge's fingerprint and the rendered
messages, so an edited prompt or another model never reuses an old answer. A row is committed when the answer
arrives: a crash, ``kill -9`` or Ctrl-C loses at most what was in flight, and several processes may write at
once. There is at most one stored judgment per key; that a provider bills it only once cannot be promised.
"""

from __future__ import annotations

from longismore.store._batches import BatchNote
from longismore.store._export import Exported
from longismore.store._prune import older_than
from longismore.store._rows import AnswerFilter
from longismore.store._stats import StoreStats, Totals
from longismore.store._store import Store, default_store_path

__all__ = [
    "AnswerFilter",
    "BatchNote",
    "Exported",
    "Store",
    "StoreStats",
    "Totals",
    "default_store_path",
    "older_than",
]
