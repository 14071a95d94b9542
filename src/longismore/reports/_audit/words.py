"""What an audit means, in plain sentences; docs/audit.md states the thresholds."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

from longismore.reports._escape import name_text
from longismore.reports._words import counted, percent

if TYPE_CHECKING:
    from longismore.reports._audit.records import Audit, JudgeAudit, JudgeFigures, JudgePair
    from longismore.reports._rates import Interval

__all__ = ["audit_sentences", "sign_test"]

_FEW = 30
"""Pairs below which nothing is certain."""
_STEADY = 0.9
"""Share of kept verdicts from which one order may do."""
_UNSTEADY = 0.7
"""Share below which one order says nothing."""
_CHANCE = 0.05
"""Probability below which flips that favour one side are no accident."""
_UNREAD = 0.02
_REPEATED = 0.9
_GOOD, _FAIR = 0.8, 0.4
"""Of kappa: judges that can stand in for each other, and judges that at least say similar things."""
_EVEN = 0.5


def audit_sentences(audit: Audit) -> list[str]:
    """Say what the audit found: of each judge, then of every two.

    Args:
        audit: What `longismore.reports.audit.audit` gave.

    Returns:
        One sentence each, without a full stop, safe to print.
    """
    judges = [sentence for judge in audit.judges for sentence in _of_judge(judge)]
    shared = {pair.judges: pair for pair in audit.pairs}
    names = [judge.name for judge in audit.judges]
    pairs = [
        _of_pair(shared[both]) if both in shared else f"{_both(*both)} judged no pair in common"
        for both in combinations(names, 2)
    ]
    if (group := audit.together) is not None and group.krippendorff_alpha is not None:
        shown = f"{group.krippendorff_alpha:.2f} on {counted(group.n, 'pair')}"
        pairs.append(f"all {len(names)} judges together: Krippendorff's alpha {shown} that at least two judged")
    return [*judges, *pairs]


def _of_judge(judge: JudgeAudit) -> list[str]:
    name, figures = name_text(judge.name), judge.pooled
    said = [_order(figures), _favoured(figures), _length(figures), _unread(figures), _repeat(figures), _gold(figures)]
    if figures.rates.n < _FEW:
        said.append(f"was audited on {counted(figures.rates.n, 'pair')} only: too few for any of this to be certain")
    return [f"{name} {sentence}" for sentence in said if sentence]


def _order(figures: JudgeFigures) -> str:
    consistency, n = figures.order.swap_consistency, figures.order.n_both_orders
    if consistency is None:
        asked = "was asked in one order only" if figures.n_one_order else "was read in both orders on no pair"
        return f"{asked}: what the order does to it is not known"
    said = f"changes its verdict with the order in {_percent(1 - consistency)} of {counted(n, 'pair')}"
    if consistency < _UNSTEADY:
        return f"{said}: do not use it one-way"
    if consistency < _STEADY:
        return f"{said}: ask it in both orders"
    return f"{said}: it is steady"


def _favoured(figures: JudgeFigures) -> str | None:
    first, second = figures.order.flips_favour_first, figures.order.flips_favour_second
    if not first + second:
        return None
    if sign_test(first, second) >= _CHANCE:
        return f"reverses {counted(first + second, 'pair')}, without favouring a place ({first} first, {second} second)"
    place = "first" if first > second else "second"
    return (
        f"favours the answer shown {place}: in {max(first, second)} of the {first + second} pairs that it reverses "
        "that one wins both times"
    )


def sign_test(first: int, second: int) -> float:
    """The two-sided probability of so uneven a split, or a more uneven one, if either side were as likely."""
    n, smaller = first + second, min(first, second)
    # In logarithms: the binomial coefficients of thousands of flips are too large for floats.
    terms = (
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in range(smaller + 1)
    )
    return min(1.0, 2 * math.fsum(math.exp(term) for term in terms))


def _length(figures: JudgeFigures) -> str | None:
    share, interval = figures.length.prefers_longer, figures.length.prefers_longer_ci
    if share is None or interval is None:
        return None
    pairs = counted(figures.length.n_prefers_longer, "decided pair")
    gold = None if figures.gold is None else figures.gold.gold_prefers_longer
    labels = "" if gold is None else f"; the gold labels prefer the longer one in {_percent(gold)}"
    if not _apart(interval, _EVEN):
        return f"shows no preference for longer or shorter answers in {pairs}{labels}"
    which = "longer" if share > _EVEN else "shorter"
    return f"prefers the {which} answer in {_percent(max(share, 1 - share))} of {pairs}{labels}; {_gain(figures)}"


def _gain(figures: JudgeFigures) -> str:
    """What length alone is worth, apart from how good the two models are."""
    points, slope = figures.rates.length_points, figures.rates.length_slope_ci
    if points is None or slope is None or figures.rates.length_warning is not None:
        return "these pairs do not tell what it gives for length alone"
    sure = "" if _apart(slope, 0.0) else ", which may be chance"
    return f"it gives {100 * points:+.1f} points for twice the length{sure}"


def _apart(interval: Interval, value: float) -> bool:
    return not interval[0] <= value <= interval[1]


def _unread(figures: JudgeFigures) -> str | None:
    calls = figures.calls
    states = {"unparsed": calls.unparsed, "refused": calls.refused, "failed": calls.failed}
    lost = sum(states.values())
    if not calls.calls:
        return None
    if not lost:
        return f"could be read in all {counted(calls.calls, 'call')}"
    shown = ", ".join(f"{count} {state}" for state, count in states.items() if count)
    said = f"could not be read in {lost} of {counted(calls.calls, 'call')} ({shown})"
    return (
        f"{said}: the rates are without these pairs and may not stand for them"
        if lost > _UNREAD * calls.calls
        else said
    )


def _repeat(figures: JudgeFigures) -> str | None:
    calls = figures.calls
    if calls.repeatability is None:
        return None
    said = f"says the same in {_percent(calls.repeatability)} of {counted(calls.n_repeated, 'call')} asked again"
    return f"{said}: one run is not enough" if calls.repeatability < _REPEATED else said


def _gold(figures: JudgeFigures) -> str | None:
    gold = figures.gold
    if gold is None or gold.acc_mean is None or gold.acc_mean_ci is None:
        return None
    said = f"agrees with the gold label in {_percent(gold.acc_mean)} of {counted(gold.n_acc_mean, 'call')}"
    if gold.acc_both is not None:
        said += f", in both orders in {_percent(gold.acc_both)} of {counted(gold.n_acc_both, 'pair')}"
    return said if gold.acc_mean_ci[0] > _EVEN else f"{said}: no better than a coin"


def _of_pair(pair: JudgePair) -> str:
    names, figures = _both(*pair.judges), pair.pooled
    if figures.agreement is None:
        return f"{names} have no pair that both judged"
    said = f"{names} agree in {_percent(figures.agreement)} of {counted(figures.n, 'pair')}"
    if figures.agreement_decided is not None:
        said += f", in {_percent(figures.agreement_decided)} of the {figures.n_decided} that neither calls a tie"
    kappa = figures.cohen_kappa
    if kappa is None:
        return f"{said}; whether more than by chance cannot be said"
    said += f" (kappa {kappa:.2f})"
    if kappa >= _GOOD:
        return f"{said}: one can stand in for the other"
    if kappa >= _FAIR:
        return f"{said}: compare only results of the same judge"
    return f"{said}: do not replace one by the other"


def _both(one: str, other: str) -> str:
    return f"{name_text(one)} and {name_text(other)}"


def _percent(rate: float) -> str:
    return f"{percent(rate)}%"
