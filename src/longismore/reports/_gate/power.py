"""What a gate can find with its pairs: said with the result, so that "inconclusive" says how much is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longismore.reports._gate.looks import Design
    from longismore.reports._gate.rule import GateRule

__all__ = ["USUAL_DEVIATION", "Power", "plan_power"]

USUAL_DEVIATION = 0.45
"""Of one pair, before any is judged: some verdicts are ties."""
_POWER = 0.8
_MOST_PAIRS = 10**8


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What the whole design can find, if all pairs vary as those that were judged."""

    pairs: int
    deviation: float
    """Standard deviation of one pair, repeated prompts accounted for."""
    if_equal: float
    """Probability that a candidate as good as the reference passes."""
    detectable: float
    """Distance from the bar, of a better or a worse candidate, that is found with probability 0.8."""
    pairs_needed: int | None
    """With which an equal candidate passes with probability 0.8; ``None`` without a margin."""
    asked_if_equal: float
    """Share of the pairs that is asked on average, if the candidate is equal."""


def plan_power(design: Design, rule: GateRule, deviation: float) -> Power:
    """Compute what a design can find.

    Args:
        design: Which pairs are asked before which look.
        rule: What decides.
        deviation: Standard deviation of one pair; at most 0.5, and less with ties.
    """
    if_equal, asked = design.power(rule.margin, deviation, design.pairs)
    return Power(
        pairs=design.pairs,
        deviation=deviation,
        if_equal=if_equal,
        detectable=design.detectable(deviation, _POWER),
        pairs_needed=_pairs_needed(design, rule.margin, deviation),
        asked_if_equal=asked,
    )


def _pairs_needed(design: Design, margin: float, deviation: float) -> int | None:
    """Bisect the number of pairs with which an equal candidate passes with probability 0.8."""
    low, high = 1, _MOST_PAIRS
    if margin == 0 or design.power(margin, deviation, high)[0] < _POWER:
        return None
    while high - low > max(1, low // 1000):
        middle = math.isqrt(low * high) if high > 2 * low else (low + high) // 2
        low, high = (low, middle) if design.power(margin, deviation, middle)[0] >= _POWER else (middle, high)
    return high
