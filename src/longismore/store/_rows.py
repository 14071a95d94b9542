"""Stored answers as rows: to be counted, exported and pruned by judge, fingerprint and age."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.store._database import Database

__all__ = ["AnswerFilter", "StoredAnswer", "parse_record", "stored_answers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFilter:
    """Which answers are meant: those that agree with everything that is given.

    Raises:
        ConfigError: Something is given but empty, as from a variable of the shell that is not set.
    """

    judge: str | None = None
    """The judge's whole name."""
    fingerprint: str | None = None
    """How the fingerprint begins."""
    before: str | None = None
    """ISO 8601, UTC; an answer without a readable time is never before it."""

    def __post_init__(self) -> None:
        if problems := [
            f"{name} is empty; name one of those that `longismore store stats` shows, or leave it out"
            for name in ("judge", "fingerprint")
            if getattr(self, name) == ""
        ]:
            raise ConfigError(problems)

    def __bool__(self) -> bool:
        return (self.judge, self.fingerprint, self.before) != (None, None, None)

    def where(self) -> tuple[str, list[str]]:
        """The condition in SQL, and its values."""
        conditions, values = ["1"], []
        if self.judge is not None:
            conditions.append("judge = ?")
            values.append(self.judge)
        if self.fingerprint is not None:
            conditions.append("substr(fingerprint, 1, length(?)) = ?")
            values += [self.fingerprint] * 2
        if self.before is not None:
            # What is no date, julianday may still read: as a number of days.
            conditions.append("created GLOB '[0-9][0-9][0-9][0-9]-*' AND julianday(created) < julianday(?)")
            values.append(self.before)
        return " AND ".join(conditions), values


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One answer as people and other programs want it. Unknown is ``None``, and so is what is no number."""

    key: str
    judge: str
    fingerprint: str
    created: str | None
    text: str
    refused: bool
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    latency_s: float | None
    logprobs: str | None
    """As JSON text."""


def stored_answers(database: Database, wanted: AnswerFilter) -> Iterator[StoredAnswer]:
    """One answer after the other, as they came, in constant memory.

    Raises:
        DataError: The store cannot be read, or a record is not what a store keeps: then the message has its key.
    """
    condition, values = wanted.where()
    query = f"SELECT key, judge, fingerprint, created, record FROM judgments WHERE {condition} ORDER BY number"  # noqa: S608
    with database.explained():
        for key, judge, fingerprint, created, text in database.connection.execute(query, values):
            where = f"{database.path}: answer {key}"
            record = parse_record(text, where)
            said, logprobs = record.get("text"), record.get("logprobs")
            if not isinstance(said, str):
                raise SchemaError(where, f'field "text" must be a string, found {said!r:.80}')
            yield StoredAnswer(
                key,
                judge,
                fingerprint,
                created or None,
                said,
                record.get("refused") is True,
                _whole(record.get("input_tokens")),
                _whole(record.get("output_tokens")),
                _number(record.get("cost_usd")),
                _number(record.get("latency_s")),
                None if logprobs is None else json.dumps(logprobs),
            )


def parse_record(text: str, where: str) -> dict[str, Any]:
    """What was put.

    Raises:
        SchemaError: It is no JSON object.
    """
    try:
        record = json.loads(text)
    except (ValueError, RecursionError, TypeError) as error:
        raise SchemaError(where, f"the record is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise SchemaError(where, f"the record must be a JSON object, found {record!r:.80}")
    return record


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def _number(value: object) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf
    return float(value) if usable else None  # type: ignore[arg-type]
