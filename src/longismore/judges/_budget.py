"""A hard cap on what a run can cost.

Before a request is sent, the most that it can cost is set aside; its real cost takes the place of that when the
answer arrives. A request that does not fit waits for those in flight, and where none is left, the run stops.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longismore.errors import CostLimitError

if TYPE_CHECKING:
    from longismore.judges._client import Messages
    from longismore.judges._prices import Price

__all__ = ["Budget"]

_TOKENS_OF_A_MESSAGE = 16
"""Roles and marks between messages, generously."""


@dataclass(slots=True, kw_only=True)
class Budget:
    """What may still be spent in one run of the engine.

    Args:
        cap_usd: In all; ``None`` is no limit.
        price: Of the model; needed where there is a cap.
        max_tokens: That an answer may have.
        spent_usd: So much of it is gone already.
    """

    cap_usd: float | None
    price: Price | None
    max_tokens: int
    spent_usd: float = 0.0
    _aside_usd: float = field(default=0.0, init=False)
    _in_flight: int = field(default=0, init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def most_usd(self, messages: Messages) -> float | None:
        """What one request can cost at most; ``None`` where the price is unknown."""
        if self.price is None:
            return None
        # No tokenizer of today makes more tokens than a text has bytes.
        tokens = sum(len(message["content"].encode()) + _TOKENS_OF_A_MESSAGE for message in messages)
        return self.price.cost_usd(tokens, self.max_tokens)

    async def take(self, messages: Messages) -> float:
        """Set aside the most that one request can cost, and return it; 0 where there is no limit.

        Raises:
            CostLimitError: It does not fit, and nothing in flight could make room.
        """
        if self.cap_usd is None:
            return 0.0
        most_usd = self.most_usd(messages) or 0.0
        while self.spent_usd + self._aside_usd + most_usd > self.cap_usd:
            if self._in_flight == 0:
                raise CostLimitError(
                    f"the next call could cost up to US$ {most_usd:.4f}, and US$ {self.spent_usd:.4f} of the "
                    f"US$ {self.cap_usd:g} that were allowed are spent; raise the limit (--max-cost-usd, "
                    "judge_max_cost_usd), and the same command goes on from here"
                )
            self._changed.clear()
            await self._changed.wait()
        self._aside_usd += most_usd
        self._in_flight += 1
        return most_usd

    def settle(self, aside_usd: float, cost_usd: float) -> None:
        """Replace what was set aside for one request by its cost."""
        if self.cap_usd is None:
            return
        self._aside_usd -= aside_usd
        self._in_flight -= 1
        self.spent_usd += cost_usd
        self._changed.set()
