from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, Reply, error_reply
from longismore.errors import ConfigError, JudgeRejectedError, JudgeTimeoutError
from longismore.judges import JudgeOptions, make_judge
from longismore.judges.openai import OpenAIClient
from longismore.records import Judgment, Status
from openai_judges import KEY, ask, judge_for, judged, options_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.records import Pair
    from longismore.store import Store

pytest.importorskip("aiohttp", reason='aiohttp is not installed: pip install "longismore[openai]"')

JUDGED, REFUSED, UNPARSED, FAILED = Status.JUDGED, Status.REFUSED, Status.UNPARSED, Status.FAILED


def test_happy_path(pairs: list[Pair], store: Store) -> None:
    """Every pair is asked in both orders; scores, tokens, latency and the text itself are kept."""
    with JudgeServer() as server:
        made = judged(judge_for(server), pairs, store)
    assert (6, 6, 6) == (len(made), len(server.answered), store.count())
    assert [JUDGED] * 6 == [one.status for one in made]
    first, second = made[:2]
    assert (first.score_reference, first.score_candidate) == (second.score_reference, second.score_candidate)
    assert first.completion is not None
    assert first.completion.startswith(f"{first.score_reference:g} {first.score_candidate:g}\n")
    sent = sum(len(message["content"]) for message in server.requests[0]["messages"])
    assert sent // 4 in {one.input_tokens for one in made}
    assert {9} == {one.output_tokens for one in made}
    assert all(one.latency_s is not None and one.latency_s > 0 for one in made)
    assert {None} == {one.cost_usd for one in made}


def test_request_has_the_settings(store: Store, make_pair: Callable[..., Pair]) -> None:
    """Model, temperature, length of the answer and key arrive at the server."""
    with JudgeServer() as server:
        judged(judge_for(server, temperature=0.25, max_tokens=99), [make_pair()], store)
    request = server.requests[0]
    assert ("test-judge", 0.25, 99) == (request["model"], request["temperature"], request["max_tokens"])
    assert ["system", "user"] == [message["role"] for message in request["messages"]]
    assert {f"Bearer {KEY}"} == set(server.authorizations)


def test_temperature_can_be_left_to_the_server(store: Store, make_pair: Callable[..., Pair]) -> None:
    """Without a temperature none is sent."""
    with JudgeServer() as server:
        judged(judge_for(server, temperature=None), [make_pair()], store)
    assert "temperature" not in server.requests[0]


def test_concurrency_is_used_and_kept(store: Store, make_pair: Callable[..., Pair]) -> None:
    """With eight places, several calls are in flight together, and never more than eight."""
    pairs = [make_pair(str(number)) for number in range(16)]
    with JudgeServer(latency_s=0.02) as server:
        judged(judge_for(server, concurrency=8), pairs, store)
    assert 32 == len(server.answered)
    assert 2 <= server.most_at_once <= 8


@pytest.mark.parametrize(
    "fault",
    ["429", "429-wait", "429-date", "500", "503", "408", "reset", "cut", "malformed", "html", "no-choices",
     "no-message", "parts"],
)  # fmt: skip
def test_passing_fault_is_healed_by_trying_again(
    fault: str, store: Store, make_pair: Callable[..., Pair], pauses: list[float]
) -> None:
    """What time may heal costs one more request and one pause; both orders are judged."""
    with JudgeServer(script=[fault]) as server:
        made = judged(judge_for(server, concurrency=1), [make_pair()], store)
    assert ([JUDGED, JUDGED], 3, 1) == ([one.status for one in made], len(server.requests), len(pauses))


def test_named_pause_of_the_server_is_used(store: Store, make_pair: Callable[..., Pair], pauses: list[float]) -> None:
    """Retry-After in seconds is the pause; a date is not read, and the engine's own pause is made."""
    with JudgeServer(script=["429-wait", "429-date"]) as server:
        judged(judge_for(server, concurrency=1), [make_pair()], store)
    named, own = sorted(pauses, reverse=True)
    assert named == 7.0
    assert own <= 1.5


@pytest.mark.parametrize("fault", ["429", "500", "reset", "cut", "malformed", "no-choices"])
@pytest.mark.usefixtures("pauses")
def test_lasting_fault_makes_the_call_fail(fault: str, store: Store, make_pair: Callable[..., Pair]) -> None:
    """A fault that outlasts all tries makes that judgment failed, without a completion, and stores nothing."""
    with JudgeServer(reply=fault) as server:
        made = judged(judge_for(server, retries=2), [make_pair()], store)
    assert ([FAILED, FAILED], 6, 0) == ([one.status for one in made], len(server.requests), store.count())
    assert {None} == {one.completion for one in made} | {one.preference for one in made}


def test_slow_answer_is_a_timeout(store: Store, make_pair: Callable[..., Pair]) -> None:
    """A server that takes longer than the limit has not answered."""
    with JudgeServer(reply="slow") as server, pytest.raises(JudgeTimeoutError) as caught:
        ask(OpenAIClient(model="test-judge", options=options_for(server, timeout_s=0.1)))
    assert caught.value.retryable


@pytest.mark.parametrize("fault", ["401", "402", "404", "429-quota"])
def test_rejection_takes_one_request(
    fault: str, store: Store, make_pair: Callable[..., Pair], pauses: list[float]
) -> None:
    """A wrong key, an empty account or a missing model stops the run with the first request, without a retry."""
    pairs = [make_pair(str(number)) for number in range(10)]
    with JudgeServer(reply=fault) as server, pytest.raises(JudgeRejectedError, match="openai/test-judge at http"):
        judged(judge_for(server, concurrency=1), pairs, store)
    assert (1, 0, []) == (len(server.requests), store.count(), pauses)


def test_rejection_with_many_in_flight_sends_no_more(store: Store, make_pair: Callable[..., Pair]) -> None:
    """Calls that are in flight when the rejection comes are the last ones."""
    pairs = [make_pair(str(number)) for number in range(50)]
    with JudgeServer(reply="401", latency_s=0.02) as server, pytest.raises(JudgeRejectedError):
        judged(judge_for(server, concurrency=8), pairs, store)
    assert 8 >= len(server.requests)


def test_rejection_keeps_what_was_answered(store: Store, pairs: list[Pair]) -> None:
    """When the account runs empty in the middle, the answers before it are stored and handed over."""
    made: list[Judgment] = []
    with JudgeServer(script=[None, None, None, "402"]) as server:
        judge = judge_for(server, concurrency=1)
        with pytest.raises(JudgeRejectedError, match="Insufficient balance"):
            judge.judge(pairs, store=store, on_judgment=made.append)
    assert (3, 3) == (len(made), store.count())


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("content-filter", "The prompt was filtered."),
        ("filtered-answer", ""),
        ("refusal", "I cannot help with that."),
    ],
)
def test_refusals_are_counted_as_such(reply: str, text: str, store: Store, make_pair: Callable[..., Pair]) -> None:
    """A content filter before or behind the model, and a refusal in the answer's own field, are refused."""
    with JudgeServer(reply=reply) as server:
        made = judged(judge_for(server), [make_pair()], store)
        again = judged(judge_for(server), [make_pair()], store)
    assert ([REFUSED, REFUSED], 2) == ([one.status for one in made], len(server.requests))
    assert (made[0].completion or "").endswith(text)
    assert made == again


@pytest.mark.parametrize("reply", ["prose", "empty"])
def test_unreadable_answers_are_unparsed(reply: str, store: Store, make_pair: Callable[..., Pair]) -> None:
    """Prose is kept with its tokens, but gives no scores; it was paid for and is not asked again."""
    with JudgeServer(reply=reply) as server:
        made = judged(judge_for(server), [make_pair()], store)
    assert ([UNPARSED, UNPARSED], 2) == ([one.status for one in made], store.count())
    assert made[0].completion is not None
    assert made[0].input_tokens is not None


def test_missing_usage_is_unknown(store: Store, make_pair: Callable[..., Pair]) -> None:
    """A server that counts no tokens leaves them unknown, not zero."""
    with JudgeServer(reply="no-usage") as server:
        (first, _) = judged(judge_for(server), [make_pair()], store)
    assert (JUDGED, None, None) == (first.status, first.input_tokens, first.output_tokens)


def test_bad_request_concerns_one_call(store: Store, pairs: list[Pair], pauses: list[float]) -> None:
    """A request that the server does not like fails alone and at once; the others are judged."""
    with JudgeServer(script=["400"]) as server:
        made = judged(judge_for(server, concurrency=1), pairs, store)
    assert ([FAILED] + [JUDGED] * 5, 6, []) == ([one.status for one in made], len(server.requests), pauses)


@pytest.mark.parametrize(
    ("fault", "sent"), [("no-max_tokens", {"max_completion_tokens", "temperature"}), ("no-temperature", {"max_tokens"})]
)
def test_refused_parameter_is_left_out(
    fault: str, sent: set[str], store: Store, pairs: list[Pair], caplog: pytest.LogCaptureFixture
) -> None:
    """A parameter that the model refuses is left out or renamed, remembered and named once in the log."""
    with JudgeServer(reply=fault) as server, caplog.at_level(logging.WARNING):
        made = judged(judge_for(server, concurrency=1), pairs, store)
    parameters = [set(request) - {"model", "messages"} for request in server.requests]
    assert [{"max_tokens", "temperature"}] + [sent] * 6 == parameters
    assert [JUDGED] * 6 == [one.status for one in made]
    assert 1 == sum("refuses" in record.getMessage() for record in caplog.records)


def test_calls_in_flight_survive_a_refused_parameter(store: Store, make_pair: Callable[..., Pair]) -> None:
    """Calls that were sent together before the refusal came are all sent again without the parameter."""
    pairs = [make_pair(str(number)) for number in range(8)]
    with JudgeServer(reply="no-max_tokens", latency_s=0.02) as server:
        made = judged(judge_for(server, concurrency=8), pairs, store)
    assert {JUDGED} == {one.status for one in made}
    assert 16 == len(server.answered)


def test_two_refused_parameters_are_both_left_out(store: Store, make_pair: Callable[..., Pair]) -> None:
    """A reasoning model refuses the old name of the length and the temperature: both are learnt."""

    def script(number: int, body: dict[str, Any]) -> str | None:
        return next((f"no-{name}" for name in ("max_tokens", "temperature") if name in body), None)

    with JudgeServer(script=script) as server:
        made = judged(judge_for(server, concurrency=1), [make_pair()], store)
    assert ([JUDGED, JUDGED], 4) == ([one.status for one in made], len(server.requests))


def test_server_that_refuses_every_parameter_ends_the_run(store: Store, make_pair: Callable[..., Pair]) -> None:
    """Where neither name of the length is accepted, no call can succeed, and the message says why."""

    def refuse(body: dict[str, Any]) -> Reply:
        name = next(name for name in ("max_tokens", "max_completion_tokens") if name in body)
        return error_reply(400, f"Unrecognized request argument supplied: {name}")

    with JudgeServer(reply=refuse) as server, pytest.raises(JudgeRejectedError, match="refuses the parameters"):
        judged(judge_for(server, concurrency=1), [make_pair()], store)
    assert len(server.requests) <= 3


def test_too_long_chat_is_no_refused_parameter(store: Store, pairs: list[Pair]) -> None:
    """One chat that exceeds the model's context fails alone; the parameter is sent on with all others."""
    with JudgeServer(script=["too-long"]) as server:
        made = judged(judge_for(server, concurrency=1), pairs, store)
    assert [FAILED] + [JUDGED] * 5 == [one.status for one in made]
    assert {True} == {"max_tokens" in request for request in server.requests}


def test_key_is_never_shown(store: Store, make_pair: Callable[..., Pair], caplog: pytest.LogCaptureFixture) -> None:
    """Even a server that repeats the key in its errors does not bring it into messages, texts or logs."""
    said = error_reply(401, f"invalid key {KEY}, sorry")
    caplog.set_level(logging.DEBUG)
    with JudgeServer(reply=lambda _: said, models=500, key=None) as server:
        judge = judge_for(server)
        with pytest.raises(JudgeRejectedError, match=re.escape("invalid key ***, sorry")) as caught:
            judged(judge, [make_pair()], store)
    shown = [str(caught.value), repr(caught.value), repr(judge), str(judge), json.dumps(judge.client.settings)]
    assert [] == [text for text in [*shown, *(record.getMessage() for record in caplog.records)] if KEY in text]


@pytest.mark.parametrize("key", ["sk-one\nsk-two", "sk-one two", "“sk-typographic”", "sk-ключ"])
def test_key_that_no_header_can_carry_is_refused(key: str) -> None:
    """A key with a line end or a typographic quotation mark is named by its variable and not shown."""
    with pytest.raises(ConfigError, match="OPENAI_API_KEY holds characters that no key has") as caught:
        make_judge("openai/test-judge", JudgeOptions(environ={"OPENAI_API_KEY": key}))
    assert key[:6] not in str(caught.value)


def test_key_is_trimmed(store: Store, make_pair: Callable[..., Pair]) -> None:
    """A key that was read from a file with its line end works."""
    with JudgeServer(key=KEY) as server:
        judge = judge_for(server, environ={"OPENAI_API_KEY": f" {KEY}\n"})
        assert {JUDGED} == {one.status for one in judged(judge, [make_pair()], store)}


def test_missing_key_is_a_message_with_a_remedy() -> None:
    """OpenAI's own address needs a key: the message names the variable and the other way."""
    with pytest.raises(ConfigError, match=r"OPENAI_API_KEY is not set; export OPENAI_API_KEY=.*judge_base_url"):
        make_judge("openai/gpt-4.1", JudgeOptions())


def test_address_with_a_password_is_refused() -> None:
    """It would stand in messages and in run.json, whether it comes as an option or from the environment."""
    address = "http://me:secret@127.0.0.1/v1"
    for settings in ({"base_url": address}, {"environ": {"OPENAI_BASE_URL": address}}):
        with pytest.raises(ConfigError, match="must not contain a user"):
            make_judge("openai/some-model", JudgeOptions(**settings))


def test_own_server_needs_no_key(store: Store, make_pair: Callable[..., Pair]) -> None:
    """A server with an address of its own is asked without a key."""
    with JudgeServer() as server:
        judged(judge_for(server, environ={}), [make_pair()], store)
    assert {""} == set(server.authorizations)


def test_key_comes_from_the_named_variable(store: Store, make_pair: Callable[..., Pair]) -> None:
    """``api_key_env`` names another variable, which must then be set, also for an own server."""
    environ = {"OPENAI_API_KEY": "sk-other", "MY_KEY": KEY}
    with JudgeServer(key=KEY) as server:
        made = judged(judge_for(server, environ=environ, api_key_env="MY_KEY"), [make_pair()], store)
    assert {JUDGED} == {one.status for one in made}
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        judge_for("http://127.0.0.1:9/v1", environ={}, api_key_env="MY_KEY")


def test_address_comes_from_the_environment(store: Store, make_pair: Callable[..., Pair]) -> None:
    """``OPENAI_BASE_URL`` is the address where no other is given, and counts for the fingerprint."""
    with JudgeServer() as server:
        judge = judge_for(server, base_url=None, environ={"OPENAI_BASE_URL": server.base_url})
        made = judged(judge, [make_pair()], store)
        given = judge_for(server, base_url=server.base_url + "/", environ={})
    assert ({JUDGED}, 2) == ({one.status for one in made}, len(server.requests))
    assert given.fingerprint == judge.fingerprint


def test_only_the_given_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the SDK would read from the process by itself does not lead a call, and the key, elsewhere."""
    client = OpenAIClient(model="m", options=JudgeOptions(environ={"OPENAI_API_KEY": KEY}))
    with JudgeServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        with pytest.raises(JudgeTimeoutError):  # the network is closed to tests
            ask(client)
    assert ([], "") == (server.requests, client.settings["base_url"])


def test_openai_itself_gets_the_newer_name_of_the_length() -> None:
    """OpenAI's own address is sent ``max_completion_tokens``, other servers ``max_tokens``."""
    own = OpenAIClient(model="m", options=JudgeOptions(environ={"OPENAI_API_KEY": KEY}))
    other = OpenAIClient(model="m", options=options_for("http://127.0.0.1:9/v1"))
    assert {"model", "messages", "max_completion_tokens", "temperature"} == set(own.body_of([]))
    assert {"model", "messages", "max_tokens", "temperature"} == set(other.body_of([]))


def test_connections_are_used_again(store: Store, make_pair: Callable[..., Pair]) -> None:
    """A hundred calls, four at once, go over four connections."""
    with JudgeServer() as server:
        judged(judge_for(server, concurrency=4), [make_pair(str(number)) for number in range(50)], store)
        assert 100 == len(server.requests)
        assert server.connections <= 4


@pytest.mark.parametrize("name", ["messages", "model", "stream"])
def test_parameters_do_not_take_the_judges_place(name: str) -> None:
    """What is asked, whom, and how the answer comes is not a parameter; that is said before anything is sent."""
    options = options_for("http://127.0.0.1:9/v1", parameters={name: True})
    with pytest.raises(ConfigError, match=f"parameters must not set {name}"):
        make_judge("openai/some-model", options)
