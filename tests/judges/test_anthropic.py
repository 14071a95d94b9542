from __future__ import annotations

import asyncio
import json
import logging
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from anthropic_server import AnthropicServer, anthropic_error, message_reply
from longismore.errors import (
    ConfigError,
    CutAnswerError,
    JudgeError,
    JudgeRejectedError,
    JudgeServerError,
    JudgeTimeoutError,
    RateLimitError,
)
from longismore.judges import JudgeOptions, make_judge
from longismore.judges._client import RateLimits
from longismore.judges.anthropic import AnthropicClient
from longismore.records import Judgment, Order, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.judges import ChatJudge, Completion
    from longismore.records import Pair
    from longismore.store import Store

pytest.importorskip("anthropic", reason='the SDK is not installed: pip install "longismore[anthropic]"')

KEY = "sk-ant-0123456789abcdef"
JUDGED, REFUSED, UNPARSED, FAILED = Status.JUDGED, Status.REFUSED, Status.UNPARSED, Status.FAILED


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK itself reads variables of whoever runs the tests."""
    for name in ("API_KEY", "AUTH_TOKEN", "BASE_URL", "CUSTOM_HEADERS", "PROFILE"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)


def options_for(server: AnthropicServer | str, **changes: Any) -> JudgeOptions:
    """Options for a server, with the key in the environment."""
    base_url = server if isinstance(server, str) else server.base_url
    values: dict[str, Any] = {"base_url": base_url, "environ": {"ANTHROPIC_API_KEY": KEY}, "concurrency": 2}
    return JudgeOptions(**(values | changes))


def judge_for(server: AnthropicServer | str, **changes: Any) -> ChatJudge:
    """The judge ``anthropic/test-judge`` at a server."""
    judge: Any = make_judge("anthropic/test-judge", options_for(server, **changes))
    return judge  # type: ignore[no-any-return]


def judged(judge: ChatJudge, pairs: list[Pair], store: Store) -> list[Judgment]:
    """All judgments by pair and order."""
    made: list[Judgment] = []
    judge.judge(pairs, store=store, on_judgment=made.append)
    places = {(pair.id, order): number for number, (pair, order) in enumerate((p, o) for p in pairs for o in Order)}
    return sorted(made, key=lambda one: places[one.id, one.order])


def ask(server: AnthropicServer | str, messages: list[dict[str, str]] | None = None, **changes: Any) -> Completion:
    """One call, straight to the client."""
    client = AnthropicClient(model="test-judge", options=options_for(server, **changes))

    async def once() -> Completion:
        try:
            return await client.complete(messages or [{"role": "user", "content": "?"}])
        finally:
            await client.close()

    return asyncio.run(once())


def test_happy_path(pairs: list[Pair], store: Store) -> None:
    """Every pair is asked in both orders; scores, tokens, latency and the text itself are kept."""
    with AnthropicServer() as server:
        made = judged(judge_for(server), pairs, store)
    assert (6, 6, 6) == (len(made), len(server.answered), store.count())
    assert [JUDGED] * 6 == [one.status for one in made]
    first, second = made[:2]
    assert (first.score_reference, first.score_candidate) == (second.score_reference, second.score_candidate)
    assert first.completion is not None
    assert first.completion.startswith(f"{first.score_reference:g} {first.score_candidate:g}\n")
    request = server.requests[0]
    sent = len(request["system"]) + len(request["messages"][0]["content"])
    assert sent // 4 in {one.input_tokens for one in made}
    assert {9} == {one.output_tokens for one in made}
    assert all(one.latency_s is not None and one.latency_s > 0 for one in made)


def test_request_has_the_settings(store: Store, make_pair: Callable[..., Pair]) -> None:
    """Model, temperature, length of the answer, further fields and key arrive; the system speaks in its own field."""
    parameters = {"top_k": 5, "thinking": {"type": "disabled"}, "max_tokens": 7, "of_tomorrow": [1]}
    with AnthropicServer(key=KEY) as server:
        judged(judge_for(server, temperature=0.25, max_tokens=99, parameters=parameters), [make_pair()], store)
    request = server.requests[0]
    assert {"model": "test-judge", "temperature": 0.25, **parameters}.items() <= request.items()
    assert ["user"] == [message["role"] for message in request["messages"]]
    assert request["system"]


def test_temperature_can_be_left_to_the_server() -> None:
    """Without a temperature none is sent; without a system message neither."""
    with AnthropicServer() as server:
        ask(server, temperature=None)
    assert {"model", "max_tokens", "messages"} == set(server.requests[0])


def test_halves_of_characters_are_replaced() -> None:
    """Text that no UTF-8 can hold does not stop a call."""
    with AnthropicServer() as server:
        ask(server, [{"role": "system", "content": "\ud800!"}, {"role": "user", "content": "\x00 \ud83d \U0001f9c2"}])
    assert ("?!", "\x00 ? \U0001f9c2") == (server.requests[0]["system"], server.requests[0]["messages"][0]["content"])


@pytest.mark.parametrize(
    "fault",
    ["429", "429-wait", "500", "504", "529", "408", "409", "reset", "cut", "malformed", "html", "no-content", "list"],
)
def test_passing_fault_is_healed_by_trying_again(
    fault: str, store: Store, make_pair: Callable[..., Pair], pauses: list[float]
) -> None:
    """What time may heal costs one more request and one pause; both orders are judged."""
    with AnthropicServer(script=[fault]) as server:
        made = judged(judge_for(server, concurrency=1), [make_pair()], store)
    assert ([JUDGED, JUDGED], 3, 1) == ([one.status for one in made], len(server.requests), len(pauses))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("429", RateLimitError),
        ("529", JudgeServerError),
        ("reset", JudgeTimeoutError),
        ("cut", CutAnswerError),
        ("malformed", CutAnswerError),
        ("html", CutAnswerError),
        ("400", JudgeError),
        ("413", JudgeError),
    ],
)
def test_fault_has_its_kind(fault: str, kind: type[JudgeError]) -> None:
    """Limits, a server in trouble, a broken connection and an answer that was cut off are told apart."""
    with (
        AnthropicServer(reply=fault) as server,
        pytest.raises(JudgeError, match="anthropic/test-judge at http") as caught,
    ):
        ask(server)
    assert kind is type(caught.value)


def test_slow_answer_is_a_timeout() -> None:
    """A server that takes longer than the limit has not answered."""
    with AnthropicServer(reply="slow") as server, pytest.raises(JudgeTimeoutError) as caught:
        ask(server, timeout_s=0.1)
    assert caught.value.retryable


@pytest.mark.parametrize("fault", ["401", "402", "403", "404", "no-credit", "limit", "429-spent"])
def test_rejection_takes_one_request(
    fault: str, store: Store, make_pair: Callable[..., Pair], pauses: list[float]
) -> None:
    """A wrong key, an empty account or a missing model stops the run with the first request, without a retry."""
    pairs = [make_pair(str(number)) for number in range(10)]
    with (
        AnthropicServer(reply=fault) as server,
        pytest.raises(JudgeRejectedError, match="anthropic/test-judge at http"),
    ):
        judged(judge_for(server), pairs, store)
    assert (1, 0, []) == (len(server.requests), store.count(), pauses)


@pytest.mark.parametrize("fault", ["400", "413"])
def test_one_bad_chat_fails_alone(fault: str, store: Store, pairs: list[Pair], pauses: list[float]) -> None:
    """What is wrong with one prompt makes one judgment failed; the others are judged."""
    with AnthropicServer(script=[fault]) as server:
        made = judged(judge_for(server, concurrency=1), pairs, store)
    assert ([FAILED] + [JUDGED] * 5, 6, []) == ([one.status for one in made], len(server.requests), pauses)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("refusal", "I cannot help with that."),
        ("silent-refusal", "Not this one."),
        ("filtered", "Output blocked by content filtering policy"),
    ],
)
def test_refusals_are_counted_as_such(reply: str, text: str, store: Store, make_pair: Callable[..., Pair]) -> None:
    """A refusal of the model and a filter of the provider are refused, kept, and not asked again."""
    with AnthropicServer(reply=reply) as server:
        made = judged(judge_for(server), [make_pair()], store)
        again = judged(judge_for(server), [make_pair()], store)
    assert ([REFUSED, REFUSED], 2) == ([one.status for one in made], len(server.requests))
    assert (made[0].completion or "").endswith(text)
    assert made == again


@pytest.mark.parametrize("reply", ["prose", "empty"])
def test_unreadable_answers_are_unparsed(reply: str, store: Store, make_pair: Callable[..., Pair]) -> None:
    """Prose is kept with its tokens, but gives no scores; it was paid for and is not asked again."""
    with AnthropicServer(reply=reply) as server:
        made = judged(judge_for(server), [make_pair()], store)
    assert ([UNPARSED, UNPARSED], 2) == ([one.status for one in made], store.count())


def test_text_blocks_are_joined_and_thoughts_are_not_read() -> None:
    """Only what the model says is its answer."""
    with AnthropicServer(reply="blocks") as server:
        assert "8 6\nTwo blocks." == ask(server).text


def test_cached_input_counts_as_input() -> None:
    """What was written to a cache or read from it is input too."""
    with AnthropicServer(reply="cached") as server:
        completion = ask(server)
    assert (125, 2) == (completion.input_tokens, completion.output_tokens)


def test_unknown_usage_stays_unknown() -> None:
    """An answer without numbers of tokens has none."""
    with AnthropicServer(reply="no-usage") as server:
        completion = ask(server)
    assert (None, None, None) == (completion.input_tokens, completion.output_tokens, completion.cost_usd)


@pytest.mark.parametrize("fault", ["no-temperature", "thinking", "top_p"])
def test_refused_temperature_is_left_out(
    fault: str, store: Store, pairs: list[Pair], caplog: pytest.LogCaptureFixture
) -> None:
    """A temperature that the model refuses is left out, remembered and named once in the log."""
    with AnthropicServer(reply=fault) as server, caplog.at_level(logging.WARNING):
        made = judged(judge_for(server, concurrency=1), pairs, store)
    assert [True] + [False] * 6 == ["temperature" in request for request in server.requests]
    assert [JUDGED] * 6 == [one.status for one in made]
    assert 1 == sum("refuses" in record.getMessage() for record in caplog.records)


def test_calls_in_flight_survive_a_refused_temperature(make_pair: Callable[..., Pair], store: Store) -> None:
    """Calls that were sent together before the refusal came are all sent again without it."""
    with AnthropicServer(reply="no-temperature", latency_s=0.02) as server:
        client = AnthropicClient(model="test-judge", options=options_for(server))

        async def together() -> list[Completion]:
            try:
                return await asyncio.gather(*(client.complete([{"role": "user", "content": "?"}]) for _ in range(4)))
            finally:
                await client.close()

        assert 4 == len(asyncio.run(together()))
    assert 8 == len(server.requests)


def test_temperature_among_the_parameters_is_the_users() -> None:
    """What the user has named among the parameters is not left out behind their back."""
    with AnthropicServer(reply="no-temperature") as server, pytest.raises(JudgeError, match="deprecated"):
        ask(server, parameters={"temperature": 0.5})
    assert 1 == len(server.requests)


def test_refusing_what_was_not_sent_ends_the_run() -> None:
    """A server that refuses the temperature even where there is none cannot be satisfied."""
    reply = anthropic_error(400, "`temperature` is not supported")
    with (
        AnthropicServer(reply=lambda _: reply) as server,
        pytest.raises(JudgeRejectedError, match="where none is sent"),
    ):
        ask(server)
    assert 2 == len(server.requests)


def limits_from(server_headers: dict[str, str]) -> RateLimits | None:
    """What the client makes of the headers of an answer."""
    with AnthropicServer(reply=lambda body: replace(message_reply(body, "8 6"), headers=server_headers)) as server:
        return ask(server).limits


def test_limits_are_read_from_the_headers() -> None:
    """Requests and input tokens with the seconds until all is back, by the clock of the server."""
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    headers = {
        "Date": format_datetime(now, usegmt=True),
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": (now + timedelta(seconds=1.5)).isoformat(),
        "anthropic-ratelimit-input-tokens-limit": "40000",
        "anthropic-ratelimit-input-tokens-remaining": "30000",
        "anthropic-ratelimit-input-tokens-reset": "2026-01-02T03:04:20Z",
        "anthropic-ratelimit-output-tokens-limit": "8000",
        "anthropic-ratelimit-output-tokens-remaining": "8000",
        "anthropic-ratelimit-output-tokens-reset": "2026-01-02T03:04:05Z",
    }
    assert limits_from(headers) == RateLimits(
        requests_per_minute=50,
        requests_left=49,
        requests_reset_s=1.5,
        tokens_per_minute=40_000,
        tokens_left=30_000,
        tokens_reset_s=15.0,
    )
    scarce = headers | {
        "anthropic-ratelimit-output-tokens-remaining": "2000",
        "anthropic-ratelimit-output-tokens-reset": "2026-01-02T03:04:50Z",
    }
    limits = limits_from(scarce)
    assert limits is not None
    assert (10_000, 45.0) == (limits.tokens_left, limits.tokens_reset_s)


def test_other_headers_say_nothing_of_limits() -> None:
    """Without limits there are none; with odd ones, what can be read is read."""
    assert limits_from({}) is None
    odd = {"anthropic-ratelimit-tokens-limit": "100", "anthropic-ratelimit-tokens-remaining": "7"}
    odd |= {"anthropic-ratelimit-tokens-reset": "soon", "anthropic-ratelimit-requests-limit": "many"}
    assert limits_from(odd) == RateLimits(tokens_per_minute=100, tokens_left=7)


def test_rate_limit_carries_what_was_said_of_it() -> None:
    """Retry-After in seconds and the limits travel with a 429."""
    headers = {
        "retry-after": "7",
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "0",
    }
    reply = anthropic_error(429, "slower", headers=headers)
    with AnthropicServer(reply=lambda _: reply) as server, pytest.raises(RateLimitError) as caught:
        ask(server)
    assert (7.0, RateLimits(requests_per_minute=50, requests_left=0)) == (
        caught.value.retry_after_s,
        caught.value.limits,
    )


def test_key_is_never_shown(store: Store, make_pair: Callable[..., Pair], caplog: pytest.LogCaptureFixture) -> None:
    """Even a server that repeats the key in its errors does not bring it into messages, texts or logs."""
    import traceback

    said = anthropic_error(401, f"invalid key {KEY}, sorry")
    caplog.set_level(logging.DEBUG)
    with AnthropicServer(reply=lambda _: said, models=500) as server:
        judge = judge_for(server)
        with pytest.raises(JudgeRejectedError, match=re.escape("invalid key ***, sorry")) as caught:
            judged(judge, [make_pair()], store)
    shown = [
        *traceback.format_exception(caught.value),
        repr(caught.value),
        repr(judge),
        json.dumps(judge.client.settings),
    ]
    shown += [repr(judge.client.batches()), *(record.getMessage() for record in caplog.records)]
    assert [] == [text for text in shown if KEY in text]


@pytest.mark.parametrize("key", ["sk-one\nsk-two", "sk-one two", "“sk-typographic”", "sk-ключ"])
def test_key_that_no_header_can_carry_is_refused(key: str) -> None:
    """A key with a line end or a typographic quotation mark is named by its variable and not shown."""
    with pytest.raises(ConfigError, match="ANTHROPIC_API_KEY holds characters that no key has") as caught:
        make_judge("anthropic/test-judge", JudgeOptions(environ={"ANTHROPIC_API_KEY": key}))
    assert key[:6] not in str(caught.value)


def test_key_is_found_where_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the named variable counts, trimmed; what the SDK would find by itself does not."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-of-somebody-else")
    with AnthropicServer(key=KEY) as server:
        ask(server, environ={"MY_KEY": f" {KEY}\n"}, api_key_env="MY_KEY")
        with pytest.raises(ConfigError, match=r"MY_KEY is not set; export MY_KEY="):
            ask(server, environ={}, api_key_env="MY_KEY")


def test_own_server_needs_no_key() -> None:
    """Without a key the SDK is given a placeholder, which errors may contain as a word."""
    reply = anthropic_error(400, "none of the messages can be read")
    with AnthropicServer(reply=lambda _: reply) as server, pytest.raises(JudgeError, match="none of the messages"):
        ask(server, environ={})


@pytest.mark.parametrize(
    ("spec", "changes", "message"),
    [
        ("anthropic", {}, '"anthropic" needs a model: anthropic/MODEL'),
        ("anthropic/m", {"environ": {}}, "ANTHROPIC_API_KEY is not set; export ANTHROPIC_API_KEY="),
        ("anthropic/m", {"protocol": "logprob"}, "gives no log-probabilities.*protocol=score_pair or protocol=choice"),
        ("anthropic/m", {"parameters": {"stream": True, "system": ""}}, "parameters must not set stream, system"),
        ("anthropic/m", {"base_url": "http://me:pw@host"}, "must not contain a user"),
    ],
)
def test_options_that_cannot_work_are_named(spec: str, changes: dict[str, Any], message: str) -> None:
    """What is wrong is said when the judge is made, before anything is sent."""
    values: dict[str, Any] = {"environ": {"ANTHROPIC_API_KEY": KEY}}
    with pytest.raises(ConfigError, match=message):
        make_judge(spec, JudgeOptions(**(values | changes)))


def test_settings_tell_judges_apart() -> None:
    """Whatever changes the answers is in the fingerprint; the address counts however it is written, the key never."""

    def fingerprint(**changes: Any) -> str:
        judge: Any = make_judge("anthropic/m", JudgeOptions(**({"environ": {"ANTHROPIC_API_KEY": KEY}} | changes)))
        return str(judge.fingerprint)

    same = [{"base_url": f"http://h{end}"} for end in ("", "/", "/v1", "/v1/")]
    assert 1 == len({fingerprint(**changes) for changes in same})
    others = [{}, same[0], {"temperature": 1.0}, {"max_tokens": 9}, {"parameters": {"top_k": 1}}]
    assert len(others) == len({fingerprint(**changes) for changes in others})
    assert fingerprint() == fingerprint(environ={"ANTHROPIC_API_KEY": "sk-another"})


def test_price_is_anthropics_own() -> None:
    """Models of the table have a price, also with a date behind their names, but not at other servers."""
    environ = {"ANTHROPIC_API_KEY": KEY}

    def price(**changes: Any) -> float | None:
        client = AnthropicClient(
            model="claude-sonnet-4-5-20250929", options=JudgeOptions(**({"environ": environ} | changes))
        )
        return None if client.price is None else client.price.input

    assert (3.0, None) == (price(), price(base_url="http://127.0.0.1:9"))
    assert 1.5 == price(base_url="http://127.0.0.1:9", price_input=1.5, price_output=2.0)


def test_sixteen_at_once_unless_told_otherwise() -> None:
    """The provider's usual number of places, or the user's."""
    assert 16 == AnthropicClient(model="m", options=JudgeOptions()).concurrency
    assert 3 == AnthropicClient(model="m", options=JudgeOptions(concurrency=3)).concurrency


def test_judge_works_twice_and_in_a_notebook(store: Store, pairs: list[Pair]) -> None:
    """Each use has an event loop of its own, also inside a running one."""

    async def notebook(judge: ChatJudge) -> list[Judgment]:
        return judged(judge, pairs, store)

    with AnthropicServer() as server:
        judge = judge_for(server)
        judged(judge, pairs[:1], store)
        made = asyncio.run(notebook(judge))
    assert ({JUDGED}, 6) == ({one.status for one in made}, store.count())


def test_error_messages_fit_on_a_line() -> None:
    """A server's long and broken error text is folded and cut."""
    reply = anthropic_error(422, "too\n" * 500)
    with AnthropicServer(reply=lambda _: reply) as server, pytest.raises(JudgeError) as caught:
        ask(server)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
