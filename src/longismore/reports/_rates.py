"""The rates of one comparison, as values: what `longismore.reports.winrate` computes and everything else shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TypeAlias

__all__ = ["Interval", "Rates", "Results"]

Interval: TypeAlias = tuple[float, float]
"""Lower and upper limit of a 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one group of pairs says of the candidate; rates are 0..1, and ``None`` where no pair was judged."""

    pairs: int
    """All pairs given."""
    n: int
    """Pairs that enter the rates: both orders could be read."""
    wins: int
    ties: int
    losses: int
    win_rate: float | None
    """(wins + ties/2) / n."""
    win_rate_ci: Interval | None
    winning_score: float | None
    """(wins - losses)/n + 1, so 0..2."""
    winning_score_ci: Interval | None
    tie_rate: float | None
    preference: float | None
    """Mean of the candidate's share over both orders: the soft measure."""
    preference_ci: Interval | None
    swap_consistency: float | None
    """Share of pairs with the same outcome in both orders; ``None`` where only one order was asked."""
    swap_consistency_ci: Interval | None
    swap_flip: float | None
    """Share of pairs with a win in one order and a loss in the other."""
    length_ratio: float | None
    """Characters of the candidate over characters of the reference, summed over the n pairs."""
    mean_chars_reference: float | None
    mean_chars_candidate: float | None
    empty_reference: int
    """Empty answers of the reference among all pairs."""
    empty_candidate: int
    partial: int
    """Pairs with exactly one readable order."""
    unjudged: float | None
    """Share of all pairs that do not enter the rates."""
    unparsed: int
    """Judge calls whose answer could not be read."""
    refused: int
    """Judge calls that the judge or its provider would not answer."""
    failed: int
    """Judge calls that failed for a technical reason."""
    clusters: int
    """Distinct prompts among the n pairs."""
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """How many of the n pairs: ``win_win``, ``win_tie``, ``even`` (tie in both orders, or win and lose),
    ``lose_tie``, ``lose_lose``."""
    p_value: float | None = None
    """Two-sided, of a win rate of 0.5."""
    p_value_holm: float | None = None
    """The same, adjusted over the test sets; ``None`` for the pooled rate of several."""
    mde: float | None = None
    """The difference from 0.5 that so many pairs find with a power of 80 % at 5 %, two-sided."""
    lc_win_rate: float | None = None
    """``preference`` at equal length; see `longismore.reports.length_control`."""
    lc_win_rate_ci: Interval | None = None
    length_slope: float | None = None
    """On the logit scale; one for all test sets."""
    length_slope_ci: Interval | None = None
    length_tipping_slope: float | None = None
    """The slope at which ``lc_win_rate`` would be 0.5; ``None``: none from -10 to 10 is."""
    length_verdict: str | None = None
    """``better``, ``only longer``, ``worse`` or ``cannot tell``."""
    length_reason: str | None = None
    length_warning: str | None = None
    """Says so where the estimate leans on the prior of the slope."""
    length_points: float | None = None
    """What an answer twice as long gains by the slope alone, 0..0.5."""
    length_points_ci: Interval | None = None
    overlap: float | None = None
    """Twice the smaller of the shares of pairs with a longer and with a shorter candidate: 0..1."""
    length_prior: Mapping[str, float | str] | None = None
    """``mean``, ``sd`` and ``source`` of the slope's prior."""
    length_prior_weight: float | None = None
    """Share of the slope's information that comes from the prior."""
    length_curve: tuple[Interval, ...] = ()
    """Assumed slope and the ``lc_win_rate`` it leads to."""

    def to_dict(self) -> dict[str, object]:
        """Give the fields as JSON knows them, at full precision."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value


@dataclass(frozen=True, slots=True)
class Results:
    """The rates over all pairs and for each test set, in the order in which the sets first appeared."""

    pooled: Rates
    testsets: dict[str, Rates]

    def to_dict(self) -> dict[str, object]:
        """Give the content of ``results.json``."""
        testsets = {name: rates.to_dict() for name, rates in self.testsets.items()}
        return {"pooled": self.pooled.to_dict(), "testsets": testsets}
