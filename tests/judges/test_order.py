from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore.judges import combine
from longismore.judges._order import outcome_of, preference_of
from longismore.records import Order, Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.records import Judgment, Pair

WIN, TIE, LOSE = Outcome.WIN, Outcome.TIE, Outcome.LOSE
NINE = {
    (1.0, 1.0): WIN,
    (1.0, 0.5): WIN,
    (1.0, 0.0): TIE,
    (0.5, 1.0): WIN,
    (0.5, 0.5): TIE,
    (0.5, 0.0): LOSE,
    (0.0, 1.0): TIE,
    (0.0, 0.5): LOSE,
    (0.0, 0.0): LOSE,
}
OPPOSITE = {WIN: LOSE, TIE: TIE, LOSE: WIN, None: None}
shares = st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))
scores = st.floats(0, 10)


@pytest.mark.parametrize(("preferences", "expected"), NINE.items())
def test_two_orders_make_the_published_verdict(preferences: tuple[float, float], expected: Outcome) -> None:
    """Each of the nine combinations of two orders has the verdict of AlpaGasus: the sum of the signs decides."""
    assert expected == outcome_of(preferences)


@pytest.mark.parametrize(
    ("preferences", "expected"),
    [((0.51, 0.5), WIN), ((0.9, 0.2), TIE), ((0.49, 0.5), LOSE), ((0.6, 0.6), WIN)],
)
def test_soft_preferences_count_by_their_sign(preferences: tuple[float, float], expected: Outcome) -> None:
    """A probability counts as a win above one half, however near to it."""
    assert expected == outcome_of(preferences)


@pytest.mark.parametrize("preferences", [(None, 1.0), (0.0, None), (None, None)])
def test_missing_order_has_no_outcome(preferences: tuple[float | None, float | None]) -> None:
    """A pair with one missing order is no tie: it has no outcome."""
    assert outcome_of(preferences) is None


@pytest.mark.parametrize(
    ("reference", "candidate", "expected"),
    [(7.0, 8.0, 1.0), (8.0, 7.0, 0.0), (8.0, 8.0, 0.5), (8.0, 8.5, 1.0), (0.0, 0.0, 0.5)],
)
def test_scores_are_compared_as_floats(reference: float, candidate: float, expected: float) -> None:
    """8.5 against 8 is a win, where the published plotting scripts cut both to 8."""
    assert expected == preference_of(reference, candidate)


@given(first=shares, second=shares)
def test_swapping_the_models_turns_the_outcome_round(first: float | None, second: float | None) -> None:
    """With reference and candidate exchanged, a win becomes a lose, and a tie stays a tie."""
    mirrored = (None if first is None else 1 - first, None if second is None else 1 - second)
    assert OPPOSITE[outcome_of((first, second))] == outcome_of(mirrored)


@given(one=scores, two=scores)
def test_swapping_the_scores_turns_the_preference_round(one: float, two: float) -> None:
    """The preference for one model is what the other one lacks."""
    assert preference_of(one, two) == 1 - preference_of(two, one)


def test_combine_keeps_the_order_of_pairs(pairs: list[Pair], make_judgment: Callable[..., Judgment]) -> None:
    """Verdicts come in the order of the pairs, wherever the judgments stand, with both preferences."""
    made = [
        make_judgment(pairs[1], Order.CANDIDATE_FIRST, preference=0.0),
        make_judgment(pairs[0], Order.CANDIDATE_FIRST, preference=0.5),
        make_judgment(pairs[1], Order.REFERENCE_FIRST, preference=0.5),
        make_judgment(pairs[0], Order.REFERENCE_FIRST, preference=1.0),
    ]
    found = [(verdict.id, verdict.preferences, verdict.outcome) for verdict in combine(pairs, made)]
    expected = [("one", (1.0, 0.5), WIN), ("two", (0.5, 0.0), LOSE), ("three", (None, None), None)]
    assert expected == found


@pytest.mark.parametrize("status", [Status.UNPARSED, Status.REFUSED, Status.FAILED])
def test_combine_shows_what_became_of_each_order(
    status: Status, make_pair: Callable[..., Pair], make_judgment: Callable[..., Judgment]
) -> None:
    """An order that was not judged leaves the pair without an outcome, and its status stands in the verdict."""
    made = [
        make_judgment(order=Order.REFERENCE_FIRST),
        make_judgment(order=Order.CANDIDATE_FIRST, status=status, preference=None),
    ]
    (verdict,) = combine([make_pair()], made)
    expected = ((Status.JUDGED, status), (1.0, None), None)
    assert expected == (verdict.statuses, verdict.preferences, verdict.outcome)


def test_combine_without_judgments_keeps_the_pair(make_pair: Callable[..., Pair]) -> None:
    """A pair that nobody judged is in the list, with the lengths of its answers."""
    (verdict,) = combine([make_pair(reference="four", candidate="")], [])
    expected = ((None, None), (None, None), 4, 0)
    assert expected == (
        verdict.statuses,
        verdict.preferences,
        verdict.reference_chars,
        verdict.candidate_chars,
    )


def test_combine_tells_equal_ids_of_two_sets_apart(
    make_pair: Callable[..., Pair], make_judgment: Callable[..., Judgment]
) -> None:
    """Ids are unique within a test set only."""
    koala, lima = make_pair("1", testset="koala"), make_pair("1", testset="lima")
    made = [make_judgment(lima, order) for order in Order]
    assert [None, WIN] == [verdict.outcome for verdict in combine([koala, lima], made)]
