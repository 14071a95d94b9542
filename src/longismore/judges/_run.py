"""The engine: many calls at once, each retried by itself, every answer stored when it arrives.

No batches and no barriers: a slow call delays nobody else, and a call that waits before it is tried again gives
its place away. Errors are of three kinds. What time may heal is tried again; what concerns one call alone makes
that judgment ``failed`` or ``refused``; what concerns every call (a wrong key, no balance, a server that is
gone, a cost limit) ends the run, with everything that was answered stored.

The first call goes alone, so that a wrong key costs one request. Several processes on one store share the calls:
each claims those that it sends, and takes the others' answers out of the store.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import chain, islice
from typing import TYPE_CHECKING

from longismore.judges._ask import Run, ask
from longismore.judges._calls import Answered
from longismore.judges._event_loop import run_to_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from longismore.judges._budget import Budget
    from longismore.judges._calls import Call
    from longismore.judges._client import ChatClient
    from longismore.judges._usage import Usage
    from longismore.store import Store

__all__ = ["run_calls"]

logger = logging.getLogger(__name__)

_ALONE_S = 5.0
"""So long the first call keeps the others waiting."""
_CLAIMED_AT_ONCE = 64
_HEARTBEAT_S = 5.0
_WAIT_FOR_OTHERS_S = 0.5


def run_calls(
    calls: Iterable[Call],
    *,
    total: int,
    client: ChatClient,
    store: Store,
    judge: str,
    fingerprint: str,
    retries: int,
    usage: Usage,
    budget: Budget,
    on_answer: Callable[[int, Answered], None],
) -> None:
    """Answer every call, from the store where it is known, else from the client.

    Args:
        calls: What to send, rendered little by little while others are in flight; two with one key are sent once.
        total: How many those are.
        client: Where to, and how many at once.
        store: Where answers are looked up and kept.
        judge: The judge's name, stored beside every answer.
        fingerprint: Of the judge; the same.
        retries: Further tries of a call whose error is retryable.
        usage: Gets what is sent, answered and spent.
        budget: What may be spent.
        on_answer: Gets the index of the call and what became of it, once for every call, in any order.

    Raises:
        JudgeError: No further call can succeed; what was answered has been stored and handed over.
    """
    run = Run(
        client=client,
        price=client.price,
        store=store,
        judge=judge,
        fingerprint=fingerprint,
        retries=retries,
        usage=usage,
        budget=budget,
        on_answer=on_answer,
        places=asyncio.Semaphore(client.concurrency),
    )
    others: list[Call] = []
    ours = _ours(run, calls, others)
    # Where all is known, no event loop is started and no client opened.
    first = next((call for call in ours if call is not None), None)
    if first is None and not others:
        return
    head = [] if first is None else [first]
    run_to_end(_ask_all(run, chain(head, ours), others, workers=min(2 * client.concurrency, total)))
    for reason, count in run.reasons.most_common(5):
        logger.warning("%d judge calls failed: %s", count, reason)


def _ours(run: Run, calls: Iterable[Call], others: list[Call]) -> Iterator[Call | None]:
    """The calls that this process shall send, claimed little by little; ``None`` is time for other work.

    What is known is handed over; what other processes have claimed is added to *others*.
    """
    numbered = enumerate(calls)
    while chunk := list(islice(numbered, _CLAIMED_AT_ONCE)):
        fresh = {call.key: call for index, call in chunk if run.wants(index, call)}
        for key, record in run.store.each(list(fresh)):
            del fresh[key]
            run.usage.from_store += 1
            run.hand_over(key, Answered.from_record(record))
        yield from _claimed(run, list(fresh.values()), others)
        yield None


def _claimed(run: Run, calls: Sequence[Call], others: list[Call]) -> list[Call]:
    if not calls:
        return []
    claimed = run.store.claim([call.key for call in calls])
    run.claimed |= claimed
    others += [call for call in calls if call.key not in claimed]
    return [call for call in calls if call.key in claimed]


async def _ask_all(run: Run, calls: Iterator[Call | None], others: list[Call], *, workers: int) -> None:
    asyncio.get_running_loop().call_later(_ALONE_S, run.opened.set)
    heart = asyncio.create_task(_beat(run))
    try:
        await _ask_those(run, calls, workers)
        if others:
            logger.info("waiting for %d answers that other processes are asking for", len(others))
        while others:
            # Another process asks these, or has answered them by now.
            left = _unless_answered(run, others)
            others = []
            ours = _claimed(run, left, others)
            if ours:
                await _ask_those(run, iter(ours), workers)
            elif others:
                await asyncio.sleep(_WAIT_FOR_OTHERS_S)
    finally:
        heart.cancel()
        run.store.release(sorted(run.claimed))
        await run.client.close()


async def _beat(run: Run) -> None:
    """Show other processes that this one is alive, so that its claims hold."""
    while True:
        await asyncio.sleep(_HEARTBEAT_S)
        run.store.renew()


def _unless_answered(run: Run, calls: Sequence[Call]) -> list[Call]:
    records = run.store.get([call.key for call in calls])
    for key, record in records.items():
        run.usage.from_store += 1
        run.hand_over(key, Answered.from_record(record))
    return [call for call in calls if call.key not in records]


async def _ask_those(run: Run, calls: Iterator[Call | None], workers: int) -> None:
    async def worker(number: int) -> None:
        try:
            if number > 0:
                await run.opened.wait()
            for call in calls:
                await (_give_way() if call is None else ask(run, call))
        except BaseException:
            run.stopped = True  # at once: the cancellation of the others comes a moment later
            raise
        finally:
            if number == 0:
                run.opened.set()  # there may have been nothing for it to ask

    # Twice as many workers as places: those that pause before another try leave their place to the others.
    tasks = [asyncio.create_task(worker(number)) for number in range(workers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _give_way() -> None:
    """Let the event loop do what waits."""
    turn = asyncio.Event()
    asyncio.get_running_loop().call_soon(turn.set)
    await turn.wait()
