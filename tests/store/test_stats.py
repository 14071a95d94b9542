from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.store import BatchNote, Store, Totals

if TYPE_CHECKING:
    from collections.abc import Callable


def test_answers_are_added_up_by_judge(store: Store, put: Callable[..., None]) -> None:
    """By name and fingerprint, and all together."""
    put(store, "1", created="2025-03-01")
    put(store, "2", created="2025-01-01", refused=True)
    put(store, "3", judge="a", fingerprint="g")
    put(store, "4", judge="openai/test", fingerprint="g", cost_usd=0.25)
    found = store.stats()
    assert [("a", "g"), ("openai/test", "f" * 64), ("openai/test", "g")] == list(found.judges)
    assert found.judges["openai/test", "f" * 64] == Totals(
        answers=2,
        refused=1,
        input_tokens=200,
        output_tokens=40,
        cost_usd=1.0,
        oldest="2025-01-01",
        newest="2025-03-01",
    )
    assert (4, 1, 400, 80, 1.75) == (
        found.total.answers,
        found.total.refused,
        found.total.input_tokens,
        found.total.output_tokens,
        found.total.cost_usd,
    )


def test_unknown_is_counted_apart(store: Store, put: Callable[..., None]) -> None:
    """A sum is over what is known; where nothing is known it is unknown, not 0."""
    put(store, "1", judge="a", cost_usd=None, output_tokens=None)
    put(store, "2", judge="b", cost_usd=None, input_tokens=None, output_tokens=None)
    put(store, "3", judge="b", cost_usd=0.0)
    put(store, "4", judge="c", created="")
    put(store, "5", judge="d", cost_usd=float("nan"), input_tokens="7", output_tokens=True)
    judges = {name: each for (name, _), each in store.stats().judges.items()}
    assert {"a": (None, 1), "b": (0.0, 1), "c": (0.5, 0), "d": (None, 1)} == {
        name: (each.cost_usd, each.without_cost) for name, each in judges.items()
    }
    assert {"a": (100, None, 1), "b": (100, 20, 1), "c": (100, 20, 0), "d": (None, None, 1)} == {
        name: (each.input_tokens, each.output_tokens, each.without_tokens) for name, each in judges.items()
    }
    assert (None, None) == (judges["c"].oldest, judges["c"].newest)


def test_empty_store_has_no_judges(store: Store) -> None:
    """Nothing is added up to nothing."""
    found = store.stats()
    assert ({}, Totals(), [], 0) == (found.judges, found.total, found.batches, found.claims)


def test_open_batches_and_calls_in_flight_are_named(store: Store) -> None:
    """Work of all living processes; what is done is not open."""
    for label, state in (("x", "submitted"), ("y", "done")):
        store.note_batch(BatchNote(label=label, provider="openai", fingerprint="f", created="c", keys=("a", "b"),
                                   batch="batch_1", state=state))  # fmt: skip
    store.claim(["a"])
    with Store(store.path) as other:
        other.claim(["b", "c"])
        found = store.stats()
    assert (["x"], 3, 2) == ([note.label for note in found.batches], found.claims, found.processes)
    assert [2] == [batch["keys"] for batch in found.to_dict()["open_batches"]]


def test_size_is_all_that_lies_on_the_disk(store: Store, put: Callable[..., None]) -> None:
    """The file and what SQLite has not yet merged into it."""
    for number in range(50):
        put(store, str(number), text="x" * 3000)
    assert store.stats().size_bytes == sum(
        each.stat().st_size for each in store.path.parent.iterdir() if each.name.startswith(store.path.name)
    )
    assert store.stats().size_bytes > 150_000
