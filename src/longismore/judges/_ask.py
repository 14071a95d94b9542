"""One call: sent, tried again, priced, stored, or lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from longismore.errors import (
    CostLimitError,
    JudgeError,
    JudgeRejectedError,
    JudgeServerError,
    RateLimitError,
    RefusalError,
)
from longismore.judges._calls import Answered
from longismore.judges._client import Completion
from longismore.judges._pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.judges._budget import Budget
    from longismore.judges._calls import Call
    from longismore.judges._client import ChatClient, Messages
    from longismore.judges._prices import Price
    from longismore.judges._usage import Usage
    from longismore.store import Store

__all__ = ["Run", "ask"]

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_LONGEST_NAMED_PAUSE_S = 300.0
"""A Retry-After beyond this counts as no answer: nobody wants a run that sleeps for a day in silence."""
_LOST_CALLS_TO_STOP = 20
"""So many calls lost in a row, without one answer between them, and the run stops."""
_CHARS_PER_TOKEN = 4
"""Roughly, for the pace only."""


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the engine."""

    client: ChatClient
    price: Price | None
    store: Store
    judge: str
    fingerprint: str
    retries: int
    usage: Usage
    budget: Budget
    on_answer: Callable[[int, Answered], None]
    places: asyncio.Semaphore
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    """The first call has come back: the others may go."""
    pace: Pace = field(default_factory=Pace)
    waiting: dict[str, list[int]] = field(default_factory=dict)
    """Which calls wait for the answer to a key."""
    claimed: set[str] = field(default_factory=set)
    """Keys that this process has promised to answer, and has not yet."""
    stopped: bool = False
    """The run ends: calls that wait for a place are not sent any more."""
    lost_in_a_row: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    jitter: random.Random = field(default_factory=random.Random)

    def wants(self, index: int, call: Call) -> bool:
        """Note that a call waits for its key; whether it is the first one to do so."""
        indices = self.waiting.setdefault(call.key, [])
        indices.append(index)
        return len(indices) == 1

    def hand_over(self, key: str, answered: Answered) -> None:
        """Give an answer to every call that waits for it."""
        for index in self.waiting.pop(key):
            self.on_answer(index, answered)


async def ask(run: Run, call: Call) -> None:
    """Get one call answered, and the answer kept; or find that it is lost.

    Raises:
        JudgeError: No further call can succeed.
    """
    for attempt in range(run.retries + 1):
        try:
            async with run.places:
                if run.stopped:
                    return
                answered = await _send(run, call.messages)
        except (JudgeRejectedError, CostLimitError):
            raise
        except RefusalError as error:
            # An error of the provider's, so not billed.
            _keep(run, call, _now(Completion(text=str(error), refused=True, cost_usd=0.0), None))
        except JudgeError as error:
            run.opened.set()
            pause_s = _pause_s(run, error, attempt)
            if pause_s is not None:
                await asyncio.sleep(pause_s)
                continue
            _lose(run, call, error)
        else:
            _keep(run, call, answered)
        run.opened.set()
        return


async def _send(run: Run, messages: Messages) -> Answered:
    """One request, counted, paced and paid."""
    expected = sum(len(message["content"]) for message in messages) / _CHARS_PER_TOKEN
    aside_usd = await run.budget.take(messages)
    cost_usd: float | None = 0.0
    try:
        await run.pace.turn(expected)
        if run.stopped:  # while this call waited for money or for its turn
            raise asyncio.CancelledError
        run.usage.sent += 1
        started = time.monotonic()
        cost_usd = None  # should it be broken off here, it may have been billed
        completion = _priced(run, await run.client.complete(messages))
        latency_s = time.monotonic() - started
        cost_usd = completion.cost_usd
    except JudgeError as error:
        if error.may_be_billed:
            run.usage.lost_usd += run.budget.most_usd(messages) or 0.0
        else:
            cost_usd = 0.0
        if isinstance(error, RateLimitError):
            run.pace.refused(error.limits, error.retry_after_s)
        raise
    finally:
        run.budget.settle(aside_usd, aside_usd if cost_usd is None else cost_usd)
    tokens = None if completion.input_tokens is None else completion.input_tokens + (completion.output_tokens or 0)
    run.pace.answered(completion.limits, expected=expected, tokens=tokens)
    return _now(completion, latency_s)


def _priced(run: Run, completion: Completion) -> Completion:
    if completion.cost_usd is not None or run.price is None:
        return completion
    return replace(completion, cost_usd=run.price.cost_usd(completion.input_tokens, completion.output_tokens))


def _now(completion: Completion, latency_s: float | None) -> Answered:
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Answered(completion=completion, latency_s=latency_s, created=created)


def _pause_s(run: Run, error: JudgeError, attempt: int) -> float | None:
    """Seconds to wait before the next try, or ``None`` where there is none."""
    if not error.retryable or attempt == run.retries:
        return None
    if isinstance(error, RateLimitError) and error.retry_after_s is not None:
        return error.retry_after_s if error.retry_after_s <= _LONGEST_NAMED_PAUSE_S else None
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**attempt) * run.jitter.uniform(0.5, 1.5)


def _keep(run: Run, call: Call, answered: Answered) -> None:
    run.store.put(
        call.key,
        fingerprint=run.fingerprint,
        judge=run.judge,
        created=answered.created or "",
        record=answered.to_record(),
    )
    run.claimed.discard(call.key)
    run.lost_in_a_row = 0
    if answered.completion is not None:
        run.usage.add(answered.completion)
    run.hand_over(call.key, answered)


def _lose(run: Run, call: Call, error: JudgeError) -> None:
    run.store.release([call.key])
    run.claimed.discard(call.key)
    run.reasons[str(error)] += 1
    run.hand_over(call.key, Answered(completion=None))
    run.lost_in_a_row += 1
    if run.lost_in_a_row >= _LOST_CALLS_TO_STOP:
        raise JudgeServerError(f"{run.lost_in_a_row} judge calls in a row failed; the last one: {error}") from error
