"""The same judge asked once more: the same requests, answers of their own.

A repeat is a judge whose client says in its settings which repeat it is. So its fingerprint, and with it every key in
the store, differs from the judge's own, while prompt, model and request stay the same to the letter: nothing that is
stored is read, changed or removed, and a second run of the repeat pays nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longismore.judges._chat import ChatJudge
    from longismore.judges._client import BatchClient, ChatClient, Completion, Messages
    from longismore.judges._prices import Price

__all__ = ["repeated"]


@dataclass(frozen=True, slots=True)
class _RepeatedClient:
    """Another client, under settings of its own."""

    client: ChatClient
    number: int

    @property
    def settings(self) -> dict[str, object]:
        """The client's, and which repeat this is; it is not sent."""
        return {**self.client.settings, "repeat": self.number}

    @property
    def concurrency(self) -> int:
        """The client's."""
        return self.client.concurrency

    @property
    def price(self) -> Price | None:
        """The client's."""
        return self.client.price

    def check(self) -> None:
        """Ask the client."""
        self.client.check()

    async def complete(self, messages: Messages) -> Completion:
        """The client's answer."""
        return await self.client.complete(messages)

    async def close(self) -> None:
        """Close the client; it opens again when it is used."""
        await self.client.close()

    def batches(self) -> BatchClient | None:
        """The client's."""
        return self.client.batches()


def repeated(judge: ChatJudge, number: int) -> ChatJudge:
    """The judge that asks the same again; both count their calls together, and share the limit of cost.

    Args:
        judge: Whose questions.
        number: Which repeat, from 1 on; each has answers of its own.
    """
    return replace(judge, client=_RepeatedClient(judge.client, number))
