from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer
from longismore.judges import JudgeOptions, Price, make_judge
from longismore.judges._estimate import estimate_calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.records import Judgment, Pair
    from longismore.store import Store

PRICE = Price(input=2.0, output=8.0, source="test, 2030-01-02")
CHATS = [[{"role": "user", "content": "x" * 1200}]] * 10


def estimate(price: Price | None = PRICE, **changes: Any) -> Any:
    """Of ten chats of 1,200 bytes, answers of usually 100 and at most 500 tokens."""
    settings = {"from_store": 3, "usual_output_tokens": 100, "max_tokens": 500} | changes
    return estimate_calls(CHATS, price=price, **settings)


def test_tokens_are_low_expected_and_high() -> None:
    """1,200 bytes are 240, 300 or 400 tokens, and 4 more a message; answers a quarter, the usual, the longest."""
    found = estimate()
    assert (10, 3) == (found.calls, found.from_store)
    assert (2440, 3040, 4040) == found.input_tokens.values()
    assert (250, 1000, 5000) == found.output_tokens.values()


def test_cost_follows_from_the_price() -> None:
    """Tokens times price per million; in a batch half of it."""
    assert pytest.approx((0.00688, 0.01408, 0.04808)) == estimate().cost_usd.values()
    assert pytest.approx((0.00344, 0.00704, 0.02404)) == estimate(discount=0.5).cost_usd.values()


def test_unknown_price_is_unknown_not_nothing() -> None:
    """Without a price there is no cost, and the sentence says so."""
    found = estimate(None)
    assert found.cost_usd is None
    assert "cost unknown" in found.sentence()


def test_sentence_has_everything() -> None:
    """Calls, what the store has, tokens, cost with its range, and the date of the price."""
    sentence = estimate().sentence()
    assert all(part in sentence for part in ("10 calls to send (3 more are in the store)", "3,040", "2030-01-02"))


def test_short_limit_caps_the_usual() -> None:
    """A judge that may say 20 tokens does not usually say 100."""
    assert (50, 200, 200) == estimate(max_tokens=20).output_tokens.values()


def test_judge_estimates_what_is_missing(store: Store, make_pair: Callable[..., Pair]) -> None:
    """What the store knows costs nothing; nothing is sent for an estimate; the real number lies in the range."""
    pairs = [make_pair(str(number), reference="some words " * 40) for number in range(5)]
    with JudgeServer() as server:
        options = JudgeOptions(base_url=server.base_url, price_input=2.0, price_output=8.0)
        judge: Any = make_judge("openai/test-judge", options)
        made: list[Judgment] = []
        judge.judge(pairs[:2], store=store, on_judgment=made.append)
        sent = len(server.requests)
        found = judge.estimate(pairs, store)
        assert (4, 4) == (sent, len(server.requests))
        judge.judge(pairs, store=store, on_judgment=made.append)
    assert (6, 4) == (found.calls, found.from_store)
    real = sum(each.cost_usd or 0 for each in made[-6:])
    assert found.cost_usd.low * 0.5 < real < found.cost_usd.high
    assert judge.usage.cost_usd == pytest.approx(sum(each.cost_usd or 0 for each in made[:4]) + real)
