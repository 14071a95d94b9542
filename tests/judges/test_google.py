from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest

from gemini_server import GeminiServer, gemini_error, gemini_reply
from google_judges import KEY, ask, client_for, error_from, judge_for, judged, options_for
from judge_server import closed_port
from longismore.errors import (
    ConfigError,
    CutAnswerError,
    JudgeError,
    JudgeRejectedError,
    JudgeServerError,
    JudgeTimeoutError,
    RateLimitError,
)
from longismore.judges import google as module
from longismore.judges import make_judge
from longismore.records import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.records import Pair
    from longismore.store import Store

pytest.importorskip("google.genai", reason='the SDK is not installed: pip install "longismore[google]"')

# The SDK's own: of its base class, and of reasons that its oldest version does not know.
pytestmark = [
    pytest.mark.usefixtures("no_certificates"),
    pytest.mark.filterwarnings("ignore:Inheritance class Aiohttp:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.* is not a valid FinishReason:UserWarning"),
]


def test_happy_path(pairs: list[Pair], store: Store) -> None:
    """Every pair is asked in both orders, judged, and stored with its tokens."""
    with GeminiServer() as server:
        judge = judge_for(server, price_input=1.0, price_output=10.0)
        judge.check([], store)
        made = judged(judge, pairs, store)
    assert ([Status.JUDGED] * 6, 6, 6) == ([one.status for one in made], len(server.answered), store.count())
    assert {(120, 9)} == {(one.input_tokens, one.output_tokens) for one in made}
    assert {(120 * 1.0 + 9 * 10.0) / 1e6} == {one.cost_usd for one in made}
    assert {KEY} == set(server.authorizations)


def test_second_run_asks_nothing(pairs: list[Pair], store: Store) -> None:
    """Everything comes from the store the second time, without the server."""
    with GeminiServer() as server:
        options = options_for(server)
        first = judged(make_judge("google/test-judge", options), pairs, store)  # type: ignore[arg-type]
    again = judged(make_judge("google/test-judge", options), pairs, store)  # type: ignore[arg-type]
    assert sorted(map(str, first)) == sorted(map(str, again))


def test_request_has_the_settings() -> None:
    """System message, roles, temperature, length and parameters arrive where the API wants them."""
    parameters = {"thinking_config": {"thinking_budget": 0}, "topP": 0.5}
    with GeminiServer() as server:
        ask(client_for(server, temperature=0.25, max_tokens=99, parameters=parameters))
    (body,) = server.requests
    assert ["POST /v1beta/models/test-judge:generateContent"] == server.targets
    assert [{"role": "user", "parts": [{"text": "Which is better?"}]}] == body["contents"]
    assert [{"text": "Be just."}] == body["systemInstruction"]["parts"]
    sent = {"temperature": 0.25, "maxOutputTokens": 99, "thinkingConfig": {"thinking_budget": 0}, "topP": 0.5}
    assert sent == body["generationConfig"]
    assert {"contents", "systemInstruction", "generationConfig"} == body.keys()


def test_temperature_can_be_left_to_the_server() -> None:
    """Without a temperature none is sent; without a system message there is no empty one."""
    with GeminiServer() as server:
        client = client_for(server, temperature=None)

        async def once() -> None:
            await client.complete([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
            await client.close()

        asyncio.run(once())
    assert {"maxOutputTokens": 60} == server.requests[0]["generationConfig"]
    assert "systemInstruction" not in server.requests[0]
    assert ["user", "model"] == [content["role"] for content in server.requests[0]["contents"]]


def test_unknown_parameters_are_all_named() -> None:
    """Misspelt names and names with a setting of their own are found when the judge is made."""
    parameters = {"top_q": 1, "temperature_": 1, "maxOutputTokens": 5, "system_instruction": "x"}
    with pytest.raises(ConfigError) as caught:
        judge_for("http://127.0.0.1:9", parameters=parameters)
    assert 4 == len(caught.value.problems)
    assert '"temperature_" is no parameter of google/MODEL; did you mean temperature' in str(caught.value)
    assert '"max_output_tokens" is set by judge_max_tokens' in str(caught.value)


def test_wrong_value_of_a_parameter_is_named() -> None:
    """A text where a number belongs is found when the judge is made."""
    with pytest.raises(ConfigError, match=r"parameters do not fit: .*top_p"):
        judge_for("http://127.0.0.1:9", parameters={"top_p": "a half"})


def test_thoughts_are_billed_but_not_read() -> None:
    """Output tokens are the answer's and the thoughts'; the text has no thoughts in it."""
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 2, "thoughtsTokenCount": 30, "totalTokenCount": 39}
    with GeminiServer(script=[gemini_reply("8 6", thoughts="9 9\nno", usage=usage)]) as server:
        completion = ask(client_for(server))
    assert ("8 6", 7, 32, False) == (
        completion.text,
        completion.input_tokens,
        completion.output_tokens,
        completion.refused,
    )


def test_answer_that_thoughts_ate_is_an_empty_text(caplog: pytest.LogCaptureFixture) -> None:
    """It was paid for and cannot be read; the log says once what to do."""
    with GeminiServer(reply="thought-away") as server:
        client = client_for(server)
        completions = [ask(client), ask(client)]
    assert [("", False, 60)] * 2 == [(one.text, one.refused, one.output_tokens) for one in completions]
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "used all 60 tokens of an answer for its thoughts; raise max_tokens" in record.getMessage()


@pytest.mark.parametrize(
    ("reply", "text", "tokens"),
    [
        ("blocked-prompt", "PROHIBITED_CONTENT", (120, 0)),
        ("safety", "SAFETY", (120, 0)),
        ("recitation", "8 ", (120, 1)),
    ],
)
def test_filters_make_a_refusal(reply: str, text: str, tokens: tuple[int, int]) -> None:
    """A filter before or behind the model refuses; where it left no text, its reason is the text."""
    with GeminiServer(script=[reply]) as server:
        completion = ask(client_for(server))
    assert (True, text) == (completion.refused, completion.text)
    assert tokens == (completion.input_tokens, completion.output_tokens)


def test_refusals_are_stored(store: Store, make_pair: Callable[..., Pair]) -> None:
    """A refused pair is refused, not failed, and is not asked again."""
    with GeminiServer(reply="safety") as server:
        made = judged(judge_for(server), [make_pair()], store) + judged(judge_for(server), [make_pair()], store)
    assert ({Status.REFUSED}, 2) == ({one.status for one in made}, len(server.requests))


def test_missing_usage_is_unknown() -> None:
    """Numbers of tokens that nobody told are unknown, not zero."""
    with GeminiServer(script=["no-usage"]) as server:
        completion = ask(client_for(server))
    assert ("8 6\nThe first one.", None, None) == (completion.text, completion.input_tokens, completion.output_tokens)


def test_log_probabilities() -> None:
    """They are asked for with at most 20 alternatives, and read per token."""
    step = {"candidates": [{"token": "A", "logProbability": -0.1}, {"token": "B", "logProbability": -2.5}]}
    result = {"chosenCandidates": [{"token": "A", "tokenId": 1, "logProbability": -0.1}], "topCandidates": [step]}
    with GeminiServer(script=[gemini_reply("A", logprobs=result)]) as server:
        client = client_for(server, top_logprobs=25)
        (token,) = ask(client).logprobs or ()
    assert ("A", -0.1, {"A": -0.1, "B": -2.5}) == (token.token, token.logprob, token.top)
    sent = server.requests[0]["generationConfig"]
    assert (True, 20, 20) == (sent["responseLogprobs"], sent["logprobs"], client.settings["top_logprobs"])


def test_protocol_logprob(store: Store, make_pair: Callable[..., Pair]) -> None:
    """The whole way: the letter's probability is the preference."""
    step = {"candidates": [{"token": "A", "logProbability": -0.6931}, {"token": "B", "logProbability": -0.6931}]}
    result = {"chosenCandidates": [{"token": "A", "logProbability": -0.6931}], "topCandidates": [step]}
    with GeminiServer(reply=lambda _: gemini_reply("A", logprobs=result)) as server:
        judge = judge_for(server, protocol="logprob")
        judge.check([], store)
        made = judged(judge, [make_pair()], store)
    assert [0.5, 0.5] == [one.preference for one in made]


def test_log_probability_without_a_number_is_an_error() -> None:
    """Nothing unreadable becomes a number."""
    result = {"chosenCandidates": [{"token": "A"}], "topCandidates": []}
    assert isinstance(error_from(gemini_reply("A", logprobs=result), top_logprobs=20), CutAnswerError)


@pytest.mark.parametrize("fault", ["400-key", "400-country", "401", "403", "404", "429-day", "429-none", "429-zero",
                                   "429-money", "disabled"])  # fmt: skip
def test_what_no_wait_heals_ends_the_run(fault: str) -> None:
    """A wrong key, a model that is not there, a spent day or account: no further call can succeed."""
    error = error_from(fault)
    assert JudgeRejectedError is type(error)
    assert str(error).startswith("google/test-judge at http://127.0.0.1:")


@pytest.mark.parametrize(("fault", "seconds"), [("429", None), ("429-delay", 7.0), ("429-header", 9.0)])
def test_rate_limit_names_its_pause(fault: str, seconds: float | None) -> None:
    """The pause is in the error's details or in the header, or nowhere."""
    error = error_from(fault)
    assert isinstance(error, RateLimitError)
    assert seconds == error.retry_after_s


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("499", JudgeServerError),
        ("500", JudgeServerError),
        ("500-html", JudgeServerError),
        ("503", JudgeServerError),
        ("504", JudgeTimeoutError),
        ("reset", JudgeTimeoutError),
        ("cut", CutAnswerError),
        ("malformed", CutAnswerError),
        ("html", CutAnswerError),
        ("empty-body", CutAnswerError),
        ("list", CutAnswerError),
        ("other-shape", CutAnswerError),
        ("other-candidates", CutAnswerError),
        ("no-candidates", CutAnswerError),
    ],
)
def test_passing_fault_may_be_tried_again(fault: str, kind: type[JudgeError]) -> None:
    """What time may heal is retryable, and is sent once only."""
    error = error_from(fault)
    assert (kind, True) == (type(error), error.retryable)


def test_bad_request_concerns_one_call() -> None:
    """Another 400 is of that call alone, and is not tried again."""
    error = error_from("400")
    assert (JudgeError, False) == (type(error), error.retryable)
    assert "Invalid value at 'contents'." in str(error)


def test_slow_answer_is_a_timeout() -> None:
    """A server that takes longer than the limit has not answered."""
    error = error_from("slow", timeout_s=0.2)
    assert isinstance(error, JudgeTimeoutError)
    assert str(error).endswith(": no answer in time")


def test_server_that_is_not_there_is_a_timeout() -> None:
    """A refused connection may be healed by time."""
    with closed_port() as port, pytest.raises(JudgeTimeoutError):
        ask(client_for(f"http://127.0.0.1:{port}"))


def test_other_transport_makes_the_same_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without aiohttp the SDK uses httpx: the faults of the connection are told apart as well."""
    from google.genai import _api_client

    monkeypatch.setattr(_api_client, "has_aiohttp", False)
    assert isinstance(error_from("reset"), JudgeTimeoutError)
    assert isinstance(error_from("slow", timeout_s=0.2), JudgeTimeoutError)
    assert error_from("cut").may_be_billed
    limit = error_from("429-header")
    assert isinstance(limit, RateLimitError)
    assert limit.retry_after_s == 9.0


def test_programming_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is neither the server's nor the connection's comes through as it is."""

    def broken(_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "completion_of", broken)
    with GeminiServer() as server, pytest.raises(ZeroDivisionError):
        ask(client_for(server))


def test_key_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Even a server that repeats the key does not bring it into messages, settings or logs."""
    caplog.set_level(logging.DEBUG)
    said = gemini_error(403, f"consumer 'api_key:{KEY}' has been suspended")
    with GeminiServer(reply=lambda _: said, models=403) as server:
        client = client_for(server)
        with pytest.raises(JudgeRejectedError, match=re.escape("'api_key:***' has been suspended")) as caught:
            ask(client)
    shown = [str(caught.value), repr(caught.value), repr(client), json.dumps(client.settings)]
    assert [] == [text for text in [*shown, *(record.getMessage() for record in caplog.records)] if KEY in text]


def test_long_errors_fit_on_a_line() -> None:
    """A server's long and broken error text is folded and cut."""
    message = str(error_from(gemini_error(400, "too\n" * 500)))
    assert "\n" not in message
    assert len(message) < 400
