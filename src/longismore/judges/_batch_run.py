"""What the parts of a run by batches share: its calls, what became of them, and patience with the provider."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from longismore.errors import JudgeError, RateLimitError
from longismore.judges._calls import Answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.errors import JudgeRejectedError
    from longismore.judges._calls import Call
    from longismore.judges._client import BatchClient, Completion
    from longismore.judges._prices import Price
    from longismore.judges._usage import Usage
    from longismore.store import BatchNote, Store

__all__ = ["QUESTIONS_TO_STOP", "BatchRun", "now"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_PAUSE_S = 2.0
_GROWTH = 1.5
_MOST_GROWTHS = 20
_LONGEST_NAMED_PAUSE_S = 300.0
QUESTIONS_TO_STOP = 120
"""So many in a row that the provider has not answered, and the run stops; its batches go on."""


def now() -> str:
    """ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(slots=True, kw_only=True)
class BatchRun:
    """One run."""

    client: BatchClient
    price: Price | None
    store: Store
    judge: str
    fingerprint: str
    usage: Usage
    poll_s: float
    retries: int
    sleep: Callable[[float], None]
    on_answer: Callable[[int, Answered], None]
    missing: dict[str, Call] = field(default_factory=dict)
    """Calls that have not been answered yet, by key."""
    indices: dict[str, list[int]] = field(default_factory=dict)
    """Their places, by key."""
    guessed: dict[str, set[str]] = field(default_factory=dict)
    """By label, the batches that were taken for one that may have been handed in without a note of its name."""
    tries: Counter[str] = field(default_factory=Counter)
    errors: dict[str, JudgeError] = field(default_factory=dict)
    """The last one of each call that is tried again."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why calls were lost."""
    problem: str | None = None
    """Why a batch was refused as a whole."""
    rejection: JudgeRejectedError | None = None
    """What was said of one request and holds for all."""

    def hand_over(self, key: str, answered: Answered) -> None:
        """Say what became of a call that was missing."""
        del self.missing[key]
        for index in self.indices[key]:
            self.on_answer(index, answered)

    def take_stored(self) -> None:
        """Hand over what the store knows."""
        for key, record in self.store.get(self.missing).items():
            self.usage.from_store += 1
            self.hand_over(key, Answered.from_record(record))

    def keep(self, key: str, completion: Completion) -> None:
        """Store an answer and hand it over."""
        if self.price is not None and completion.cost_usd is None:
            cost_usd = self.price.cost_usd(completion.input_tokens, completion.output_tokens)
            completion = replace(completion, cost_usd=None if cost_usd is None else self.client.discount * cost_usd)
        answered = Answered(completion=completion, created=now())
        # Also what this run has not asked for: it is paid, and a later run may want it.
        self.store.put(
            key,
            fingerprint=self.fingerprint,
            judge=self.judge,
            created=answered.created or "",
            record=answered.to_record(),
        )
        if key in self.missing:
            self.usage.add(completion)
            self.hand_over(key, answered)

    def lose(self, key: str, error: JudgeError) -> None:
        """Give a call up."""
        self.reasons[str(error)] += 1
        self.hand_over(key, Answered(completion=None))

    def note(self, note: BatchNote, *, state: str, batch: str | None = None) -> BatchNote:
        """Keep what has become known of a batch."""
        changed = replace(note, state=state, batch=batch or note.batch)
        self.store.note_batch(changed)
        return changed

    def patiently(self, question: Callable[[], T], *, most: int = QUESTIONS_TO_STOP) -> T:
        """The answer to a question, asked again while the provider cannot be reached.

        Raises:
            JudgeError: It has a lasting cause, or the question was asked *most* times.
        """
        for asked in range(1, most + 1):
            try:
                return question()
            except JudgeError as error:
                if not error.retryable or asked == most:
                    raise
                logger.info("a question about a batch was not answered, asking again: %s", error)
                self.pause(asked, error)
        raise AssertionError(most)

    def pause(self, asked: int, error: JudgeError | None = None) -> None:
        """Wait before asking again; longer each time, up to the user's seconds, or as long as the provider says."""
        named_s = error.retry_after_s if isinstance(error, RateLimitError) else None
        grown_s = _FIRST_PAUSE_S * _GROWTH ** min(asked - 1, _MOST_GROWTHS)
        self.sleep(min(self.poll_s, grown_s) if named_s is None else min(named_s, _LONGEST_NAMED_PAUSE_S))
