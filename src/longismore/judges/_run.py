"""The engine: many calls at once, each retried by itself, every answer stored when it arrives.

No batches and no barriers: a slow call delays nobody else, and a call that waits before it is tried again gives
its place away. Errors are of three kinds. What time may heal is tried again; what concerns one call alone makes
that judgment ``failed`` or ``refused``; what concerns every call (a wrong key, no balance, a server that is
gone) ends the run, with everything that was answered stored.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from longismore.errors import JudgeError, JudgeRejectedError, JudgeServerError, RateLimitError, RefusalError
from longismore.judges._client import Completion

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from longismore.judges._client import ChatClient, Messages
    from longismore.store import Store

__all__ = ["Answered", "Call", "run_calls"]

logger = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_LONGEST_NAMED_PAUSE_S = 300.0
"""A Retry-After beyond this counts as no answer: nobody wants a run that sleeps for a day in silence."""
_LOST_CALLS_TO_STOP = 20
"""So many calls lost in a row, without one answer between them, and the run stops."""


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


@dataclass(slots=True)
class _Run:
    client: ChatClient
    store: Store
    fingerprint: str
    retries: int
    places: asyncio.Semaphore
    on_answer: Callable[[int, Answered], None]
    stopped: bool = False
    """The run ends: calls that wait for a place are not sent any more."""
    lost_in_a_row: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    jitter: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311  spreads pauses only


def run_calls(
    calls: Sequence[Call],
    *,
    client: ChatClient,
    store: Store,
    fingerprint: str,
    concurrency: int,
    retries: int,
    on_answer: Callable[[int, Answered], None],
) -> None:
    """Answer every call, from the store where it is known, else from the client.

    Args:
        calls: What to send; two calls with one key are sent once.
        client: Where to.
        store: Where answers are looked up and kept.
        fingerprint: Of the judge; stored beside every answer.
        concurrency: Calls in flight at once.
        retries: Further tries of a call whose error is retryable.
        on_answer: Gets the index of the call and what became of it, once for every call, in any order.

    Raises:
        JudgeError: No further call can succeed; what was answered has been stored and handed over.
    """
    waiting: dict[str, list[int]] = {}
    for index, call in enumerate(calls):
        waiting.setdefault(call.key, []).append(index)
    for key, record in store.get(waiting).items():
        for index in waiting.pop(key):
            on_answer(index, _from_record(record))
    if not waiting:
        return
    logger.info("asking the judge %d times; %d answers were in the store", len(waiting), len(calls) - len(waiting))

    def answer_all(index: int, answered: Answered) -> None:
        for each in waiting[calls[index].key]:
            on_answer(each, answered)

    run = _Run(client, store, fingerprint, retries, asyncio.Semaphore(concurrency), answer_all)
    _run_to_end(_ask_all(run, [(indices[0], calls[indices[0]]) for indices in waiting.values()], concurrency))
    for reason, count in run.reasons.most_common(5):
        logger.warning("%d judge calls failed: %s", count, reason)


def _run_to_end(work: Coroutine[Any, Any, None]) -> None:
    """Run *work* also where an event loop is running already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    failures: list[BaseException] = []
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

    async def known_work() -> None:
        running.append((asyncio.get_running_loop(), cast("asyncio.Task[None]", asyncio.current_task())))
        await work

    def target() -> None:
        try:
            asyncio.run(known_work())
        except BaseException as error:  # noqa: BLE001  carried over to the caller's thread
            failures.append(error)

    thread = threading.Thread(target=target, name="longismore-judge")
    thread.start()
    try:
        thread.join()
    except BaseException:  # Ctrl-C: without this, the thread would go on asking, and paying
        for loop, task in running:
            with suppress(RuntimeError):  # the loop has just ended by itself
                loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if failures:
        raise failures[0]


async def _ask_all(run: _Run, calls: Sequence[tuple[int, Call]], concurrency: int) -> None:
    queue = iter(calls)

    async def worker() -> None:
        try:
            for index, call in queue:
                await _ask(run, index, call)
        except BaseException:
            run.stopped = True  # at once: the cancellation of the others comes a moment later
            raise

    # Twice as many workers as places: those that pause before another try leave their place to the others.
    workers = [asyncio.create_task(worker()) for _ in range(min(2 * concurrency, len(calls)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await run.client.close()


async def _ask(run: _Run, index: int, call: Call) -> None:
    for attempt in range(run.retries + 1):
        try:
            async with run.places:
                if run.stopped:
                    return
                started = time.monotonic()
                completion = await run.client.complete(call.messages)
                latency_s = time.monotonic() - started
        except JudgeRejectedError:
            raise
        except RefusalError as error:
            _keep(run, index, call, Completion(text=str(error), refused=True), None)
            return
        except JudgeError as error:
            pause_s = _pause_s(run, error, attempt)
            if pause_s is None:
                _lose(run, index, error)
                return
            await asyncio.sleep(pause_s)
        else:
            _keep(run, index, call, completion, latency_s)
            return


def _pause_s(run: _Run, error: JudgeError, attempt: int) -> float | None:
    """Seconds to wait before the next try, or ``None`` where there is none."""
    if not error.retryable or attempt == run.retries:
        return None
    if isinstance(error, RateLimitError) and error.retry_after_s is not None:
        return error.retry_after_s if error.retry_after_s <= _LONGEST_NAMED_PAUSE_S else None
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**attempt) * run.jitter.uniform(0.5, 1.5)


def _keep(run: _Run, index: int, call: Call, completion: Completion, latency_s: float | None) -> None:
    created = datetime.now(UTC).isoformat(timespec="seconds")
    answered = Answered(completion=completion, latency_s=latency_s, created=created)
    record = asdict(completion) | {"latency_s": latency_s, "created": created}
    run.store.put(call.key, fingerprint=run.fingerprint, created=created, record=record)
    run.lost_in_a_row = 0
    run.on_answer(index, answered)


def _lose(run: _Run, index: int, error: JudgeError) -> None:
    run.reasons[str(error)] += 1
    run.on_answer(index, Answered(completion=None))
    run.lost_in_a_row += 1
    if run.lost_in_a_row >= _LOST_CALLS_TO_STOP:
        raise JudgeServerError(f"{run.lost_in_a_row} judge calls in a row failed; the last one: {error}") from error


def _from_record(record: dict[str, Any]) -> Answered:
    latency_s, created = record.pop("latency_s"), record.pop("created")
    return Answered(completion=Completion(**record), latency_s=latency_s, created=created)
