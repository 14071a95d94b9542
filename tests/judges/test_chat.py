from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError
from longismore.judges import JudgeOptions, combine
from longismore.judges import _quoting as quoting_module
from longismore.judges._chat import ChatJudge, digest
from longismore.judges._client import Completion
from longismore.judges._score_pair import ScorePair
from longismore.judges.openai import OpenAIClient
from longismore.records import Order, Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.judges._client import Messages
    from longismore.records import Judgment, Pair
    from longismore.store import Store


class FakeClient:
    """Answers every chat with what a function makes of its text."""

    def __init__(self, answer: Callable[[str], Completion], **settings: object) -> None:
        self.answer = answer
        self.settings: dict[str, object] = settings
        self.asked = 0
        self.checked = 0
        self.concurrency = 4
        self.price = None

    def check(self) -> None:
        """The server is not there."""
        self.checked += 1
        raise ConfigError("the server is not there")

    async def complete(self, messages: Messages) -> Completion:
        """The function's answer."""
        self.asked += 1
        return self.answer(messages[1]["content"])

    async def close(self) -> None:
        """Nothing is open."""

    def batches(self) -> None:
        """There are none."""


def judge_of(client: FakeClient) -> ChatJudge:
    """A judge with default options."""
    return ChatJudge(name="fake/judge", client=client, options=JudgeOptions())


def judged(judge: ChatJudge, pairs: list[Pair], store: Store) -> dict[tuple[str, Order], Judgment]:
    """All judgments, by id and order."""
    made: list[Judgment] = []
    judge.judge(pairs, store=store, on_judgment=made.append)
    assert 2 * len(pairs) == len(made)
    return {(one.id, one.order): one for one in made}


def first_is_better(text: str) -> Completion:
    """A judge with a position bias."""
    return Completion(text="8 6\nThe first one.", input_tokens=100, output_tokens=5, cost_usd=0.25)


def test_scores_are_named_by_model_not_by_place(store: Store, make_pair: Callable[..., Pair]) -> None:
    """The first mark belongs to the reference in one order and to the candidate in the other."""
    pair = make_pair()
    made = judged(judge_of(FakeClient(first_is_better)), [pair], store)
    found = {order: (one.score_reference, one.score_candidate, one.preference) for (_, order), one in made.items()}
    expected = {Order.REFERENCE_FIRST: (8.0, 6.0, 0.0), Order.CANDIDATE_FIRST: (6.0, 8.0, 1.0)}
    assert expected == found
    assert [Outcome.TIE] == [verdict.outcome for verdict in combine([pair], made.values())]


def test_better_text_wins_in_both_orders(store: Store, make_pair: Callable[..., Pair]) -> None:
    """A judge that reads the answers prefers the same one wherever it stands."""

    def reads(text: str) -> Completion:
        return Completion(text="9 2" if text.index("GOOD") < text.index("BAD") else "2 9")

    pair = make_pair(reference="BAD", candidate="GOOD")
    made = judged(judge_of(FakeClient(reads)), [pair], store)
    assert {(2.0, 9.0, 1.0)} == {(one.score_reference, one.score_candidate, one.preference) for one in made.values()}


def test_judgment_has_everything_that_is_known(store: Store, make_pair: Callable[..., Pair]) -> None:
    """Pair, judge, completion, tokens and cost stand in the judgment."""
    pair, judge = make_pair(), judge_of(FakeClient(first_is_better))
    one = judged(judge, [pair], store)["one", Order.REFERENCE_FIRST]
    found = (one.testset, one.prompt, one.reference, one.candidate, one.judge, one.fingerprint, one.completion,
             one.input_tokens, one.output_tokens, one.cost_usd)  # fmt: skip
    expected = ("mini", pair.prompt, pair.reference, pair.candidate, "fake/judge", judge.fingerprint,
                "8 6\nThe first one.", 100, 5, 0.25)  # fmt: skip
    assert expected == found


@pytest.mark.parametrize(
    ("completion", "status"),
    [
        (Completion(text="8 7"), Status.JUDGED),
        (Completion(text="7 7"), Status.JUDGED),
        (Completion(text="I like both."), Status.UNPARSED),
        (Completion(text=""), Status.UNPARSED),
        (Completion(text="8 7", refused=True), Status.REFUSED),
        (Completion(text="", refused=True), Status.REFUSED),
    ],
)
def test_status_of_an_answer(
    completion: Completion, status: Status, store: Store, make_pair: Callable[..., Pair]
) -> None:
    """Only a readable answer is judged; all others have no score and no preference, but keep their text."""
    made = judged(judge_of(FakeClient(lambda _: completion)), [make_pair()], store)
    assert {status} == {one.status for one in made.values()}
    assert {status is Status.JUDGED} == {one.preference is not None for one in made.values()}
    assert {status is Status.JUDGED} == {one.score_candidate is not None for one in made.values()}
    assert {completion.text} == {one.completion for one in made.values()}


def test_second_run_asks_nothing_and_says_the_same(store: Store, pairs: list[Pair]) -> None:
    """Everything that a judgment says comes back from the store."""
    first = judged(judge_of(FakeClient(first_is_better)), pairs, store)
    client = FakeClient(first_is_better)
    assert first == judged(judge_of(client), pairs, store)
    assert client.asked == 0


def test_equal_pairs_of_two_names_are_asked_apart(store: Store, make_pair: Callable[..., Pair]) -> None:
    """The same texts under another id are another call, which another run may repeat on its own."""
    client = FakeClient(first_is_better)
    judged(judge_of(client), [make_pair("one"), make_pair("two")], store)
    assert client.asked == 4


def test_another_model_does_not_reuse_answers(store: Store, make_pair: Callable[..., Pair]) -> None:
    """The store's key has the fingerprint in it: another setting means another call."""
    judged(judge_of(FakeClient(first_is_better, model="a")), [make_pair()], store)
    client = FakeClient(first_is_better, model="b")
    judged(judge_of(client), [make_pair()], store)
    assert (2, 4) == (client.asked, store.count())


def test_check_asks_the_client_only_before_the_first_answer(store: Store, make_pair: Callable[..., Pair]) -> None:
    """A judge that has answered before may need no server at all: replaying the store works offline."""
    judge = judge_of(client := FakeClient(first_is_better))
    with pytest.raises(ConfigError, match="the server is not there"):
        judge.check([], store)
    judged(judge, [make_pair()], store)
    judge.check([], store)
    assert client.checked == 1


BASE: dict[str, Any] = {"base_url": "http://127.0.0.1:9/v1", "temperature": 0.0, "max_tokens": 100}


def fingerprint(model: str = "m", **changes: Any) -> str:
    """The fingerprint of a judge at a server."""
    options = JudgeOptions(**(BASE | changes))
    return ChatJudge(name="any", client=OpenAIClient(model=model, options=options), options=options).fingerprint


@pytest.mark.parametrize(
    "changes", [{"model": "n"}, {"base_url": "http://127.0.0.1:10/v1"}, {"base_url": None}, {"temperature": 0.5},
                {"temperature": None}, {"max_tokens": 101}]
)  # fmt: skip
def test_fingerprint_changes_with_whatever_changes_answers(changes: dict[str, Any]) -> None:
    """Another model, address, temperature or length of the answer is another judge."""
    assert fingerprint() != fingerprint(**changes)


@pytest.mark.parametrize(
    "changes", [{"concurrency": 1}, {"timeout_s": 1.0}, {"retries": 0}, {"api_key_env": "X"}, {"environ": {"A": "b"}},
                {"base_url": "http://127.0.0.1:9/v1/"}]
)  # fmt: skip
def test_fingerprint_does_not_change_with_the_rest(changes: dict[str, Any]) -> None:
    """How fast, how often and with which key is asked does not change what is answered."""
    assert fingerprint() == fingerprint(**changes)


@pytest.mark.parametrize("name", ["version", "parser_version"])
def test_fingerprint_changes_with_versions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new layout of the prompt or a new parser is another judge."""
    before = fingerprint()
    monkeypatch.setattr(ScorePair, name, 99)
    assert before != fingerprint()


def test_fingerprint_changes_with_the_prompt_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edited prompt file never reuses old answers."""
    before = fingerprint()
    monkeypatch.setattr(quoting_module, "prompt_text", lambda _: "Mark both answers. @CODE@")
    assert before != fingerprint()


def test_fingerprint_does_not_hold_the_name() -> None:
    """What people call a judge is no part of what it says."""
    client = FakeClient(first_is_better)
    one = judge_of(client)
    assert one.fingerprint == dataclasses.replace(one, name="other", note="other").fingerprint


def test_digest_is_independent_of_the_order_of_keys() -> None:
    """Two equal settings have one hash, 64 hexadecimal digits."""
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert len(digest(None)) == 64
