"""Rows of a judgment file that a new judging leaves as they stand: whether they are about the answers of today."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from longismore.errors import DataError
from longismore.mtbench._answers import read_answers
from longismore.mtbench._judgments import lacking_models, turn_of
from longismore.mtbench._layout import answers_path, model_names
from longismore.testsets._row import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.mtbench._matches import Answers
    from longismore.mtbench._records import ModelAnswer
    from longismore.testsets._row import Row

__all__ = ["warn_of_old_answers"]

logger = logging.getLogger(__name__)


def warn_of_old_answers(rows: Sequence[Row], answers: Answers, *, folder: Path, path: Path) -> None:
    """Say how many rows were made of other answers than are there now; rows without a recorded prompt tell nothing.

    Args:
        rows: Those that stay.
        answers: Of the models that are judged now.
        folder: With ``model_answer``, for the answers of other models.
        path: The file of judgments.
    """
    now = dict(answers)
    known = set(model_names(folder))
    old, models = 0, dict[str, None]()
    for row in rows:
        names = [row.text(field) for field in ("model", "model_1", "model_2") if field in row.fields]
        for name in names:
            if name in known and name not in now:
                now[name] = _answers_of(name, folder)
        question = row.integer("question_id")
        given = [now[name][question] for name in names if question in now.get(name, {})]
        lacking = lacking_models(row.fields, turn_of(row), given)
        old += bool(lacking)
        models.update(dict.fromkeys(lacking))
    if old:
        logger.warning(
            "%s: rows that were kept and are about other answers than model_answer has now: %d, of %s; judge all "
            "questions of these models again (no --questions), or old and new answers are shown as one",
            path, old, listed(models),
        )  # fmt: skip


def _answers_of(model: str, folder: Path) -> Mapping[int, ModelAnswer]:
    try:
        return {each.question: each for each in read_answers(answers_path(folder, model))}
    except DataError as error:  # of a model that was not to be judged
        logger.warning("%s; so rows that were kept are not compared with these answers", error)
        return {}
