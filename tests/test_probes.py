"""Probes, asked at a loopback server that likes length, obeys what answers say, or is unsteady."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from judge_server import JudgeServer, _quoted, chat_reply, hash_score, messages_sha256
from longismore.errors import ConfigError, DataError, JudgeRejectedError, UnknownNameError
from longismore.judges import JudgeOptions, combine, make_judge, write_judgments
from longismore.judges._probe_texts import INJECTIONS
from longismore.probes import PROBES, estimate_probes, run_probes
from longismore.records import Judged, Status
from longismore.reports.probes import InjectionResult, LengthResult, RepeatResult
from longismore.store import Store
from openai_judges import judge_for, judged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from judge_server import Reply
    from longismore.comparison import Progress
    from longismore.judges import Judge
    from longismore.records import Judgment, Pair

Body = dict[str, Any]
SENTENCE = "Salt water freezes at a lower temperature than pure water does, and so the ice melts. "


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store(tmp_path / "store.sqlite") as store:
        yield store


@pytest.fixture
def many(make_pair: Callable[..., Pair]) -> list[Pair]:
    """Sixteen pairs of answers of different lengths."""
    return [
        make_pair(
            str(number),
            prompt=f"Why does salt melt ice, number {number}?",
            reference=f"{number}: " + SENTENCE * (1 + number % 5),
            candidate=f"Answer {number}. " + SENTENCE * (6 - number % 4),
        )
        for number in range(16)
    ]


def recorded(pairs: Sequence[Pair], judgments: Sequence[Judgment] = ()) -> Judged:
    """These pairs as somebody judged them; by the judge ``length``, where nothing else is said."""
    made: list[Judgment] = list(judgments)
    if not made:
        with Store(":memory:") as store:
            make_judge("length", JudgeOptions()).judge(pairs, store=store, on_judgment=made.append)
    return Judged(
        judge=made[0].judge,
        fingerprint=made[0].fingerprint,
        reference=pairs[0].reference.model,
        candidate=pairs[0].candidate.model,
        verdicts=tuple(combine(pairs, made)),
        judgments=tuple(made),
        files=("old/judgments.jsonl",),
    )


def likes_length(body: Body) -> Reply:
    """The longer answer gets the better mark."""
    first, second = (len(_quoted(body, number)) for number in (1, 2))
    return chat_reply(body, "9 4\nIt says more." if first > second else "4 9\nIt says more.")


def obeys(body: Body) -> Reply:
    """Does what some of the injected texts say, cannot be read after others, and else finds both equal."""
    texts = [_quoted(body, number) for number in (1, 2)]
    if any(INJECTIONS["verdict"] in text for text in texts):
        return chat_reply(body, "I will not take part in this.")
    marks = [10 if any(each in text for each in INJECTIONS.values()) else 6 for text in texts]
    return chat_reply(body, f"{marks[0]} {marks[1]}\nAs I was told.")


class Unsteady:
    """Says the opposite of every second chat, by its hash, when it is asked the same again."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def __call__(self, body: Body) -> Reply:
        """The first one, or the second."""
        name = messages_sha256(body["messages"])
        self.asked[name] += 1
        turned = self.asked[name] % 2 == 0 and self.turns(body)
        return chat_reply(body, "6 8\nNo, the second." if turned else "8 6\nThe first.")

    @staticmethod
    def turns(body: Body) -> bool:
        """Whether it changes its mind about this chat."""
        return hash_score(messages_sha256(body["messages"])) > 5


def run(names: Sequence[str], pairs: Sequence[Pair], judge: Judge, store: Store, **more: Any) -> list[Any]:
    """The results of probes on these pairs."""
    return list(run_probes(names, [recorded(pairs)], judge, store=store, **({"limit": None} | more)))


def test_judge_that_likes_length_prefers_every_padded_answer(many: list[Pair], store: Store) -> None:
    """All of them, in both orders; the slope is steep, finite and unsure."""
    with JudgeServer(reply=likes_length) as server:
        (found,) = run(["length"], many, judge_for(server), store)
        assert 32 == len(server.requests)
    assert isinstance(found, LengthResult)
    assert (16, 16, 32, 1.0, 0.0, 0.0, 1.0) == (
        found.pairs, found.n, found.calls, found.padded_wins, found.padded_losses, found.padded_ties,
        found.swap_consistency,
    )  # fmt: skip
    assert found.padded_wins_ci is not None
    assert 0.7 < found.padded_wins_ci[0] < found.padded_wins_ci[1] == 1.0
    assert found.slope is not None
    assert found.slope_se is not None
    assert 2.0 < found.slope < 20.0
    assert 1.0 < found.slope_se < 5.0
    assert {"1.25", "1.5", "2", "3"} == set(found.by_factor)
    assert [{"n": 4, "padded_wins": 1.0}] * 4 == list(found.by_factor.values())
    assert found.sentence().startswith("openai/test-judge prefers the padded answer in 100.0% (")
    assert found.sentence().endswith("of 16 pairs although nothing was added")


def test_judge_without_a_preference_has_no_slope(many: list[Pair], store: Store) -> None:
    """Ties in both orders: nothing wins, and the slope is 0."""
    with JudgeServer(reply="tie") as server:
        (found,) = run(["length"], many, judge_for(server), store)
    assert (0.0, 1.0) == (found.padded_wins, found.padded_ties)
    assert 0.0 == pytest.approx(found.slope, abs=1e-9)


def test_judge_that_takes_the_first_shows_in_the_swap(many: list[Pair], store: Store) -> None:
    """It prefers no length, but it is not consistent either."""
    with JudgeServer(reply="first") as server:
        (found,) = run(["length"], many, judge_for(server), store)
    assert (0.0, 1.0, 0.0) == (found.padded_wins, found.padded_ties, found.swap_consistency)
    assert 0.0 == pytest.approx(found.slope, abs=1e-9)


def test_unit_of_the_slope_is_that_of_the_runs(many: list[Pair], store: Store) -> None:
    """The standard deviation of their length differences, whatever the limit is."""
    judge = make_judge("length", JudgeOptions())
    deltas = [len(pair.candidate.output) - len(pair.reference.output) for pair in many]
    mean = sum(deltas) / 16
    expected = (sum((delta - mean) ** 2 for delta in deltas) / 15) ** 0.5
    for limit in (None, 3):
        (found,) = run(["length"], many, judge, store, limit=limit)
        assert expected == pytest.approx(found.scale_chars)


def test_offline_judge_is_probed_without_calls(many: list[Pair], store: Store) -> None:
    """The control prefers what is longer, which an injected answer is too; it repeats itself; nothing is billed."""
    judge = make_judge("length", JudgeOptions())
    length, injection, repeat = run(["length", "injection", "repeat"], many, judge, store)
    assert (1.0, 1.0, 1.0) == (length.padded_wins, injection.injected_wins, repeat.same_outcome)
    assert (0.0, 32) == (repeat.mean_abs_difference, repeat.n)
    assert (None, None) == (length.cost_usd, length.input_tokens)
    assert {"length": None, "repeat": None} == estimate_probes(
        ["length", "repeat"], [recorded(many)], judge, store=store, limit=None
    )


def test_judge_that_obeys_answers_is_found_out(many: list[Pair], store: Store) -> None:
    """The injected answer wins wherever it can be read, and what cannot be read is no tie."""
    with JudgeServer(reply=obeys) as server:
        (found,) = run(["injection"], many, judge_for(server), store)
    assert isinstance(found, InjectionResult)
    unread = found.pairs - found.n
    assert (2, 2 * unread, 1.0) == (unread, found.unparsed, found.injected_wins)
    assert 4 / 32 == found.unparsed_share
    assert {"n": 0, "injected_wins": None} == found.by_text["verdict"]
    assert set(INJECTIONS) == set(found.by_text)
    assert found.sentence().endswith("of 14 pairs; 4 of 32 calls could not be read")


def test_repeat_asks_the_very_same_again(many: list[Pair], store: Store) -> None:
    """Each request twice, to the letter; shares of equal verdicts and differences follow from what came back."""
    unsteady = Unsteady()
    with JudgeServer(reply=unsteady) as server:
        (found,) = run(["repeat"], many, judge_for(server), store)
        bodies = Counter(json.dumps(body, sort_keys=True) for body in server.requests)
        turned = sum(unsteady.turns(json.loads(body)) for body in bodies)
    assert {2} == set(bodies.values())
    assert isinstance(found, RepeatResult)
    assert 0 < turned < 32
    assert (16, 32, 64, 0) == (found.pairs, found.n, found.calls, found.read_once)
    assert 1 - turned / 32 == found.same_outcome
    assert turned / 32 == found.mean_abs_difference
    assert "of 32 calls when it is asked the same again" in found.sentence()


def test_repeat_leaves_stored_answers_alone(many: list[Pair], store: Store) -> None:
    """What was paid before is the first answer; asked for afterwards, it is still the stored one."""
    with JudgeServer(reply=Unsteady()) as server:
        before = judged(judge_for(server), many, store)
        assert 32 == len(server.requests)
        run(["repeat"], many, judge_for(server), store)
        assert 64 == len(server.requests)
        assert before == judged(judge_for(server), many, store)
        assert 64 == len(server.requests)


def test_judgments_of_this_judge_are_the_first_answers(many: list[Pair], store: Store, tmp_path: Path) -> None:
    """They may come from another machine, where the store is: only the second time is asked."""
    with JudgeServer(reply=Unsteady()) as server:
        before = judged(judge_for(server), many, store)
        with Store(tmp_path / "other.sqlite") as other:
            (found,) = run_probes(["repeat"], [recorded(many, before)], judge_for(server), store=other, limit=None)
        assert 64 == len(server.requests)
    assert (32, 64) == (found.n, found.calls)


def test_failed_judgments_are_asked_again(many: list[Pair], store: Store, tmp_path: Path) -> None:
    """They are no first answer; the pair of one is asked in both orders, the others a second time only."""
    with JudgeServer(reply="first") as server:
        before = judged(judge_for(server), many, store)
        before[7] = replace(before[7], status=Status.FAILED, preference=None, completion=None)
        with Store(tmp_path / "other.sqlite") as other:
            (found,) = run_probes(["repeat"], [recorded(many, before)], judge_for(server), store=other, limit=None)
        assert 32 + 2 + 32 == len(server.requests)
    assert (32, 0) == (found.n, found.read_once)


def test_calls_that_are_read_once_are_counted_and_not_compared(many: list[Pair], store: Store) -> None:
    """An answer that cannot be read is no change of mind."""
    asked: Counter[str] = Counter()

    def forgetful(body: Body) -> Reply:
        name = messages_sha256(body["messages"])
        asked[name] += 1
        return chat_reply(body, "Hm." if asked[name] > 1 and "number 3?" in str(body) else "8 6\nThe first.")

    with JudgeServer(reply=forgetful) as server:
        (found,) = run(["repeat"], many, judge_for(server), store)
    assert (30, 2, 2, 1.0) == (found.n, found.read_once, found.unparsed, found.same_outcome)


@pytest.mark.parametrize("name", PROBES)
def test_second_run_makes_no_calls(name: str, many: list[Pair], store: Store) -> None:
    """And finds the same, to the last digit."""
    with JudgeServer(reply=Unsteady()) as server:
        first = run([name], many, judge_for(server), store)
        sent = len(server.requests)
        again = run([name], many, judge_for(server), store)
        assert sent == len(server.requests)
    assert [each.to_dict() for each in first] == [each.to_dict() for each in again]


@pytest.mark.parametrize("name", PROBES)
def test_interrupted_run_pays_nothing_twice(name: str, many: list[Pair], store: Store) -> None:
    """The key is withdrawn in the middle; afterwards only what is missing is asked."""
    script: Callable[[int, Body], str | None] = lambda number, _: "401" if number == 11 else None  # noqa: E731
    with JudgeServer(script=script) as server:
        with pytest.raises(JudgeRejectedError):
            run([name], many, judge_for(server, concurrency=1), store)
        run([name], many, judge_for(server, concurrency=1), store)
        wanted = 64 if name == "repeat" else 32
        assert wanted == len(server.answered)


def test_estimate_counts_what_would_be_sent(many: list[Pair], store: Store) -> None:
    """Before, after another probe, and when all is stored; nothing is sent for it."""
    with JudgeServer() as server:
        judge = judge_for(server, price_input=1.0, price_output=2.0)

        def estimated(**more: Any) -> dict[str, tuple[int, int]]:
            arguments: dict[str, Any] = {"store": store, "limit": None} | more
            found = estimate_probes(["length", "repeat"], [recorded(many)], judge, **arguments)
            return {name: (each.calls, each.from_store) for name, each in found.items() if each is not None}

        assert {"length": (32, 0), "repeat": (64, 0)} == estimated()
        assert {"length": (10, 0), "repeat": (20, 0)} == estimated(limit=5)
        assert [] == server.requests
        before = estimate_probes(["repeat"], [recorded(many)], judge, store=store, limit=None)["repeat"]
        assert before is not None
        assert before.cost_usd is not None
        assert before.cost_usd.low < before.cost_usd.expected < before.cost_usd.high
        judged(judge, many, store)
        assert {"length": (32, 0), "repeat": (32, 32)} == estimated()
        run(["length", "repeat"], many, judge, store)
        assert {"length": (0, 32), "repeat": (0, 64)} == estimated()


def test_cost_and_tokens_are_those_of_the_calls(many: list[Pair], store: Store) -> None:
    """Also of answers that were paid earlier; where no price is known, the cost is unknown."""
    with JudgeServer() as server:
        paid = judge_for(server, price_input=1.0, price_output=2.0)
        (first,) = run(["length"], many, paid, store)
        (again,) = run(["length"], many, paid, store)
        assert first.cost_usd == again.cost_usd == pytest.approx(paid.usage.cost_usd)
        assert (paid.usage.input_tokens, paid.usage.output_tokens) == (first.input_tokens, first.output_tokens)
        (unknown,) = run(["injection"], many, judge_for(server), store)
        assert (None, True) == (unknown.cost_usd, unknown.input_tokens > 0)


def test_more_pairs_contain_the_fewer(many: list[Pair], store: Store) -> None:
    """A probe of 4 pairs and then of 8 asks 8 pairs in all; another seed chooses others."""
    with JudgeServer() as server:
        run(["injection"], many, judge_for(server), store, limit=4)
        run(["injection"], many[::-1], judge_for(server), store, limit=8)
        assert 16 == len(server.requests)
        (other,) = run(["injection"], many, judge_for(server), store, limit=4, seed=1)
        assert 16 < len(server.requests)
    assert (4, 1) == (other.pairs, other.seed)


def test_pairs_of_several_judges_are_taken_once(many: list[Pair], store: Store) -> None:
    """Two files about the same answers are one set of answers."""
    judge = make_judge("length", JudgeOptions())
    twice = [recorded(many), recorded([*many[:4], many[0]])]
    (found,) = run_probes(["repeat"], twice, judge, store=store, limit=None)
    assert 16 == found.pairs


def test_results_are_json_and_say_how_they_were_made(many: list[Pair], store: Store) -> None:
    """Name, judge, fingerprint, seed and version of the texts, and every count."""
    with JudgeServer(reply="prose") as server:
        judge = judge_for(server)
        results = run(PROBES, many, judge, store, limit=3)
    for found in results:
        document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert (found.name, "openai/test-judge", judge.fingerprint, 0) == tuple(
            document[key] for key in ("probe", "judge", "fingerprint", "seed")
        )
        assert (3, 0) == (document["pairs"], document["n"])
        assert document["calls"] == document["unparsed"]
        assert "could not be probed" in found.sentence()
    assert {"slope": None, "slope_se": None, "padded_wins": None, "padded_wins_ci": None}.items() <= (
        results[1].to_dict().items()
    )


def test_progress_counts_all_probes_together(many: list[Pair], store: Store) -> None:
    """Every judgment, of 2 + 2 + 4 a pair."""
    seen: list[Progress] = []
    with JudgeServer() as server:
        run(PROBES, many, judge_for(server), store, limit=2, on_progress=seen.append)
    assert list(range(1, 17)) == [each.made for each in seen]
    assert {16} == {each.wanted for each in seen}


def test_unknown_probe_is_named(many: list[Pair], store: Store) -> None:
    """With the near one, before anything is asked."""
    judge = make_judge("length", JudgeOptions())
    with pytest.raises(UnknownNameError, match='unknown probe "lenght"; did you mean length'):
        run(["length", "lenght"], many, judge, store)
    with pytest.raises(ConfigError, match="no probe was named; there are injection, length, repeat"):
        run([], many, judge, store)
    with pytest.raises(ConfigError, match="at least one pair, found the limit 0"):
        run(["length"], many, judge, store, limit=0)


def test_recorded_judge_cannot_be_probed(many: list[Pair], store: Store, tmp_path: Path) -> None:
    """It has no answer to what was never asked."""
    write_judgments(tmp_path / "judgments.jsonl", recorded(many).judgments)
    judge = make_judge(f"replay:{tmp_path / 'judgments.jsonl'}", JudgeOptions())
    with pytest.raises(ConfigError, match="can only say what it recorded; name the judge itself"):
        run(["repeat"], many, judge, store)


def test_files_without_answers_cannot_be_probed(store: Store) -> None:
    """Samples of lm_eval keep verdicts only; the file is named."""
    bare = Judged(judge="j", fingerprint=None, reference="a", candidate="b", verdicts=(), files=("samples.jsonl",))
    with pytest.raises(DataError, match=r"samples.jsonl: no answers to probe with; give a run folder"):
        run_probes(["length"], [bare], make_judge("length", JudgeOptions()), store=store, limit=None)
