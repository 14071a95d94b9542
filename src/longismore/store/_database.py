"""The file: one connection, in WAL mode, with the tables of the newest version."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

from longismore.errors import DataError
from longismore.store._schema import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Database", "in_chunks"]

_BUSY_TIMEOUT_S = 30.0
_LOCK_PAUSE_S = 0.01
_KEYS_PER_QUERY = 500
_OPENED: weakref.WeakSet[Database] = weakref.WeakSet()


def in_chunks(keys: Sequence[str]) -> Iterator[tuple[Sequence[str], str]]:
    """The keys in pieces that one query takes, each with its question marks."""
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        chunk = keys[start : start + _KEYS_PER_QUERY]
        yield chunk, ",".join("?" * len(chunk))


class Database:
    """The connection of a process to the store's file.

    Args:
        path: The file; made, with its folder, where it is missing.

    Raises:
        DataError: The file is no such database, cannot be opened, or was written by a newer longismore.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open()

    def _open(self) -> None:
        # While a connection of the parent is open in a forked child, SQLite believes that the child holds the parent's
        # locks, and the parent deletes the journal under the child's hands: answers would be lost.
        for each in list(_OPENED):
            each.drop_inherited()
        _OPENED.add(self)
        self._pid = os.getpid()
        self._lock = threading.Lock()
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
    def explained(self) -> Iterator[None]:
        """Say which file it was that failed, and what to do."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"{self.path}: the store cannot be used: {error}; "
                "name another with LONGISMORE_STORE=FILE, or move this one away"
            ) from error

    @property
    def connection(self) -> sqlite3.Connection:
        """To read with, and for single statements; a forked child gets one of its own."""
        if os.getpid() != self._pid:
            self._open()
        return self._connection

    @contextmanager
    def transaction(self, *, to_disk: bool = False) -> Iterator[sqlite3.Connection]:
        """Several statements, whole or not at all; other processes and threads wait.

        Args:
            to_disk: What was committed is on the disk, not only in the system's memory: a power cut spares it.
        """
        with self.explained():
            connection = self.connection
            with self._lock:
                if to_disk:
                    connection.execute("PRAGMA synchronous = FULL")
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    yield connection
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:  # where the disk is full, SQLite has rolled back by itself
                        connection.execute("ROLLBACK")
                    if to_disk:
                        connection.execute("PRAGMA synchronous = NORMAL")

    def drop_inherited(self) -> None:
        """Close the connection where it is a parent process's; the next use opens one of this process's own."""
        if os.getpid() != self._pid:
            self._connection.close()

    def close(self) -> None:
        """Close the connection, where it is this process's own."""
        if os.getpid() == self._pid:
            self._connection.close()

    def version(self) -> int:
        """Of the tables: the number of migrations that made them."""
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0])

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
        # Of two processes that start at once, the second waits and finds the work done.
        with self.transaction() as connection:
            version = self.version()
            if version > len(MIGRATIONS):
                raise DataError(
                    f"{self.path}: the store has version {version}, this longismore knows up to "
                    f"{len(MIGRATIONS)}; upgrade longismore or name another store with LONGISMORE_STORE=FILE"
                )
            if version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise DataError(
                    f"{self.path}: is a database of something else; name another file with LONGISMORE_STORE=FILE"
                )
            for script in MIGRATIONS[version:]:
                for statement in script.split(";"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
