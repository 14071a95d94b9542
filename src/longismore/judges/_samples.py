"""Verdicts in the samples that lm_eval logs for our tasks: written into each document, and read again.

The judgments themselves, with both answers and what the judge wrote, are in the run folder.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_jsonl
from longismore.errors import SchemaError
from longismore.records import Outcome, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["SAMPLE_FIELD", "Comparands", "is_sample", "read_samples", "sample_row"]

SAMPLE_FIELD = "longismore"
"""Of the document, in which the verdict stands."""
_COUNTS = ("reference_chars", "candidate_chars")
_FLAGS = ("reference_is_empty", "candidate_is_empty")


@dataclass(frozen=True, slots=True)
class Comparands:
    """Who was compared, and by whom."""

    judge: str
    fingerprint: str
    reference: str
    candidate: str


def sample_row(verdict: Verdict, who: Comparands) -> dict[str, Any]:
    """What is written into the document: everything that the document does not say already."""
    said = asdict(verdict)
    return asdict(who) | {name: said[name] for name in (*_COUNTS, *_FLAGS, "statuses", "preferences", "outcome")}


def is_sample(row: Mapping[str, Any]) -> bool:
    """Whether *row* is a logged sample of lm_eval."""
    return {"doc", "resps"} <= row.keys()


def read_samples(path: str | Path) -> list[tuple[Comparands, Verdict]]:
    """Read the verdicts of a samples file.

    Raises:
        DataError: The file cannot be read.
        SchemaError: A line is no sample with a verdict; the message has file, line and field.
    """
    return [_read(row, f"{path}:{number}") for number, row in read_jsonl(path)]


def _read(row: dict[str, Any], where: str) -> tuple[Comparands, Verdict]:
    doc = row.get("doc")
    said = doc.get(SAMPLE_FIELD) if isinstance(doc, dict) else None
    if not isinstance(doc, dict) or not isinstance(said, dict):
        raise SchemaError(
            where,
            f'the sample has no verdict (field "doc.{SAMPLE_FIELD}"): it was logged with --predict_only, or by another '
            "task; give the run folder or its judgments.jsonl instead",
        )
    names = {name: _value(said, name, str, where) for name in (entry.name for entry in fields(Comparands))}
    try:
        first, second = (None if each is None else Status(each) for each in _both(said, "statuses", where))
        outcome = None if said.get("outcome") is None else Outcome(said["outcome"])
    except ValueError as error:
        raise SchemaError(where, f'field "doc.{SAMPLE_FIELD}": {error}') from None
    verdict = Verdict(
        id=_value(doc, "id", str, where),
        testset=_value(doc, "testset", str, where),
        prompt=_value(doc, "question", str, where),
        statuses=(first, second),
        preferences=_preferences(said, where),
        outcome=outcome,
        **{name: _value(said, name, int, where) for name in _COUNTS},
        **{name: _value(said, name, bool, where) for name in _FLAGS},
    )
    return Comparands(**names), verdict


def _both(said: Mapping[str, Any], name: str, where: str) -> list[Any]:
    value = said.get(name)
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004  the two orders
        raise SchemaError(where, f'field "doc.{SAMPLE_FIELD}.{name}" must be a list of two, found {value!r:.80}')
    return value


def _preferences(said: Mapping[str, Any], where: str) -> tuple[float | None, float | None]:
    first, second = _both(said, "preferences", where)
    for value in (first, second):
        if value is not None and (type(value) not in {int, float} or not 0 <= value <= 1):
            raise SchemaError(
                where,
                f'field "doc.{SAMPLE_FIELD}.preferences" must be numbers from 0 to 1 or null, found {value!r:.80}',
            )
    return first, second


def _value(row: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    value = row.get(name)
    if type(value) is not kind:
        raise SchemaError(where, f'field "{name}" must be of the kind {kind.__name__}, found {value!r:.80}')
    return value
