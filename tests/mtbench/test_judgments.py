"""Reading files of judgments: what has no score is counted and never a number."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import SchemaError
from longismore.mtbench import read_comparisons, read_grades
from longismore.reports.mtbench import Grade, TurnComparison

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def put(path: Path, *lines: object) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def single(**fields: Any) -> dict[str, Any]:
    """A row as FastChat writes it."""
    return {
        "question_id": 111,
        "model": "good",
        "judge": ["gpt-4", "single-math-v1"],
        "user_prompt": "...",
        "judgment": "Rating: [[8]]",
        "score": 8,
        "turn": 1,
        "tstamp": 1.5,
        **fields,
    }


def pair(**fields: Any) -> dict[str, Any]:
    """The same of two models."""
    return {
        "question_id": 81,
        "model_1": "good",
        "model_2": "poor",
        "g1_winner": "model_1",
        "g2_winner": "tie",
        "judge": ["gpt-4", "pair-v2"],
        "g1_user_prompt": "",
        "g1_judgment": "[[A]]",
        "g2_user_prompt": "",
        "g2_judgment": "[[C]]",
        "turn": 1,
        "tstamp": 1.5,
        **fields,
    }


def test_published_file(data: Path) -> None:
    """330 rows, four without a score and ten repeated, and the means of each model and turn."""
    path = data / "reviews" / "mt_bench" / "gpt-4_single-origin.jsonl"
    grades = read_grades(path)
    assert (330, 4) == (len(grades), sum(grade.score is None for grade in grades))
    assert 320 == len({(grade.question, grade.model, grade.turn) for grade in grades})
    plain = defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        if row["score"] != -1:
            plain[row["model"], row["turn"]].append(row["score"])
    ours = defaultdict(list)
    for grade in grades:
        if grade.score is not None:
            ours[grade.model, grade.turn].append(grade.score)
    assert {key: sum(scores) / len(scores) for key, scores in plain.items()} == {
        key: sum(scores) / len(scores) for key, scores in ours.items()
    }
    assert {grade.category for grade in grades if "math" in grade.prompt_name} == {"reasoning", "math", "coding"}


def test_a_grade(tmp_path: Path) -> None:
    """Every field; the category is that of the question's number unless the row says it."""
    path = put(tmp_path / "a.jsonl", single(), single(question_id=3), single(category="poetry", score=9.5))
    grade = Grade(
        question=111, category="math", model="good", judge="gpt-4", prompt_name="single-math-v1", turn=1, score=8.0
    )
    assert grade == read_grades(path)[0]
    assert ["math", None, "poetry"] == [each.category for each in read_grades(path)]


@pytest.mark.parametrize("number", [80, 161, 0, -5])
def test_questions_of_other_sets_have_no_category(tmp_path: Path, number: int) -> None:
    """Only MT-Bench's own numbers tell."""
    assert [None] == [each.category for each in read_grades(put(tmp_path / "a.jsonl", single(question_id=number)))]


def test_repeated_and_missing_scores(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Rows stay as they are, repeated ones too; -1 is no score, and neither is what the scale does not have."""
    rows = [single(), single(score=7), single(score=-1, judgment="$ERROR$"), single(score=0), single(score=11)]
    path = put(tmp_path / "a.jsonl", *rows, single(score=float("nan")))
    assert [8.0, 7.0, None, None, None, None] == [each.score for each in read_grades(path)]
    assert "scores left out, for they are not from 1 to 10: 3; FastChat's own table counts them" in caplog.text


def test_a_comparison(tmp_path: Path) -> None:
    """Both orders by name; what is an error has no winner; the turn may stand in the prompt's name alone."""
    later = pair(g1_winner="error", g2_winner="model_2", judge=["gpt-4", "pair-v2-multi-turn"])
    del later["turn"]
    first, second = read_comparisons(put(tmp_path / "a.jsonl", pair(), later))
    assert first == TurnComparison(
        question=81,
        category="writing",
        model_1="good",
        model_2="poor",
        judge="gpt-4",
        turn=1,
        winner_1st="model_1",
        winner_2nd="tie",
    )
    assert (2, None, "model_2") == (second.turn, second.winner_1st, second.winner_2nd)


@pytest.mark.parametrize(
    ("read", "row", "problem"),
    [
        (read_grades, single(score="8"), 'field "score" must be a number, -1 where there is none, found a string'),
        (read_grades, single(score=True), 'field "score" must be a number'),
        (read_grades, single(score=None), 'field "score" must be a number'),
        (read_grades, single(turn=3), 'field "turn" must be 1 or 2, found the number 3'),
        (read_grades, single(judge="gpt-4"), 'field "judge" must be a list of two strings'),
        (read_grades, single(model=None), 'field "model" must be a string, found null'),
        (read_grades, pair(), 'field "score" is missing; found: question_id, model_1'),
        (read_comparisons, single(), 'field "model_1" is missing'),
        (read_comparisons, pair(g1_winner="good"), 'must be model_1, model_2, tie or error, found "good"'),
        (read_comparisons, pair(g2_winner=None), 'field "g2_winner" must be a string, found null'),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, read: Callable[..., Any], row: dict[str, Any], problem: str) -> None:
    """File, line, field, and what was found."""
    path = put(tmp_path / "bad.jsonl", row)
    with pytest.raises(SchemaError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}:1: ")
    assert problem in str(caught.value)
