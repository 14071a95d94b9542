"""Verdicts in alpaca_eval's own format, and its format as verdicts.

alpaca_eval's ``preference`` is 1 where ``output_1`` (the reference) is preferred, 2 where ``output_2`` (the candidate)
is, anything between as a probability, and null where nothing could be read. It knows one order only: of a judge of
ours it is the mean of both, and each order stands beside it in a column that alpaca_eval passes over.
"""

from __future__ import annotations

import math
from numbers import Real
from statistics import fmean
from typing import TYPE_CHECKING, Any

from longismore.judges._order import outcome_of
from longismore.records import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longismore._joined_outputs import JoinedOutputs

__all__ = ["ORDER_COLUMNS", "annotation_rows", "annotation_verdicts"]

ORDER_COLUMNS = ("preference_reference_first", "preference_candidate_first")
"""The preferences of the two orders, on alpaca_eval's scale."""
_REFERENCE, _CANDIDATE = 1.0, 2.0
_OLDER_TIE = 0.0
_TESTSET = "outputs"


def annotation_rows(
    joined: JoinedOutputs, verdicts: Sequence[Verdict], *, annotator: str, made: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The rows of ``annotations.json``.

    Args:
        joined: What was judged.
        verdicts: One a pair, in the same order.
        annotator: Its name.
        made: Further columns, the same in every row: when and with what.
    """
    rows = []
    for (source, other), pair, verdict in zip(joined.matches, joined.pairs, verdicts, strict=True):
        dataset = source.dataset or other.dataset
        shares = [None if share is None else _REFERENCE + share for share in verdict.preferences]
        known = [share for share in shares if share is not None]
        rows.append({
            "instruction": source.instruction,
            **({"input": source.input} if source.input else {}),
            "output_1": pair.reference.output,
            "generator_1": pair.reference.model,
            **({"dataset": dataset} if dataset else {}),
            "output_2": pair.candidate.output,
            "generator_2": pair.candidate.model,
            "annotator": annotator,
            "preference": fmean(known) if len(known) == len(shares) else None,
            **dict(zip(ORDER_COLUMNS, shares, strict=True)),
            **made,
        })  # fmt: skip
    return rows


def annotation_verdicts(rows: Iterable[Mapping[str, Any]]) -> list[Verdict]:
    """What rows of ``annotations.json`` say: both orders where a row has them, else the one that was asked.

    A preference that is no number from 1 to 2 (or the older 0 for a tie), or one of answers that are missing, is a
    missing one.
    """
    return [_verdict(number, row) for number, row in enumerate(rows, start=1)]


def _verdict(number: int, row: Mapping[str, Any]) -> Verdict:
    is_ours = all(name in row for name in ORDER_COLUMNS)
    texts = [row.get(name) for name in ("output_1", "output_2")]
    reference, candidate = (text if isinstance(text, str) else "" for text in texts)
    read = [row[name] for name in ORDER_COLUMNS] if is_ours else [row.get("preference")]
    shares = [_share(value) if None not in texts else None for value in read]
    first, second = shares if is_ours else (shares[0], None)
    return Verdict(
        id=str(number),
        testset=_text(row.get("dataset")) or _TESTSET,
        prompt="\n\n".join(filter(None, (_text(row.get(name)) for name in ("instruction", "input")))),
        reference_chars=len(reference),
        candidate_chars=len(candidate),
        reference_is_empty=not reference.strip(),
        candidate_is_empty=not candidate.strip(),
        statuses=(_status(first), _status(second)),
        preferences=(first, second),
        outcome=outcome_of((first, second if is_ours else first)),
        one_order=not is_ours,
    )


def _share(value: object) -> float | None:
    """The candidate's share of a preference on alpaca_eval's scale."""
    if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(number := float(value)):
        return None
    if number == _OLDER_TIE:
        return 0.5
    return number - _REFERENCE if _REFERENCE <= number <= _CANDIDATE else None


def _status(share: float | None) -> Status | None:
    return None if share is None else Status.JUDGED


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
