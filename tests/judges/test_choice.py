from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, hash_score
from longismore.errors import ConfigError, UnknownNameError
from longismore.judges import Completion, JudgeOptions, Reading, TokenLogprobs, make_judge
from longismore.judges._choice import Choice, Logprob
from longismore.judges._protocol import find_protocol, protocol_names
from longismore.records import Judgment, Order, Pair, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.store import Store


def judged(server: JudgeServer, pairs: list[Pair], store: Store, **options: Any) -> dict[tuple[str, Order], Judgment]:
    """What the judge of a server says, by id and order."""
    judge = make_judge("openai/test-judge", JudgeOptions(base_url=server.base_url, **options))
    judge.check([], store)
    made: list[Judgment] = []
    judge.judge(pairs, store=store, on_judgment=made.append)
    return {(each.id, each.order): each for each in made}


def test_protocols_are_found_by_name() -> None:
    """Each name gives the protocol of that name; a misspelt one is answered with the near ones."""
    assert list(protocol_names()) == [find_protocol(name).name for name in protocol_names()]
    with pytest.raises(UnknownNameError, match='unknown protocol "choise"; did you mean choice'):
        find_protocol("choise")


@pytest.mark.parametrize("protocol", [Choice(), Logprob()])
def test_prompt_quotes_and_asks_for_a_letter(protocol: Choice | Logprob, make_pair: Callable[..., Pair]) -> None:
    """Both answers stand between lines with the code that the rules name, in the order of the call."""
    system, user = protocol.render(make_pair(reference="REF", candidate="CAN"), Order.CANDIDATE_FIRST)
    found = re.search(r"carry the code (\w{12})\.", system["content"])
    assert found
    assert f"BEGIN answer 1 {found[1]}\nCAN\nEND answer 1 {found[1]}" in user["content"]
    assert f"BEGIN answer 2 {found[1]}\nREF\nEND answer 2 {found[1]}" in user["content"]


def test_protocols_are_different_judges(make_pair: Callable[..., Pair]) -> None:
    """No two protocols share an answer in the store."""
    options = JudgeOptions(base_url="http://127.0.0.1:9/v1")
    made = {make_judge("openai/m", JudgeOptions(base_url=options.base_url, protocol=name)).fingerprint
            for name in protocol_names()}  # fmt: skip
    assert 3 == len(made)


def test_letters_become_preferences(store: Store, make_pair: Callable[..., Pair]) -> None:
    """A says that the first answer shown is better, B the second: preferences are the candidate's."""
    with JudgeServer(reply=lambda body: letter(body, "A")) as server:
        made = judged(server, [make_pair("x")], store, protocol="choice")
    assert (0.0, 1.0) == (made["x", Order.REFERENCE_FIRST].preference, made["x", Order.CANDIDATE_FIRST].preference)
    assert all(each.score_candidate is None for each in made.values())


def letter(body: Any, text: str) -> Any:
    """A reply of one letter."""
    from judge_server import chat_reply

    return chat_reply(body, text)


@pytest.mark.parametrize(("text", "preference"), [("C", 0.5), ("Tie", 0.5), ("neither", None), ("", None)])
def test_ties_and_what_cannot_be_read(
    text: str, preference: float | None, store: Store, make_pair: Callable[..., Pair]
) -> None:
    """C is a tie; anything else is unparsed, with its text kept."""
    with JudgeServer(reply=lambda body: letter(body, text)) as server:
        made = judged(server, [make_pair()], store, protocol="choice")
    assert {(preference, text)} == {(each.preference, each.completion) for each in made.values()}
    assert {Status.UNPARSED if preference is None else Status.JUDGED} == {each.status for each in made.values()}


def test_probabilities_are_read_and_stored(store: Store, make_pair: Callable[..., Pair]) -> None:
    """The preference is the probability of the candidate's letter; a second run reads it out of the store."""
    pair = make_pair("x", reference="REF", candidate="CAN")
    with JudgeServer(reply="letter") as server:
        made = judged(server, [pair], store, protocol="logprob")
        again = judged(server, [pair], store, protocol="logprob")
        asked = len(server.requests)
    expected = hash_score("CAN") / (hash_score("CAN") + hash_score("REF"))
    assert [pytest.approx(expected)] * 2 == [each.preference for each in made.values()]
    assert (made, 3) == (again, asked)  # two calls and the probe, once
    assert server.requests[-1]["logprobs"] is True
    assert 20 == server.requests[-1]["top_logprobs"]


def test_server_without_logprobs_is_found_before_the_spend(store: Store, make_pair: Callable[..., Pair]) -> None:
    """One small request shows that the server ignores the wish; no pair is sent, and the message says what to take."""
    with JudgeServer(reply="letter-only") as server:
        with pytest.raises(ConfigError, match=r"gives no log-probabilities.*protocol=choice"):
            judged(server, [make_pair()], store, protocol="logprob")
        assert 1 == len(server.requests)
        assert "answer 1" not in str(server.requests)
    assert 0 == store.count()


def test_leading_white_space_is_no_letter() -> None:
    """The first token that is more than white space is read."""
    tokens = (
        TokenLogprobs("\n", -0.01, {"\n": -0.01, "A": -5.0}),
        TokenLogprobs("B", math.log(0.8), {"B": math.log(0.8), "A": math.log(0.2)}),
    )
    read = Logprob().read(Completion(text="\nB", logprobs=tokens))
    assert read is not None
    assert read.preference == pytest.approx(0.2)
    assert Logprob().read(Completion(text="B")) is None
    assert Logprob().read(Completion(text="I", logprobs=(TokenLogprobs("I", -0.1, {"I": -0.1}),))) is None


def test_own_instructions() -> None:
    """A protocol with other words is another judge."""
    assert Choice("Say A or B. @CODE@").identity != Choice().identity
    assert Choice().read(Completion(text="A")) == Reading(1.0)
