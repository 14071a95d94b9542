"""Read and write the answers of models, in FastChat's format."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_jsonl, write_text
from longismore.errors import SchemaError
from longismore.mtbench._layout import writing
from longismore.mtbench._records import ModelAnswer
from longismore.testsets._row import Row

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["read_answers", "read_turns", "write_answers"]

logger = logging.getLogger(__name__)


def read_answers(path: str | Path) -> list[ModelAnswer]:
    """Every answer of a file, in its order, each the model's that the file is named after, as FastChat reads it.

    Of several rows for one question the last one holds, and of several choices the first; both are logged.

    Raises:
        DataError: The file cannot be read; ``SchemaError`` where a row is wrong.
    """
    path = Path(path)
    answers: dict[int, ModelAnswer] = {}
    rows = several = 0
    for line, fields in read_jsonl(path):
        row = Row(fields, f"{path}:{line}")
        answer = ModelAnswer(
            question=row.integer("question_id"),
            model=path.stem,
            turns=read_turns(row),
            answer_id=row.optional_text("answer_id") or "",
            created=_time(row),
        )
        rows += 1
        several += len(fields["choices"]) > 1
        answers[answer.question] = answer
    if rows > len(answers):
        logger.warning("%s: rows that answer a question again: %d; the last one holds", path, rows - len(answers))
    if several:
        logger.warning("%s: rows with several choices: %d; the first one is taken", path, several)
    return list(answers.values())


def read_turns(row: Row) -> tuple[str, ...]:
    """The texts of a row's first choice, one a turn.

    Raises:
        SchemaError: There are none.
    """
    match row.value("choices"):
        case [{"turns": [_, *_] as turns}, *_] if all(isinstance(turn, str) for turn in turns):
            return tuple(turns)
    raise SchemaError(row.where, 'field "choices" must be a list of objects with "turns", a list of strings')


def _time(row: Row) -> float | None:
    value = row.fields.get("tstamp")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number beyond all floats
        return None


def write_answers(path: str | Path, answers: Iterable[ModelAnswer]) -> None:
    """Write answers, one a line, sorted by question, all or nothing; folders are made.

    Raises:
        DataError: The file cannot be written.
    """
    rows = [_row(answer) for answer in sorted(answers, key=lambda answer: answer.question)]
    with writing(Path(path)):
        write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def _row(answer: ModelAnswer) -> dict[str, Any]:
    return {
        "question_id": answer.question,
        "answer_id": answer.answer_id,
        "model_id": answer.model,
        "choices": [{"index": 0, "turns": list(answer.turns)}],
        "tstamp": answer.created,
    }
