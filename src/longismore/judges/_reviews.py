"""Published review files, read as judgments: old reviews can be analysed again without a call.

Rows are in the order of their test set, so the id comes from the position, checked against the instruction
(Cherry_LLM's Self-Instruct rows lack the input, and published ids count from 1).

LLMBar's files have the instructions themselves, and need no test set (:mod:`longismore.judges._llmbar`).

Source: https://github.com/tianyi-lab/Cherry_LLM (``logs/``) and
https://github.com/gauss5930/AlpaGasus2-QLoRA (``evaluation_score/``).
"""

from __future__ import annotations

import json
import logging
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json
from longismore.errors import ConfigError, SchemaError
from longismore.judges._chat import digest
from longismore.judges._llmbar import read_llmbar
from longismore.judges._order import by_model, make_judgment
from longismore.judges._parse import parse_score_pair
from longismore.records import Answer, Example, Judgment, Order, Pair, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["REVIEW_FORMATS", "WITH_INSTRUCTIONS", "ReviewNames"]

logger = logging.getLogger(__name__)

_INSTRUCTION_FIELDS = ("prompt", "instruction", "Instruction", "text", "conversations")
_NOT_A_MODEL = frozenset({*_INSTRUCTION_FIELDS, "question_id", "review", "score", "id", "idx", "instances"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewNames:
    """What a review file may not say itself; ``None`` is the format's own default."""

    judge: str | None = None
    reference: str | None = None
    candidate: str | None = None
    testset: str | None = None
    """Only where the files have the instructions themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Review:
    """One text of a judge with its two scores, as recorded."""

    where: str
    order: Order
    completion: str
    scores: object
    """First and second answer shown."""


def _cherry(paths: Sequence[Path], examples: Sequence[Example], names: ReviewNames) -> list[Judgment]:
    """One file, both orders in a row: ``Answer1`` is the candidate, ``Answer2`` the reference."""
    if len(paths) != 1:
        raise ConfigError(f"the format cherry is one file with both orders, {len(paths)} files were given")
    (path,) = paths
    document = read_json(path)
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        raise SchemaError(str(path), 'a JSON object with a list "data" was expected; is it a file of Cherry_LLM?')
    judge = names.judge or (found[1] if (found := re.search(r"_reviews_(.+)$", path.stem)) else "unknown")
    judgments = []
    for example, (where, row) in _aligned(examples, document["data"], path):
        reference = Answer(names.reference or "reference", _text(row, "Answer2", where))
        candidate = Answer(names.candidate or "candidate", _text(row, "Answer1", where))
        for order, suffix in ((Order.REFERENCE_FIRST, "_reverse"), (Order.CANDIDATE_FIRST, "")):
            review = _Review(
                where=where,
                order=order,
                completion=_text(row, f"review{suffix}", where),
                scores=row.get(f"scores{suffix}"),
            )
            judgments.append(_judgment(example, reference, candidate, review, ("cherry", judge)))
    return judgments


def _alpagasus(paths: Sequence[Path], examples: Sequence[Example], names: ReviewNames) -> list[Judgment]:
    """Two files, one an order, named ``FIRST-SECOND-SET.json``; the answers stand under the models' names.

    The candidate is the model that stands first in the rows of the file whose name comes first, in whichever order
    the files are given.
    """
    if len(paths) != 2:  # noqa: PLR2004
        raise ConfigError(f"the format alpagasus is two files, one an order; {len(paths)} were given")
    judgments: dict[Order, list[Judgment]] = {}
    for path in sorted(paths):
        rows = list(_aligned(examples, read_json(path), path))
        candidate, reference = _models(rows[0][1][1], rows[0][1][0], names)
        names = replace(names, candidate=candidate, reference=reference)  # the other file agrees
        order = _order_of(path, reference, candidate)
        if order in judgments:
            raise ConfigError(
                f"{path}: both files show {candidate if order is Order.CANDIDATE_FIRST else reference} first"
            )
        judgments[order] = [
            _judgment(
                example,
                Answer(reference, _text(row, reference, where)),
                Answer(candidate, _text(row, candidate, where)),
                _Review(where=where, order=order, completion=_text(row, "review", where), scores=row.get("score")),
                ("alpagasus", names.judge or "unknown"),
            )
            for example, (where, row) in rows
        ]
    _same_answers(judgments, paths)
    both = zip(judgments[Order.REFERENCE_FIRST], judgments[Order.CANDIDATE_FIRST], strict=True)
    return [judgment for pair in both for judgment in pair]


def _models(row: Mapping[str, Any], where: str, names: ReviewNames) -> tuple[str, str]:
    """Candidate and reference: the two keys of a row that are no field of the format."""
    models = [key for key in row if key not in _NOT_A_MODEL]
    if len(models) != 2:  # noqa: PLR2004
        raise SchemaError(where, f"the answers of two models were expected, found the fields {', '.join(row)}")
    for name in (names.candidate, names.reference):
        if name is not None and name not in models:
            raise ConfigError(f'{where}: no model "{name}"; the file has {" and ".join(models)}')
    if names.candidate == models[1] or names.reference == models[0]:
        models.reverse()
    return models[0], models[1]


def _order_of(path: Path, reference: str, candidate: str) -> Order:
    if path.name.startswith(f"{reference}-{candidate}-"):
        return Order.REFERENCE_FIRST
    if path.name.startswith(f"{candidate}-{reference}-"):
        return Order.CANDIDATE_FIRST
    raise ConfigError(
        f"{path}: the order is read from the file's name, FIRST-SECOND-SET.json with {candidate} and {reference}"
    )


def _same_answers(judgments: Mapping[Order, Sequence[Judgment]], paths: Sequence[Path]) -> None:
    first, second = judgments[Order.REFERENCE_FIRST], judgments[Order.CANDIDATE_FIRST]
    for one, other in zip(first, second, strict=True):
        if (one.reference, one.candidate) != (other.reference, other.candidate):
            raise SchemaError(f"{paths[0]} and {paths[1]}", f"{one.id}: the two orders were made of different answers")


def _llmbar(paths: Sequence[Path], examples: Sequence[Example], names: ReviewNames) -> list[Judgment]:  # noqa: ARG001
    """One ``result.json``; it has the instructions itself."""
    if len(paths) != 1:
        raise ConfigError(f"the format llmbar is one file, {len(paths)} files were given")
    judgments = read_llmbar(paths[0], names).judgments
    if not judgments:
        raise SchemaError(str(paths[0]), 'has no "results": it is a data set; give the result.json of an evaluator')
    return judgments


REVIEW_FORMATS: Mapping[str, Callable[[Sequence[Path], Sequence[Example], ReviewNames], list[Judgment]]] = {
    "alpagasus": _alpagasus,
    "cherry": _cherry,
    "llmbar": _llmbar,
}
"""Readers by format: files, examples of the test set, names → judgments, two a row."""

WITH_INSTRUCTIONS = frozenset({"llmbar"})
"""Formats whose files have the instructions themselves: their readers look at no examples."""


def _aligned(examples: Sequence[Example], rows: object, path: Path) -> list[tuple[Example, tuple[str, dict[str, Any]]]]:
    """Each example with its row; the row's own instruction must be the example's."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SchemaError(str(path), "a list of objects was expected")
    testset = examples[0].testset
    if len(rows) != len(examples):
        raise SchemaError(str(path), f"has {len(rows)} rows, {testset} has {len(examples)}; is it another test set?")
    aligned = []
    for number, (example, row) in enumerate(zip(examples, rows, strict=True)):
        where = f"{path}: row {number}"
        found = _instruction(row, where)
        if _folded(found) not in {_folded(text) for text in (example.instruction, example.question, example.prompt)}:
            raise SchemaError(
                where, f"the instruction is not that of {testset} {example.id}: {found!r:.80} instead of "
                f"{example.instruction!r:.80}"
            )  # fmt: skip
        aligned.append((example, (where, row)))
    return aligned


def _instruction(row: Mapping[str, Any], where: str) -> str:
    for name in _INSTRUCTION_FIELDS:
        value = row.get(name)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, str):
            return value
    raise SchemaError(
        where, f"no instruction; one of {', '.join(_INSTRUCTION_FIELDS)} expected, found {', '.join(row)}"
    )


def _folded(text: str) -> str:
    return " ".join(text.split())


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise SchemaError(where, f'field "{name}" must be a string, found {value!r:.80}')
    return value


def _judgment(
    example: Example, reference: Answer, candidate: Answer, review: _Review, origin: tuple[str, str]
) -> Judgment:
    pair = Pair(
        id=example.id,
        testset=example.testset,
        prompt=example.question,
        reference=reference,
        candidate=candidate,
    )
    scores = by_model(_scores(review), review.order)
    judgment = make_judgment(
        pair,
        review.order,
        judge=origin[1],
        fingerprint=digest(["import", *origin]),
        status=Status.UNPARSED if scores is None else Status.JUDGED,
        scores=scores,
    )
    return replace(judgment, completion=review.completion)


def _scores(review: _Review) -> tuple[float, float] | None:
    """The scores as recorded; published scripts record ``[-1, -1]`` for what they could not read."""
    recorded = review.scores
    try:
        pair = json.loads(recorded) if isinstance(recorded, str) else recorded
        first, second = (float(score) for score in pair)  # type: ignore[union-attr]
    except (TypeError, ValueError, OverflowError):
        raise SchemaError(review.where, f"two scores were expected, found {recorded!r:.80}") from None
    if first < 0 or second < 0:
        return None
    if not (math.isfinite(first) and math.isfinite(second)):
        raise SchemaError(review.where, f"two scores were expected, found {recorded!r:.80}")
    if (read := parse_score_pair(review.completion)) not in {None, (first, second)}:
        logger.warning("%s: recorded scores %s, but the text says %s", review.where, (first, second), read)
    return first, second
