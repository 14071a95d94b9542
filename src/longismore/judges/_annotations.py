"""The ``annotations.json`` of alpaca_eval as judgments: ``output_1`` is the reference's, ``output_2`` the candidate's.

Its judges see each pair in one order and the file does not say which. It is drawn from the instruction and a seed, so
it can be found again for seed 0, which is the default there: where another seed was used, the order is wrong, and no
rate depends on it. Files that longismore wrote have both orders.

Source: https://github.com/tatsu-lab/alpaca_eval, version 0.6.6.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from longismore._jsonl import is_number, read_json
from longismore.errors import SchemaError
from longismore.judges._order import make_judgment
from longismore.records import Answer, Order, Pair, Status

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.records import Judgment

__all__ = ["drawn_order", "is_annotations", "read_annotations"]

_TEXTS = ("instruction", "output_1", "output_2")
_BOTH = {
    Order.REFERENCE_FIRST: "preference_reference_first",
    Order.CANDIDATE_FIRST: "preference_candidate_first",
}
"""What longismore's own annotations say of the two orders."""
_OLD_TIE = 0
_LOWEST, _HIGHEST, _EVEN = 1.0, 2.0, 1.5
_TESTSET = "alpaca_eval"


def is_annotations(document: object) -> bool:
    """Whether a JSON document looks like one."""
    return (
        isinstance(document, list)
        and bool(document)
        and isinstance(document[0], dict)
        and {"preference", *_TEXTS} <= document[0].keys()
    )


def read_annotations(path: str | Path) -> tuple[list[Judgment], bool]:
    """Read the file.

    Returns:
        The judgments, and whether each pair was to be seen in one order only.

    Raises:
        DataError: The file cannot be read.
        SchemaError: It is no such file, or a row is not as it should be; the message names row and field.
    """
    rows = read_json(path)
    if not is_annotations(rows):
        raise SchemaError(
            str(path),
            f"a list of objects with {', '.join(_TEXTS)} and preference was expected, as alpaca_eval writes it",
        )
    judgments: list[Judgment] = []
    seen: dict[tuple[str, str], int] = {}
    both = all(isinstance(row, dict) and set(_BOTH.values()) <= row.keys() for row in rows)
    for number, row in enumerate(rows):
        where = f"{path}: row {number}"
        if not isinstance(row, dict):
            raise SchemaError(where, f"an object was expected, found {row!r:.80}")
        pair = _pair(row, where, seen)
        if both:
            judgments += [_judgment(pair, order, row, name, where) for order, name in _BOTH.items()]
        else:
            judgments.append(_judgment(pair, drawn_order(row["instruction"]), row, "preference", where))
    return judgments, not both


def _pair(row: dict[str, Any], where: str, seen: dict[tuple[str, str], int]) -> Pair:
    for name in _TEXTS:
        if not isinstance(row.get(name), str):
            raise SchemaError(where, f'field "{name}" must be a string, found {row.get(name)!r:.80}')
    testset, given = str(row.get("dataset") or _TESTSET), row.get("input")
    prompt = f"{row['instruction']}\n\n{given}" if isinstance(given, str) and given else row["instruction"]
    # Named after its text: the same question has the same id in the files of all models, in whatever order.
    digest = hashlib.sha256(prompt.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    times = seen[testset, digest] = seen.get((testset, digest), 0) + 1
    return Pair(
        id=digest if times == 1 else f"{digest}-{times}",
        testset=testset,
        prompt=prompt,
        reference=Answer(str(row.get("generator_1") or "reference"), row["output_1"]),
        candidate=Answer(str(row.get("generator_2") or "candidate"), row["output_2"]),
    )


def drawn_order(instruction: str) -> Order:
    """Which answer alpaca_eval showed first, for its default seed."""
    drawn = random.Random(f"is_switched_outputs{instruction}0").choices([False, True], k=1)[0]  # noqa: S311
    return Order.CANDIDATE_FIRST if drawn else Order.REFERENCE_FIRST


def _judgment(pair: Pair, order: Order, row: dict[str, Any], field: str, where: str) -> Judgment:
    value = row[field]
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise SchemaError(where, f'field "{field}" must be a number from 1 to 2 or null, found {value!r:.80}')
    if value == _OLD_TIE:
        value = _EVEN
    if value is not None and not _LOWEST <= value <= _HIGHEST:
        raise SchemaError(where, f'field "{field}" must be a number from 1 to 2 or null, found {value!r:.80}')
    judge = str(row.get("annotator") or "alpaca_eval")
    judgment = make_judgment(
        pair,
        order,
        judge=judge,
        fingerprint=f"annotations:{judge}",
        status=Status.UNPARSED if value is None else Status.JUDGED,
        preference=None if value is None else float(value) - _LOWEST,
    )
    return _with_call(judgment, row)


def _with_call(judgment: Judgment, row: dict[str, Any]) -> Judgment:
    """Add what the file says of the call; later versions of alpaca_eval have a prefix to the names."""
    said = {name: row.get(f"preference_{name}", row.get(name)) for name in ("raw_completion", "price_per_example")}
    completion, price = said["raw_completion"], said["price_per_example"]
    if completion is not None and not isinstance(completion, str):
        completion = json.dumps(completion, ensure_ascii=False)
    return replace(judgment, completion=completion, cost_usd=price if is_number(price) else None)
