"""Judge the answers of a folder: what ``longismore mtbench judge`` does.

Every answer of a paid judge is in the store when it arrives; the file of judgments is written when all are there, all
or nothing. A killed run loses what was in flight, and the same call goes on from there.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore._jsonl import explained, write_text
from longismore._lock import alone
from longismore.errors import ConfigError, UnknownNameError
from longismore.mtbench._answers import read_answers
from longismore.mtbench._judgments import key_of, rows_of
from longismore.mtbench._kept import warn_of_old_answers
from longismore.mtbench._layout import (
    answers_path,
    check_place,
    judge_file_name,
    judgments_path,
    model_names,
    writing,
)
from longismore.mtbench._matches import check_answers, make_matches
from longismore.mtbench._published import QUESTIONS
from longismore.mtbench._replay import ReplayTurnJudge
from longismore.mtbench._rows import count_states
from longismore.testsets._row import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from longismore.mtbench._matches import Answers, Match
    from longismore.mtbench._records import Question
    from longismore.mtbench._turn_judge import TurnJudge
    from longismore.store import Store

__all__ = ["JudgedFolder", "Judging", "judge_folder", "plan_judging"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What is to be judged, and where that is written."""

    mode: str
    models: tuple[str, ...]
    baseline: str | None
    judge: TurnJudge
    name: str
    """The judge's, in files."""
    path: Path
    """The file of judgments."""
    matches: tuple[Match, ...]
    folder: Path
    """With ``model_answer``."""
    answers: Answers
    """Of the models, and of the baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFolder:
    """How a judging went."""

    judging: Judging
    rows: int
    """Judged now, one a match."""
    kept: int
    """Rows of other matches that the file had before."""
    states: Mapping[str, int]
    """Judgments by what became of them; of rows that a recorded file gave, nothing is said."""

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        judge = self.judging.judge
        return {
            "judgments": str(self.judging.path),
            "judge": judge.name,
            "fingerprint": judge.fingerprint,
            "note": judge.note,
            "mode": self.judging.mode,
            "models": list(self.judging.models),
            "baseline": self.judging.baseline,
            "matches": len(self.judging.matches),
            "rows": self.rows,
            "kept": self.kept,
            "states": dict(self.states),
            "usage": judge.usage.to_dict(),
        }


def plan_judging(
    folder: Path,
    judge: TurnJudge,
    questions: Sequence[Question],
    *,
    mode: str = "single",
    models: Sequence[str] = (),
    baseline: str | None = None,
    judge_name: str | None = None,
) -> Judging:
    """Read the answers and find out, before anything is paid, whether all can be judged and written.

    Args:
        folder: With ``model_answer``.
        judge: Who judges.
        questions: Those that are judged.
        mode: ``single``, ``pairwise-baseline`` or ``pairwise-all``.
        models: Whose answers; empty for all.
        baseline: For ``pairwise-baseline``.
        judge_name: The judge's in files; ``None`` for its own without the provider.

    Raises:
        UsageError: Answers are missing, or the file holds the judgments of another judge.
    """
    name = judge_name or judge_file_name(judge.name)
    path = judgments_path(folder, name, mode)
    _refuse_other_questions(folder)
    known = model_names(folder)
    wanted = tuple(dict.fromkeys(models or known))
    for model in (*wanted, *([] if baseline is None else [baseline])):
        if model not in known:
            raise UnknownNameError(f"model with answers in {folder / 'model_answer'}:", model, known)
    players = dict.fromkeys([*wanted, *([] if baseline is None else [baseline])])
    answers = {model: {each.question: each for each in read_answers(answers_path(folder, model))} for model in players}
    check_answers(questions, answers)
    matches = make_matches(questions, answers, models=wanted, mode=mode, baseline=baseline)
    _say_empty(questions, answers)
    _refuse_other_judge(path, judge)
    return Judging(
        mode=mode,
        models=wanted,
        baseline=baseline,
        judge=judge,
        name=name,
        path=path,
        matches=tuple(matches),
        folder=folder,
        answers=answers,
    )


def _say_empty(questions: Sequence[Question], answers: Answers) -> None:
    for model, given in answers.items():
        empty = sum(not text.strip() for question in questions for text in given[question.id].turns)
        if empty:
            logger.warning('empty answers of "%s", which are judged as they are: %d', model, empty)


def _refuse_other_questions(folder: Path) -> None:
    own = folder / "question.jsonl"
    with explained(own):
        exists = own.exists()
    if exists and not QUESTIONS.is_copied_to(own):
        raise ConfigError(f"{own}: not the published questions of MT-Bench, which alone are judged here; move it away")


def _refuse_other_judge(path: Path, judge: TurnJudge) -> None:
    """Judgments by different prompts, models or settings never stand in one file."""
    with explained(path):
        exists = path.exists()
    if not exists:
        return
    if isinstance(judge, ReplayTurnJudge) and path.samefile(judge.path):
        raise ConfigError(
            f"{path}: is the file that would be written too; longismore mtbench show reads it as it is, or give "
            "another name (--judge-name NAME)"
        )
    for row in rows_of(path):
        found = row.optional_text("fingerprint")
        if found != judge.fingerprint:
            whose = f"of other settings or another version (fingerprint {found[:12]})" if found else "of FastChat"
            raise ConfigError(
                f"{row.where}: the file holds judgments {whose}, which are not mixed with those of {judge.name}; "
                "keep them apart by another name (--judge-name NAME), or move the file away"
            )


def judge_folder(
    judging: Judging, *, store: Store, on_progress: Callable[[int, int], None] | None = None
) -> JudgedFolder:
    """Judge what was planned, and write the file; rows about other models and questions stay in it.

    Args:
        judging: From :func:`plan_judging`.
        store: Where answers of paid judges are kept.
        on_progress: Gets judgments made and wanted.

    Raises:
        UsageError: Judging cannot work, and nothing was paid; or the file cannot be written.
        JudgeError: No further call can succeed; what was answered is in the store, and nothing was written.
    """
    judging.judge.check(judging.matches, store)
    check_place(judging.path)
    try:
        rows = judging.judge.judge(
            judging.matches,
            name=judging.name,
            store=store,
            on_progress=on_progress or (lambda _made, _wanted: None),
        )
        # Another process may have written the file meanwhile, or be about to.
        with alone(judging.path.with_name(f".{judging.path.name}.lock"), wait=True):
            _refuse_other_judge(judging.path, judging.judge)
            kept = _kept(judging.path, {key_of(Row(row, str(judging.path))) for row in rows})
            with writing(judging.path):
                # As FastChat writes: ASCII, one row a line.
                lines = [json.dumps(row) + "\n" for row in [*(row.fields for row in kept), *rows]]
                write_text(judging.path, "".join(lines))
    except BaseException:
        logger.error(  # noqa: TRY400  the traceback belongs to whoever handles the error
            "judging stopped; what was answered is kept in %s, and the same command goes on from there", store.path
        )
        raise
    warn_of_old_answers(kept, judging.answers, folder=judging.folder, path=judging.path)
    return JudgedFolder(judging=judging, rows=len(rows), kept=len(kept), states=count_states(rows))


def _kept(path: Path, replaced: set[tuple[object, ...]]) -> list[Row]:
    if not path.exists():
        return []
    return [row for row in rows_of(path) if key_of(row) not in replaced]
