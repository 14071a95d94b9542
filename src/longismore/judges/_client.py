"""What a provider's client offers to the engine: one answer to one chat, or many as a batch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longismore.errors import JudgeError
    from longismore.judges._prices import Price

__all__ = [
    "BatchClient",
    "BatchState",
    "ChatClient",
    "Completion",
    "Messages",
    "RateLimits",
    "TokenLogprobs",
]

Messages = list[dict[str, str]]
"""A chat: each message has a ``role`` and a ``content``."""


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """One generated token, and what else might have stood in its place."""

    token: str
    logprob: float
    """Natural logarithm of the token's probability."""
    top: dict[str, float]
    """The likeliest tokens at this place, with the natural logarithms of their probabilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """What a provider said with an answer about its limits. Unknown is ``None``."""

    requests_per_minute: int | None = None
    requests_left: int | None = None
    requests_reset_s: float | None = None
    """Seconds until the whole of the limit is there again."""
    tokens_per_minute: int | None = None
    tokens_left: int | None = None
    tokens_reset_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came back from one call. Unknown is ``None``."""

    text: str
    refused: bool = False
    """The provider says that it would not answer, e.g. its content filter closed."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    """What is billed as output: the thoughts of a reasoning model too."""
    cost_usd: float | None = None
    """As the provider says; else the engine computes it from the price table."""
    logprobs: tuple[TokenLogprobs, ...] | None = None
    """Of the generated tokens, where they were asked for and given."""
    limits: RateLimits | None = None
    """For the engine only; not part of the answer, so not stored."""

    def to_record(self) -> dict[str, Any]:
        """The JSON object that the store keeps."""
        # By hand: this is done for every call, and dataclasses.asdict takes ten times as long.
        record: dict[str, Any] = {
            "text": self.text,
            "refused": self.refused,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": self.cost_usd,
        }
        if self.logprobs is not None:
            record["logprobs"] = [asdict(token) for token in self.logprobs]
        return record

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Completion:
        """The inverse of :meth:`to_record`."""
        tokens = record.get("logprobs")
        return cls(
            text=record["text"],
            refused=record["refused"],
            input_tokens=record["input_tokens"],
            output_tokens=record["output_tokens"],
            cost_usd=record["cost_usd"],
            logprobs=None if tokens is None else tuple(TokenLogprobs(**token) for token in tokens),
        )


class ChatClient(Protocol):
    """One provider, one model."""

    @property
    def settings(self) -> dict[str, object]:
        """Whatever changes the answers: model, address, temperature, ...; goes into the fingerprint, so never a key."""

    @property
    def concurrency(self) -> int:
        """Calls in flight at once: the user's choice, else what suits the provider."""

    @property
    def price(self) -> Price | None:
        """Of the model, or ``None`` where it is unknown."""

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

    def batches(self) -> BatchClient | None:
        """The provider's batch API, or ``None`` where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """How far a batch has come."""

    is_done: bool
    """Nothing more will come; also after it failed, expired or was cancelled."""
    done: int = 0
    """Requests with a result."""
    total: int = 0
    problem: str | None = None
    """Why the provider refused the batch as a whole."""


class BatchClient(Protocol):
    """A provider's batch API: answers within a day, at a lower price."""

    discount: float
    """What a call costs here, as a share of the price of a single call."""
    most_requests: int
    """Of one batch."""
    most_bytes: int
    """Of the requests of one batch, as JSON."""

    def submit(self, requests: Sequence[tuple[str, Messages]], *, label: str) -> str:
        """Hand in chats, each under a name of its own (64 characters of ``[0-9a-f]``), and return the batch's id.

        *label* is kept with the batch where the provider can do so, for :meth:`find`.

        Raises:
            JudgeError: It was not taken.
        """

    def find(self, *, label: str, size: int, since: str) -> list[str]:
        """Batches that may have been submitted under *label*, with *size* requests, since that time (ISO 8601).

        For the run that died between handing in and noting the id.
        """

    def state(self, batch: str) -> BatchState:
        """How far the batch has come.

        Raises:
            JudgeError: The provider does not say.
        """

    def results(self, batch: str) -> Iterator[tuple[str, Completion | JudgeError]]:
        """Name and result of every request that has one; whatever is missing was not answered."""
