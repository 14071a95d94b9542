"""Scores of MT-Bench: FastChat's means, intervals that hold at the ends of the scale, differences on the same turns."""

from __future__ import annotations

import json
import math
import random
from argparse import Namespace
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore.reports.mtbench import (
    Grade,
    ModelScore,
    difference_sentence,
    score_differences,
    score_models,
    score_notes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_NORMAL, _GRIFFIN = "Meta-Llama-3-8B-Instruct-Normal", "Meta-Llama-3-8B-Instruct-Griffin"
_CATEGORIES = ("writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities")
_scores = st.one_of(st.integers(1, 10).map(float), st.just(8.5))


def grade(question: int = 81, score: float | None = 5.0, turn: int = 1, model: str = "tuned", **fields: Any) -> Grade:
    """A grade by gpt-4, of which only some fields matter."""
    values: dict[str, Any] = {"category": "writing", "judge": "gpt-4", "prompt_name": "single-v1"} | fields
    return Grade(question=question, score=score, turn=turn, model=model, **values)


def grades_of(scores: Iterable[tuple[float | None, ...]], model: str = "tuned", **fields: Any) -> list[Grade]:
    """Grades of questions from 81 on, each with so many turns."""
    return [
        grade(question, score, turn, model, **fields)
        for question, turns in enumerate(scores, 81)
        for turn, score in enumerate(turns, 1)
    ]


def published(data: Path) -> tuple[Path, list[dict[str, Any]]]:
    """The published judgments of two models, as they lie in the file."""
    path = data / "reviews" / "mt_bench" / "gpt-4_single-origin.jsonl"
    return path, [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def as_grades(rows: Sequence[dict[str, Any]]) -> list[Grade]:
    """Rows of a judgment file as grades."""
    return [
        Grade(
            question=row["question_id"],
            category=_CATEGORIES[(row["question_id"] - 81) // 10],
            model=row["model"],
            judge=row["judge"][0],
            prompt_name=row["judge"][1],
            turn=row["turn"],
            score=None if row["score"] == -1 else row["score"],
        )
        for row in rows
    ]


def test_published_grades_give_their_means(data: Path) -> None:
    """Each turn's mean is that of a plain computation; four rows have no score, six repeat a turn."""
    _, rows = published(data)
    normal, griffin = score_models(as_grades(rows))
    assert [_NORMAL, _GRIFFIN] == [normal.model, griffin.model]
    for score in (normal, griffin):
        read = [row for row in rows if row["model"] == score.model and row["score"] != -1]
        for mean, turns in ((score.first, {1}), (score.second, {2}), (score.both, {1, 2})):
            assert fmean(row["score"] for row in read if row["turn"] in turns) == pytest.approx(mean.mean, abs=1e-12)
    assert [8.38372, 7.2625, 3.1375, 2.2625] == [
        pytest.approx(mean.mean, abs=1e-5) for mean in (normal.first, normal.second, griffin.first, griffin.second)
    ]
    assert (170, 4, 6, 0, 166) == (normal.rows, normal.unread, normal.repeated, normal.missing, normal.both.n)
    assert (160, 0, 0, 0, 160) == (griffin.rows, griffin.unread, griffin.repeated, griffin.missing, griffin.both.n)
    assert dict.fromkeys(_CATEGORIES, 10) == {name: mean.questions for name, mean in normal.categories.items()}


def test_fastchat_prints_the_same_means(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own program, on the published file."""
    pytest.importorskip("pandas")
    shown = pytest.importorskip("fastchat.llm_judge.show_result")
    path, rows = published(data)
    shown.display_result_single(Namespace(input_file=path, model_list=None, bench_name="mt_bench"))
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    numbers = {line[0]: [] for line in printed if line and line[0] in {_NORMAL, _GRIFFIN}}
    for line in printed:
        if line and line[0] in numbers:
            numbers[line[0]].append(float(line[-1]))
    assert numbers == {
        score.model: [pytest.approx(mean.mean, abs=1e-6) for mean in (score.first, score.second, score.both)]
        for score in score_models(as_grades(rows))
    }


def test_interval_by_hand() -> None:
    """Four questions scored 5.5, the middle of the scale.

    Their shares of the scale are 0.5, so only the pseudo-observations vary: half of one at 1, half of one at 0, which
    is 0.25 in squares. Standard error sqrt(6/5 * 0.25) / 6 = 0.0912871; times 3.182446 (Student's t, 3 degrees of
    freedom) is 0.290516 of a scale that is 9 wide.
    """
    both = score_models(grades_of([(5.5,)] * 4))[0].both
    assert (4, 4, 5.5) == (both.n, both.questions, both.mean)
    assert both.mean_ci == pytest.approx((5.5 - 9 * 0.290516, 5.5 + 9 * 0.290516), abs=1e-4)


def test_turns_of_a_question_are_no_new_questions() -> None:
    """A second turn that always scores what the first does makes nothing surer."""
    scores = [1.0, 4.0, 9.0, 10.0, 8.5, 3.0]
    once, twice = (score_models(grades_of([(score,) * turns for score in scores]))[0].both for turns in (1, 2))
    assert (6, 12) == (once.n, twice.n)
    assert once.mean_ci == pytest.approx(twice.mean_ci)


def test_equal_scores_leave_doubt() -> None:
    """Ten out of ten in every question does not make an interval of no width."""
    mean_ci = score_models(grades_of([(10.0, 10.0)] * 80))[0].both.mean_ci
    assert mean_ci is not None
    assert 10 == mean_ci[1]
    assert 9.5 < mean_ci[0] < 9.9


@pytest.mark.parametrize("questions", [10, 80])
def test_intervals_cover_where_scores_crowd(questions: int) -> None:
    """At least 93 % of 400 intervals hold the mean of what was drawn from, near the top of the scale."""
    drawn = random.Random(5)
    pool = [(10.0, 10.0)] * 50 + [(9.0, 10.0)] * 20 + [(9.0, 8.0)] * 20 + [(5.0, 3.0)] * 7 + [(1.0, 1.0)] * 3
    mean = fmean(score for turns in pool for score in turns)
    covered = 0
    for _ in range(400):
        mean_ci = score_models(grades_of(drawn.choices(pool, k=questions)))[0].both.mean_ci
        covered += mean_ci is not None and mean_ci[0] <= mean <= mean_ci[1]
    assert 0.93 * 400 <= covered


def test_rows_without_a_score_are_counted_and_no_number() -> None:
    """An error is in no mean; a turn that was graded later is not missing, one that never was is."""
    rows = [
        grade(81, None), grade(81, 6.0), grade(82, None), grade(83, 8.0), grade(83, 4.0),
        grade(81, 9.0, model="base"), grade(84, 9.0, model="base"),
    ]  # fmt: skip
    base, tuned = score_models(rows)
    assert (5, 2, 1, 2) == (tuned.rows, tuned.unread, tuned.repeated, tuned.missing)  # 82 and 84
    assert (3, 6.0) == (tuned.both.n, tuned.both.mean)
    assert (2, 0, 0, 2) == (base.rows, base.unread, base.repeated, base.missing)
    assert [
        "base: 2 of 4 turns without any score",
        (
            "tuned: 2 rows of 5 without a score, in no mean; 2 of 4 turns without any score; "
            "1 row for a turn that has a score already; each enters the means"
        ),
    ] == score_notes([base, tuned])


def test_a_model_without_any_score_has_no_mean() -> None:
    """It stands last, and nothing is said of its difference from others."""
    rows = [*grades_of([(None, None)], "broken"), *grades_of([(2.0, 3.0)])]
    tuned, broken = score_models(rows)
    assert ("tuned", "broken", 0, None, None) == (
        tuned.model, broken.model, broken.both.n, broken.both.mean, broken.both.mean_ci,
    )  # fmt: skip
    assert [] == score_differences(rows)


def test_categories_are_means_of_both_turns() -> None:
    """Rows whose category is not known are in none of them, and counted."""
    rows = [
        *grades_of([(2.0, 4.0)], category="math"),
        *grades_of([(9.0, 10.0)], category="stem"),
        *grades_of([(1.0,)], category=None),
    ]
    (score,) = score_models(rows)
    assert {"math": 3.0, "stem": 9.5} == {name: mean.mean for name, mean in score.categories.items()}
    assert (5.2, 4.0, 7.0) == tuple(round(mean.mean or 0, 9) for mean in (score.both, score.first, score.second))
    assert "1 row whose category is not known, in no category" in score_notes([score])


def test_judges_are_told_apart() -> None:
    """Two judges' grades never meet in a mean, and notes and differences name them."""
    rows = [
        *grades_of([(2.0,), (3.0,)], "a"), *grades_of([(4.0,), (4.0,)], "b"),
        *grades_of([(9.0,), (9.0,)], "a", judge="strict"), *grades_of([(1.0,), (None,)], "b", judge="strict"),
    ]  # fmt: skip
    assert [("gpt-4", "b", 4.0), ("gpt-4", "a", 2.5), ("strict", "a", 9.0), ("strict", "b", 1.0)] == [
        (score.judge, score.model, score.both.mean) for score in score_models(rows)
    ]
    first, second = score_differences(rows)
    assert ("b", "a", 1.5, 2) == (first.model, first.other, first.difference, first.turns)
    assert ("a", "b", 8.0, 1) == (second.model, second.other, second.difference, second.turns)
    assert difference_sentence(second, judge=True).startswith("a minus b (strict): +8.00 (")
    assert score_notes(score_models(rows))[0].startswith("b (judge: strict): 1 row of 2 without")


def test_other_prompts_are_pointed_out() -> None:
    """Who is graded with a reference answer is not graded like who is not."""
    rows = [*grades_of([(2.0,)], "a", prompt_name="single-math-v1"), *grades_of([(3.0,)], "b")]
    assert [
        "gpt-4 was not asked the same way about all models, so beware: b: single-v1; a: single-math-v1"
    ] == score_notes(score_models(rows))


@pytest.mark.parametrize("score", [-1, 0, 0.5, 10.5, math.nan, math.inf])
def test_what_is_no_score_is_refused(score: float) -> None:
    """FastChat's -1 cannot become a number in a mean."""
    with pytest.raises(ValueError, match="from 1 to 10, or None"):
        grade(score=score)


def test_difference_is_of_shared_turns() -> None:
    """Repeated scores of a turn count as their mean; turns that only one model has do not count."""
    rows = [
        *grades_of([(8.0, 6.0), (4.0,)], "a"), grade(81, 10.0, model="a"),
        *grades_of([(5.0, 6.0), (None,), (10.0, 10.0)], "b"),
    ]  # fmt: skip
    (found,) = score_differences(rows)
    assert ("a", "b") == (found.other, found.model)  # b has the higher mean over all of its rows
    assert (2, 1, -2.0) == (found.turns, found.questions, found.difference)  # (5 - 9 + 6 - 6) / 2
    assert (0, 1) == (found.higher, found.lower)
    assert (-9.0, 9.0) == found.difference_ci  # one question says nothing of others
    assert None is found.p_value
    assert "b minus a: \N{MINUS SIGN}2.00 (" in difference_sentence(found)
    assert "on the same 2 turns of 1 question (higher on 0, lower on 1); the interval" in difference_sentence(found)
    assert difference_sentence(found).endswith("do not show which of the two is better")
    (none,) = score_differences([grade(81, model="a"), grade(82, model="b")])
    assert (0, None, None) == (none.turns, none.difference, none.difference_ci)
    assert "a and b: no turn has a score of both, so nothing can be said" == difference_sentence(none)


@given(st.lists(st.tuples(_scores, _scores), min_size=2, max_size=30))
def test_interval_and_test_say_the_same(pairs: list[tuple[float, float]]) -> None:
    """The p value is below 5 % exactly when 0 is outside of the interval; turned around, all is turned around."""
    rows = [*grades_of([(a,) for a, _ in pairs], "a"), *grades_of([(b,) for _, b in pairs], "b")]
    turned = [grade(row.question, 11 - (row.score or 0), model=row.model) for row in rows]
    (one,), (other,) = score_differences(rows), score_differences(turned)
    sign = 1 if one.model == other.model else -1
    for found in (one, other):
        assert found.difference_ci is not None
        assert found.p_value is not None
        if not math.isclose(found.p_value, 0.05, rel_tol=1e-6):
            assert (found.difference_ci[0] > 0 or found.difference_ci[1] < 0) == (found.p_value < 0.05)
        assert found.difference_ci[0] <= (found.difference or 0) <= found.difference_ci[1] or 3 > len(pairs)
    assert one.difference == pytest.approx(-sign * (other.difference or 0))
    assert one.p_value == pytest.approx(other.p_value)


def test_many_models_are_compared_with_the_best() -> None:
    """Ten pairs are shown in full; beyond that each model stands beside the best, and Holm counts the tests."""
    for models, expected in ((5, 10), (6, 5)):
        rows = [row for number in range(models) for row in grades_of([(1.0 + number, 2.0)] * 80, f"m{number}")]
        found = score_differences(rows)
        assert expected == len(found)
        assert all((each.p_value_holm or 0) >= (each.p_value or 0) for each in found)
        smallest = min(found, key=lambda each: each.p_value or 1)
        assert smallest.p_value_holm == pytest.approx(expected * (smallest.p_value or 0))
    assert {"m5"} == {each.model for each in found}


def test_scores_are_plain_json() -> None:
    """Full precision; the names of the fields are those of the columns."""
    rows = [*grades_of([(2.0, 3.0), (4.0, None)], "a"), *grades_of([(4.0,), (4.0,)], "b")]
    document = json.loads(json.dumps([each.to_dict() for each in (*score_models(rows), *score_differences(rows))]))
    assert {"n": 3, "questions": 2, "mean": 3.0} == {
        name: document[1]["both"][name] for name in ("n", "questions", "mean")
    }
    assert ["single-v1"] == document[1]["prompts"]
    assert 2 == len(document[1]["categories"]["writing"]["mean_ci"])
    assert ("b", "a", 1.0) == tuple(document[2][name] for name in ("model", "other", "difference"))
    assert isinstance(score_models(rows)[0], ModelScore)
