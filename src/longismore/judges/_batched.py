"""Calls that arrive together are answered together: for models that run in this process.

The engine asks one chat at a time, many at once; a model answers a batch of chats far faster than one after the
other. Calls are gathered until a batch is full, or until nobody has asked for a moment, and a thread answers them
while the event loop goes on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from longismore.judges._client import Completion, Messages

__all__ = ["AnswerBatch", "BatchedCalls"]

AnswerBatch = Callable[[Sequence[Messages], threading.Event], Sequence[Completion | Exception]]
"""Answers chats, in their order; whatever it raises is the error of each of them.

The event is set when nobody waits for the answers any more.
"""

_IDLE_S = 0.01
_IDLE_TURNS = 10
"""Of the event loop: whoever has just been answered stores that and asks again before a smaller batch leaves."""


@dataclass(slots=True)
class BatchedCalls:
    """Gathers calls, and answers them in batches, one batch at a time.

    Args:
        answer: Called in a worker thread.
        size: So many calls are a full batch.
    """

    answer: AnswerBatch
    size: int
    _waiting: list[tuple[Messages, asyncio.Future[Completion]]] = field(default_factory=list, init=False)
    _asked: list[tuple[Messages, asyncio.Future[Completion]]] = field(default_factory=list, init=False)
    """The batch that is being answered."""
    _arrived: int = field(default=0, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)
    _worker: ThreadPoolExecutor | None = field(default=None, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)

    async def ask(self, messages: Messages) -> Completion:
        """The answer to one chat.

        Raises:
            Exception: What :attr:`answer` returned for this call, or raised for its batch.
        """
        future: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._waiting.append((messages, future))
        self._arrived += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._answer_all())
        return await future

    async def close(self) -> None:
        """Answer nothing more, and wait until the thread has ended; afterwards calls can be asked again."""
        task, self._task = self._task, None
        worker, self._worker = self._worker, None
        stop, self._stop = self._stop, threading.Event()
        stop.set()
        if task is not None:
            task.cancel()
        for _, future in (*self._waiting, *self._asked):
            future.cancel()
        self._waiting, self._asked = [], []
        if worker is not None:
            await asyncio.to_thread(worker.shutdown)

    async def _answer_all(self) -> None:
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="longismore-model")
        while self._waiting:
            await self._gather()
            self._waiting = [call for call in self._waiting if not call[1].done()]  # some may have given up
            self._asked, self._waiting = self._waiting[: self.size], self._waiting[self.size :]
            if self._asked:
                await self._answer_batch(self._worker)

    async def _gather(self) -> None:
        """Wait until a batch is full, or nobody else is about to ask."""
        while len(self._waiting) < self.size:
            arrived = self._arrived
            await asyncio.sleep(_IDLE_S)
            for _ in range(_IDLE_TURNS):
                await asyncio.sleep(0)
            if self._arrived == arrived:
                return

    async def _answer_batch(self, worker: ThreadPoolExecutor) -> None:
        batch = self._asked
        chats = [messages for messages, _ in batch]
        answers: Sequence[Completion | Exception]
        try:
            answers = await asyncio.get_running_loop().run_in_executor(worker, self.answer, chats, self._stop)
            if len(answers) != len(batch):
                raise AssertionError(f"{len(batch)} chats got {len(answers)} answers")
        except Exception as error:  # noqa: BLE001  handed to whoever asked
            answers = [error] * len(batch)
        self._asked = []
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue  # whoever asked has given up
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
