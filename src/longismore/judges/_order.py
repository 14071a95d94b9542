"""From two judgments, one an order, to the verdict on a pair.

The rule of AlpaGasus (https://arxiv.org/abs/2307.08701) and Long Is More (https://arxiv.org/abs/2402.04833):
each order says +1, 0 or -1 of the candidate; the sum decides. Win and win, or win and tie, is a win; win and
lose is a tie. Scores are compared as floats, where the published plotting scripts cut them to integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore._collector import few_collections
from longismore.records import Judgment, Order, Outcome, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longismore.judges._calls import Answered
    from longismore.records import Pair

__all__ = ["by_model", "combine", "make_judgment", "outcome_of", "preference_of"]

_EQUAL = 0.5


def preference_of(score_reference: float, score_candidate: float) -> float:
    """The candidate's share that two scores stand for: 1, 0.5 or 0."""
    if score_candidate == score_reference:
        return _EQUAL
    return float(score_candidate > score_reference)


def by_model(shown: tuple[float, float] | None, order: Order) -> tuple[float, float] | None:
    """From the scores of the first and second answer shown to those of reference and candidate."""
    return shown if shown is None or order is Order.REFERENCE_FIRST else (shown[1], shown[0])


def make_judgment(
    pair: Pair,
    order: Order,
    *,
    judge: str,
    fingerprint: str,
    status: Status,
    scores: tuple[float, float] | None = None,
    preference: float | None = None,
    answered: Answered | None = None,
) -> Judgment:
    """The judgment on one order of a pair.

    Args:
        pair: What was judged.
        order: Which answer was shown first.
        judge: The judge's name.
        fingerprint: The judge's.
        status: What became of the call.
        scores: Of reference and candidate; the preference follows from them.
        preference: The candidate's share, where there are no scores.
        answered: What came back, where a call was made.
    """
    completion = None if answered is None else answered.completion
    return Judgment(
        id=pair.id,
        testset=pair.testset,
        prompt=pair.prompt,
        reference=pair.reference,
        candidate=pair.candidate,
        order=order,
        judge=judge,
        fingerprint=fingerprint,
        status=status,
        score_reference=None if scores is None else scores[0],
        score_candidate=None if scores is None else scores[1],
        preference=preference if scores is None else preference_of(*scores),
        completion=None if completion is None else completion.text,
        input_tokens=None if completion is None else completion.input_tokens,
        output_tokens=None if completion is None else completion.output_tokens,
        cost_usd=None if completion is None else completion.cost_usd,
        latency_s=None if answered is None else answered.latency_s,
        created=None if answered is None else answered.created,
    )


def outcome_of(preferences: tuple[float | None, float | None]) -> Outcome | None:
    """What both orders together say of the candidate; ``None`` where one of them is missing.

    Example:
        >>> outcome_of((1.0, 0.5)), outcome_of((1.0, 0.0)), outcome_of((1.0, None))
        (<Outcome.WIN: 'win'>, <Outcome.TIE: 'tie'>, None)
    """
    first, second = preferences
    if first is None or second is None:
        return None
    signed = _sign(first) + _sign(second)
    if signed == 0:
        return Outcome.TIE
    return Outcome.WIN if signed > 0 else Outcome.LOSE


def _sign(preference: float) -> int:
    return (preference > _EQUAL) - (preference < _EQUAL)


def combine(pairs: Sequence[Pair], judgments: Iterable[Judgment], *, one_order: bool = False) -> list[Verdict]:
    """One verdict a pair, in the order of *pairs*; a pair without judgments is there too, without an outcome.

    Args:
        pairs: What was judged.
        judgments: On them.
        one_order: The judge was meant to see one order of each pair only, so that order decides.
    """
    with few_collections():
        made: dict[tuple[str, str, Order], Judgment] = {
            (judgment.testset, judgment.id, judgment.order): judgment for judgment in judgments
        }
        return [
            _verdict(pair, [made.get((pair.testset, pair.id, order)) for order in Order], one_order=one_order)
            for pair in pairs
        ]


def _verdict(pair: Pair, judgments: Sequence[Judgment | None], *, one_order: bool) -> Verdict:
    reference_first, candidate_first = judgments
    preferences = (_preference(reference_first), _preference(candidate_first))
    known = [preference for preference in preferences if preference is not None]
    return Verdict(
        id=pair.id,
        testset=pair.testset,
        prompt=pair.prompt,
        reference_chars=len(pair.reference.output),
        candidate_chars=len(pair.candidate.output),
        reference_is_empty=not pair.reference.output.strip(),
        candidate_is_empty=not pair.candidate.output.strip(),
        statuses=(_status(reference_first), _status(candidate_first)),
        preferences=preferences,
        outcome=outcome_of((known[0], known[0]) if one_order and len(known) == 1 else preferences),
        one_order=one_order,
    )


def _preference(judgment: Judgment | None) -> float | None:
    if judgment is None or judgment.status is not Status.JUDGED:
        return None
    return judgment.preference


def _status(judgment: Judgment | None) -> Status | None:
    return None if judgment is None else judgment.status
