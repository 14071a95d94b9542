"""The engine for batches: calls are handed in together, answered within a day, and cost less.

What is handed in is noted in the store before and after, so that a run that dies, or is stopped by Ctrl-C, pays
for nothing twice: the same command finds its batches at the provider and collects them. As with single calls,
several processes on one store share the work: each hands in only what it has claimed.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from longismore.errors import ConfigError, DataError, JudgeRejectedError
from longismore.judges._batch_collect import collect
from longismore.judges._batch_run import BatchRun
from longismore.judges._batch_submit import hand_in, resume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from longismore.judges._calls import Answered, Call
    from longismore.judges._client import BatchClient, ChatClient
    from longismore.judges._prices import Price
    from longismore.judges._usage import Usage
    from longismore.store import Store

__all__ = ["batches_of", "run_batches"]

logger = logging.getLogger(__name__)

_HEARTBEAT_S = 5.0


def batches_of(client: ChatClient, name: str) -> BatchClient:
    """The batch API of a client.

    Raises:
        ConfigError: It has none.
    """
    batches = client.batches()
    if batches is None:
        raise ConfigError(f"{name} has no batch API that longismore knows; leave out batch (--batch)")
    return batches


def run_batches(
    calls: Iterable[Call],
    *,
    client: BatchClient,
    price: Price | None,
    store: Store,
    judge: str,
    fingerprint: str,
    usage: Usage,
    poll_s: float,
    retries: int,
    on_answer: Callable[[int, Answered], None],
    max_cost_usd: float | None = None,
    worst_cost_usd: Callable[[Call], float | None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Answer every call, from the store where it is known, else by batches.

    Args:
        calls: What to send; two calls with one key are sent once.
        client: The provider's batch API.
        price: Of a single call; the client's discount comes off.
        store: Where answers and notes on batches are looked up and kept.
        judge: The judge's name, stored beside every answer.
        fingerprint: Of the judge; the same.
        usage: Gets what is handed in, answered and spent.
        poll_s: Seconds between two questions about a batch; the first ones follow faster.
        retries: So often a request is handed in again that expired, was cancelled, or met an error that time heals.
        on_answer: Gets the index of the call and what became of it, once for every call, in any order.
        max_cost_usd: Nothing is handed in where the whole could cost more, with what *usage* has spent already.
        worst_cost_usd: The most that a call can cost at the price of a single call; ``None`` where unknown.
        sleep: Waits so many seconds.

    Raises:
        ConfigError: The calls could cost more than is allowed.
        JudgeError: No further call can succeed, or the provider is gone; what was answered has been stored and
            handed over, and what was handed in is collected by the next run.
    """
    run = BatchRun(
        client=client,
        price=price,
        store=store,
        judge=judge,
        fingerprint=fingerprint,
        usage=usage,
        poll_s=poll_s,
        retries=retries,
        sleep=sleep,
        on_answer=on_answer,
    )
    for index, call in enumerate(calls):
        run.missing[call.key] = call
        run.indices.setdefault(call.key, []).append(index)
    run.take_stored()
    if not run.missing:
        return
    with _alive(store, list(run.missing)):
        while run.missing:
            claimed = store.claim(list(run.missing))
            if claimed:
                _answer(run, [key for key in run.missing if key in claimed], max_cost_usd, worst_cost_usd)
            else:
                run.sleep(poll_s)  # another process asks these; its answers come through the store
            run.take_stored()
    for reason, count in run.reasons.most_common(5):
        logger.warning("%d judge calls failed: %s", count, reason)


@contextmanager
def _alive(store: Store, keys: Sequence[str]) -> Iterator[None]:
    """Show other processes that this one is alive, also while it waits, so that its claims hold."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(_HEARTBEAT_S):
            with suppress(DataError):
                store.renew()

    thread = threading.Thread(target=beat, name="longismore-batches", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(DataError):
            store.release(keys)


def _answer(
    run: BatchRun,
    keys: Sequence[str],
    max_cost_usd: float | None,
    worst_cost_usd: Callable[[Call], float | None],
) -> None:
    """Get the calls of *keys* answered, or find that they are lost."""
    notes = resume(run, set(keys))
    handed_in = {key for note in notes for key in note.keys}
    left = [key for key in keys if key not in handed_in]
    if left and max_cost_usd is not None:
        _check_cost(run, max_cost_usd, worst_cost_usd)
    while notes or left:
        got_through = collect(run, [*notes, *hand_in(run, left)])
        if run.rejection is not None:
            raise run.rejection
        if run.problem is not None and not got_through:
            raise JudgeRejectedError(f"{run.judge}: the batch was refused: {run.problem}")
        # Where others got through, the refused batch may have been one too many at once: it gets another chance.
        run.problem, notes = None, []
        left = [key for key in keys if key in run.missing]


def _check_cost(run: BatchRun, allowed_usd: float, worst_cost_usd: Callable[[Call], float | None]) -> None:
    costs = [worst_cost_usd(call) for call in run.missing.values()]
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        raise ConfigError(f"the price of {run.judge} is unknown, so no cap on the cost can be kept: give its price")
    total_usd = run.client.discount * sum(known)
    spent_usd = run.usage.cost_usd + run.usage.lost_usd
    if spent_usd + total_usd > allowed_usd:
        raise ConfigError(
            f"{len(costs)} calls could cost up to US$ {total_usd:.4f} as batches, and US$ {spent_usd:.4f} of the "
            f"US$ {allowed_usd:g} that are allowed are spent; raise the limit (--max-cost-usd, judge_max_cost_usd), "
            "or judge fewer pairs; nothing was handed in"
        )
