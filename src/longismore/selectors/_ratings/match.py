"""Which row of the data a rating is about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore._jsonl import explained, read_json
from longismore.errors import DataError
from longismore.selectors._ratings.lines import rating_lines, read_score, row_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from longismore.instructions import InstructionData, Row
    from longismore.selectors._ratings.lines import RatingLine

__all__ = ["RowScores", "scores_in_file", "scores_in_rows"]

_NOT_RATED = "not in the ratings"
_TWO_SCORES = "two different scores"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowScores:
    """A score for each row, or why it has none."""

    values: NDArray[np.float64]
    """Scores (n,); NaN where there is none."""
    reasons: Mapping[int, str]
    """By row, where there is none."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Where they come from."""


def scores_in_rows(data: InstructionData, column: str) -> RowScores:
    """The scores that stand in the rows themselves.

    Raises:
        DataError: No row has such a column.
    """
    import numpy as np

    scores: list[float] = []
    reasons: dict[int, str] = {}
    has_column = False
    row: Row | None = None
    for row in data.rows():
        has_column |= column in row.fields
        score, reason = read_score(row.fields, column)
        scores.append(np.nan if score is None else score)
        if score is None:
            reasons[row.number] = reason
    if row is not None and not has_column:
        raise DataError(
            f'{data.paths[0]}: the rows have no field "{column}", found: {", ".join(row.fields)}; name another one '
            "(column=NAME), or a file of ratings (ratings=FILE, made by longismore rate)"
        )
    return RowScores(values=np.array(scores, dtype=np.float64), reasons=reasons, facts={"matched_by": "column"})


def scores_in_file(data: InstructionData, path: Path, column: str, *, partial: bool = False) -> RowScores:
    """The scores that a file of ratings has for the rows of the data.

    Ratings are matched by the rows' content where the file has it (a content key, or the texts), else by position; then
    both must have the same length.

    Args:
        data: The rows.
        path: The ratings.
        column: Which column of them.
        partial: Rows without a rating are allowed, and have no score.

    Raises:
        DataError: The file cannot be read, or is about other data.
    """
    import numpy as np

    lines = list(rating_lines(path, column))
    if not lines:
        raise DataError(f"{path}: holds no ratings")
    kind = lines[0].kind
    found = _by_position(data, lines, path) if kind == "position" else _by_content(data, lines, kind)
    scores: list[float] = []
    reasons: dict[int, str] = {}
    for number, line in enumerate(found):
        scores.append(np.nan if line is None or line[0] is None else line[0])
        if line is None or line[0] is None:
            reasons[number] = _NOT_RATED if line is None else line[1]
    missing = sum(reason == _NOT_RATED for reason in reasons.values())
    if missing == len(scores) or (missing and not partial):
        raise DataError(_other_data(data, path, rated=len(scores) - missing, rows=len(scores)))
    with explained(path), path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    facts = {"ratings": str(path), "sha256": checksum, "lines": len(lines), "matched_by": kind}
    return RowScores(values=np.array(scores, dtype=np.float64), reasons=reasons, facts=facts)


_Found = tuple[float | None, str] | None


def _by_position(data: InstructionData, lines: list[RatingLine], path: Path) -> Iterator[_Found]:
    if len(lines) != data.size:
        raise DataError(
            f"{path}: {len(lines)} scores without the rows' key or texts, so they are matched by position; the data "
            f"have {data.size} rows, so they are not about the same"
        )
    return ((line.score, line.reason) for line in lines)


def _by_content(data: InstructionData, lines: list[RatingLine], kind: str) -> Iterator[_Found]:
    known: dict[bytes, tuple[float | None, str]] | None = None
    for block in data.blocks():
        keys = block.keys() if kind == "key" else [row_keys(row, kind) for row in block.rows()]
        for number, key in enumerate(map(bytes.fromhex, keys), start=block.start):
            # At its own place a rating is beyond doubt, also where equal rows were rated differently.
            if number < len(lines) and lines[number].key == key:
                yield lines[number].score, lines[number].reason
                continue
            known = _by_key(lines) if known is None else known
            yield known.get(key)


def _by_key(lines: list[RatingLine]) -> dict[bytes, tuple[float | None, str]]:
    known: dict[bytes, tuple[float | None, str]] = {}
    for line in lines:
        found = (line.score, line.reason)
        if known.setdefault(line.key, found) != found:
            known[line.key] = (None, _TWO_SCORES)
    return known


def _other_data(data: InstructionData, path: Path, *, rated: int, rows: int) -> str:
    """What to say where rows have no rating."""
    problem = f"{path}: has a rating for {rated} of {rows} rows"
    manifest = path.with_name(f"{path.name}.manifest.json")
    if manifest.is_file():
        said = read_json(manifest)
        files = said.get("data") if isinstance(said, dict) else None
        if isinstance(files, dict) and set(files.values()) != set(data.checksums().values()):
            problem += f"; it was made of other data ({', '.join(map(str, files))})"
    if not rated:
        return f"{problem}: it is about another data set"
    return (
        f"{problem}: is it about another data set? partial=true leaves the others out, counted; longismore rate with "
        "the same judge asks only for what is missing"
    )
