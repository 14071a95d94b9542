from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from anthropic_server import AnthropicServer
from judge_server import closed_port
from longismore.errors import ConfigError
from longismore.judges import JudgeOptions
from longismore.judges.anthropic import AnthropicClient

pytest.importorskip("anthropic", reason='the SDK is not installed: pip install "longismore[anthropic]"')

KEY = "sk-ant-0123456789abcdef"


def options_for(server: AnthropicServer | str, **changes: Any) -> JudgeOptions:
    """Options for a server, with the key in the environment."""
    base_url = server if isinstance(server, str) else server.base_url
    values: dict[str, Any] = {"base_url": base_url, "environ": {"ANTHROPIC_API_KEY": KEY}, "concurrency": 2}
    return JudgeOptions(**(values | changes))


def checked(server: AnthropicServer | str, model: str = "test-judge", **changes: Any) -> None:
    """Run the check of a client."""
    AnthropicClient(model=model, options=options_for(server, **changes)).check()


def test_check_passes_and_spends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Where the key is accepted and the model is there, nothing is said and no chat is sent."""
    with AnthropicServer(key=KEY) as server, caplog.at_level(logging.WARNING):
        checked(server)
    assert ([], []) == (server.requests, [each for each in caplog.records if each.name.startswith("longismore")])


def test_check_asks_the_server_once() -> None:
    """However many test sets a run has."""
    with AnthropicServer() as server:
        client = AnthropicClient(model="test-judge", options=options_for(server))
        client.check()
    client.check()  # the server is gone: asking it again would fail


def test_check_refuses_an_unknown_model_at_anthropic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anthropic knows all of its models: another one is an error before the first call, with near names."""
    from longismore.judges import anthropic as module

    with AnthropicServer(models=["claude-sonnet-4-5", "claude-opus-4-5"]) as server:
        monkeypatch.setattr(module, "_ANTHROPIC", server.base_url.removesuffix("/v1"))
        with pytest.raises(ConfigError, match=r'has no model "claude-sonet-4-5"; did you mean claude-sonnet-4-5'):
            checked(server, model="claude-sonet-4-5", base_url=None)


def test_check_warns_of_an_unknown_model_at_an_own_server(caplog: pytest.LogCaptureFixture) -> None:
    """Own servers often have aliases: a model that is not listed is a warning."""
    with AnthropicServer() as server, caplog.at_level(logging.WARNING):
        checked(server, model="test-juge")
    assert any(
        re.search('no model "test-juge"; did you mean.*all the same', each.getMessage()) for each in caplog.records
    )


@pytest.mark.parametrize("models", [404, [], 400])
def test_check_passes_where_no_models_are_described(models: list[str] | int) -> None:
    """Other servers may describe nothing: then the first call will tell."""
    with AnthropicServer(models=models) as server:
        checked(server)


def test_check_names_a_key_that_is_not_accepted() -> None:
    """A wrong key is found before the first answer is generated, and not shown."""
    with (
        AnthropicServer(key="sk-another") as server,
        pytest.raises(ConfigError, match="does not accept the key") as caught,
    ):
        checked(server)
    assert KEY not in str(caught.value)


@pytest.mark.slow
def test_check_names_a_server_that_is_not_there() -> None:
    """A refused connection is named with the address and what to look at."""
    with closed_port() as port, pytest.raises(ConfigError, match=f"127.0.0.1:{port} cannot be reached") as caught:
        checked(f"http://127.0.0.1:{port}")
    assert "check the address and that the server runs" in str(caught.value)
