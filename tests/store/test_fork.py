"""A forked child inherits what SQLite believes of its parent's locks: no answer may be lost over it."""

from __future__ import annotations

import multiprocessing
import sys
from typing import TYPE_CHECKING, Any

import pytest

from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.synchronize import Event

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there processes fork by default")


def _write(store: Store, is_new: bool, begin: Event, has_begun: Event, go_on: Event) -> None:
    begin.wait()
    mine = Store(store.path) if is_new else store
    mine.put("child 1", fingerprint="f", created="c", record={})
    has_begun.set()
    go_on.wait()
    mine.put("child 2", fingerprint="f", created="c", record={})
    mine.close()


@pytest.mark.parametrize("is_new", [False, True], ids=["inherited store", "new store"])
@pytest.mark.parametrize("closes", ["before", "between", "never"])
def test_child_loses_nothing(is_new: bool, closes: str, store: Store, put: Callable[..., None]) -> None:
    """Whatever a child writes stays, whether it uses its parent's store or its own, and whenever the parent closes."""
    context: Any = multiprocessing.get_context("fork")
    put(store, "parent 1")
    events = [context.Event() for _ in range(3)]
    child = context.Process(target=_write, args=(store, is_new, *events))
    child.start()
    begin, has_begun, go_on = events
    if closes == "before":
        store.close()
    begin.set()
    has_begun.wait()
    if closes == "between":
        store.close()
    with Store(store.path) as third:
        put(third, "third")
    if closes == "never":
        put(store, "parent 2")
    go_on.set()
    child.join()
    with Store(store.path) as after:
        keys = ["parent 1", "parent 2", "third", "child 1", "child 2"]
        assert 0 == child.exitcode
        assert sorted(set(keys) - ({"parent 2"} if closes != "never" else set())) == sorted(after.get(keys))
