"""What one judged pair contributes to the metrics of a task of lm_eval, and how that is put together.

lm_eval counts the values that it is given, and knows standard errors of its own functions only: pairs that were not
judged hand in ``None``, which is taken out of the very lists that are counted, and the mean passes for lm_eval's own.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

from lm_eval.api.metrics import mean

from longismore.records import Outcome
from longismore.reports import same_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from longismore.records import Verdict

__all__ = ["HIGHER_IS_BETTER", "MEAN_OF_JUDGED", "METRICS", "WHOLE_SET", "number", "of_the_whole_set", "preference"]

_WIN_RATE = {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSE: 0.0}


def _decided(verdict: Verdict) -> Outcome:
    if verdict.outcome is None:
        raise AssertionError(verdict.id)
    return verdict.outcome


def _same_in_both_orders(verdict: Verdict) -> bool:
    first, second = (preference or 0.0 for preference in verdict.preferences)
    return same_outcome(first, second)


def preference(verdict: Verdict) -> float:
    """The candidate's share in the orders that were asked: what AlpacaEval averages to its win rate."""
    return fmean(share for share in verdict.preferences if share is not None)


METRICS: Mapping[str, Callable[[Verdict], float]] = {
    "win_rate": lambda verdict: _WIN_RATE[_decided(verdict)],
    "winning_score": lambda verdict: 2 * _WIN_RATE[_decided(verdict)],
    "tie_rate": lambda verdict: float(_decided(verdict) is Outcome.TIE),
    "swap_consistency": lambda verdict: float(_same_in_both_orders(verdict)),
}
"""Metrics that are means over pairs: what one pair contributes."""

WHOLE_SET = ("lc_win_rate", "length_ratio", "unjudged")
"""Metrics that are no means over pairs: what the rates of the set say. lm_eval gives them no standard error."""

HIGHER_IS_BETTER = {
    "win_rate": True,
    "winning_score": True,
    "lc_win_rate": True,
    "swap_consistency": True,
    "unjudged": False,
}
"""Only where it is so: of ties and lengths neither is."""


class _MeanOfJudged:
    """lm_eval's ``mean`` of the pairs that were judged."""

    def __call__(self, values: list[float | None]) -> float:
        _drop_unjudged(values)
        return float(mean(values))

    def __eq__(self, other: object) -> bool:
        return other is mean or isinstance(other, _MeanOfJudged)

    def __hash__(self) -> int:
        return hash(mean)


MEAN_OF_JUDGED = _MeanOfJudged()


def of_the_whole_set(value: float | None, values: list[Any]) -> float:
    """The value that is known already, whatever the documents have handed in."""
    _drop_unjudged(values)
    return number(value)


def _drop_unjudged(values: list[Any]) -> None:
    # In place: lm_eval goes on to count this list, and to take its standard error.
    values[:] = [value for value in values if value is not None]


def number(value: float | None) -> float:
    """A value that lm_eval can print: unknown is NaN."""
    return float("nan") if value is None else value
