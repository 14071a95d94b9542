"""The store as judges see it: answers, claims and batches by key."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from longismore.errors import DataError
from longismore.store._batches import OPEN_STATES, note_batch, noted_batches
from longismore.store._claims import Claims
from longismore.store._database import Database, in_chunks
from longismore.store._export import export_answers
from longismore.store._prune import prune_answers
from longismore.store._rows import AnswerFilter, parse_record
from longismore.store._stats import store_stats

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from longismore.store._batches import BatchNote
    from longismore.store._export import Exported
    from longismore.store._stats import StoreStats, Totals

__all__ = ["Store", "default_store_path"]


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
        self._database = Database(self.path)
        self._claims = Claims(self._database)

    @classmethod
    def existing(cls, path: str | Path) -> Self:
        """The store at *path*, which is not made.

        Raises:
            DataError: There is none, or it cannot be used.
        """
        if not Path(path).exists():
            raise DataError(
                f"{path}: there is no store; a run with a paid judge makes one, "
                "and --store FILE or LONGISMORE_STORE=FILE names another"
            )
        return cls(path)

    def get(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The stored records of those *keys* that have one."""
        return dict(self.each(keys))

    def each(self, keys: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The same one after the other, in any order, without all of them in memory at once."""
        for chunk, marks in in_chunks(list(keys)):
            query = f"SELECT key, record FROM judgments WHERE key IN ({marks})"  # noqa: S608  only marks
            with self._database.explained():
                rows = self._database.connection.execute(query, chunk).fetchall()
            for key, record in rows:
                yield key, parse_record(record, f"{self.path}: answer {key}")

    def put(self, key: str, *, fingerprint: str, created: str, record: Mapping[str, Any], judge: str = "") -> None:
        """Keep one answer, durably, before this returns; where the key is taken, the first answer stays.

        Args:
            key: Of the call; a claim on it ends.
            fingerprint: Of the judge.
            created: When it arrived: ISO 8601, UTC.
            record: What is kept, as a JSON object.
            judge: The judge's name, for people.
        """
        # ASCII JSON: SQLite's TEXT cannot hold the lone surrogates that a judge may send, nor a name have them.
        name = judge.encode(errors="replace").decode()
        row = (key, fingerprint, created, json.dumps(record), name)
        with self._database.explained():
            # One statement, since every call pays for it: claims on what is answered count for nothing, and are
            # swept by the next claim.
            self._database.connection.execute(
                "INSERT OR IGNORE INTO judgments (key, fingerprint, created, record, judge) VALUES (?, ?, ?, ?, ?)", row
            )

    def count(self, fingerprint: str | None = None) -> int:
        """How many answers are kept, of all judges or of one."""
        query, values = "SELECT count(*) FROM judgments", ()
        with self._database.explained():
            connection = self._database.connection
            if fingerprint is None:
                return int(connection.execute(query, values).fetchone()[0])
            return int(connection.execute(f"{query} WHERE fingerprint = ?", (fingerprint,)).fetchone()[0])

    def claim(self, keys: Sequence[str]) -> set[str]:
        """Promise to answer keys, so that no other process pays for them too.

        Returns:
            Those of *keys* that are neither answered nor claimed by another living process, also those that were
            ours already. They stay ours until they are put, released, or this process shows no life for 30 s.
        """
        return self._claims.claim(keys)

    def release(self, keys: Sequence[str]) -> None:
        """Give back what was claimed and will not be answered."""
        self._claims.release(keys)

    def renew(self) -> None:
        """Show that this process lives; to be called every few seconds while it holds claims."""
        self._claims.renew()

    def note_batch(self, note: BatchNote) -> None:
        """Keep what is known of a batch, in the place of an earlier note of the same label; durable before return."""
        note_batch(self._database, note)

    def batches(self, fingerprint: str, *, states: Sequence[str] = OPEN_STATES) -> list[BatchNote]:
        """The noted batches of a judge that are in one of *states*, oldest first."""
        return noted_batches(self._database, fingerprint=fingerprint, states=states)

    def stats(self) -> StoreStats:
        """What is in the store; every answer is looked at once, in constant memory."""
        return store_stats(self._database, self._claims)

    def export(self, path: Path, wanted: AnswerFilter | None = None) -> Exported:
        """Write answers to *path*, as its suffix says: JSON lines or Parquet; all or nothing, in constant memory.

        Raises:
            ConfigError: The suffix is another one.
            DataError: Nothing is as wanted, or the file cannot be written.
            MissingDependencyError: Parquet needs a package that is not there.
        """
        return export_answers(self._database, path, wanted or AnswerFilter())

    def prune(self, wanted: AnswerFilter, *, only_look: bool) -> Totals:
        """Forget answers for good, and give their space back.

        Args:
            wanted: Which.
            only_look: Delete nothing.

        Returns:
            What went, or would go.

        Raises:
            ConfigError: All answers are meant.
            DataError: Other processes are making judge calls.
        """
        return prune_answers(self._database, self._claims, wanted, only_look=only_look)

    def close(self) -> None:
        """Give all claims back and close the database; the store cannot be used afterwards."""
        with suppress(DataError):  # claims that cannot be given back end by themselves
            self._claims.release_all()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
