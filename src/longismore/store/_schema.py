"""The tables, version by version."""

from __future__ import annotations

__all__ = ["MIGRATIONS"]

MIGRATIONS = (
    """
    CREATE TABLE judgments (
        key         TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        created     TEXT NOT NULL,
        record      TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX judgments_by_fingerprint ON judgments (fingerprint);
    """,
    """
    ALTER TABLE judgments RENAME TO judgments_1;
    CREATE TABLE judgments (
        number      INTEGER PRIMARY KEY,
        key         TEXT NOT NULL UNIQUE,
        judge       TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        created     TEXT NOT NULL,
        record      TEXT NOT NULL
    );
    INSERT INTO judgments (key, judge, fingerprint, created, record)
        SELECT key, '', fingerprint, created, record FROM judgments_1;
    DROP TABLE judgments_1;
    CREATE INDEX judgments_by_fingerprint ON judgments (fingerprint);
    CREATE TABLE owners (
        owner TEXT PRIMARY KEY,
        host  TEXT NOT NULL,
        pid   INTEGER NOT NULL,
        seen  REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE claims (
        key   TEXT PRIMARY KEY,
        owner TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE batches (
        label       TEXT PRIMARY KEY,
        provider    TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        created     TEXT NOT NULL,
        keys        TEXT NOT NULL,
        batch       TEXT,
        state       TEXT NOT NULL
    ) WITHOUT ROWID;
    """,
)
"""Each script takes the database from version i to i + 1; only ever append. A semicolon ends a statement."""
