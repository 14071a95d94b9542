"""The file ``judgments.jsonl``: one line a judgment, written, read and replayed."""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar, cast

from longismore._jsonl import read_jsonl, write_jsonl
from longismore.errors import SchemaError
from longismore.judges._order import preference_of
from longismore.records import Answer, Judgment, Order, Status

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["judgment_to_row", "read_judgments", "write_judgments"]

_TEXTS = ("id", "testset", "prompt", "judge", "fingerprint")
_NUMBERS = (
    "score_reference",
    "score_candidate",
    "preference",
    "cost_usd",
    "latency_s",
)
_COUNTS = ("input_tokens", "output_tokens")
_OPTIONAL_TEXTS = ("completion", "created")
_Word = TypeVar("_Word", Order, Status)
_FIELDS = tuple(entry.name for entry in fields(Judgment))


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
    judgments: list[Judgment] = []
    lines: dict[tuple[str, str, str, str], int] = {}
    for number, row in read_jsonl(path):
        where = f"{path}:{number}"
        judgment = _from_row(row, where)
        key = (judgment.fingerprint, judgment.testset, judgment.id, judgment.order)
        if key in lines:
            raise SchemaError(
                where, f"{judgment.testset} {judgment.id} {judgment.order} stands already in line {lines[key]}"
            )
        lines[key] = number
        judgments.append(judgment)
    if not judgments:
        raise SchemaError(str(path), "the file has no judgments")
    return judgments


def _from_row(row: dict[str, Any], where: str) -> Judgment:
    missing = [name for name in _FIELDS if name not in row]
    if missing:
        raise SchemaError(where, f"fields are missing: {', '.join(missing)}; found: {', '.join(row)}")
    for name in _TEXTS:
        _expect(isinstance(row[name], str), where, name, row[name], "a string")
    for name in _OPTIONAL_TEXTS:
        _expect(row[name] is None or isinstance(row[name], str), where, name, row[name], "a string or null")
    for name in _NUMBERS:
        _expect(row[name] is None or _is_finite(row[name]), where, name, row[name], "a number or null")
    for name in _COUNTS:
        count = isinstance(row[name], int) and not isinstance(row[name], bool)
        _expect(row[name] is None or count, where, name, row[name], "a whole number or null")
    values = {name: row[name] for name in (*_TEXTS, *_NUMBERS, *_COUNTS, *_OPTIONAL_TEXTS)}
    values["order"] = _one_of(Order, where, "order", row["order"])
    values["status"] = _one_of(Status, where, "status", row["status"])
    values["reference"] = _answer(row["reference"], where, "reference")
    values["candidate"] = _answer(row["candidate"], where, "candidate")
    return _checked(Judgment(**values), where)


def _is_finite(value: object) -> bool:
    # Python reads NaN, Infinity and 1e999 as numbers; bool is an int.
    return isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf


def _checked(judgment: Judgment, where: str) -> Judgment:
    preference, judged = judgment.preference, judgment.status is Status.JUDGED
    in_range = preference is not None and 0 <= preference <= 1
    _expect(in_range if judged else preference is None, where, "preference", preference,
            'a number from 0 to 1 where status is "judged", else null')  # fmt: skip
    reference, candidate = judgment.score_reference, judgment.score_candidate
    if judged and reference is not None and candidate is not None and preference in {0, 0.5, 1}:
        expected = preference_of(reference, candidate)
        _expect(preference == expected, where, "preference", preference,
                f"{expected}, as the scores {reference} and {candidate} say")  # fmt: skip
    return judgment


def _answer(value: object, where: str, name: str) -> Answer:
    if not isinstance(value, dict):
        raise SchemaError(where, f'field "{name}" must be an object with "model" and "output", found {value!r:.80}')
    model, output = value.get("model"), value.get("output")
    if not isinstance(model, str) or not isinstance(output, str):
        raise SchemaError(where, f'fields "{name}.model" and "{name}.output" must be strings')
    return Answer(model, output)


def _one_of(kind: type[_Word], where: str, name: str, value: object) -> _Word:
    try:
        return kind(cast("str", value))
    except ValueError:
        raise SchemaError(where, f'field "{name}" must be one of {", ".join(kind)}, found {value!r:.80}') from None


def _expect(holds: bool, where: str, name: str, value: object, expected: str) -> None:  # noqa: FBT001
    if not holds:
        raise SchemaError(where, f'field "{name}" must be {expected}, found {value!r:.80}')
