"""A model that is asked anything: order, memory, store, estimate, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, chat_reply
from longismore.errors import ConfigError, CostLimitError, JudgeRejectedError, UnknownNameError
from longismore.judges._asker import make_asker
from openai_batch_server import OpenAIBatchServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from judge_server import Body, Reply
    from longismore.judges._asker import Asker
    from longismore.judges._calls import Answered
    from longismore.judges._client import Messages
    from longismore.store import Store


def chat(text: str) -> Messages:
    """One message of a user."""
    return [{"role": "user", "content": text}]


def echo(body: Body) -> Reply:
    """Answers with what was asked."""
    return chat_reply(body, f"On {body['messages'][-1]['content']}")


def asker(server: JudgeServer, purpose: str = "test", **settings: Any) -> Asker:
    """The model behind a server."""
    return make_asker(
        "openai/test-judge",
        {"base_url": server.base_url, **settings},
        {"OPENAI_API_KEY": "test"},
        purpose={purpose: 1},
        max_tokens=50,
        usual_output_tokens=20,
    )


def texts(answers: Iterator[Answered]) -> list[str | None]:
    """What was answered."""
    return [None if answered.completion is None else answered.completion.text for answered in answers]


def ask(model: Asker, asked: list[str], store: Store) -> list[str | None]:
    """Ask, and read the answers in order."""
    places: list[int] = []
    model.ask(map(chat, asked), total=len(asked), store=store, on_answer=lambda place, _: places.append(place))
    assert list(range(len(asked))) == sorted(places)
    return texts(model.stored(map(chat, asked), store))


def test_answers_come_in_the_order_of_the_chats(store: Store) -> None:
    """However they arrive; each is asked for once, equal ones too, and a second run asks nothing."""
    asked = [f"question {number % 400}" for number in range(700)]
    with JudgeServer(reply=echo) as server:
        first = ask(asker(server), asked, store)
        second = ask(asker(server), asked, store)
    assert [f"On {text}" for text in asked] == first == second
    assert 400 == len(server.requests)


def test_chats_are_taken_as_they_are_needed(store: Store) -> None:
    """No more than what is in flight is rendered ahead, so that any number of rows fits into memory."""
    taken = answered = most_ahead = 0

    def chats() -> Iterator[Messages]:
        nonlocal taken, most_ahead
        for number in range(1500):
            taken += 1
            most_ahead = max(most_ahead, taken - answered)
            yield chat(str(number))

    def on_answer(_place: int, _answered: Answered) -> None:
        nonlocal answered
        answered += 1

    with JudgeServer(reply=echo) as server:
        asker(server, concurrency=8).ask(chats(), total=1500, store=store, on_answer=on_answer)
    assert (1500, 1500) == (taken, answered)
    assert most_ahead <= 64 + 2 * 8


def test_another_purpose_has_other_answers(store: Store) -> None:
    """What was answered for one purpose, or by other settings, is never taken for another."""
    with JudgeServer(reply=echo) as server:
        for model in (asker(server), asker(server, "other"), asker(server, temperature=1.0)):
            ask(model, ["a"], store)
    assert 3 == len(server.requests)


def test_lost_calls_are_holes_and_asked_again(store: Store) -> None:
    """A call that fails has no answer; the next run asks for it and for nothing else."""
    with JudgeServer(reply=echo, script=[None, "400"]) as server:
        first = ask(asker(server, concurrency=1), ["a", "b", "c"], store)
        second = ask(asker(server), ["a", "b", "c"], store)
    assert (["On a", None, "On c"], ["On a", "On b", "On c"]) == (first, second)
    assert 4 == len(server.requests)


def test_estimate_knows_the_store(store: Store) -> None:
    """Equal chats count once, stored ones cost nothing, and nothing is sent."""
    with JudgeServer(reply=echo) as server:
        model = asker(server, price_input=1.0, price_output=10.0)
        ask(model, ["a", "b"], store)
        sent = len(server.requests)
        estimate = model.estimate(map(chat, ["a", "b", "c", "c", "d"]), store)
    assert (2, 2, 2) == (estimate.calls, estimate.from_store, sent)
    assert estimate.cost_usd is not None
    assert 2 * 20 == estimate.output_tokens.expected
    assert 2 * 50 == estimate.output_tokens.high


def test_estimate_counts_equal_chats_once_however_far_apart(store: Store) -> None:
    """Rows that say the same may stand at both ends of the data."""
    with JudgeServer() as server:
        chats = (chat(str(number % 400)) for number in range(1200))
        assert 400 == asker(server).estimate(chats, store).calls


def test_limit_counts_what_was_spent_before(store: Store) -> None:
    """By somebody who shares the usage."""
    settings = {"price_input": 0.0, "price_output": 1000.0, "max_cost_usd": 1.0}
    with JudgeServer(reply=echo) as server:
        model = asker(server, **settings)
        model.usage.cost_usd = 0.98
        with pytest.raises(CostLimitError):
            ask(model, ["a"], store)
        model.usage.cost_usd, model.usage.lost_usd = 0.0, 0.98
        with pytest.raises(CostLimitError):
            ask(model, ["a"], store)
        model.usage.lost_usd = 0.9
        assert ["On a"] == ask(model, ["a"], store)


def test_limit_on_the_cost_ends_the_run(store: Store) -> None:
    """What is answered until then is kept, and a higher limit goes on from there."""
    prices = {"price_input": 0.0, "price_output": 1000.0}
    asked = [str(number) for number in range(40)]
    with JudgeServer(reply=echo) as server:
        with pytest.raises(CostLimitError):
            ask(asker(server, max_cost_usd=0.06, **prices), asked, store)
        kept = store.count()
        assert 0 < kept < 40
        assert None not in ask(asker(server, max_cost_usd=10.0, **prices), asked, store)
    assert 40 == len(server.requests)


def test_limit_needs_a_price(store: Store) -> None:
    """Without one no limit can be kept."""
    with JudgeServer() as server, pytest.raises(ConfigError, match="price of openai/test-judge is unknown"):
        asker(server, max_cost_usd=1.0).check(store)


def test_wrong_key_costs_one_request(store: Store) -> None:
    """The first call goes alone."""
    with JudgeServer(reply="401") as server, pytest.raises(JudgeRejectedError):
        ask(asker(server), [str(number) for number in range(50)], store)
    assert 1 == len(server.requests)


def test_cut_answers_are_told_by_their_tokens(store: Store) -> None:
    """All of max_tokens used: cut; fewer: ended by itself; not told: unknown."""
    replies = {"long": "word " * 50, "short": "word"}

    def reply(body: Body) -> Reply:
        return chat_reply(body, replies[body["messages"][-1]["content"]])

    with JudgeServer(reply=reply, script=lambda number, _: "no-usage" if number == 2 else None) as server:
        model = asker(server)
        model.ask(map(chat, ["long", "short"]), total=2, store=store, on_answer=lambda *_: None)
        model.ask([chat("unknown")], total=1, store=store, on_answer=lambda *_: None)
        answers = list(model.stored(map(chat, ["long", "short", "unknown", "never asked"]), store))
    assert [True, False, None, None] == [model.was_cut(answered) for answered in answers]


def test_batches_go_through_the_official_sdk(store: Store) -> None:
    """Half the price, the same answers in the same store."""
    pytest.importorskip("openai")
    with OpenAIBatchServer() as server:
        model = asker(server, batch=True, batch_poll_s=0.01)
        model.check(store)
        answers = ask(model, ["a", "b", "a"], store)
    assert 3 == len(answers)
    assert None not in answers
    assert 2 == store.count(model.fingerprint)


@pytest.mark.parametrize("spec", ["lexical", "length", "replay:x.jsonl", "alpaca_eval:lmsys_gpt4"])
def test_what_is_no_model_is_refused(spec: str) -> None:
    """With a word on what would do."""
    with pytest.raises(ConfigError, match=r"cannot write answers; name a model, e\.g\. openai/gpt-4\.1, or a spoon"):
        make_asker(spec, {}, {}, purpose={}, max_tokens=1, usual_output_tokens=1, otherwise=", or a spoon")


def test_specs_are_those_of_judges() -> None:
    """Unknown providers are named, and nothing given lists them all."""
    with pytest.raises(UnknownNameError):
        make_asker("opnai/x", {}, {}, purpose={}, max_tokens=1, usual_output_tokens=1)
    with pytest.raises(ConfigError, match="no judge was given"):
        make_asker("", {}, {}, purpose={}, max_tokens=1, usual_output_tokens=1)
