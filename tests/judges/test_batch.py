from __future__ import annotations

import json
import logging
import subprocess
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from batch_program import FINGERPRINT, KEY, MOMENTS, calls_of, client_for, collected, note_for
from judge_server import Reply
from longismore.errors import (
    ConfigError,
    CutAnswerError,
    JudgeRejectedError,
    JudgeServerError,
    JudgeTimeoutError,
    RateLimitError,
)
from longismore.judges import JudgeOptions, Usage, _batch_run, make_judge
from longismore.judges._calls import Answered, Call
from longismore.judges._client import Completion
from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.records import Judgment, Pair

pytest.importorskip("anthropic", reason='the SDK is not installed: pip install "longismore[anthropic]"')
pytest.importorskip("openai", reason='the SDK is not installed: pip install "longismore[openai]"')

PROGRAM = Path(__file__).parents[1] / "batch_program.py"
STATES = ("submitting", "submitted", "done")
PROVIDERS = ("anthropic", "openai")
BOTH = pytest.mark.parametrize("provider", PROVIDERS)


def server_for(provider: str, **settings: Any) -> Any:
    """A server that speaks as the provider does."""
    if provider == "anthropic":
        from anthropic_server import AnthropicServer

        return AnthropicServer(**settings)
    from openai_batch_server import OpenAIBatchServer

    return OpenAIBatchServer(**settings)


def outcome_of(provider: str, kind: str) -> str:
    """The same outcome in the words of the provider's server."""
    words = {"canceled": "cancelled", "400": "400", "529": "500", "filtered": "content-filter"}
    return kind if provider == "anthropic" else words.get(kind, kind)


@BOTH
def test_all_is_handed_in_once_and_answered(provider: str, store: Store) -> None:
    """Every call has its answer, at half the price, in the store too; a second run sends nothing."""
    usage = Usage()
    with server_for(provider, key=KEY) as server:
        client = client_for(provider, server.base_url)
        made = collected(client, store, calls_of(5), usage=usage)
        again = collected(client, store, calls_of(5))
    assert [1] * 5 == list(server.handed_in.values())
    assert (1, made) == (len(server.batches), again)
    for completion in made:
        assert completion is not None
        assert completion.text.endswith("Because the marks follow from the texts.")
        assert completion.input_tokens is not None
        assert completion.output_tokens == 9
        assert completion.cost_usd == pytest.approx((completion.input_tokens * 100 + 9 * 1000) / 1e6 / 2)
    assert (5, 5, 5) == (usage.sent, usage.answered, store.count())
    assert usage.known_cost_usd == pytest.approx(sum(each.cost_usd or 0.0 for each in made if each))
    assert ["done"] == [note.state for note in store.batches(FINGERPRINT, states=STATES)]


@BOTH
def test_judge_can_use_batches(provider: str, store: Store, make_pair: Callable[..., Pair]) -> None:
    """The option makes a judge hand in both orders of all pairs, and its judgments are those of single calls."""
    made: dict[bool, list[Judgment]] = {True: [], False: []}
    with server_for(provider) as server:
        for batch, judgments in made.items():
            environ = {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY}
            options = JudgeOptions(
                base_url=server.base_url, environ=environ, batch=batch, max_cost_usd=9, price_input=1, price_output=2
            )
            judge = make_judge(f"{provider}/test-judge", options)
            judge.check([], store)
            with Store(store.path.with_name(f"{batch}.sqlite")) as own:
                judge.judge(
                    [make_pair("one"), make_pair("two", reference="No.")], store=own, on_judgment=judgments.append
                )
    batched, single = (
        {(each.id, each.order): (each.status, each.score_reference, each.completion, each.input_tokens) for each in one}
        for one in made.values()
    )
    assert (4, batched) == (len(single), single)
    assert [1, 1, 1, 1] == list(server.handed_in.values())
    assert sum(each.cost_usd or 0 for each in made[True]) * 2 == pytest.approx(
        sum(each.cost_usd or 0 for each in made[False])
    )


@BOTH
def test_batch_has_the_requests_of_single_calls(provider: str, store: Store) -> None:
    """Model, temperature, length and further fields are those that a single call would have."""
    with server_for(provider) as server:
        client = client_for(provider, server.base_url, temperature=0.25, parameters={"top_k": 3})
        collected(
            client, store, [Call("a" * 64, [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}])]
        )
    (request,) = server.batches[next(iter(server.batches))]["requests"]
    body = request["params"] if provider == "anthropic" else request["body"]
    assert {"model": "test-judge", "temperature": 0.25, "max_tokens": 50, "top_k": 3}.items() <= body.items()
    assert "a" * 64 == request["custom_id"]
    assert {"role": "user", "content": "U"} == body["messages"][-1]


@BOTH
def test_equal_calls_are_sent_once(provider: str, store: Store) -> None:
    """Two calls with one key share an answer."""
    call = calls_of(1)[0]
    with server_for(provider) as server:
        first, second = collected(client_for(provider, server.base_url), store, [call, call])
    assert first == second
    assert [1] == list(server.handed_in.values())


@BOTH
def test_calls_are_split_at_the_limits(provider: str, store: Store) -> None:
    """No batch has more requests or more bytes than the provider takes."""
    calls = calls_of(5)
    with server_for(provider) as server:
        client = client_for(provider, server.base_url)
        client.most_requests = 2
        assert all(collected(client, store, calls[:3]))
        client.most_requests, client.most_bytes = 100, 1
        assert all(collected(client, store, calls))
    assert [2, 1, 1, 1] == [len(batch["requests"]) for batch in server.batches.values()]


@BOTH
def test_limits_leave_room_for_what_stands_around_a_chat(provider: str) -> None:
    """With many further fields, batches become smaller; the whole of a batch stays below the provider's limit."""
    most, requests = {"anthropic": (240_000_000, 100_000), "openai": (190_000_000, 50_000)}[provider]
    small = client_for(provider, "http://127.0.0.1:9")
    large = client_for(provider, "http://127.0.0.1:9", parameters={"tools": "x" * 5000})
    assert requests == small.most_requests
    assert most * 0.85 < small.most_bytes < most
    assert large.most_requests < requests
    assert large.most_bytes + large.most_requests * 5000 < most


@BOTH
@pytest.mark.parametrize("kind", ["expired", "canceled", "missing", "529"])
def test_unanswered_requests_are_handed_in_again(provider: str, kind: str, store: Store) -> None:
    """What expired, was cancelled or met a passing error goes into a following batch, alone."""
    word = outcome_of(provider, kind)
    with server_for(provider, outcome=lambda number, _: word if number in {0, 3} else None) as server:
        made = collected(client_for(provider, server.base_url), store, calls_of(5))
    assert all(made)
    assert [5, 2] == [len(batch["requests"]) for batch in server.batches.values()]


@BOTH
@pytest.mark.parametrize("kind", ["expired", "missing", "529"])
def test_requests_are_given_up_in_the_end(
    provider: str, kind: str, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """What is never answered is failed after all tries, with the reason in the log, and not stored."""
    word = outcome_of(provider, kind)
    with server_for(provider, outcome=lambda *_: word) as server, caplog.at_level(logging.WARNING):
        made = collected(client_for(provider, server.base_url), store, calls_of(2), retries=1)
    assert ([None, None], 0, {2}) == (made, store.count(), set(server.handed_in.values()))
    assert "2 judge calls failed: " in caplog.messages[-1]
    assert [] == store.batches(FINGERPRINT)


@BOTH
def test_bad_request_fails_alone(provider: str, store: Store) -> None:
    """A request that is wrong in itself is failed, without another try; its claim is given back."""
    with server_for(provider, outcome=lambda number, _: "400" if number == 1 else None) as server:
        made = collected(client_for(provider, server.base_url), store, calls_of(3))
    assert [True, False, True] == [each is not None for each in made]
    assert {1} == set(server.handed_in.values())
    with Store(store.path) as other:
        assert {calls_of(3)[1].key} == other.claim([call.key for call in calls_of(3)])


@BOTH
@pytest.mark.parametrize("kind", ["refusal", "filtered"])
def test_refusals_are_kept(provider: str, kind: str, store: Store) -> None:
    """A model that will not answer, and a filter, are refusals: kept, and not asked again."""
    word = outcome_of(provider, kind)
    with server_for(provider, outcome=lambda *_: word) as server:
        made = [collected(client_for(provider, server.base_url), store, calls_of(1))[0] for _ in range(2)]
    assert [True, True] == [each is not None and each.refused for each in made]
    assert {1} == set(server.handed_in.values())


@BOTH
def test_refused_temperature_is_left_out_of_the_next_batch(provider: str, store: Store) -> None:
    """A model that takes no temperature costs one round, not the run."""
    with server_for(provider, outcome=lambda *_: "no-temperature") as server:
        made = collected(client_for(provider, server.base_url), store, calls_of(3))
    assert all(made)
    bodies = [each.get("params") or each["body"] for batch in server.batches.values() for each in batch["requests"]]
    assert [True] * 3 + [False] * 3 == ["temperature" in body for body in bodies]


@BOTH
def test_rejection_of_one_request_ends_the_run(provider: str, store: Store) -> None:
    """What would hold for all, as an empty account, is raised; answers are kept, and the batch is done."""
    word = {"anthropic": "no-credit", "openai": "429-quota"}[provider]
    with server_for(provider, outcome=lambda number, _: word if number == 2 else None) as server:
        client = client_for(provider, server.base_url)
        with pytest.raises(JudgeRejectedError, match="illing"):
            collected(client, store, calls_of(4))
        assert (3, []) == (store.count(), store.batches(FINGERPRINT))
        assert all(collected(client, store, calls_of(4)))
    assert [4, 1] == [len(batch["requests"]) for batch in server.batches.values()]


@BOTH
def test_progress_is_told(provider: str, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """The log names the batch, how far it is, and that it can be collected later; pauses grow up to the user's."""
    pauses: list[float] = []
    with server_for(provider, asked_until_done=12) as server, caplog.at_level(logging.INFO, "longismore"):
        collected(client_for(provider, server.base_url), store, calls_of(3), sleep=pauses.append, poll_s=20.0)
        name = next(iter(server.batches))
    told = [text for text in caplog.messages if name in text]
    assert [f"batch {name}: 0/3", f"batch {name}: 3/3"] == told[1:]
    assert "3 requests are handed in; should this run end" in told[0]
    assert [2.0, 3.0, 4.5, 6.75] == pauses[:4]
    assert (20.0, 11, sorted(pauses)) == (pauses[-1], len(pauses), pauses)


@BOTH
@pytest.mark.parametrize("fault", ["500", "reset", "429", "html", "cut"])
def test_questions_are_asked_again(provider: str, fault: str, store: Store) -> None:
    """A provider that cannot be reached for a while, while a batch runs or is read, changes nothing."""
    reply: Any = Reply(body=b'{"id": 1', announced_bytes=900) if fault == "cut" else fault
    steps = {route: [reply, reply] for route in ("retrieve", "results", "content")}
    with server_for(provider, steps=steps) as server:
        assert all(collected(client_for(provider, server.base_url), store, calls_of(3)))
    assert {1} == set(server.handed_in.values())


@BOTH
def test_provider_that_is_gone_ends_the_run(provider: str, store: Store) -> None:
    """After many questions without an answer the run ends; the next one collects the batch."""
    steps = {"retrieve": ["500"] * _batch_run.QUESTIONS_TO_STOP}
    with server_for(provider, steps=steps) as server:
        client = client_for(provider, server.base_url)
        with pytest.raises(JudgeServerError):
            collected(client, store, calls_of(2))
        assert ["submitted"] == [note.state for note in store.batches(FINGERPRINT)]
        assert all(collected(client, store, calls_of(2)))
    assert {1} == set(server.handed_in.values())


@BOTH
def test_interrupted_run_is_collected_later(provider: str, store: Store) -> None:
    """Ctrl-C comes through; the batch goes on at the provider, and the same calls bring it home."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with server_for(provider, asked_until_done=3) as server:
        client = client_for(provider, server.base_url)
        with pytest.raises(KeyboardInterrupt):
            collected(client, store, calls_of(3), sleep=interrupt)
        usage = Usage()
        assert all(collected(client, store, calls_of(3), usage=usage))
    assert ({1}, 0, 3) == (set(server.handed_in.values()), usage.sent, usage.answered)


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_run_is_continued(provider: str, moment: str, tmp_path: Path) -> None:
    """Whenever a process is killed, the same command hands in nothing twice and has every answer in the end."""
    path = tmp_path / "store.sqlite"
    with server_for(provider, others=[]) as server:
        command = [sys.executable, str(PROGRAM), provider, server.base_url, str(path)]
        first = subprocess.run([*command, moment], check=False, capture_output=True, text=True)
        assert (-9, "") == (first.returncode, first.stderr)
        with Store(path) as store:
            before = store.count()
        second = subprocess.run([*command, "never"], check=False, capture_output=True, text=True)
        assert (0, "") == (second.returncode, second.stderr)
    with Store(path) as store:
        assert (2 if moment == "reading" else 0, 5) == (before, store.count())
        assert [] == store.batches(FINGERPRINT)
    assert ([1] * 5, 1) == (list(server.handed_in.values()), len(server.batches))


@BOTH
def test_lost_confirmation_is_looked_for(provider: str, store: Store) -> None:
    """Where the connection breaks while a batch is handed in, it is found, and not handed in twice."""
    with server_for(provider, steps={"create": ["lost"]}) as server:
        assert all(collected(client_for(provider, server.base_url), store, calls_of(3)))
    assert ({1}, 1) == (set(server.handed_in.values()), server.asked["create"])


@BOTH
def test_batch_that_was_not_taken_is_handed_in_again(provider: str, store: Store) -> None:
    """Where it cannot be found, and where the provider asks to wait, it is tried again after a pause."""
    pauses: list[float] = []
    with server_for(provider, steps={"create": ["reset", "429-wait"]}) as server:
        assert all(collected(client_for(provider, server.base_url), store, calls_of(3), sleep=pauses.append))
    assert ({1}, [2.0, 7.0]) == (set(server.handed_in.values()), pauses[:2])


@BOTH
@pytest.mark.parametrize(
    ("fault", "kind", "state"),
    [
        ("401", JudgeRejectedError, []),
        ("400", JudgeRejectedError, []),
        ("429", RateLimitError, []),
        ("reset", JudgeTimeoutError, ["submitting"]),
        ("html", CutAnswerError, ["submitting"]),
    ],
)
def test_batch_that_is_never_taken_ends_the_run(
    provider: str, fault: str, kind: type[Exception], state: list[str], store: Store
) -> None:
    """A refusal is final and forgotten; where it may have been taken, the next run will look for it."""
    with server_for(provider, steps={"create": [fault] * 5}) as server, pytest.raises(kind) as caught:
        collected(client_for(provider, server.base_url), store, calls_of(3))
    assert kind is type(caught.value)
    assert state == [note.state for note in store.batches(FINGERPRINT)]


@BOTH
def test_old_batches_of_others_are_not_looked_at(provider: str, store: Store) -> None:
    """The search ends where batches are older than the note, however long the provider's list is."""
    others: Any = [(3, minutes) for minutes in range(60, 80)]
    if provider == "openai":
        others = [minutes for _, minutes in others]
    with server_for(provider, others=others) as server:
        client = client_for(provider, server.base_url)
        assert [] == client.find(label="label", size=3, since=datetime.now(UTC).isoformat())
    assert 1 == server.asked["list"]


@BOTH
def test_batch_of_an_earlier_run_with_other_calls(provider: str, store: Store) -> None:
    """A run takes over what an earlier one has handed in, with all that it brings, and hands in only the rest."""
    with server_for(provider) as server:
        client = client_for(provider, server.base_url)
        batch = client.submit([(call.key, call.messages) for call in calls_of(4)], label="label")
        store.note_batch(note_for(calls_of(4), batch=batch, state="submitted"))
        asked = calls_of(6)[2:]
        usage = Usage()
        assert all(collected(client, store, asked, usage=usage))
    assert ({1}, 6, 2, 4) == (set(server.handed_in.values()), store.count(), usage.sent, usage.answered)


@BOTH
def test_batch_that_brings_nothing_wanted_is_left(provider: str, store: Store) -> None:
    """What an earlier run has handed in for other calls is not waited for."""
    store.note_batch(note_for(calls_of(9)[8:], batch="batch_of_others", state="submitted"))
    with server_for(provider) as server:
        assert all(collected(client_for(provider, server.base_url), store, calls_of(2)))
    assert ["submitted"] == [note.state for note in store.batches(FINGERPRINT)]


@BOTH
def test_forgotten_batch_is_handed_in_again(provider: str, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A batch that the provider has deleted long ago costs a warning and a new batch, not a try."""
    old = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    store.note_batch(note_for(calls_of(2), batch="batch_gone", state="submitted", created=old))
    with server_for(provider) as server, caplog.at_level(logging.WARNING):
        assert all(collected(client_for(provider, server.base_url), store, calls_of(2), retries=0))
    assert {1} == set(server.handed_in.values())
    assert "has no batch batch_gone (any more)" in caplog.text


@BOTH
def test_young_batch_is_never_forgotten(provider: str, store: Store) -> None:
    """A batch of today that the provider does not know, e.g. under another key, ends the run unpaid."""
    store.note_batch(note_for(calls_of(2), batch="batch_new", state="submitted"))
    with server_for(provider) as server, pytest.raises(JudgeRejectedError, match=r"batch_new of .* is not known"):
        collected(client_for(provider, server.base_url), store, calls_of(2))
    assert (0, 1) == (server.asked["create"], len(store.batches(FINGERPRINT)))


@BOTH
def test_cost_is_checked_before_anything_is_sent(provider: str, store: Store) -> None:
    """The worst case of all calls, with the discount and what is spent already, must fit."""
    usage = Usage(cost_usd=1.0)
    with server_for(provider) as server:
        client = client_for(provider, server.base_url)

        def run(max_cost_usd: float, worst: Callable[[Call], float | None]) -> list[Completion | None]:
            return collected(client, store, calls_of(4), usage=usage, max_cost_usd=max_cost_usd, worst_cost_usd=worst)

        with pytest.raises(
            ConfigError, match=r"4 calls could cost up to US\$ 2.0000 as batches.*nothing was handed in"
        ):
            run(2.99, lambda _: 1.0)
        with pytest.raises(ConfigError, match="price of tests/test-judge is unknown"):
            run(2.99, lambda _: None)
        assert (0, []) == (server.asked["create"], store.batches(FINGERPRINT))
        assert all(run(3.0, lambda _: 1.0))


@BOTH
def test_unknown_price_makes_an_unknown_cost(provider: str, store: Store) -> None:
    """Without a price the cost is unknown, never 0."""
    with server_for(provider) as server:
        (made,) = collected(client_for(provider, server.base_url), store, calls_of(1), price=None)
    assert made is not None
    assert made.cost_usd is None


@BOTH
def test_calls_of_another_process_are_left_to_it(provider: str, store: Store) -> None:
    """What another living process has claimed is not handed in; its answers come out of the store."""
    calls = calls_of(4)
    answered = Answered(completion=Completion(text="7 7"), created="2026-01-02T03:04:05+00:00")
    with server_for(provider) as server, Store(store.path) as other:
        other.claim([call.key for call in calls[:3]])

        def other_works(_: float) -> None:
            other.put(calls[0].key, fingerprint=FINGERPRINT, created="now", record=answered.to_record())
            other.release([call.key for call in calls[1:3]])  # it gives up the others

        usage = Usage()
        made = collected(client_for(provider, server.base_url), store, calls, sleep=other_works, usage=usage)
    assert made[0] == answered.completion
    assert all(made)
    assert [call.key for call in (calls[3], *calls[1:3])] == list(server.handed_in)
    assert (3, 1) == (usage.sent, usage.from_store)


def test_claims_are_kept_alive_while_waiting(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A heart beats while the provider works, and stops with the run; what was not answered is given back."""
    import threading

    from longismore.judges import _batch

    monkeypatch.setattr(_batch, "_HEARTBEAT_S", 0.001)
    beaten = threading.Event()
    renew = Store.renew
    monkeypatch.setattr(Store, "renew", lambda self: (renew(self), beaten.set()))

    def wait(_: float) -> None:
        assert beaten.wait(timeout=10)
        raise KeyboardInterrupt

    with server_for("anthropic", asked_until_done=2) as server, suppress(KeyboardInterrupt):
        collected(client_for("anthropic", server.base_url), store, calls_of(2), sleep=wait)
    assert [] == [each for each in threading.enumerate() if each.name == "longismore-batches"]
    with Store(store.path) as other:
        assert 2 == len(other.claim([call.key for call in calls_of(2)]))


@BOTH
def test_key_is_never_shown(provider: str, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Neither handing in, nor asking, nor reading brings the key into messages or logs, even if it is repeated."""
    caplog.set_level(logging.DEBUG)
    refusal = {"type": "error", "error": {"type": "authentication_error", "message": f"bad key {KEY}!"}}
    said = Reply(status=401, body=json.dumps(refusal).encode())
    shown = [repr(client_for(provider, "http://127.0.0.1:9"))]
    for number, steps in enumerate(({"create": [said]}, {"retrieve": [said]}, {"results": [said], "content": [said]})):
        with server_for(provider, steps=steps) as server:
            with pytest.raises(JudgeRejectedError, match=r"bad key \*\*\*!") as caught:
                collected(client_for(provider, server.base_url), store, calls_of(number + 1)[number:])
            shown += traceback.format_exception(caught.value)
            collected(client_for(provider, server.base_url), store, calls_of(number + 1)[number:])
    shown += caplog.messages
    assert [] == [text for text in shown if KEY in text]
