from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError, JudgeError
from longismore.judges._batched import BatchedCalls
from longismore.judges._client import Completion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.judges._client import Messages


def chat(text: str) -> Messages:
    """A chat of one message."""
    return [{"role": "user", "content": text}]


class Echo:
    """Answers each chat with its own text, in capitals, and remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[str] = set()
        self.told_to_stop: list[bool] = []

    def __call__(self, chats: Sequence[Messages], stop: threading.Event) -> list[Completion | Exception]:
        """As a model would; ``bad`` is too long for it."""
        texts = [messages[0]["content"] for messages in chats]
        self.batches.append(texts)
        self.threads.add(threading.current_thread().name)
        self.told_to_stop.append(stop.is_set())
        return [JudgeError(text) if text == "bad" else Completion(text=text.upper()) for text in texts]


def run(answer: Any, size: int, work: Callable[[BatchedCalls], Any]) -> Any:
    """Run *work* in a fresh event loop, and close."""
    calls = BatchedCalls(answer, size)

    async def whole() -> Any:
        try:
            return await work(calls)
        finally:
            await calls.close()

    return asyncio.run(whole())


async def ask_all(calls: BatchedCalls, *texts: str) -> list[Any]:
    """Ask all at once; text of the answer, or the error."""
    answers = await asyncio.gather(*(calls.ask(chat(text)) for text in texts), return_exceptions=True)
    return [answer.text if isinstance(answer, Completion) else answer for answer in answers]


def of_the_model() -> list[threading.Thread]:
    """The threads that answer batches."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("longismore-model")]


def test_calls_that_arrive_together_are_one_batch() -> None:
    """Three calls leave together though a batch could be larger, and each gets its own answer."""
    echo = Echo()
    assert ["A", "B", "C"] == run(echo, 8, lambda calls: ask_all(calls, "a", "b", "c"))
    assert [["a", "b", "c"]] == echo.batches


def test_no_batch_is_larger_than_its_size() -> None:
    """Seven calls are three batches of at most three."""
    echo = Echo()
    assert list("ABCDEFG") == run(echo, 3, lambda calls: ask_all(calls, *"abcdefg"))
    assert [list("abc"), list("def"), list("g")] == echo.batches


def test_who_has_been_answered_asks_again_before_the_next_batch_leaves() -> None:
    """Four workers with things to do between their calls keep every batch full."""

    async def worker(calls: BatchedCalls, name: str) -> list[str]:
        found = []
        for number in range(5):
            found.append((await calls.ask(chat(f"{name}{number}"))).text)
            time.sleep(0.004)  # noqa: ASYNC251  storing an answer holds the event loop up
            for _ in range(4):
                await asyncio.sleep(0)
        return found

    async def work(calls: BatchedCalls) -> Any:
        return await asyncio.gather(*(worker(calls, name) for name in "abcd"))

    echo = Echo()
    answers = run(echo, 4, work)
    assert [[f"{name}{number}" for number in range(5)] for name in "ABCD"] == answers
    assert [4] * 5 == [len(batch) for batch in echo.batches]


def test_batch_waits_for_those_who_are_about_to_ask() -> None:
    """A call that comes a few turns of the event loop later joins, however long a turn takes."""

    async def late(calls: BatchedCalls) -> Any:
        for turn in range(15):
            await asyncio.sleep(0)
            if turn == 9:
                time.sleep(0.03)  # noqa: ASYNC251  the event loop is held up while the batch waits
        return await ask_all(calls, "b")

    async def work(calls: BatchedCalls) -> Any:
        return await asyncio.gather(ask_all(calls, "a"), late(calls))

    echo = Echo()
    assert [["A"], ["B"]] == run(echo, 8, work)
    assert [["a", "b"]] == echo.batches


def test_batch_waits_as_long_as_calls_come() -> None:
    """Each call that comes in time gives the next one time to come."""

    async def later(calls: BatchedCalls, seconds: float, text: str) -> Any:
        await asyncio.sleep(seconds)
        return await ask_all(calls, text)

    async def work(calls: BatchedCalls) -> Any:
        return await asyncio.gather(ask_all(calls, "a"), later(calls, 0.005, "b"), later(calls, 0.015, "c"))

    echo = Echo()
    assert [["A"], ["B"], ["C"]] == run(echo, 8, work)
    assert [["a", "b", "c"]] == echo.batches


def test_calls_that_come_while_a_batch_is_answered_wait_for_the_next() -> None:
    """One thread answers one batch at a time, and the event loop goes on meanwhile."""
    began, may_end = threading.Event(), threading.Event()
    echo = Echo()

    def slow(chats: Sequence[Messages], stop: threading.Event) -> Any:
        began.set()
        assert may_end.wait(10)
        return echo(chats, stop)

    async def work(calls: BatchedCalls) -> Any:
        first = asyncio.create_task(ask_all(calls, "a"))
        assert await asyncio.to_thread(began.wait, 10)
        others = asyncio.create_task(ask_all(calls, "b", "c"))
        await asyncio.sleep(0)
        may_end.set()
        return [*(await first), *(await others)]

    assert ["A", "B", "C"] == run(slow, 8, work)
    assert ([["a"], ["b", "c"]], 1) == (echo.batches, len(echo.threads))


def test_error_of_a_batch_goes_to_each_of_its_calls() -> None:
    """Whatever the answering function raises ends all of that batch, and none of the next."""
    echo = Echo()

    def first_fails(chats: Sequence[Messages], stop: threading.Event) -> Any:
        answers = echo(chats, stop)
        if len(echo.batches) == 1:
            raise ConfigError("the model cannot be loaded")
        return answers

    async def work(calls: BatchedCalls) -> Any:
        return await ask_all(calls, "a", "b"), await ask_all(calls, "c")

    failed, answered = run(first_fails, 8, work)
    assert ["the model cannot be loaded"] * 2 == [str(error) for error in failed]
    assert {ConfigError} == {type(error) for error in failed}
    assert ["C"] == answered


def test_error_of_one_call_is_its_own() -> None:
    """A chat that is too long fails alone."""
    first, bad, last = run(Echo(), 8, lambda calls: ask_all(calls, "a", "bad", "c"))
    assert ("A", "C") == (first, last)
    assert isinstance(bad, JudgeError)


def test_missing_answer_is_noticed() -> None:
    """An answer never goes to another call than its own: a wrong number of them is an error."""
    answers = run(lambda chats, _: [Completion(text="x")], 8, lambda calls: ask_all(calls, "a", "b"))
    assert ["2 chats got 1 answers"] * 2 == [str(error) for error in answers]


def test_call_that_is_given_up_is_not_answered() -> None:
    """A cancelled call leaves the batch before it is sent; the others are answered."""
    echo = Echo()

    async def work(calls: BatchedCalls) -> Any:
        given_up = asyncio.create_task(calls.ask(chat("a")))
        await asyncio.sleep(0)
        given_up.cancel()
        return await ask_all(calls, "b")

    assert ["B"] == run(echo, 8, work)
    assert [["b"]] == echo.batches


def test_call_that_is_given_up_in_its_batch_disturbs_nobody() -> None:
    """A call that is cancelled while its batch is answered leaves the answers of the others as they are."""
    began, may_end = threading.Event(), threading.Event()
    echo = Echo()

    def slow(chats: Sequence[Messages], stop: threading.Event) -> Any:
        began.set()
        assert may_end.wait(10)
        return echo(chats, stop)

    async def work(calls: BatchedCalls) -> Any:
        tasks = [asyncio.create_task(calls.ask(chat(text))) for text in "abc"]
        assert await asyncio.to_thread(began.wait, 10)
        tasks[1].cancel()
        may_end.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return [one.text if isinstance(one, Completion) else type(one) for one in found]

    assert ["A", asyncio.CancelledError, "C"] == run(slow, 3, work)


def test_close_stops_the_thread_and_gives_up_what_waits() -> None:
    """The thread is told to stop, and has ended when close() returns; nobody waits for ever."""
    began = threading.Event()
    told: list[bool] = []

    def until_told(chats: Sequence[Messages], stop: threading.Event) -> Any:
        began.set()
        told.append(stop.wait(10))
        return [JudgeError("stopped") for _ in chats]

    async def work(calls: BatchedCalls) -> Any:
        tasks = [asyncio.create_task(calls.ask(chat(text))) for text in "abc"]
        assert await asyncio.to_thread(began.wait, 10)
        await calls.close()
        assert ([], [True]) == (of_the_model(), told)
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert [asyncio.CancelledError] * 3 == [type(error) for error in run(until_told, 2, work)]


def test_it_can_be_used_again_in_another_event_loop() -> None:
    """After close() calls can be asked again; also where an event loop ended without it."""
    echo = Echo()
    calls = BatchedCalls(echo, 2)

    async def with_close(text: str) -> Any:
        try:
            return await ask_all(calls, text)
        finally:
            await calls.close()

    assert ["A"] == asyncio.run(with_close("a"))
    assert ["B"] == asyncio.run(ask_all(calls, "b"))
    assert ["C"] == asyncio.run(with_close("c"))
    assert ([["a"], ["b"], ["c"]], [False] * 3) == (echo.batches, echo.told_to_stop)
    assert [] == of_the_model()


def test_close_without_use_does_nothing() -> None:
    """A run that found everything in the store closes a client that was never asked."""

    async def nothing(calls: BatchedCalls) -> None:
        return None

    run(Echo(), 2, nothing)


@pytest.mark.parametrize("size", [1, 2, 7, 50])
def test_every_call_gets_its_own_answer(size: int) -> None:
    """However many there are, and however large a batch is."""
    texts = [f"text {number}" for number in range(40)]
    assert [text.upper() for text in texts] == run(Echo(), size, lambda calls: ask_all(calls, *texts))
