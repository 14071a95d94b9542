"""Numbers that the data bring along: scores and embeddings that were computed before, as fields of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from longismore.errors import SchemaError
from longismore.selectors._deita.turns import TurnScores
from longismore.selectors._hash_sampling import key_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.instructions import InstructionData, Row

__all__ = ["check_first_row", "pick_vectors", "read_rows"]

_DECODED_ROWS = 256


def check_first_row(data: InstructionData, columns: Mapping[str, str]) -> None:
    """Find out early whether the data have these fields.

    Raises:
        SchemaError: The first row lacks one.
    """
    blocks = data.blocks([*data.form.content_fields, *columns.values()]) if columns else ()
    for block in blocks:
        for row in block.rows(range(min(1, block.size))):
            for kind, name in columns.items():
                _field(row, name, kind)
            return


def read_rows(
    data: InstructionData, columns: Mapping[str, str], *, with_keys: bool
) -> tuple[npt.NDArray[np.bool_], dict[str, TurnScores], npt.NDArray[np.uint64]]:
    """Read once through the data.

    Args:
        data: All rows.
        columns: Fields with a number, or a number a turn, by what they are.
        with_keys: Whether content keys are wanted.

    Returns:
        Which rows (n,) have an answer; the numbers of each of *columns*; and the rows' keys (n, 2), if wanted.

    Raises:
        SchemaError: A field is missing, or holds something else than numbers or null.
    """
    answered: list[Any] = [np.zeros(0, dtype=np.bool_)]
    keys: list[Any] = [np.zeros((0, 2), dtype=np.uint64)]
    found: dict[str, list[list[float]]] = {kind: [] for kind in columns}
    for block in data.blocks([*data.form.content_fields, *columns.values()]):
        answered.append(block.response_sizes() > 0)
        if with_keys:
            keys.append(key_words(block.keys()))
        for row in block.rows() if columns else ():
            for kind, name in columns.items():
                found[kind].append(_numbers(row, name, kind))
    scores = {kind: TurnScores.of_lists(lists, kind) for kind, lists in found.items()}
    return np.concatenate(answered), scores, np.concatenate(keys)


def _numbers(row: Row, name: str, kind: str) -> list[float]:
    """One number, or one a turn; a number that is missing is not a number."""
    value = _field(row, name, kind)
    values = value if isinstance(value, list) and value else [value]
    if wrong := [each for each in values if each is not None and not _is_number(each)]:
        raise SchemaError(
            row.place,
            f'field "{name}" ({kind}) must be a number, a list of numbers (one a turn) or null, '
            f"found {str(wrong[0])[:60]!r}",
        )
    return [float("nan") if each is None else float(each) for each in values]


def pick_vectors(data: InstructionData, name: str, rows: Sequence[int]) -> list[npt.NDArray[np.float32] | None]:
    """The embeddings of these rows (ascending), in 32 bits; ``None`` where the field is null.

    Raises:
        SchemaError: A field is missing, or holds something else than a list of numbers or null.
    """
    wanted = np.asarray(rows, dtype=np.int64)
    vectors: list[npt.NDArray[np.float32] | None] = []
    for block in data.blocks([*data.form.content_fields, name]):
        if len(vectors) == len(wanted):
            break
        first, end = np.searchsorted(wanted, [block.start, block.start + block.size])
        for start in range(first, end, _DECODED_ROWS):  # a list of numbers takes eight times as much as a vector
            places = wanted[start : min(start + _DECODED_ROWS, end)] - block.start
            vectors += [_vector(row, name) for row in block.rows(places.tolist())]
    return vectors


def _vector(row: Row, name: str) -> npt.NDArray[np.float32] | None:
    value = _field(row, name, "embedding")
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(each is None or _is_number(each) for each in value):
        raise SchemaError(
            row.place, f'field "{name}" (embedding) must be a list of numbers or null, found {str(value)[:60]!r}'
        )
    with np.errstate(over="ignore"):
        return np.array(value, dtype=np.float64).astype(np.float32)


def _field(row: Row, name: str, kind: str) -> Any:
    if name not in row.fields:
        raise SchemaError(
            row.place,
            f'field "{name}" ({kind}) is missing; found: {", ".join(row.fields)}; every row must have it, '
            f"null where there is none, or give a model instead of column:{name}",
        )
    return row.fields[name]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
