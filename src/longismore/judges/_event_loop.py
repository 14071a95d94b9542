"""Run asynchronous work from synchronous code, also inside a notebook."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["run_to_end"]

T = TypeVar("T")


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* also where an event loop is running already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    results: list[T] = []
    failures: list[BaseException] = []
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = []

    async def known_work() -> T:
        running.append((asyncio.get_running_loop(), cast("asyncio.Task[T]", asyncio.current_task())))
        return await work

    def target() -> None:
        try:
            results.append(asyncio.run(known_work()))
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
    return results[0]
