from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, chat_reply, closed_port, error_reply
from longismore.errors import ConfigError, JudgeError, JudgeServerError
from longismore.judges import JudgeOptions
from longismore.judges.openai import OpenAIClient
from longismore.records import Judgment, Status
from openai_judges import KEY, ask, judge_for, judged, options_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.judges._chat import ChatJudge
    from longismore.records import Pair
    from longismore.store import Store

pytest.importorskip("aiohttp", reason='aiohttp is not installed: pip install "longismore[openai]"')

JUDGED, REFUSED, UNPARSED, FAILED = Status.JUDGED, Status.REFUSED, Status.UNPARSED, Status.FAILED


def checked(server: JudgeServer | str, model: str = "test-judge", **changes: Any) -> None:
    """Run the check of a client."""
    OpenAIClient(model=model, options=options_for(server, **changes)).check()


def test_check_passes_and_spends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Where the key is accepted and the model is listed, nothing is said and no chat is sent."""
    with JudgeServer(key=KEY) as server, caplog.at_level(logging.WARNING):
        checked(server)
    assert ([], []) == (server.requests, caplog.records)


def test_check_asks_the_server_once() -> None:
    """However many test sets a run has."""
    with JudgeServer() as server:
        client = OpenAIClient(model="test-judge", options=JudgeOptions(base_url=server.base_url))
        client.check()
    client.check()  # the server is gone: asking it again would fail


def test_check_warns_of_an_unknown_model_at_an_own_server(caplog: pytest.LogCaptureFixture) -> None:
    """Own servers often have aliases: a model that is not listed is a warning with near names."""
    with JudgeServer() as server, caplog.at_level(logging.WARNING):
        checked(server, model="test-juge")
    (message,) = [record.getMessage() for record in caplog.records]
    assert re.search('has no model "test-juge"; did you mean test-judge.*asking it all the same', message)


def test_check_refuses_an_unknown_model_at_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI lists every model that a key may use: another one is an error before the first call."""
    from longismore.judges import openai as module

    with JudgeServer(models=["gpt-4.1", "gpt-4.1-mini"]) as server:
        monkeypatch.setattr(module, "_OPENAI", server.base_url)
        with pytest.raises(ConfigError, match=r'has no model "gpt-41"; did you mean gpt-4.1'):
            checked(server, model="gpt-41", base_url=None)


@pytest.mark.parametrize("models", [404, []])
def test_check_passes_where_no_models_are_listed(models: list[str] | int) -> None:
    """Many servers list nothing: then the first call will tell."""
    with JudgeServer(models=models) as server:
        checked(server)


@pytest.mark.slow
def test_check_passes_where_listing_is_not_implemented() -> None:
    """The SDK asks twice where the server says 501; then the check passes."""
    with JudgeServer(models=501) as server:
        checked(server)


def test_check_names_a_key_that_is_not_accepted() -> None:
    """A wrong key is found before the first answer is generated, and not shown."""
    with JudgeServer(key="sk-another") as server, pytest.raises(ConfigError, match="does not accept the key") as caught:
        checked(server)
    assert KEY not in str(caught.value)


@pytest.mark.slow
def test_check_names_a_server_that_is_not_there() -> None:
    """A refused connection is named with the address and what to look at."""
    with closed_port() as port, pytest.raises(ConfigError, match=f"127.0.0.1:{port}/v1 cannot be reached") as caught:
        checked(f"http://127.0.0.1:{port}/v1")
    assert "check the address and that the server runs" in str(caught.value)


@pytest.mark.usefixtures("pauses")
def test_server_that_is_gone_stops_the_run(store: Store, make_pair: Callable[..., Pair]) -> None:
    """Twenty calls without an answer between them end the run; they can be asked again later."""
    pairs = [make_pair(str(number)) for number in range(30)]
    with closed_port() as port, pytest.raises(JudgeServerError, match="20 judge calls in a row failed"):
        judged(judge_for(f"http://127.0.0.1:{port}/v1", retries=0), pairs, store)
    assert store.count() == 0


def test_judge_can_be_used_twice(store: Store, pairs: list[Pair]) -> None:
    """Each use has an event loop of its own; the client opens new connections."""
    with JudgeServer() as server:
        judge = judge_for(server)
        judged(judge, pairs[:1], store)
        judged(judge, pairs[1:], store)
    assert 6 == len(server.answered)


def test_judge_works_in_a_notebook(store: Store, pairs: list[Pair]) -> None:
    """Inside a running event loop the whole way to the store works too."""

    async def notebook(judge: ChatJudge) -> list[Judgment]:
        return judged(judge, pairs, store)

    with JudgeServer() as server:
        made = asyncio.run(notebook(judge_for(server)))
    assert ({JUDGED}, 6) == ({one.status for one in made}, store.count())


def test_odd_characters_travel(store: Store, make_pair: Callable[..., Pair]) -> None:
    """NUL, emoji, half characters and a megabyte arrive at the server and do not disturb the store."""
    pair = make_pair(reference="\x00 \ud800 \U0001f9c2", candidate="鎖" * 350_000)
    with JudgeServer() as server:
        made = judged(judge_for(server), [pair], store)
    assert {JUDGED} == {one.status for one in made}
    assert "\x00 ? \U0001f9c2" in server.requests[0]["messages"][1]["content"]


def test_error_messages_fit_on_a_line(store: Store) -> None:
    """A server's long and broken error text is folded and cut."""
    reply = error_reply(422, "too\n" * 500)
    with JudgeServer(reply=lambda _: reply) as server, pytest.raises(JudgeError) as caught:
        ask(OpenAIClient(model="test-judge", options=options_for(server)))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_answer_with_half_a_character_is_stored(store: Store, make_pair: Callable[..., Pair]) -> None:
    """A judge may send half a character: the answer is kept and comes back from the store unchanged."""
    with JudgeServer(reply=lambda body: chat_reply(body, "8 7\n\ud83d")) as server:
        made = judged(judge_for(server), [make_pair()], store)
        again = judged(judge_for(server), [make_pair()], store)
    assert ("8 7\n\ud83d", 2) == (made[0].completion, len(server.requests))
    assert made == again
