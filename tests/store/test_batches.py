from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from longismore.store import BatchNote, Store

if TYPE_CHECKING:
    from pathlib import Path


def note(label: str = "one", **fields: Any) -> BatchNote:
    """A batch that is about to be handed in."""
    values: dict[str, Any] = {"provider": "openai", "fingerprint": "f", "created": "2025-01-02", "keys": ("a", "b"),
                              "batch": None, "state": "submitting"}  # fmt: skip
    return BatchNote(label=label, **(values | fields))


def test_note_is_kept(store: Store) -> None:
    """Everything that was noted comes back, also from another process."""
    store.note_batch(note())
    with Store(store.path) as other:
        assert [note()] == other.batches("f")


def test_later_note_replaces_the_first(store: Store) -> None:
    """A batch is one note, whatever becomes of it."""
    store.note_batch(note())
    later = note(batch="batch_1", state="submitted")
    store.note_batch(later)
    assert [later] == store.batches("f")
    store.note_batch(replace(later, state="done"))
    assert ([], [replace(later, state="done")]) == (store.batches("f"), store.batches("f", states=["done"]))


def test_batches_are_those_of_the_judge(store: Store) -> None:
    """Another judge's batches are none of ours; ours come in the order in which they were made."""
    for label, fingerprint, created in (("x", "f", "2025-03"), ("y", "f", "2025-01"), ("z", "g", "2025-02")):
        store.note_batch(note(label, fingerprint=fingerprint, created=created))
    assert ["y", "x"] == [each.label for each in store.batches("f")]
    assert [] == store.batches("f", states=[])


def test_large_batch_is_kept(store: Store) -> None:
    """As many keys as a provider takes in one batch."""
    keys = tuple(f"{number:064x}" for number in range(50_000))
    store.note_batch(note(keys=keys))
    assert keys == store.batches("f")[0].keys


def test_unknown_state_is_refused() -> None:
    """A state is one of three."""
    with pytest.raises(ValueError, match="one of submitting, submitted, done, found 'lost'"):
        note(state="lost")


def test_note_is_on_the_disk_before_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A note is committed with full synchronisation, against power cuts; answers are not, for their number."""
    seen: list[str] = []
    connect = sqlite3.connect

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql == "COMMIT" or sql.startswith("INSERT OR IGNORE INTO judgments"):
                (level,) = super().execute("PRAGMA synchronous").fetchone()
                seen.append({1: "normal", 2: "full"}[level])
            return super().execute(sql, *parameters)

    monkeypatch.setattr(sqlite3, "connect", lambda *a, **options: connect(*a, factory=Watched, **options))
    with Store(tmp_path / "store.sqlite") as store:
        seen.clear()
        store.note_batch(note())
        store.put("a", fingerprint="f", created="c", record={"text": ""})
    assert ["full", "normal"] == seen
