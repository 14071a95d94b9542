"""Answers of judges on disk: what was paid for is never asked again.

One SQLite database in WAL mode, one row a judgment. The key is the judge's fingerprint and the rendered
messages, so an edited prompt or another model never reuses an old answer. A row is committed when the answer
arrives: a crash, ``kill -9`` or Ctrl-C loses at most what was in flight, and several processes may write at
once. There is at most one stored judgment per key; that a provider bills it only once cannot be promised.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from longismore.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

__all__ = ["Store", "default_store_path"]

_MIGRATIONS = (
    """
    CREATE TABLE judgments (
        key         TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        created     TEXT NOT NULL,
        record      TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX judgments_by_fingerprint ON judgments (fingerprint);
    """,
)
"""Each script takes the database from version i to i + 1; only ever append."""

_BUSY_TIMEOUT_S = 30.0
_LOCK_PAUSE_S = 0.01
_KEYS_PER_QUERY = 500


def default_store_path() -> Path:
    """Where answers are kept unless a path is given: the user's data folder, since they were paid for."""
    import platformdirs  # only needed where no path is given

    return Path(platformdirs.user_data_dir("longismore", appauthor=False)) / "judgments.sqlite"


class Store:
    """The answers of judges, by key.

    Args:
        path: The database; made, with its folder, where it is missing.

    Raises:
        DataError: The file is no such database, cannot be opened, or was written by a newer longismore.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Where an event loop runs already, answers are written from the engine's own thread.
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                # WAL with NORMAL: a killed process loses nothing that was committed, a power cut the last rows.
                self._use_wal()
                self._connection.execute("PRAGMA synchronous = NORMAL")
                self._migrate()
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"{self.path}: the store cannot be used: {error}; "
                "name another with LONGISMORE_STORE=FILE, or move this one away"
            ) from error

    def _use_wal(self) -> None:
        # SQLite does not wait for this lock by itself: of processes that start at once, some must try again.
        give_up = time.monotonic() + _BUSY_TIMEOUT_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                locked = error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
                if not locked or time.monotonic() > give_up:
                    raise
                time.sleep(_LOCK_PAUSE_S)
            else:
                return

    def _migrate(self) -> None:
        # BEGIN IMMEDIATE: of two processes that start at once, the second waits and finds the work done.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(_MIGRATIONS):
                raise DataError(
                    f"{self.path}: the store has version {version}, this longismore knows up to "
                    f"{len(_MIGRATIONS)}; upgrade longismore or name another store with LONGISMORE_STORE=FILE"
                )
            if version == 0 and self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise DataError(
                    f"{self.path}: is a database of something else; name another file with LONGISMORE_STORE=FILE"
                )
            for script in _MIGRATIONS[version:]:
                for statement in script.split(";"):
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def get(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The stored records of those *keys* that have one."""
        found: dict[str, dict[str, Any]] = {}
        wanted = list(keys)
        with self._explained():
            for start in range(0, len(wanted), _KEYS_PER_QUERY):
                chunk = wanted[start : start + _KEYS_PER_QUERY]
                marks = ",".join("?" * len(chunk))
                query = f"SELECT key, record FROM judgments WHERE key IN ({marks})"  # noqa: S608  only marks
                found.update((key, json.loads(record)) for key, record in self._connection.execute(query, chunk))
        return found

    def put(self, key: str, *, fingerprint: str, created: str, record: Mapping[str, Any]) -> None:
        """Keep one answer, durably, before this returns; where the key is taken, the first answer stays."""
        # ASCII JSON: SQLite's TEXT cannot hold the lone surrogates that a judge may send.
        row = (key, fingerprint, created, json.dumps(record))
        with self._explained():
            self._connection.execute("INSERT OR IGNORE INTO judgments VALUES (?, ?, ?, ?)", row)

    def count(self, fingerprint: str | None = None) -> int:
        """How many answers are kept, of all judges or of one."""
        query, values = "SELECT count(*) FROM judgments", ()
        with self._explained():
            if fingerprint is None:
                return int(self._connection.execute(query, values).fetchone()[0])
            return int(self._connection.execute(f"{query} WHERE fingerprint = ?", (fingerprint,)).fetchone()[0])

    def close(self) -> None:
        """Close the database; the store cannot be used afterwards."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
