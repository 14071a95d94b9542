from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from engine_fakes import FakeClient, calls_of, run, texts
from longismore.errors import (
    CostLimitError,
    JudgeRejectedError,
)
from longismore.judges import Price
from longismore.judges import _run as run_module
from longismore.judges._budget import Budget
from longismore.judges._client import Completion
from longismore.judges._usage import Usage
from longismore.store import Store

if TYPE_CHECKING:
    from pathlib import Path


def test_limit_on_the_cost_stops_the_run(store: Store) -> None:
    """The cap is never passed; what was answered is stored, and a second run with more money asks for the rest."""
    price = Price(input=0.0, output=1_000_000.0, source="test")  # US$ 1 a token: an answer costs 1, at most 10
    client, usage = FakeClient(price=price), Usage()
    budget = Budget(cap_usd=15.0, price=price, max_tokens=10)
    with pytest.raises(CostLimitError, match="raise the limit"):
        run(calls_of(*map(str, range(20))), client, store, usage=usage, budget=budget)
    assert (6, 6.0, 6) == (len(client.asked), usage.cost_usd, store.count())
    again = FakeClient(price=price)
    run(calls_of(*map(str, range(20))), again, store)
    assert 14 == len(again.asked)


def test_cost_follows_from_the_price(store: Store) -> None:
    """Where the provider tells tokens and not dollars, the price table does; both are stored."""
    client, usage = FakeClient(price=Price(input=2.0, output=4.0, source="test")), Usage()
    answers = run(calls_of("a"), client, store, usage=usage)
    assert answers[0].completion is not None
    assert (3 * 2 + 1 * 4) / 1_000_000 == answers[0].completion.cost_usd == usage.cost_usd
    assert usage.cost_usd == store.get(["a"])["a"]["cost_usd"]


def test_unknown_price_is_counted_apart(store: Store) -> None:
    """Without a price the cost is unknown, not 0."""
    usage = Usage()
    run(calls_of("a", "b"), FakeClient(), store, usage=usage)
    assert (2, None, None) == (usage.without_cost, usage.known_cost_usd, usage.to_dict()["cost_usd"])


def test_calls_of_another_process_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another living process has claimed is not sent; its answer is taken when it is there."""
    monkeypatch.setattr(run_module, "_WAIT_FOR_OTHERS_S", 0.01)
    with Store(tmp_path / "store.sqlite") as mine, Store(tmp_path / "store.sqlite") as other:
        assert {"a"} == other.claim(["a"])

        def before(text: str) -> None:
            if text == "c":
                other.put("a", fingerprint="f", judge="j", created="2025-01-02", record={
                    "text": "theirs", "refused": False, "input_tokens": 1, "output_tokens": 1, "cost_usd": None,
                    "latency_s": 0.5, "created": "2025-01-02"})  # fmt: skip

        client, usage = FakeClient(before=before), Usage()
        answers = run(calls_of("a", "b", "c"), client, mine, usage=usage)
    assert (["theirs", "b", "c"], ["b", "c"], 1) == (texts(answers), client.asked, usage.from_store)


def test_calls_of_a_process_that_gave_up_are_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims that are given back are asked here."""
    monkeypatch.setattr(run_module, "_WAIT_FOR_OTHERS_S", 0.01)
    with Store(tmp_path / "store.sqlite") as mine, Store(tmp_path / "store.sqlite") as other:
        other.claim(["a"])
        client = FakeClient(before=lambda text: other.release(["a"]) if text == "b" else None)
        answers = run(calls_of("a", "b"), client, mine)
    assert (["a", "b"], ["b", "a"]) == (texts(answers), client.asked)


def test_nothing_stays_claimed(store: Store, tmp_path: Path) -> None:
    """After a run, also one that was broken off, no other process has to wait."""
    with pytest.raises(JudgeRejectedError):
        run(calls_of(*"abcdef"), FakeClient(always=JudgeRejectedError("wrong key")), store)
    with Store(store.path) as other:
        assert set("abcdef") == other.claim(list("abcdef"))


def test_one_unknown_cost_does_not_hide_the_others(store: Store) -> None:
    """What is known is summed, and how many are unknown stands beside it."""
    usage = Usage()
    usage.add(Completion(text="a", input_tokens=1, output_tokens=2, cost_usd=0.5))
    usage.add(Completion(text="b"))
    shown = usage.to_dict()
    assert (0.5, 1, 1, 2, 1) == (shown["cost_usd"], shown["answers_without_cost"], shown["input_tokens"],
                                 shown["output_tokens"], shown["answers_without_tokens"])  # fmt: skip


def test_price_is_looked_up_once(store: Store) -> None:
    """A price of the user's own may stand in a file: it is not read for every call."""
    looked: list[int] = []

    class Client(FakeClient):
        def __getattribute__(self, name: str) -> Any:
            if name == "price":
                looked.append(1)
            return super().__getattribute__(name)

    client = Client()
    budget = Budget(cap_usd=None, price=None, max_tokens=10)
    run(calls_of(*map(str, range(20))), client, store, budget=budget)
    assert 1 == len(looked)
