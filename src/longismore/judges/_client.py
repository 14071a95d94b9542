"""What a provider's client offers to the engine: one answer to one chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["ChatClient", "Completion", "Messages"]

Messages = list[dict[str, str]]
"""A chat: each message has a ``role`` and a ``content``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came back from one call. Unknown is ``None``."""

    text: str
    refused: bool = False
    """The provider says that it would not answer, e.g. its content filter closed."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None


class ChatClient(Protocol):
    """One provider, one model."""

    @property
    def settings(self) -> dict[str, object]:
        """Whatever changes the answers: model, address, temperature, ...; goes into the fingerprint."""

    def check(self) -> None:
        """Find out, without spending, whether calls can work.

        Raises:
            UsageError: They cannot.
        """

    async def complete(self, messages: Messages) -> Completion:
        """Send one chat, once; repeating is the engine's business.

        Raises:
            JudgeError: No answer; ``retryable`` says whether to try again.
        """

    async def close(self) -> None:
        """Give connections back; the client opens new ones when it is used again."""
