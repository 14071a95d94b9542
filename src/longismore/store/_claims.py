"""Who asks what: processes on one store share a run's calls instead of paying twice.

A claim is the promise of a living process to answer a key. Its owner shows that it lives by a heartbeat; the
claims of one that was not seen for 30 s are void, and at once where it is known to have ended.
"""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.store._database import in_chunks

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from longismore.store._database import Database

__all__ = ["Claims"]

_SILENT_S = 30.0
"""A heartbeat further away than this, before or after, is no sign of life: clocks are set back too."""


_ANSWERED = "EXISTS (SELECT 1 FROM judgments WHERE judgments.key = claims.key)"


def _now() -> float:
    """The only clock here; tests replace it."""
    return time.time()


@dataclass(frozen=True, slots=True)
class _Owner:
    name: str
    host: str
    pid: int

    @classmethod
    def new(cls) -> _Owner:
        host, pid = _host(), os.getpid()
        return cls(f"{host} {pid} {os.urandom(8).hex()}", host, pid)


def _host() -> str:
    """Where a process number means something: containers of one host name may each have their own."""
    space = ""
    with suppress(OSError):  # other systems than Linux have no such file
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  no path, only a name
    return f"{platform.node()} {space}".strip()


def _has_ended(host: str, pid: int) -> bool:
    """Whether a process is known to be gone; of other machines nothing is known."""
    if os.name != "posix" or host != _host():  # on Windows os.kill would end it
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # somebody else's; no number that this system gives
        return False
    return False


class Claims:
    """The claims of one store object on the keys of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owner: _Owner | None = None

    def _mine(self) -> _Owner:
        if self._owner is None or self._owner.pid != os.getpid():  # a forked child speaks for itself
            self._owner = _Owner.new()
        return self._owner

    def claim(self, keys: Sequence[str]) -> set[str]:
        """Those of *keys* that are neither answered nor claimed by another living process; they are ours now."""
        mine = self._mine()
        free = set(keys)
        with self._database.transaction() as connection:
            _sweep(connection, mine.name)
            connection.execute(f"DELETE FROM claims WHERE owner = ? AND {_ANSWERED}", (mine.name,))  # noqa: S608
            values = (mine.name, mine.host, mine.pid, _now())
            connection.execute("INSERT OR REPLACE INTO owners (owner, host, pid, seen) VALUES (?, ?, ?, ?)", values)
            for chunk, marks in in_chunks(keys):
                answered = f"SELECT key FROM judgments WHERE key IN ({marks})"  # noqa: S608  only marks
                free.difference_update(key for (key,) in connection.execute(answered, chunk))
                taken = f"SELECT key FROM claims WHERE key IN ({marks}) AND owner <> ?"  # noqa: S608  only marks
                free.difference_update(key for (key,) in connection.execute(taken, (*chunk, mine.name)))
            rows = ((key, mine.name) for key in free)
            connection.executemany("INSERT OR IGNORE INTO claims (key, owner) VALUES (?, ?)", rows)
        return free

    def release(self, keys: Sequence[str]) -> None:
        """Give claims back; those of others stay."""
        if self._owner is None:
            return
        with self._database.transaction() as connection:
            for chunk, marks in in_chunks(keys):
                query = f"DELETE FROM claims WHERE key IN ({marks}) AND owner = ?"  # noqa: S608  only marks
                connection.execute(query, (*chunk, self._mine().name))

    def renew(self) -> None:
        """Show that this process lives; what another one has taken over meanwhile stays with that one."""
        if self._owner is None:
            return
        with self._database.transaction() as connection:
            connection.execute("UPDATE owners SET seen = ? WHERE owner = ?", (_now(), self._mine().name))

    def release_all(self) -> None:
        """Give everything back, where anything was claimed by this process."""
        if self._owner is None or self._owner.pid != os.getpid():
            return
        with self._database.transaction() as connection:
            _forget(connection, self._owner.name)
        self._owner = None

    def in_flight(self, connection: sqlite3.Connection, *, elsewhere: bool = False) -> tuple[int, int]:
        """How many keys living processes have claimed, and how many processes those are.

        Args:
            connection: To read with.
            elsewhere: Leave out what this store object has claimed.
        """
        mine = self._owner.name if elsewhere and self._owner is not None else ""
        void = _void(connection, "")
        query = f"SELECT owner, count(*) FROM claims WHERE NOT {_ANSWERED} GROUP BY owner"  # noqa: S608  a constant
        counts = [count for owner, count in connection.execute(query) if owner not in {mine, *void}]
        return sum(counts), len(counts)


def _void(connection: sqlite3.Connection, mine: str) -> list[str]:
    """The owners, but for *mine*, whose claims hold no longer."""
    now = _now()
    rows = connection.execute("SELECT owner, host, pid, seen FROM owners WHERE owner <> ?", (mine,)).fetchall()
    return [owner for owner, host, pid, seen in rows if abs(now - seen) > _SILENT_S or _has_ended(host, pid)]


def _sweep(connection: sqlite3.Connection, mine: str) -> None:
    for owner in _void(connection, mine):
        _forget(connection, owner)


def _forget(connection: sqlite3.Connection, owner: str) -> None:
    connection.execute("DELETE FROM claims WHERE owner = ?", (owner,))
    connection.execute("DELETE FROM owners WHERE owner = ?", (owner,))
