"""What the calls of one judge take: calls, tokens, money. Unknown is counted apart, never as 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longismore.judges._client import Completion

__all__ = ["Usage"]


@dataclass(slots=True)
class Usage:
    """Counters of one judge in this process; the engine adds to them while it runs."""

    sent: int = 0
    """Requests that left this machine, repeats too."""
    answered: int = 0
    """Calls that were answered now."""
    from_store: int = 0
    """Calls that the store knew; paid earlier, or by another process."""
    input_tokens: int = 0
    output_tokens: int = 0
    without_tokens: int = 0
    """Answers whose numbers of tokens the provider did not tell."""
    cost_usd: float = 0.0
    """Of the answers whose cost is known."""
    without_cost: int = 0
    """Answers whose cost is unknown."""
    lost_usd: float = 0.0
    """At most so much more was billed, for requests whose answers never arrived whole."""

    def add(self, completion: Completion) -> None:
        """Count one answer that arrived now."""
        self.answered += 1
        if completion.input_tokens is None or completion.output_tokens is None:
            self.without_tokens += 1
        else:
            self.input_tokens += completion.input_tokens
            self.output_tokens += completion.output_tokens
        if completion.cost_usd is None:
            self.without_cost += 1
        else:
            self.cost_usd += completion.cost_usd

    @property
    def known_cost_usd(self) -> float | None:
        """The cost of the answers whose cost is known; ``None`` where there are answers and none has one."""
        return None if self.without_cost and self.without_cost == self.answered else self.cost_usd

    def to_dict(self) -> dict[str, object]:
        """For ``run.json``."""
        no_tokens = self.without_tokens > 0 and self.without_tokens == self.answered
        return {
            "requests_sent": self.sent,
            "answered": self.answered,
            "from_store": self.from_store,
            "input_tokens": None if no_tokens else self.input_tokens,
            "output_tokens": None if no_tokens else self.output_tokens,
            "answers_without_tokens": self.without_tokens,
            "cost_usd": self.known_cost_usd,
            "answers_without_cost": self.without_cost,
            "lost_usd_at_most": self.lost_usd,
        }
