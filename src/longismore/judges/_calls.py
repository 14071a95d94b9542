"""What the engine is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from longismore.judges._client import Completion, Messages

__all__ = ["Answered", "Call"]


@dataclass(frozen=True, slots=True)
class Call:
    """One chat to send, under its key in the store."""

    key: str
    messages: Messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of one call; without a completion it failed."""

    completion: Completion | None
    latency_s: float | None = None
    created: str | None = None
    """ISO 8601, UTC."""

    def to_record(self) -> dict[str, Any]:
        """The JSON object that the store keeps; only of what was answered."""
        if self.completion is None:
            raise AssertionError(self)
        return self.completion.to_record() | {"latency_s": self.latency_s, "created": self.created}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Answered:
        """The inverse of :meth:`to_record`."""
        completion = Completion.from_record(record)
        return cls(completion=completion, latency_s=record["latency_s"], created=record["created"])
