from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError, DataError
from longismore.judges import JudgeOptions, make_judge, write_judgments
from longismore.records import Answer, Example, Judgment, Order, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from longismore.judges import Judge
    from longismore.records import Pair
    from longismore.store import Store


@pytest.fixture
def recorded(pairs: list[Pair], make_judgment: Callable[..., Judgment]) -> list[Judgment]:
    """Both orders of every pair."""
    return [make_judgment(pair, order) for pair in pairs for order in Order]


@pytest.fixture
def replay(tmp_path: Path) -> Callable[[list[Judgment]], Judge]:
    """Write judgments down and make the judge that repeats them."""

    def make(judgments: list[Judgment]) -> Judge:
        write_judgments(tmp_path / "judgments.jsonl", judgments)
        return make_judge(f"replay:{tmp_path}/judgments.jsonl", JudgeOptions())

    return make


def judged(judge: Judge, pairs: list[Pair], store: Store) -> list[Judgment]:
    """What the judge says; it stores nothing."""
    made: list[Judgment] = []
    judge.judge(pairs, store=store, on_judgment=made.append)
    assert store.count() == 0
    return made


def example_of(pair: Pair) -> Example:
    """The instruction of a pair."""
    return Example(id=pair.id, testset=pair.testset, instruction=pair.prompt, prompt=pair.prompt, question=pair.prompt)


def test_says_again_what_was_recorded(
    pairs: list[Pair], recorded: list[Judgment], replay: Callable[[list[Judgment]], Judge], store: Store
) -> None:
    """The judgments come out as they were, under the name and fingerprint of the judge that made them."""
    judge = replay(recorded)
    judge.check([example_of(pair) for pair in pairs], store)
    assert recorded == judged(judge, pairs, store)
    assert ("openai/test-judge", "f" * 64, None) == (judge.name, judge.fingerprint, judge.note)


def test_names_of_models_are_those_of_now(
    pairs: list[Pair], recorded: list[Judgment], replay: Callable[[list[Judgment]], Judge], store: Store
) -> None:
    """The texts decide whether a judgment holds; models may have been renamed since."""
    renamed = [dataclasses.replace(pair, candidate=Answer("new", pair.candidate.output)) for pair in pairs]
    assert {"new"} == {one.candidate.model for one in judged(replay(recorded), renamed, store)}


def test_what_is_missing_is_failed_and_counted(
    pairs: list[Pair],
    recorded: list[Judgment],
    replay: Callable[[list[Judgment]], Judge],
    store: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A judgment that was not recorded is failed, and the check says how many and which is the first."""
    judge = replay(recorded[:3])
    with caplog.at_level(logging.WARNING):
        judge.check([example_of(pair) for pair in pairs], store)
    assert "3 of 6 judgments are not recorded, the first: mini two candidate_first" in caplog.text
    expected = [Status.JUDGED] * 3 + [Status.FAILED] * 3
    assert expected == [one.status for one in judged(judge, pairs, store)]


def test_complete_file_is_not_remarked_upon(
    pairs: list[Pair],
    recorded: list[Judgment],
    replay: Callable[[list[Judgment]], Judge],
    store: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where nothing is missing, nothing is said, also when fewer pairs are asked."""
    judge = replay(recorded)
    judge.check([example_of(pair) for pair in pairs[:1]], store)
    judge.check([], store)
    assert ([], 2) == (caplog.records, len(judged(judge, pairs[:1], store)))


def test_file_about_another_test_set_is_refused(
    pairs: list[Pair], recorded: list[Judgment], replay: Callable[[list[Judgment]], Judge], store: Store
) -> None:
    """A file without a single judgment of these examples is the wrong file: it says what it is about."""
    others = [dataclasses.replace(example_of(pair), testset="koala") for pair in pairs]
    with pytest.raises(DataError, match=r"has no judgment of koala \(one, ...\); it is about mini"):
        replay(recorded).check(others, store)


@pytest.mark.parametrize("role", ["reference", "candidate"])
def test_other_answers_are_refused(
    role: str, pairs: list[Pair], recorded: list[Judgment], replay: Callable[[list[Judgment]], Judge], store: Store
) -> None:
    """A judgment of another answer to the same instruction says nothing of this one."""
    other: dict[str, Any] = {role: Answer("base", "Danube.")}
    changed = dataclasses.replace(pairs[1], **other)
    with pytest.raises(DataError, match=f"mini two: the judgment was made of another {role} answer.*'Danube.' here"):
        judged(replay(recorded), [pairs[0], changed], store)


def test_statuses_are_repeated(
    pairs: list[Pair],
    make_judgment: Callable[..., Judgment],
    replay: Callable[[list[Judgment]], Judge],
    store: Store,
) -> None:
    """What was unparsed or refused then is so now."""
    unread = {"score_reference": None, "score_candidate": None, "preference": None}
    made = [
        make_judgment(pairs[0], Order.REFERENCE_FIRST, status=Status.UNPARSED, **unread),
        make_judgment(pairs[0], Order.CANDIDATE_FIRST, status=Status.REFUSED, **unread),
    ]
    assert made == judged(replay(made), pairs[:1], store)


def test_two_judges_in_a_file_are_refused(recorded: list[Judgment], replay: Callable[[list[Judgment]], Judge]) -> None:
    """Judgments of two judges must not be mixed: the message names both."""
    other = dataclasses.replace(recorded[0], fingerprint="g" * 64, judge="openai/other")
    with pytest.raises(ConfigError, match=r"2 judges \(openai/other, openai/test-judge\).*by the field fingerprint"):
        replay([*recorded, other])


def test_replay_needs_a_file() -> None:
    """The name alone says nothing."""
    with pytest.raises(ConfigError, match='"replay" needs a file: replay:PATH'):
        make_judge("replay:", JudgeOptions())


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is an error before anything is judged."""
    with pytest.raises(DataError, match=r"none.jsonl: no such file"):
        make_judge(f"replay:{tmp_path}/none.jsonl", JudgeOptions())
