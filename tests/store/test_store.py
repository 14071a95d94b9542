from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import DataError, SchemaError
from longismore.store import Store, _database, default_store_path

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

CONTEXT: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
RECORD: dict[str, Any] = {"text": "8 7", "input_tokens": None, "latency_s": 0.5}
ACKNOWLEDGING_WRITER = """
import sys
from longismore.store import Store

store = Store(sys.argv[1])
for number in range(100_000):
    store.put(str(number), fingerprint="f", created="c", record={"text": "x" * 500})
    print(number, flush=True)
"""


def put(store: Store, key: str, fingerprint: str = "f", **record: Any) -> None:
    """Keep a record."""
    store.put(key, fingerprint=fingerprint, created="2025-01-02", record=record or RECORD)


def test_what_was_put_is_got(tmp_path: Path) -> None:
    """Known keys come back with their records, others do not."""
    with Store(tmp_path / "store.sqlite") as store:
        put(store, "a")
        put(store, "b", text="other")
        assert {"a": RECORD, "b": {"text": "other"}} == store.get(["a", "b", "c"])
        assert {} == store.get([])


def test_first_answer_stays(tmp_path: Path) -> None:
    """There is at most one judgment per key: a second one changes nothing."""
    with Store(tmp_path / "store.sqlite") as store:
        put(store, "a", text="first")
        put(store, "a", text="second")
        assert ({"a": {"text": "first"}}, 1) == (store.get(["a"]), store.count())


def test_count_by_fingerprint(tmp_path: Path) -> None:
    """Answers are counted together and for each judge."""
    with Store(tmp_path / "store.sqlite") as store:
        for key, fingerprint in (("a", "f"), ("b", "f"), ("c", "g")):
            put(store, key, fingerprint)
        assert (3, 2, 1, 0) == (store.count(), store.count("f"), store.count("g"), store.count("h"))


def test_answers_outlive_the_process(tmp_path: Path) -> None:
    """A store that is opened again has what was put."""
    with Store(tmp_path / "store.sqlite") as store:
        put(store, "a")
    with Store(str(tmp_path / "store.sqlite")) as store:
        assert {"a": RECORD} == store.get(["a"])


def test_more_keys_than_a_query_takes(tmp_path: Path) -> None:
    """Thousands of keys are looked up in one call."""
    with Store(tmp_path / "store.sqlite") as store:
        for number in range(0, 2000, 7):
            put(store, str(number))
        assert [str(number) for number in range(0, 2000, 7)] == sorted(store.get(map(str, range(2000))), key=int)


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\U0001f9c2", "\u2028", "'; DROP TABLE judgments; --"])
def test_any_text_is_kept(text: str, tmp_path: Path) -> None:
    """Half characters, NUL and quotation marks come back unchanged."""
    with Store(tmp_path / "store.sqlite") as store:
        put(store, "a", text=text)
        assert text == store.get(["a"])["a"]["text"]


def test_records_are_on_disk_before_put_returns(tmp_path: Path) -> None:
    """Another process sees a row as soon as it was put."""
    with Store(tmp_path / "store.sqlite") as store, Store(tmp_path / "store.sqlite") as other:
        put(store, "a")
        assert {"a": RECORD} == other.get(["a"])


def test_judges_name_is_kept(tmp_path: Path) -> None:
    """Also a name that has bytes which are no text: an answer that was paid for is not lost over it."""
    with Store(tmp_path / "store.sqlite") as store:
        for number, judge in enumerate(("openai/gpt", "odd\udcff", "a\x00b")):
            store.put(str(number), fingerprint="f", judge=judge, created="c", record=RECORD)
        assert [("a\x00b", "f"), ("odd?", "f"), ("openai/gpt", "f")] == list(store.stats().judges)


def test_answers_come_one_after_the_other(tmp_path: Path) -> None:
    """Whoever goes through many answers needs not hold them all, and may write meanwhile."""
    with Store(tmp_path / "store.sqlite") as store:
        for number in range(1200):
            put(store, str(number))
        seen = []
        for key, record in store.each(map(str, range(1300))):
            assert record == RECORD
            put(store, f"copy of {key}")
            seen.append(key)
        assert (list(map(str, range(1200))), 2400) == (sorted(seen, key=int), store.count())


@pytest.mark.parametrize(("record", "problem"), [("{", "is not JSON: "), ("[]", r"must be a JSON object, found \[\]")])
def test_damaged_record_is_named(record: str, problem: str, tmp_path: Path) -> None:
    """A record that somebody has broken is an error with its key, wherever it is read."""
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        put(store, "a")
        put(store, "b")
        store._database.connection.execute("UPDATE judgments SET record = ? WHERE key = 'b'", (record,))
        assert {"a": RECORD} == store.get(["a"])
        with pytest.raises(SchemaError, match=rf"store.sqlite: answer b: the record {problem}"):
            store.get(["a", "b"])
        with pytest.raises(SchemaError, match=rf"store.sqlite: answer b: the record {problem}"):
            store.stats()


def test_existing_store_is_not_made(tmp_path: Path) -> None:
    """Whoever only looks makes no new file; what is there is opened."""
    with pytest.raises(DataError, match=r"store.sqlite: there is no store; .*--store FILE"):
        Store.existing(tmp_path / "store.sqlite")
    assert [] == list(tmp_path.iterdir())
    Store(tmp_path / "store.sqlite").close()
    with Store.existing(tmp_path / "store.sqlite") as store:
        assert 0 == store.count()


def _fail_halfway(store: Store) -> None:
    with store._database.transaction(to_disk=True) as connection:
        connection.execute("DELETE FROM judgments")
        raise ZeroDivisionError


def test_transaction_is_whole_or_not_at_all(tmp_path: Path) -> None:
    """What fails in the middle leaves nothing behind, and the store goes on working."""
    with Store(tmp_path / "store.sqlite") as store:
        put(store, "a")
        with pytest.raises(ZeroDivisionError):
            _fail_halfway(store)
        put(store, "b")
        assert 2 == store.count()


def test_folder_is_made(tmp_path: Path) -> None:
    """The first run needs no preparation."""
    with Store(tmp_path / "new" / "deep" / "store.sqlite") as store:
        assert 0 == store.count()


def test_default_is_the_users_data_folder() -> None:
    """Answers were paid for: they are data, not cache."""
    assert Path(os.environ["XDG_DATA_HOME"]) / "longismore" / "judgments.sqlite" == default_store_path()


def test_another_thread_may_write(tmp_path: Path) -> None:
    """Where an event loop runs already, the engine writes from its own thread."""
    with Store(tmp_path / "store.sqlite") as store:
        thread = threading.Thread(target=put, args=(store, "a"))
        thread.start()
        thread.join()
        assert 1 == store.count()


def _write_many(path: Path, name: str, barrier: Barrier) -> None:
    barrier.wait()
    with Store(path) as store:
        for number in range(200):
            put(store, f"{name}-{number}")
            put(store, f"shared-{number}", text=name)


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    """Two processes that open a new store and write 400 rows each at once keep all of them, shared ones once."""
    path, barrier = tmp_path / "store.sqlite", CONTEXT.Barrier(2)
    writers = [CONTEXT.Process(target=_write_many, args=(path, name, barrier)) for name in ("one", "two")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with Store(path) as store:
        assert ([0, 0], 600) == ([writer.exitcode for writer in writers], store.count())
        shared = store.get(f"shared-{number}" for number in range(200))
    assert {record["text"] for record in shared.values()} <= {"one", "two"}


def _open(path: Path, barrier: Barrier) -> None:
    barrier.wait()
    Store(path).close()


@pytest.mark.slow
def test_many_processes_may_start_at_once(tmp_path: Path) -> None:
    """Eight processes that make the same new store at the same moment all succeed, again and again."""
    for attempt in range(25):
        path, barrier = tmp_path / f"{attempt}.sqlite", CONTEXT.Barrier(8)
        openers = [CONTEXT.Process(target=_open, args=(path, barrier)) for _ in range(8)]
        for opener in openers:
            opener.start()
        for opener in openers:
            opener.join()
        assert [0] * 8 == [opener.exitcode for opener in openers]


def test_killed_writer_loses_no_acknowledged_row(tmp_path: Path) -> None:
    """After kill -9 in the middle of writing, every row whose put had returned is there, and the store works."""
    path = tmp_path / "store.sqlite"
    source = Path(_database.__file__).parents[2]
    writer = subprocess.Popen(
        [sys.executable, "-c", ACKNOWLEDGING_WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(source)},
    )
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(100)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    writer.stdout.close()
    assert -signal.SIGKILL == writer.wait()
    with Store(path) as store:
        assert len(acknowledged) == len(store.get(map(str, acknowledged)))
        assert len(acknowledged) <= store.count() <= len(acknowledged) + 1
        put(store, "after")


def test_waiting_for_a_lock_is_limited_and_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that somebody else keeps locked is an error with the path, not a hang."""
    monkeypatch.setattr(_database, "_BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            DataError, match=r"store.sqlite: the store cannot be used: database is locked; name another"
        ):
            put(store, "a")
        other.close()


def test_new_store_that_is_locked_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file that somebody else keeps locked is given up after the same time."""
    monkeypatch.setattr(_database, "_BUSY_TIMEOUT_S", 0.05)
    other = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DataError, match="the store cannot be used: database is locked"):
        Store(tmp_path / "store.sqlite")
    other.close()


def test_lock_at_the_start_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite does not wait when the journal's mode changes, as two processes do at their start: the store does."""
    refused: list[str] = []
    paused: list[float] = []
    connect = sqlite3.connect

    class Locked(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if "journal_mode" in sql and len(refused) < 2:
                refused.append(sql)
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY_RECOVERY
                raise error
            return super().execute(sql, *parameters)

    monkeypatch.setattr(sqlite3, "connect", lambda *a, **options: connect(*a, factory=Locked, **options))
    monkeypatch.setattr(time, "sleep", paused.append)
    with Store(tmp_path / "store.sqlite") as store:
        assert (2, 2, 0) == (len(refused), len(paused), store.count())


def test_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """A file without a byte, as a program leaves it that was killed at once, is a new store."""
    (tmp_path / "store.sqlite").touch()
    with Store(tmp_path / "store.sqlite") as store:
        put(store, "a")
        assert 1 == store.count()


def test_migrations_are_numbered(tmp_path: Path) -> None:
    """A new store has the version of the last migration, and opening it again changes nothing."""
    for _ in range(2):
        Store(tmp_path / "store.sqlite").close()
        with sqlite3.connect(tmp_path / "store.sqlite") as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.close()
        assert len(_database.MIGRATIONS) == version


def test_older_store_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that was appended runs on an existing store and keeps its answers."""
    with Store(tmp_path / "store.sqlite") as store:
        put(store, "a")
    added = (*_database.MIGRATIONS, "CREATE TABLE more (x TEXT); INSERT INTO more VALUES ('y');")
    monkeypatch.setattr(_database, "MIGRATIONS", added)
    with Store(tmp_path / "store.sqlite") as store:
        assert {"a": RECORD} == store.get(["a"])
        assert [("y",)] == store._database.connection.execute("SELECT x FROM more").fetchall()


VERSION_1 = """
    CREATE TABLE judgments (
        key         TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        created     TEXT NOT NULL,
        record      TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX judgments_by_fingerprint ON judgments (fingerprint);
    PRAGMA user_version = 1;
"""


def test_store_of_the_first_version_keeps_its_answers(tmp_path: Path) -> None:
    """Answers that were paid before judges' names were kept are found, counted and exported, under no name."""
    path = tmp_path / "store.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1)
    rows = [(str(number), "fg"[number % 2], "2025-01-02", json.dumps(RECORD | {"n": number})) for number in range(700)]
    connection.executemany("INSERT INTO judgments VALUES (?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    with Store(path) as store:
        assert {str(number): RECORD | {"n": number} for number in range(700)} == store.get(map(str, range(700)))
        assert (700, 350, 350) == (store.count(), store.count("f"), store.count("g"))
        assert {("", "f"): 350, ("", "g"): 350} == {key: each.answers for key, each in store.stats().judges.items()}
        assert set() == store.claim(["0", "699"])
        put(store, "0", text="second")
        put(store, "new")
        assert 701 == store.count()
    with Store(path) as store:
        assert 2 == store.stats().version
        assert {"0": RECORD | {"n": 0}, "new": RECORD} == store.get(["0", "new"])


def test_failed_migration_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration happens whole or not at all."""
    with Store(tmp_path / "store.sqlite") as store:
        put(store, "a")
    known = _database.MIGRATIONS
    monkeypatch.setattr(_database, "MIGRATIONS", (*known, "DROP TABLE judgments; SELECT absent FROM nowhere;"))
    with pytest.raises(DataError, match="no such table: nowhere"):
        Store(tmp_path / "store.sqlite")
    monkeypatch.setattr(_database, "MIGRATIONS", known)
    with Store(tmp_path / "store.sqlite") as store:
        assert 1 == store.count()


def test_newer_store_is_refused(tmp_path: Path) -> None:
    """A store of a later longismore is not touched: the message has both versions and what to do."""
    path = tmp_path / "store.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DataError, match="the store has version 99, this longismore knows up to 2; upgrade longismore"):
        Store(path)


def test_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """A database that is no store gets no table of ours."""
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (x TEXT)")
    connection.close()
    with pytest.raises(DataError, match=r"places.sqlite: is a database of something else; name another file"):
        Store(path)


@pytest.mark.parametrize("kind", ["text", "folder", "below a file"])
def test_unusable_path_is_explained(kind: str, tmp_path: Path) -> None:
    """What is no database, a folder, or below a file is named, with the setting that helps."""
    path = tmp_path / "store.sqlite"
    if kind == "folder":
        path.mkdir()
    else:
        path.write_text("This is a letter to my grandmother. " * 100, encoding="utf-8")
    target = path / "x" if kind == "below a file" else path
    with pytest.raises(DataError, match=r"the store cannot be used: .*LONGISMORE_STORE=FILE") as caught:
        Store(target)
    assert str(caught.value).startswith(str(target))


def test_torn_file_is_explained(tmp_path: Path) -> None:
    """A store that a disk has damaged is an error with its path when it is read."""
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        for number in range(500):
            put(store, str(number))
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(DataError, match="the store cannot be used"), Store(path) as store:
        store.get(map(str, range(500)))
