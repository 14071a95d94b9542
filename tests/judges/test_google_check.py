from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gemini_server import GEMINI_FAULTS, GeminiServer
from google_judges import KEY, ask, client_for, judge_for, judged, options_for
from judge_server import closed_port
from longismore.errors import (
    ConfigError,
    JudgeRejectedError,
)
from longismore.judges import google as module
from longismore.judges import make_judge

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


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"GOOGLE_API_KEY": "one", "GEMINI_API_KEY": "two"}, "one"),
        ({"GEMINI_API_KEY": "two"}, "two"),
        ({}, "none"),
    ],
)
def test_where_the_key_comes_from(environ: dict[str, str], key: str) -> None:
    """GOOGLE_API_KEY wins over GEMINI_API_KEY; a server of one's own may need none."""
    with GeminiServer() as server:
        ask(client_for(server, environ=environ))
    assert [key] == server.authorizations


def test_other_variable_for_the_key() -> None:
    """``api_key_env`` names the only variable that counts."""
    with GeminiServer() as server:
        ask(client_for(server, environ={"GOOGLE_API_KEY": "one", "MINE": " three\n"}, api_key_env="MINE"))
    assert ["three"] == server.authorizations


def test_environment_of_the_process_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The SDK's own variables lead no call elsewhere, and it does not complain about two keys."""
    for name, value in {
        "GOOGLE_API_KEY": "leaked",
        "GEMINI_API_KEY": "leaked too",
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_CLOUD_PROJECT": "project",
        "GOOGLE_CLOUD_LOCATION": "here",
        "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9",
        "GOOGLE_GENAI_API_VERSION": "v7",
        "GOOGLE_GENAI_CLIENT_MODE": "replay",
    }.items():
        monkeypatch.setenv(name, value)
    with GeminiServer() as server:
        client = client_for(server)
        client.check()
        ask(client)
    assert [KEY] == server.authorizations
    assert ["GET /v1beta/models/test-judge", "POST /v1beta/models/test-judge:generateContent"] == server.targets
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("name", ["GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"])
def test_other_cloud_is_not_silently_ignored(name: str) -> None:
    """Who asks for Vertex AI is told that this judge does not speak with it."""
    with pytest.raises(ConfigError, match=f"{name} is set, but google/MODEL speaks with the Gemini API only"):
        judge_for(None, environ={"GOOGLE_API_KEY": KEY, name: "True"})


def test_missing_key_is_named() -> None:
    """Both variables are named, or the one that the user chose."""
    with pytest.raises(ConfigError, match="GOOGLE_API_KEY and GEMINI_API_KEY are not set; export GOOGLE_API_KEY="):
        judge_for(None, environ={})
    with pytest.raises(ConfigError, match="MINE is not set"):
        judge_for("http://127.0.0.1:9", environ={"GOOGLE_API_KEY": KEY}, api_key_env="MINE")


def test_odd_key_is_named() -> None:
    """A typographic quotation mark is found before the first request, and not shown."""
    with pytest.raises(ConfigError, match="GOOGLE_API_KEY holds characters that no key has") as caught:
        judge_for(None, environ={"GOOGLE_API_KEY": "\u201cAIza\u201d"})
    assert "AIza" not in str(caught.value)


@pytest.mark.parametrize("spec", ["google", "google/", "google/a/b", "google/gemini?x", "google/../x", "google/a b"])
def test_model_is_needed(spec: str) -> None:
    """A spec without a model, or with what cannot be one, is an error."""
    with pytest.raises(ConfigError, match=r"gemini-2\.5-flash"):
        make_judge(spec, options_for("http://127.0.0.1:9"))


def test_address_with_a_password_is_refused() -> None:
    """The address stands in messages and in run.json."""
    with pytest.raises(ConfigError, match="must not contain a user"):
        judge_for("http://me:secret@127.0.0.1:9")


def test_address_from_the_environment() -> None:
    """GOOGLE_GEMINI_BASE_URL is an address too, and stands in the settings; the API's version may be in it."""
    environ = {"GOOGLE_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9/v1beta/"}
    client = client_for(None, environ=environ)
    assert "http://127.0.0.1:9" == client.base_url == client.settings["base_url"]


def test_settings_tell_what_changes_answers() -> None:
    """Model, address, temperature, length and parameters are in the fingerprint; the rest is not."""
    base = judge_for("http://127.0.0.1:9").fingerprint
    for same in ({"concurrency": 1}, {"timeout_s": 1.0}, {"retries": 0}, {"base_url": "http://127.0.0.1:9/"}):
        assert base == judge_for("http://127.0.0.1:9", **same).fingerprint
    for other in ({"temperature": None}, {"max_tokens": 61}, {"parameters": {"seed": 1}}, {"base_url": None}):
        assert base != judge_for("http://127.0.0.1:9", **other).fingerprint


def test_concurrency_is_16_unless_the_user_says_otherwise() -> None:
    """Google's smallest paid tier bears so much."""
    assert (16, 3) == (client_for(None).concurrency, client_for(None, concurrency=3).concurrency)


def test_price_is_googles_own_only_at_google() -> None:
    """Another server's price is unknown; the user's own counts everywhere."""
    listed = client_for(None, model="gemini-2.5-flash").price
    assert listed is not None
    assert listed == client_for(None, model="models/gemini-2.5-flash").price
    assert client_for("http://127.0.0.1:9", model="gemini-2.5-flash").price is None
    own = client_for("http://127.0.0.1:9", price_input=1.0, price_output=2.0).price
    assert own is not None
    assert own.input == 1.0


def test_check_is_free_and_done_once() -> None:
    """It looks at the model and sends no chat; the second time it asks nobody."""
    with GeminiServer(key=KEY) as server:
        client = client_for(server)
        client.check()
    client.check()
    assert (["GET /v1beta/models/test-judge"], []) == (server.targets, server.requests)


def test_check_names_near_models_at_google(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google lists every model: another one is an error before the first call."""
    with GeminiServer(models=["gemini-2.5-flash", "gemini-2.5-pro"]) as server:
        monkeypatch.setattr(module, "_GOOGLE", server.base_url)
        with pytest.raises(ConfigError, match=r"gemini-25-flash is not there: .*did you mean gemini-2.5-flash"):
            client_for(None, model="gemini-25-flash").check()


def test_check_warns_of_an_unknown_model_at_an_own_server(caplog: pytest.LogCaptureFixture) -> None:
    """Own servers may describe nothing: then the first call will tell."""
    with GeminiServer(models=[]) as server, caplog.at_level(logging.WARNING):
        client_for(server).check()
    (record,) = caplog.records
    assert "is not there" in record.getMessage()
    assert record.getMessage().endswith("asking it all the same")


def test_check_refuses_a_model_that_writes_nothing() -> None:
    """An embedding model is found before the first call."""
    with GeminiServer(models=["an-embedding"]) as server, pytest.raises(ConfigError, match="it can: embedContent"):
        client_for(server, model="an-embedding").check()


def test_check_names_a_key_that_is_not_accepted() -> None:
    """A wrong key is found before the first answer is generated, and not shown."""
    with GeminiServer(key="another") as server, pytest.raises(ConfigError, match="API key not valid") as caught:
        client_for(server).check()
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("models", [429, 500, 503, 504])
def test_check_passes_what_may_pass(models: int) -> None:
    """A server that is busy at the moment says nothing about the calls to come."""
    with GeminiServer(models=models) as server:
        client_for(server).check()


def test_check_names_a_server_that_is_not_there() -> None:
    """A refused connection is named with the address and what to look at."""
    with closed_port() as port, pytest.raises(ConfigError, match=f"127.0.0.1:{port} cannot be reached"):
        client_for(f"http://127.0.0.1:{port}").check()


def test_judge_can_be_used_twice(store: Store, pairs: list[Pair]) -> None:
    """Each use has an event loop of its own; the client opens new connections."""
    with GeminiServer() as server:
        judge = judge_for(server)
        judged(judge, pairs[:1], store)
        judged(judge, pairs[1:], store)
    assert 6 == len(server.answered)


def test_many_calls_at_once(store: Store, make_pair: Callable[..., Pair]) -> None:
    """Several calls are in flight together, never more than the user allows."""
    pairs = [make_pair(str(number)) for number in range(16)]
    with GeminiServer(latency_s=0.02) as server:
        judged(judge_for(server, concurrency=8), pairs, store)
    assert 32 == len(server.answered)
    assert 2 <= server.most_at_once <= 8


def test_spent_day_stops_the_run_and_keeps_what_was_answered(store: Store, pairs: list[Pair]) -> None:
    """No call is sent after the day's quota is used up."""
    with (
        GeminiServer(script=[None, None, None, "429-day"]) as server,
        pytest.raises(JudgeRejectedError, match="exceeded your current quota"),
    ):
        judged(judge_for(server, concurrency=1), pairs, store)
    assert (4, 3) == (len(server.requests), store.count())


def test_every_fault_is_looked_at() -> None:
    """A fault that no test names is no fault of this server."""
    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_google*.py"))
    assert [] == [name for name in GEMINI_FAULTS if f'"{name}"' not in text]
