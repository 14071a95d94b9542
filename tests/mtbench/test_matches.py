"""What is judged in which mode."""

from __future__ import annotations

import pytest

from longismore.errors import ConfigError, DataError
from longismore.mtbench._matches import Answers, Match, check_answers, make_matches
from mtbench_folders import QUESTIONS, answer


def answers(*models: str) -> Answers:
    """Of each to all questions."""
    return {model: {each.id: answer(model, each.id) for each in QUESTIONS} for model in models}


def sides(matches: list[Match]) -> list[tuple[str, ...]]:
    """Who plays, once each, in order."""
    return list(dict.fromkeys(match.models for match in matches))


@pytest.mark.parametrize(
    ("mode", "baseline", "expected"),
    [
        ("single", None, [("b",), ("a",), ("c",)]),
        ("pairwise-all", None, [("b", "a"), ("b", "c"), ("a", "c")]),
        ("pairwise-baseline", "a", [("b", "a"), ("c", "a")]),
        ("pairwise-baseline", "d", [("b", "d"), ("a", "d"), ("c", "d")]),
    ],
)
def test_who_is_judged(mode: str, baseline: str | None, expected: list[tuple[str, ...]]) -> None:
    """Each, every two, or each against the baseline, which is model_2 and never plays itself; first turns first."""
    matches = make_matches(QUESTIONS, answers(*"abcd"), models=["b", "a", "c"], mode=mode, baseline=baseline)
    assert expected == sides(matches)
    assert 2 * len(expected) * len(QUESTIONS) == len(matches)
    assert sorted(match.turn for match in matches) == [match.turn for match in matches]


def test_modes_that_do_not_fit() -> None:
    """The baseline belongs to its mode, and a comparison needs two."""
    given = answers("a", "b")
    for models, mode, baseline, problem in (
        (["a", "b"], "pairwise-baseline", None, "name that one with --baseline MODEL"),
        (["a", "b"], "single", "a", '--baseline is for the mode pairwise-baseline, found the mode "single"'),
        (["a"], "pairwise-all", None, "the mode pairwise-all needs two models with answers, found only a"),
        (["a"], "pairwise-baseline", "a", "the mode pairwise-baseline needs two models"),
    ):
        with pytest.raises(ConfigError, match=problem):
            make_matches(QUESTIONS, given, models=models, mode=mode, baseline=baseline)


def test_missing_answers_are_named() -> None:
    """All models and questions at once, a missing second turn too."""
    check_answers(QUESTIONS, answers("a"))
    lacking = {
        "a": {81: answer("a", 81, "only one turn")} | {each.id: answer("a", each.id) for each in QUESTIONS[2:]},
        "b": {},
    }
    with pytest.raises(DataError) as caught:
        check_answers(QUESTIONS, lacking)
    assert '"a" has no whole answer to 2 of 6: 81, 82; "b" has no whole answer to 6 of 6: 81, 82, 101, 111' in str(
        caught.value
    )
    assert "judge fewer questions (--questions) or models (--models)" in str(caught.value)


def test_what_was_never_said_is_not_judged() -> None:
    """FastChat's word for an answer that never came spoils its own turn and those after it."""
    for turns, expected in ((("$ERROR$", "yes"), [False, False]), (("yes", "$ERROR$"), [True, False])):
        matches = [Match(question=QUESTIONS[0], turn=turn, answers=(answer("a", 81, *turns),)) for turn in (1, 2)]
        assert expected == [match.is_answered for match in matches]


def test_conversations_as_texts() -> None:
    """All that was asked and said so far."""
    match = Match(question=QUESTIONS[0], turn=2, answers=(answer("a", 81, "x", "y"), answer("b", 81, "z", "")))
    assert ("Ask 81 {first}.\n\nAsk 81 again.", ("x\n\ny", "z\n\n")) == match.said
