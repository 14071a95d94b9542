from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from engine_fakes import BROKEN, SERVER, FakeClient, calls_of, real_sleep, run, texts
from longismore.errors import (
    JudgeError,
    JudgeRejectedError,
    JudgeServerError,
    RateLimitError,
    RefusalError,
)
from longismore.judges import Price
from longismore.judges import _run as run_module
from longismore.judges._budget import Budget
from longismore.judges._client import Completion
from longismore.judges._run import run_calls
from longismore.judges._usage import Usage

if TYPE_CHECKING:
    from longismore.judges._calls import Answered
    from longismore.judges._client import Messages
    from longismore.store import Store


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every pause that the engine wanted; none is made."""
    wanted: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds == run_module._HEARTBEAT_S:
            await real_sleep(seconds)
            return
        wanted.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return wanted


def test_every_call_is_answered_and_stored(store: Store) -> None:
    """Each call gets its own answer, which is then in the store with tokens, latency and time."""
    answers = run(calls_of("a", "b", "c"), FakeClient(), store)
    record = store.get(["b"])["b"]
    latency_s, created = answers[1].latency_s, answers[1].created
    expected = {"text": "b", "refused": False, "input_tokens": 3, "output_tokens": 1, "cost_usd": None,
                "latency_s": latency_s, "created": created}  # fmt: skip
    assert ["a", "b", "c"] == texts(answers)
    assert (expected, 3) == (record, store.count("f"))
    assert latency_s is not None
    assert created is not None
    assert created.endswith("+00:00")


def test_calls_with_one_key_are_sent_once(store: Store) -> None:
    """Equal calls are paid once, and each of them gets the answer."""
    client = FakeClient()
    answers = run(calls_of("a", "b", "a", "a"), client, store)
    assert (["a", "b", "a", "a"], ["a", "b"]) == (texts(answers), sorted(client.asked))


def test_stored_answers_are_not_asked_again(store: Store) -> None:
    """A second run pays only for what is missing, and says the same as the first."""
    first = run(calls_of("a", "b"), FakeClient(), store)
    client = FakeClient()
    second = run(calls_of("a", "b", "c"), client, store)
    assert ["c"] == client.asked
    assert [first[0], first[1]] == [second[0], second[1]]


def test_complete_store_opens_no_client(store: Store) -> None:
    """Where everything is known, the client is neither asked nor closed."""
    run(calls_of("a"), FakeClient(), store)
    client = FakeClient(always=JudgeRejectedError("wrong key"))
    run(calls_of("a"), client, store)
    assert ([], 0) == (client.asked, client.closed)


def test_no_calls_are_no_work(store: Store) -> None:
    """An empty list is answered at once."""
    assert run([], FakeClient(), store) == {}


@pytest.mark.parametrize("error", [SERVER, BROKEN, RateLimitError("slow down")])
def test_retryable_error_is_tried_again(error: Exception, store: Store, pauses: list[float]) -> None:
    """An error that time may heal costs a pause and another try, and leaves no trace in the answer."""
    client = FakeClient({"a": [error, error]})
    answers = run(calls_of("a", "b"), client, store)
    assert (["a", "b"], 3, 2) == (texts(answers), client.asked.count("a"), len(pauses))


def test_pauses_double_up_to_a_limit(store: Store, pauses: list[float]) -> None:
    """Pauses are 0.5 s times two to the number of tries, 30 s at most, spread by half to either side."""
    run(calls_of("a"), FakeClient({"a": [SERVER] * 9}), store, retries=9)
    middles = [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert len(middles) == len(pauses)
    assert all(0.5 * middle <= pause <= 1.5 * middle for middle, pause in zip(middles, pauses, strict=True))


def test_named_pause_is_kept(store: Store, pauses: list[float]) -> None:
    """Where the provider says how long to wait, exactly that is waited."""
    run(calls_of("a"), FakeClient({"a": [RateLimitError("wait", 7.0), RateLimitError("wait", 0.0)]}), store)
    assert [7.0, 0.0] == pauses


def test_pause_of_a_day_is_a_lost_call(store: Store, pauses: list[float]) -> None:
    """A provider that asks to wait for more than five minutes has not answered: nobody sleeps in silence."""
    answers = run(calls_of("a", "b"), FakeClient({"a": [RateLimitError("wait", 86_400.0)]}), store)
    assert ([None, "b"], []) == (texts(answers), pauses)


@pytest.mark.parametrize("retries", [0, 2])
def test_tries_are_counted(retries: int, store: Store, pauses: list[float]) -> None:
    """A call is sent once and then *retries* times; after that it has failed."""
    client = FakeClient({"a": [SERVER] * 9})
    answers = run(calls_of("a"), client, store, retries=retries)
    assert ([None], retries + 1, retries) == (texts(answers), len(client.asked), len(pauses))


def test_other_errors_are_not_tried_again(store: Store, pauses: list[float]) -> None:
    """What concerns one call alone, and would come again, makes that call fail at once."""
    client = FakeClient({"a": [JudgeError("the chat is too long")]})
    answers = run(calls_of("a", "b"), client, store)
    assert ([None, "b"], 1, []) == (texts(answers), client.asked.count("a"), pauses)


@pytest.mark.usefixtures("pauses")
def test_failed_call_is_not_stored(store: Store) -> None:
    """A failure is no answer: the next run asks again."""
    run(calls_of("a", "b"), FakeClient({"a": [SERVER] * 9}), store)
    assert {"b"} == set(store.get(["a", "b"]))
    assert ["a", "b"] == texts(run(calls_of("a", "b"), FakeClient(), store))


def test_refusal_is_an_answer(store: Store) -> None:
    """A refused call is stored as refused, with the provider's words, and not asked again."""
    client = FakeClient({"a": [RefusalError("filtered")]})
    answers = run(calls_of("a"), client, store)
    again = FakeClient()
    assert Completion(text="filtered", refused=True, cost_usd=0.0) == answers[0].completion
    assert answers == run(calls_of("a"), again, store)
    assert again.asked == []


def test_reasons_of_failures_are_logged(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """At the end each kind of failure is named once, with its number."""
    script: dict[str, list[Exception]] = {name: [JudgeError("too long")] for name in "abc"}
    with caplog.at_level(logging.WARNING):
        run(calls_of(*"abcd"), FakeClient(script), store)
    assert ["3 judge calls failed: too long"] == [record.getMessage() for record in caplog.records]


def test_rejection_stops_at_once(store: Store) -> None:
    """A wrong key ends the run with the first answer that says so; what was answered is stored."""
    names = [str(number) for number in range(100)]
    client = FakeClient({"10": [JudgeRejectedError("wrong key")]})
    with pytest.raises(JudgeRejectedError, match="wrong key") as caught:
        run(calls_of(*names), client, store, concurrency=1)
    answers = caught.value.answers  # type: ignore[attr-defined]
    assert [str(number) for number in range(11)] == sorted(client.asked, key=int)
    assert {names[index] for index in answers} == set(store.get(names))
    assert {str(number) for number in range(10)} <= set(store.get(names))
    assert client.closed == 1


def test_rejection_of_the_first_call_is_the_only_request(store: Store) -> None:
    """The first call goes alone: with a wrong key, one request is made, however many could be in flight."""
    client = FakeClient(always=JudgeRejectedError("wrong key"))
    with pytest.raises(JudgeRejectedError, match="wrong key"):
        run(calls_of(*map(str, range(100))), client, store, concurrency=32)
    assert 1 == len(client.asked)


def test_first_call_that_hangs_does_not_hold_the_others_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while the others go, though the first has no answer yet."""
    monkeypatch.setattr(run_module, "_ALONE_S", 0.01)
    others = asyncio.Event()

    class Client(FakeClient):
        async def complete(self, messages: Messages) -> Completion:
            if messages[0]["content"] == "a":
                await asyncio.wait_for(others.wait(), timeout=5)
            others.set()
            return await super().complete(messages)

    assert list("abc") == texts(run(calls_of(*"abc"), Client(), store))


def test_rejection_is_not_tried_again(store: Store, pauses: list[float]) -> None:
    """No pause and no second try can heal a wrong key."""
    client = FakeClient(always=JudgeRejectedError("wrong key"))
    with pytest.raises(JudgeRejectedError):
        run(calls_of("a"), client, store)
    assert (1, []) == (len(client.asked), pauses)


@pytest.mark.usefixtures("pauses")
def test_twenty_lost_calls_in_a_row_stop_the_run(store: Store) -> None:
    """A server that is gone is not asked a thousand times: the error has the number and the last reason."""
    client = FakeClient(always=SERVER)
    names = [str(number) for number in range(200)]
    with pytest.raises(JudgeServerError, match="20 judge calls in a row failed; the last one: the server failed"):
        run(calls_of(*names), client, store, concurrency=2, retries=1)
    assert len(client.asked) <= 2 * (20 + 4)
    assert store.count() == 0


def test_an_answer_between_lost_calls_goes_on(store: Store) -> None:
    """Nineteen lost calls, one answer, nineteen lost calls: the server lives, the run goes on to its end."""
    names = [str(number) for number in range(39)]
    script: dict[str, list[Exception]] = {name: [JudgeError("odd")] for name in names if name != "19"}
    answers = run(calls_of(*names), FakeClient(script), store, concurrency=1)
    assert 38 == texts(answers).count(None)


@pytest.mark.parametrize("concurrency", [1, 3, 50])
def test_no_more_calls_in_flight_than_allowed(concurrency: int, store: Store) -> None:
    """The number in flight reaches the limit, or the number of calls after the first, and never passes it."""
    client = FakeClient(turns=3)
    run(calls_of(*map(str, range(20))), client, store, concurrency=concurrency)
    assert min(concurrency, 19) == client.most_at_once


def test_a_pause_gives_the_place_to_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one place, a call that waits to be tried again does not keep the others from being asked."""
    others_done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds == run_module._HEARTBEAT_S:
            await real_sleep(seconds)
            return
        # The pause of "a" ends only when all others are answered: if it kept its place, this would never end.
        await asyncio.wait_for(others_done.wait(), timeout=5)

    def before(text: str) -> None:
        if text == "e":
            others_done.set()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    client = FakeClient({"a": [SERVER]}, before=before)
    answers = run(calls_of(*"abcde"), client, store, concurrency=1)
    assert list("abcde") == texts(answers)
    assert [*"abcde", "a"] == client.asked


def test_slow_call_delays_nobody(store: Store) -> None:
    """There are no batches: while one call hangs, all others are answered."""
    last_arrived = asyncio.Event()

    class Client(FakeClient):
        async def complete(self, messages: Messages) -> Completion:
            if messages[0]["content"] == "1":
                await asyncio.wait_for(last_arrived.wait(), timeout=5)
            if messages[0]["content"] == "19":
                last_arrived.set()
            return await super().complete(messages)

    answers = run(calls_of(*map(str, range(20))), Client(), store, concurrency=2)
    assert 20 == len(answers)


def test_works_inside_a_running_event_loop(store: Store) -> None:
    """In a notebook a loop is running already: the calls are made and stored all the same."""

    async def notebook() -> dict[int, Answered]:
        return run(calls_of("a", "b"), FakeClient(), store)

    answers = asyncio.run(notebook())
    assert (["a", "b"], 2) == (texts(answers), store.count())


def test_errors_come_out_of_a_running_event_loop(store: Store) -> None:
    """An error that ends the run reaches the caller in a notebook too."""

    async def notebook() -> None:
        run(calls_of("a"), FakeClient(always=JudgeRejectedError("wrong key")), store)

    with pytest.raises(JudgeRejectedError, match="wrong key"):
        asyncio.run(notebook())


def test_interrupt_in_a_notebook_stops_asking(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a notebook ends the thread of the engine: nothing goes on asking, and paying, behind it."""
    in_flight = threading.Event()
    join = threading.Thread.join
    interrupted: list[bool] = []
    cancelled: list[bool] = []

    class Hanging(FakeClient):
        async def complete(self, messages: Messages) -> Completion:
            if messages[0]["content"] == "b":
                in_flight.set()
                try:
                    await asyncio.wait_for(asyncio.Event().wait(), timeout=10)
                except asyncio.CancelledError:
                    cancelled.append(True)
                    raise
            return await super().complete(messages)

    def join_once_interrupted(self: threading.Thread, timeout: float | None = None) -> None:
        if self.name == "longismore-judge" and not interrupted:
            interrupted.append(in_flight.wait(10))
            raise KeyboardInterrupt
        join(self, timeout)

    monkeypatch.setattr(threading.Thread, "join", join_once_interrupted)
    client = Hanging()

    async def notebook() -> None:
        run(calls_of("a", "b", "c"), client, store, concurrency=1)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(notebook())
    assert (["a"], ["a"], [True], 1) == (client.asked, list(store.get("abc")), cancelled, client.closed)
    assert [] == [thread for thread in threading.enumerate() if thread.name == "longismore-judge"]


def test_failing_callback_ends_the_run(store: Store) -> None:
    """Whatever the caller's own function raises comes out, with the answer already stored."""

    def on_answer(index: int, answered: Answered) -> None:
        raise ZeroDivisionError

    budget = Budget(cap_usd=None, price=None, max_tokens=10)
    arguments: dict[str, Any] = {"client": FakeClient(), "store": store, "fingerprint": "f", "judge": "fake/judge"}
    with pytest.raises(ZeroDivisionError):
        run_calls(calls_of("a"), total=1, **arguments, retries=0, usage=Usage(), budget=budget, on_answer=on_answer)
    assert store.count() == 1


def test_client_is_closed_in_its_own_loop(store: Store) -> None:
    """After every run the connections are given back."""
    client = FakeClient()
    run(calls_of("a"), client, store)
    run(calls_of("b"), client, store)
    assert client.closed == 2


@pytest.mark.usefixtures("pauses")
def test_what_may_have_been_billed_is_told(store: Store) -> None:
    """A call whose answer never arrived may have been billed: its most counts as lost; a 500 was not."""
    price, usage = Price(input=0.0, output=1_000_000.0, source="test"), Usage()
    run(calls_of("a"), FakeClient({"a": [BROKEN, SERVER]}, price=price), store, usage=usage)
    assert (10.0, 1.0, 3, 1) == (usage.lost_usd, usage.cost_usd, usage.sent, usage.answered)
