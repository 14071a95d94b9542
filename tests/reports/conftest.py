"""Verdicts for the tests of reports, made from what matters in each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from longismore.records import Outcome, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@pytest.fixture(scope="session")
def make() -> Callable[..., Verdict]:
    """Give a function that makes verdicts with new ids; the outcome follows from the two preferences."""
    made = 0

    def verdict(
        first: float | None,
        second: float | None,
        *,
        testset: str = "koala",
        prompt: str | None = None,
        chars: tuple[int, int] = (100, 100),
        statuses: Sequence[Status | None] | None = None,
    ) -> Verdict:
        nonlocal made
        made += 1
        outcome = None
        if first is not None and second is not None:
            signed = (first > 0.5) - (first < 0.5) + (second > 0.5) - (second < 0.5)
            outcome = Outcome.WIN if signed > 0 else Outcome.TIE if signed == 0 else Outcome.LOSE
        known = [Status.UNPARSED if share is None else Status.JUDGED for share in (first, second)]
        one, two = statuses or known
        return Verdict(
            id=str(made),
            testset=testset,
            prompt=f"prompt number {made}" if prompt is None else prompt,
            reference_chars=chars[0],
            candidate_chars=chars[1],
            reference_is_empty=chars[0] == 0,
            candidate_is_empty=chars[1] == 0,
            statuses=(one, two),
            preferences=(first, second),
            outcome=outcome,
        )

    return verdict
