"""The file ``judgments.jsonl``: one line a judgment, written, read and replayed."""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar

from longismore._collector import few_collections
from longismore._jsonl import read_jsonl, write_jsonl
from longismore.errors import SchemaError
from longismore.judges._order import preference_of
from longismore.records import Answer, Judgment, Order, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["judgment_to_row", "read_judgments", "write_judgments"]

_KINDS = {
    **dict.fromkeys(("id", "testset", "prompt", "judge", "fingerprint"), (frozenset({str}), "a string")),
    **dict.fromkeys(("completion", "created"), (frozenset({str, NoneType}), "a string or null")),
    **dict.fromkeys(
        ("score_reference", "score_candidate", "preference", "cost_usd", "latency_s"),
        (frozenset({int, float, NoneType}), "a number or null"),
    ),
    **dict.fromkeys(("input_tokens", "output_tokens"), (frozenset({int, NoneType}), "a whole number or null")),
}
"""Types as JSON gives them, so that true and false are no numbers, and their name."""
_CHECKED = tuple((name, kinds, expected, float in kinds) for name, (kinds, expected) in _KINDS.items())
_FIELDS = tuple(entry.name for entry in fields(Judgment))
_ORDERS = {each.value: each for each in Order}
_STATUSES = {each.value: each for each in Status}
_Word = TypeVar("_Word", Order, Status)


def judgment_to_row(judgment: Judgment) -> dict[str, Any]:
    """The JSON object of one line; unknown is null."""
    return asdict(judgment)


def write_judgments(path: str | Path, judgments: Iterable[Judgment]) -> None:
    """Write judgments in the order given."""
    write_jsonl(path, (judgment_to_row(judgment) for judgment in judgments))


def read_judgments(path: str | Path) -> list[Judgment]:
    """Read every line.

    Raises:
        DataError: The file cannot be read, or has no judgments.
        SchemaError: A line is not a judgment, or says twice what became of one call; the message has file,
            line and field.
    """
    with few_collections():
        judgments = list(_each(path))
    if not judgments:
        raise SchemaError(str(path), "the file has no judgments")
    return judgments


def _each(path: str | Path) -> Iterator[Judgment]:
    lines: dict[tuple[str, str, str], dict[str, int]] = {}
    shared = _Shared()
    for number, row in read_jsonl(path):
        where = f"{path}:{number}"
        judgment = _from_row(row, where, shared)
        seen = lines.setdefault((judgment.fingerprint, judgment.testset, judgment.order), {})
        first = seen.setdefault(judgment.id, number)
        if first != number:
            raise SchemaError(
                where, f"{judgment.testset} {judgment.id} {judgment.order} stands already in line {first}"
            )
        yield judgment


class _Shared:
    """Equal texts and answers as one object each: both orders of a pair, and often more, repeat them."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._answers: dict[str, dict[str, Answer]] = {}

    def text(self, text: str) -> str:
        return self._texts.setdefault(text, text)

    def answer(self, model: str, output: str) -> Answer:
        answers = self._answers.setdefault(model, {})
        answer = answers.get(output)
        if answer is None:
            answer = answers[output] = Answer(self.text(model), output)
        return answer


def _from_row(row: dict[str, Any], where: str, shared: _Shared) -> Judgment:
    try:
        return _checked(_parsed(row, where, shared), where)
    except KeyError:
        missing = [name for name in _FIELDS if name not in row]
        raise SchemaError(where, f"fields are missing: {', '.join(missing)}; found: {', '.join(row)}") from None


def _parsed(row: dict[str, Any], where: str, shared: _Shared) -> Judgment:
    for name, kinds, expected, is_number in _CHECKED:
        value = row[name]
        good = type(value) in kinds
        if good and is_number and value is not None:
            good = -math.inf < value < math.inf  # Python reads NaN, Infinity and 1e999 as numbers
        if not good:
            raise _wrong(where, name, value, expected)
    text = shared.text
    return Judgment(
        id=text(row["id"]),
        testset=text(row["testset"]),
        prompt=text(row["prompt"]),
        reference=_answer(row["reference"], where, "reference", shared),
        candidate=_answer(row["candidate"], where, "candidate", shared),
        order=_one_of(_ORDERS, where, "order", row["order"]),
        judge=text(row["judge"]),
        fingerprint=text(row["fingerprint"]),
        status=_one_of(_STATUSES, where, "status", row["status"]),
        score_reference=row["score_reference"],
        score_candidate=row["score_candidate"],
        preference=row["preference"],
        completion=row["completion"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost_usd=row["cost_usd"],
        latency_s=row["latency_s"],
        created=None if row["created"] is None else text(row["created"]),
    )


def _checked(judgment: Judgment, where: str) -> Judgment:
    preference, judged = judgment.preference, judgment.status is Status.JUDGED
    in_range = preference is not None and 0 <= preference <= 1
    if not (in_range if judged else preference is None):
        expected = 'a number from 0 to 1 where status is "judged", else null'
        raise _wrong(where, "preference", preference, expected)
    reference, candidate = judgment.score_reference, judgment.score_candidate
    if judged and reference is not None and candidate is not None and preference in {0, 0.5, 1}:
        said = preference_of(reference, candidate)
        if preference != said:
            raise _wrong(where, "preference", preference, f"{said}, as the scores {reference} and {candidate} say")
    return judgment


def _answer(value: object, where: str, name: str, shared: _Shared) -> Answer:
    if not isinstance(value, dict):
        raise SchemaError(where, f'field "{name}" must be an object with "model" and "output", found {value!r:.80}')
    model, output = value.get("model"), value.get("output")
    if not isinstance(model, str) or not isinstance(output, str):
        raise SchemaError(where, f'fields "{name}.model" and "{name}.output" must be strings')
    return shared.answer(model, output)


def _one_of(words: Mapping[str, _Word], where: str, name: str, value: object) -> _Word:
    word = words.get(value) if isinstance(value, str) else None
    if word is None:
        raise SchemaError(where, f'field "{name}" must be one of {", ".join(words)}, found {value!r:.80}')
    return word


def _wrong(where: str, name: str, value: object, expected: str) -> SchemaError:
    return SchemaError(where, f'field "{name}" must be {expected}, found {value!r:.80}')
