"""The questions, with the reference answers of GPT-4 for those that have one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_jsonl
from longismore.errors import ConfigError
from longismore.mtbench._answers import read_turns
from longismore.mtbench._published import QUESTIONS, REFERENCE_ANSWERS
from longismore.mtbench._records import Question
from longismore.testsets._row import Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["load_questions", "questions_at_hand", "select_questions"]

_IDS = re.compile(r"(\d{1,9})(?:\s*-\s*(\d{1,9}))?")


def load_questions(folder: Path | None = None) -> list[Question]:
    """The eighty questions in their published order.

    Args:
        folder: Take the published files from here (``mt_bench/question.jsonl``, ...), and never use the network.

    Raises:
        DataError: A file is not there or cannot be fetched; ``ChecksumError`` where it is another one.
    """
    path = REFERENCE_ANSWERS.fetch(folder)
    rows = (Row(fields, f"{path}:{line}") for line, fields in read_jsonl(path))
    references = {row.integer("question_id"): read_turns(row) for row in rows}
    path = QUESTIONS.fetch(folder)
    return [_question(fields, references) for _, fields in read_jsonl(path)]


def _question(fields: Mapping[str, Any], references: Mapping[int, tuple[str, ...]]) -> Question:
    # The file is the published one, so its fields are known; FastChat passes over its field "reference" too.
    return Question(
        id=fields["question_id"],
        category=fields["category"],
        turns=tuple(fields["turns"]),
        reference=references.get(fields["question_id"]),
    )


def questions_at_hand(folder: Path | None = None) -> bool:
    """Whether :func:`load_questions` would work without the network."""
    return QUESTIONS.is_at_hand(folder) and REFERENCE_ANSWERS.is_at_hand(folder)


def select_questions(questions: Sequence[Question], wanted: str) -> list[Question]:
    """Those that *wanted* names: ids, ranges of ids and categories, e.g. ``81-90,101,math``; empty: all.

    Raises:
        ConfigError: A part names no question.
    """
    parts = [part.strip() for part in wanted.split(",") if part.strip()]
    if not parts:
        return list(questions)
    chosen = {part: {question.id for question in questions if _is_meant(question, part)} for part in parts}
    if problems := [f'"{part}" names no question' for part, ids in chosen.items() if not ids]:
        names = ", ".join(dict.fromkeys(question.category for question in questions))
        numbers = [question.id for question in questions]
        raise ConfigError(
            f"{'; '.join(problems)}; give numbers from {min(numbers)} to {max(numbers)}, ranges (81-90) or "
            f"categories ({names})"
        )
    ids = set().union(*chosen.values())
    return [question for question in questions if question.id in ids]


def _is_meant(question: Question, part: str) -> bool:
    if found := _IDS.fullmatch(part):
        return int(found[1]) <= question.id <= int(found[2] or found[1])
    return question.category == part
