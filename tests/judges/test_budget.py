from __future__ import annotations

import asyncio

import pytest

from longismore.errors import CostLimitError
from longismore.judges import Price
from longismore.judges._budget import Budget

PRICE = Price(input=1.0, output=10.0, source="test")
CHAT = [{"role": "user", "content": "x" * 984}]
MOST = (984 + 16 + 10 * 100) / 1_000_000
"""1,000 bytes at US$ 1 and 100 tokens at US$ 10 a million."""


def budget(cap_usd: float | None, price: Price | None = PRICE) -> Budget:
    """A budget of calls with at most 100 tokens of output."""
    return Budget(cap_usd=cap_usd, price=price, max_tokens=100)


def test_most_is_bytes_and_the_whole_answer() -> None:
    """A call can cost as many tokens as it has bytes, and an answer of full length."""
    assert budget(None).most_usd(CHAT) == pytest.approx(MOST)
    umlauts = budget(None).most_usd([{"role": "user", "content": "ä" * 492}])
    assert umlauts == pytest.approx(MOST)


def test_unknown_price_is_no_cost() -> None:
    """Without a price nothing can be said, and nothing is."""
    assert budget(None, None).most_usd(CHAT) is None


def test_no_limit_takes_nothing_aside() -> None:
    """Without a cap every call goes."""
    free = budget(None)
    assert [0.0] * 3 == [asyncio.run(free.take(CHAT)) for _ in range(3)]


def test_cap_is_never_passed() -> None:
    """The call that might pass the cap is not sent, though its real cost may be lower."""
    tight = budget(2.5 * MOST)

    async def two_calls() -> None:
        for _ in range(2):
            tight.settle(await tight.take(CHAT), MOST)

    asyncio.run(two_calls())
    with pytest.raises(CostLimitError, match="raise the limit") as caught:
        asyncio.run(tight.take(CHAT))
    assert f"US$ {2 * MOST:.4f} of the" in str(caught.value)


def test_waiting_call_goes_when_another_was_cheap() -> None:
    """A call that does not fit beside those in flight waits, and goes when one of them cost less."""
    tight = budget(1.5 * MOST)
    order: list[str] = []

    async def first() -> None:
        aside = await tight.take(CHAT)
        await asyncio.sleep(0)
        order.append("first answered")
        tight.settle(aside, 0.1 * MOST)

    async def second() -> None:
        await tight.take(CHAT)
        order.append("second sent")

    async def both() -> None:
        await asyncio.gather(first(), second())

    asyncio.run(both())
    assert ["first answered", "second sent"] == order


def test_what_was_spent_before_counts() -> None:
    """A budget that starts with money gone has only the rest."""
    gone = Budget(cap_usd=2 * MOST, price=PRICE, max_tokens=100, spent_usd=1.5 * MOST)
    with pytest.raises(CostLimitError):
        asyncio.run(gone.take(CHAT))
