"""Whether the judge of a gate is steady enough to be believed.

A judge that says something else when the answers change places adds noise, and often a preference for one side; a
gate that passes on such verdicts has tested the judge, not the candidate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._interval import cluster_key, mean_interval
from longismore.reports._words import percent
from longismore.reports.winrate import same_outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Verdict
    from longismore.reports._gate.rule import GateRule
    from longismore.reports._rates import Rates

__all__ = ["audit_judge", "hopeless_judge"]


def audit_judge(rates: Rates, rule: GateRule, calls: int) -> list[str]:
    """Say in sentences what is wrong with the judge; nothing, where nothing is.

    Args:
        rates: Pooled, of the pairs that were asked.
        rule: The thresholds.
        calls: How often the judge was asked.
    """
    if not rates.n:
        return []
    found = []
    kept, flipped = rates.swap_consistency, rates.swap_flip
    if kept is None:
        found.append("the judge saw one order only: how much its verdicts depend on the order is not known")
    elif kept < rule.min_consistency:
        found.append(_inconsistent(kept, rule))
    if flipped is not None and flipped > rule.max_flip:
        found.append(
            f"the judge turns its verdict around in {percent(flipped)}% of the pairs when the order is swapped "
            f"(at most {percent(rule.max_flip)}% wanted)"
        )
    unparsed = rates.unparsed / calls if calls else 0.0
    if unparsed > rule.max_unparsed:
        found.append(
            f"{percent(unparsed)}% of the judge's answers could not be read "
            f"(at most {percent(rule.max_unparsed)}% wanted)"
        )
    return found


def hopeless_judge(verdicts: Sequence[Verdict], rule: GateRule) -> str | None:
    """Say, while pairs are still asked, that the judge is surely not consistent enough; chance is given its due."""
    judged = [verdict for verdict in verdicts if verdict.outcome is not None]
    both = [(verdict, *verdict.preferences) for verdict in judged]
    same = [
        (float(same_outcome(first, second)), cluster_key(verdict.prompt))
        for verdict, first, second in both
        if first is not None and second is not None
    ]
    if not same:
        return None
    _, high = mean_interval([value for value, _ in same], [key for _, key in same])
    kept = sum(value for value, _ in same) / len(same)
    return _inconsistent(kept, rule) if high < rule.min_consistency else None


def _inconsistent(kept: float, rule: GateRule) -> str:
    return (
        f"the judge keeps its verdict in only {percent(kept)}% of the pairs when the order is swapped "
        f"(at least {percent(rule.min_consistency)}% wanted)"
    )
