"""What a run will cost, before anything is sent: calls, tokens, US$, each as low, expected and high.

Tokens are estimated from the length of the texts, since only the provider has the tokenizer: English prose has
about four bytes a token, code and other scripts fewer. The numbers of a run that has ended are in its ``run.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longismore.judges._client import Messages
    from longismore.judges._prices import Price

__all__ = ["Estimate", "Range", "estimate_calls"]

_BYTES_PER_TOKEN = (5.0, 4.0, 3.0)
"""Few tokens, as many as one expects, many."""
_TOKENS_OF_A_MESSAGE = 4
_SHORTEST_SHARE = 0.25
"""Of the usual length: a judge that says little."""


@dataclass(frozen=True, slots=True)
class Range:
    """An estimate."""

    low: float
    expected: float
    high: float

    def values(self) -> tuple[float, float, float]:
        """Low, expected, high."""
        return self.low, self.expected, self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What the calls of one judge will take."""

    calls: int
    """To be sent; equal ones once."""
    from_store: int
    """Known already: they cost nothing."""
    input_tokens: Range
    output_tokens: Range
    cost_usd: Range | None
    """``None``: the price is unknown."""
    price: Price | None

    def sentence(self) -> str:
        """All of it in one line."""
        if self.calls == 0:
            return f"nothing to ask: all {self.from_store:,} answers are in the store"
        stored = f" ({self.from_store:,} more are in the store)" if self.from_store else ""
        cost = "cost unknown: the model is in no price table"
        if self.cost_usd is not None and self.price is not None:
            low, expected, high = (f"{value:,.2f}" for value in self.cost_usd.values())
            cost = f"about US$ {expected} ({low} to {high}; {self.price.source})"
        return (
            f"{self.calls:,} calls to send{stored}, about {self.input_tokens.expected:,.0f} tokens in and "
            f"{self.output_tokens.expected:,.0f} out: {cost}"
        )


def estimate_calls(
    chats: Iterable[Messages],
    *,
    from_store: int,
    usual_output_tokens: int,
    max_tokens: int,
    price: Price | None,
    discount: float = 1.0,
) -> Estimate:
    """Estimate what sending these chats takes.

    Args:
        chats: What will be sent.
        from_store: How many more are known already.
        usual_output_tokens: Of one answer.
        max_tokens: The most that one answer may have.
        price: Of the model.
        discount: What a call costs as a share of that, e.g. in a batch.
    """
    calls = n_bytes = n_messages = 0
    for messages in chats:
        calls += 1
        n_messages += len(messages)
        n_bytes += sum(len(message["content"].encode()) for message in messages)
    inputs = Range(*(n_bytes / each + _TOKENS_OF_A_MESSAGE * n_messages for each in _BYTES_PER_TOKEN))
    usual = min(usual_output_tokens, max_tokens)
    outputs = Range(calls * _SHORTEST_SHARE * usual, float(calls * usual), float(calls * max_tokens))
    cost = None
    if price is not None:
        sides = zip(inputs.values(), outputs.values(), strict=True)
        cost = Range(*(discount * (into * price.input + out * price.output) / 1_000_000 for into, out in sides))
    return Estimate(
        calls=calls, from_store=from_store, input_tokens=inputs, output_tokens=outputs, cost_usd=cost, price=price
    )
