"""Read what judges said, in FastChat's files.

``$ERROR$`` in the place of a judgment, the score -1 and the winner "error" all say that there is nothing: the row is
there, and its score or winner is ``None``.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from longismore._jsonl import read_jsonl
from longismore.errors import SchemaError
from longismore.mtbench._parse import in_scale
from longismore.mtbench._records import CATEGORIES
from longismore.reports.mtbench import Grade, TurnComparison
from longismore.testsets._row import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from longismore.mtbench._records import ModelAnswer
    from longismore.reports.mtbench import Winner

__all__ = [
    "judge_of",
    "key_of",
    "lacking_models",
    "read_comparisons",
    "read_grades",
    "rows_of",
    "score_of",
    "turn_of",
    "winner_of",
]

logger = logging.getLogger(__name__)

_NONE = -1
_FIRST_QUESTION = 81
_OF_A_CATEGORY = 10
_WINNERS = ("model_1", "model_2", "tie")


def read_grades(path: str | Path) -> list[Grade]:
    """Every row of a ``*_single.jsonl``, repeated ones too, in the file's order; ``score=None`` where it has no score.

    A score that is none of the scale (1 to 10) is ``None`` too, which is logged: FastChat's own table counts it.

    Raises:
        DataError: The file cannot be read; ``SchemaError`` where a row is wrong.
    """
    grades, off = [], 0
    for row in rows_of(path):
        judge, prompt = judge_of(row)
        score = score_of(row)
        off += score is None and row.fields["score"] != _NONE
        grades.append(
            Grade(
                question=row.integer("question_id"),
                category=_category(row),
                model=row.text("model"),
                judge=judge,
                prompt_name=prompt,
                turn=turn_of(row),
                score=score,
                fingerprint=_fingerprint(row),
            )
        )
    if off:
        logger.warning(
            "%s: scores left out, for they are not from 1 to 10: %d; FastChat's own table counts them", path, off
        )
    return grades


def read_comparisons(path: str | Path) -> list[TurnComparison]:
    """Every row of a ``*_pair.jsonl``, repeated ones too, in the file's order; ``None`` for a winner that is an error.

    Raises:
        DataError: The file cannot be read; ``SchemaError`` where a row is wrong.
    """
    return [
        TurnComparison(
            question=row.integer("question_id"),
            category=_category(row),
            model_1=row.text("model_1"),
            model_2=row.text("model_2"),
            judge=judge_of(row)[0],
            turn=turn_of(row),
            winner_1st=winner_of(row, "g1_winner"),
            winner_2nd=winner_of(row, "g2_winner"),
            fingerprint=_fingerprint(row),
        )
        for row in rows_of(path)
    ]


def rows_of(path: str | Path) -> Iterator[Row]:
    """The rows of a file, each with its place."""
    for line, fields in read_jsonl(path):
        yield Row(fields, f"{Path(path)}:{line}")


def judge_of(row: Row) -> tuple[str, str]:
    """Who judged, and the name of the prompt.

    Raises:
        SchemaError: The row does not say.
    """
    match row.value("judge"):
        case [str(judge), str(prompt)]:
            return judge, prompt
        case other:
            raise row.wrong("judge", 'a list of two strings, the judge and its prompt ("gpt-4", "single-v1")', other)


def turn_of(row: Row) -> int:
    """1 or 2; where the row does not say, as its prompt says.

    Raises:
        SchemaError: It is neither.
    """
    if "turn" not in row.fields:
        return 2 if judge_of(row)[1].endswith("-multi-turn") else 1
    turn = row.integer("turn")
    if turn not in {1, 2}:
        raise row.wrong("turn", "1 or 2", turn)
    return turn


def key_of(row: Row) -> tuple[object, ...]:
    """What a row is about: two rows with one key are about the same, whichever model is named first.

    Raises:
        SchemaError: The row does not say.
    """
    models = [row.text("model")] if "model" in row.fields else sorted([row.text("model_1"), row.text("model_2")])
    return row.integer("question_id"), turn_of(row), *models


def lacking_models(row: Mapping[str, Any], turn: int, answers: Iterable[ModelAnswer]) -> list[str]:
    """The models of whose *answers*, up to the turn, one is not in the prompt that the row recorded.

    Only chat models have a prompt to record; of any other row nothing is known, and no model lacks anything.
    """
    prompt = row.get("user_prompt") or row.get("g1_user_prompt")
    if not isinstance(prompt, str):
        return []
    return [answer.model for answer in answers if any(text not in prompt for text in answer.turns[:turn])]


def score_of(row: Row) -> float | None:
    """The score of a row, or ``None``.

    Raises:
        SchemaError: It is no number.
    """
    score = row.value("score")
    if not isinstance(score, int | float) or isinstance(score, bool):
        raise row.wrong("score", "a number, -1 where there is none", score)
    return float(score) if in_scale(score) else None


def winner_of(row: Row, field: str) -> Winner | None:
    """Who won in one order, or ``None``.

    Raises:
        SchemaError: It is no winner.
    """
    winner = row.text(field)
    if winner == "error":
        return None
    if winner not in _WINNERS:
        raise SchemaError(row.where, f'field "{field}" must be {", ".join(_WINNERS)} or error, found "{winner:.40}"')
    return cast("Winner", winner)


def _fingerprint(row: Row) -> str | None:
    """As the row says, which only ours do."""
    found = row.fields.get("fingerprint")
    return found if isinstance(found, str) else None


def _category(row: Row) -> str | None:
    """As the row says, which only ours do, else as the questions of MT-Bench are numbered: ten a category."""
    if (category := row.optional_text("category")) is not None:
        return category
    place = row.integer("question_id") - _FIRST_QUESTION
    return CATEGORIES[place // _OF_A_CATEGORY] if 0 <= place < _OF_A_CATEGORY * len(CATEGORIES) else None
