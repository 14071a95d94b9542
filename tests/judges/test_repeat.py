from __future__ import annotations

from typing import TYPE_CHECKING

from judge_server import JudgeServer
from longismore.judges._repeat import repeated
from openai_judges import judge_for, judged

if TYPE_CHECKING:
    from longismore.records import Pair
    from longismore.store import Store


def test_every_repeat_has_answers_of_its_own(pairs: list[Pair], store: Store) -> None:
    """Another key each, the same request, and none is asked twice."""
    with JudgeServer() as server:
        judge = judge_for(server)
        for each in (judge, repeated(judge, 1), repeated(judge, 2), repeated(judge, 1), judge):
            judged(each, pairs, store)
        assert 3 * 6 == len(server.requests)
        assert 6 == len({str(body) for body in server.requests})
    fingerprints = {each.fingerprint for each in (judge, repeated(judge, 1), repeated(judge, 2))}
    assert 3 == len(fingerprints)
    assert {6} == {store.count(each) for each in fingerprints}


def test_repeats_share_the_count_and_the_limit_of_cost(pairs: list[Pair], store: Store) -> None:
    """What both spend together is what the user allows."""
    with JudgeServer() as server:
        judge = judge_for(server, price_input=1.0, price_output=1.0, max_cost_usd=1.0)
        again = repeated(judge, 1)
        judged(again, pairs, store)
    assert (6, judge.usage.answered) == (judge.usage.answered, again.usage.answered)
    assert 0 < judge.budget().spent_usd == again.budget().spent_usd


def test_client_is_the_same_in_all_else() -> None:
    """Price, calls in flight and batches; what the settings say of it is one word more."""
    with JudgeServer() as server:
        judge = judge_for(server, price_input=1.0, price_output=2.0, batch=True)
    client, again = judge.client, repeated(judge, 3).client
    assert (client.price, client.concurrency) == (again.price, again.concurrency)
    assert type(client.batches()) is type(again.batches())
    assert client.settings | {"repeat": 3} == again.settings
    assert judge.name == repeated(judge, 3).name
