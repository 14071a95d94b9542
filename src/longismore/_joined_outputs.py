"""Two lists of answers side by side, found by their instructions: what users of alpaca_eval have.

alpaca_eval joins them by the text of the instruction, so that one that stands twice is paired with every answer to
it. Here each answer has one partner, what has none is counted and named, and what cannot be told apart is an error.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.errors import DataError, SchemaError
from longismore.records import Answer, Example, Pair
from longismore.reports import name_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.records import ModelOutput

__all__ = ["JoinedOutputs", "join_outputs"]

logger = logging.getLogger(__name__)

_TESTSET = "outputs"
"""What the test set of rows is called that name none."""
_SHOWN = 80

_Key = tuple[str, str]
_Match = tuple["ModelOutput", "ModelOutput"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedOutputs:
    """Answers of two models to the same instructions, in the order of the reference's."""

    matches: tuple[_Match, ...]
    """The rows of reference and candidate."""
    pairs: tuple[Pair, ...]
    """What a judge is shown of each."""

    @property
    def examples(self) -> list[Example]:
        """What was asked, for the checks of a judge."""
        return [
            Example(id=pair.id, testset=pair.testset, instruction=pair.prompt, prompt=pair.prompt, question=pair.prompt)
            for pair in self.pairs
        ]


def join_outputs(
    reference: Sequence[ModelOutput],
    candidate: Sequence[ModelOutput],
    *,
    names: tuple[str, str] = ("reference", "candidate"),
    is_ordered: bool = False,
) -> JoinedOutputs:
    """Put the answers of both models to each instruction side by side.

    Args:
        reference: The reference's rows.
        candidate: The candidate's.
        names: What the models are called where a row does not say.
        is_ordered: Row by row; the instructions must then be the same.

    Raises:
        DataError: No instruction stands in both, or the rows do not belong together one by one.
        SchemaError: A row has no instruction, or one stands more often in the one than in the other.
    """
    keys = [[_key(row) for row in rows] for rows in (reference, candidate)]
    matches = _row_by_row(reference, candidate, keys) if is_ordered else _by_instruction(reference, candidate, keys)
    ids = _ids([match[0] for match in matches])
    pairs = [
        Pair(
            id=name,
            testset=_testset(match),
            prompt=_question(match[0]),
            reference=Answer(match[0].generator or names[0], match[0].output),
            candidate=Answer(match[1].generator or names[1], match[1].output),
        )
        for name, match in zip(ids, matches, strict=True)
    ]
    return JoinedOutputs(matches=tuple(matches), pairs=tuple(pairs))


def _key(row: ModelOutput) -> _Key:
    if row.instruction is None:
        raise SchemaError(row.where, 'field "instruction" is missing; it says which two answers belong together')
    return " ".join(row.instruction.split()), " ".join(row.input.split())


def _question(row: ModelOutput) -> str:
    instruction = row.instruction or ""
    return f"{instruction}\n\n{row.input}" if row.input.strip() else instruction


def _testset(match: _Match) -> str:
    return match[0].dataset or match[1].dataset or _TESTSET


def _ids(rows: Sequence[ModelOutput]) -> list[str]:
    """The rows' own ids, where all have one and none stands twice; else their numbers, from 1."""
    own = [row.id for row in rows if row.id]
    return own if len(set(own)) == len(rows) else [str(number) for number in range(1, len(rows) + 1)]


def _row_by_row(
    reference: Sequence[ModelOutput], candidate: Sequence[ModelOutput], keys: Sequence[Sequence[_Key]]
) -> list[_Match]:
    if len(reference) != len(candidate):
        raise DataError(f"{len(reference)} rows of the reference and {len(candidate)} of the candidate: not row by row")
    for row, mine, other in zip(candidate, *keys, strict=True):
        if mine != other:
            raise SchemaError(row.where, f'asks "{_short(other)}", and the same row of the reference "{_short(mine)}"')
    return list(zip(reference, candidate, strict=True))


def _by_instruction(
    reference: Sequence[ModelOutput], candidate: Sequence[ModelOutput], keys: Sequence[Sequence[_Key]]
) -> list[_Match]:
    mine, theirs = _grouped(reference, keys[0]), _grouped(candidate, keys[1])
    partners = {}
    for key in mine.keys() & theirs.keys():
        for row, partner in _partners(mine[key], theirs[key]):
            partners[id(row)] = partner
    if not partners:
        raise DataError(
            f'no instruction stands in both files: the reference\'s first is "{_short(keys[0][0])}", the '
            f'candidate\'s "{_short(keys[1][0])}"'
            if reference and candidate
            else "there are no answers to compare"
        )
    _warn("reference", [row for key, rows in mine.items() if key not in theirs for row in rows], len(reference))
    _warn("candidate", [row for key, rows in theirs.items() if key not in mine for row in rows], len(candidate))
    repeated = [rows for key, rows in mine.items() if key in theirs and len(rows) > 1]
    if repeated:
        logger.warning(
            '%d instructions stand more than once, the first: "%s"; their answers are paired by id, or in the order '
            "of the files",
            len(repeated), _short(_key(repeated[0][0])),
        )  # fmt: skip
    return [(row, partners[id(row)]) for row in reference if id(row) in partners]


def _grouped(rows: Sequence[ModelOutput], keys: Sequence[_Key]) -> Mapping[_Key, list[ModelOutput]]:
    groups: dict[_Key, list[ModelOutput]] = defaultdict(list)
    for row, key in zip(rows, keys, strict=True):
        groups[key].append(row)
    return dict(groups)


def _partners(mine: list[ModelOutput], theirs: list[ModelOutput]) -> list[_Match]:
    """Pair the answers to one instruction: by id where both have the same, else in their order."""
    if len(mine) != len(theirs):
        mine, theirs = _distinct(mine), _distinct(theirs)
    if len(mine) != len(theirs):
        raise SchemaError(
            theirs[0].where,
            f'"{_short(_key(theirs[0]))}" stands {len(mine)} times in the reference\'s file with different answers, '
            f"and {len(theirs)} times here: which belong together is not known; remove the rows that are not wanted",
        )
    by_id = {row.id: row for row in theirs}
    if len(by_id) == len(mine) and by_id.keys() == {row.id for row in mine}:
        return [(row, by_id[row.id]) for row in mine]
    return list(zip(mine, theirs, strict=True))


def _distinct(rows: Sequence[ModelOutput]) -> list[ModelOutput]:
    return list({row.output: row for row in reversed(rows)}.values())[::-1]


def _warn(role: str, rows: Sequence[ModelOutput], total: int) -> None:
    if rows:
        logger.warning(
            '%d of %d answers of the %s have no partner and are left out, the first: %s, "%s"',
            len(rows), total, role, rows[0].where, _short(_key(rows[0])),
        )  # fmt: skip


def _short(key: _Key) -> str:
    return name_text(" ".join(filter(None, key)), _SHOWN)
