"""Pass, regress or inconclusive: may this candidate take the place of the reference?

The candidate passes when its pooled rate is surely not below one half by more than a margin, and regresses when it
surely is; in between, the pairs cannot tell, and say so. "Surely" is a one-sided confidence limit, clustered by
prompt, at every look that is taken (`_sequential`, `_betting`). Test sets by themselves decide nothing: with 80 pairs
a set resolves 13 points at best.

Nothing passes on pairs that were not judged, and the judge's own steadiness stands beside the result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from longismore.records import Outcome
from longismore.reports._gate.audit import audit_judge
from longismore.reports._gate.power import Power, plan_power
from longismore.reports._gate.rule import GateRule
from longismore.reports._interval import cluster_key, standard_error
from longismore.reports._words import percent, percent_interval
from longismore.reports.length_control import preference_of
from longismore.reports.winrate import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Verdict
    from longismore.reports._gate.looks import Design
    from longismore.reports._rates import Rates, Results

__all__ = ["Decision", "GateResult", "GateRule", "Look", "Power", "conclude", "take_look"]

_VALUE = {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSE: 0.0}
_NORMAL = 1.959963984540054


class Decision(StrEnum):
    """What a gate says."""

    PASS = "pass"  # noqa: S105  not a password
    REGRESS = "regress"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> int:
        """What the command ends with; 2 is for input that cannot be used."""
        return {Decision.PASS: 0, Decision.REGRESS: 1, Decision.INCONCLUSIVE: 3}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the pairs asked so far say."""

    number: int
    asked: int
    """Pairs."""
    judged: int
    """Those with a verdict."""
    rate: float | None
    low: float
    """Lower limit, one-sided."""
    high: float
    """Upper limit, one-sided."""
    decision: Decision | None
    """``None``: go on, or inconclusive at the last look."""
    withheld: bool
    """It would pass, but too many pairs are not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The decision, and everything it rests on."""

    decision: Decision
    reason: str
    rule: GateRule
    reference: str
    candidate: str
    judge: str
    note: str | None
    looks: tuple[Look, ...]
    planned_looks: int
    planned_pairs: int
    power: Power | None
    audit: tuple[str, ...]
    """What is wrong with the judge."""
    warnings: tuple[str, ...]
    """What else to beware of."""
    results: Results
    """Of the pairs that were asked."""

    @property
    def exit_code(self) -> int:
        """0 pass, 1 regress, 3 inconclusive."""
        return self.decision.exit_code

    @property
    def asked(self) -> int:
        """Pairs that were asked; the others were not needed."""
        return self.results.pooled.pairs

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON knows it, at full precision."""
        last = self.looks[-1] if self.looks else None
        return {
            "verdict": self.decision.value,
            "exit_code": self.exit_code,
            "reason": self.reason,
            "reference": self.reference,
            "candidate": self.candidate,
            "judge": self.judge,
            "note": self.note,
            "bar": self.rule.bar,
            "rate": last.rate if last else None,
            "lower_limit": last.low if last else None,
            "upper_limit": last.high if last else None,
            "confidence": self.rule.confidence,
            "pairs": {"planned": self.planned_pairs, "asked": self.asked, "judged": self.results.pooled.n},
            "judgments_saved": 2 * (self.planned_pairs - self.asked),
            "planned_looks": self.planned_looks,
            "looks": [_fields(look) for look in self.looks],
            "power": None if self.power is None else _fields(self.power),
            "warnings": list(self.warnings),
            "audit": list(self.audit),
            "rule": _fields(self.rule),
            "results": self.results.to_dict(),
        }


def _fields(value: GateRule | Look | Power) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def take_look(
    number: int, verdicts: Sequence[Verdict], design: Design, rule: GateRule, results: Results | None = None
) -> Look:
    """Look at the pairs that were asked so far.

    Args:
        number: Of the look, 1 for the first.
        verdicts: Of all pairs asked so far, also of those that could not be judged.
        design: Which pairs were to be asked before which look.
        rule: What decides.
        results: Of these verdicts; only needed for ``lc_win_rate``.
    """
    values, keys = _values(verdicts, rule)
    rate = math.fsum(values) / len(values) if values else None
    low, high = design.limits(number, values, keys)
    if rule.metric == "lc_win_rate":
        pooled = (results or summarize(verdicts)).pooled
        rate = pooled.lc_win_rate
        low, high = pooled.lc_win_rate_ci or (0.0, 1.0)
    passed = low > rule.bar
    withheld = passed and _unjudged(len(values), len(verdicts)) > rule.max_unjudged
    decision = Decision.REGRESS if high < rule.bar else Decision.PASS if passed and not withheld else None
    return Look(
        number=number,
        asked=len(verdicts),
        judged=len(values),
        rate=rate,
        low=low,
        high=high,
        decision=decision,
        withheld=withheld,
    )


def _values(verdicts: Sequence[Verdict], rule: GateRule) -> tuple[list[float], list[str]]:
    judged = [verdict for verdict in verdicts if verdict.outcome is not None]
    if rule.metric == "win_rate":
        values = [_VALUE[verdict.outcome] for verdict in judged if verdict.outcome is not None]
    else:
        values = [share for share in map(preference_of, judged) if share is not None]
    return values, [cluster_key(verdict.prompt) for verdict in judged]


def _unjudged(judged: int, asked: int) -> float:
    return (asked - judged) / asked if asked else 1.0


def conclude(
    verdicts: Sequence[Verdict],
    looks: Sequence[Look],
    design: Design,
    rule: GateRule,
    *,
    names: tuple[str, str, str],
    note: str | None = None,
    results: Results | None = None,
    broken: str | None = None,
) -> GateResult:
    """Put the decision together with everything it rests on.

    Args:
        verdicts: Of all pairs that were asked.
        looks: That were taken; the last one decides.
        design: Which pairs were to be asked before which look.
        rule: What decides.
        names: Of the reference, the candidate and the judge.
        note: A caveat about the judge.
        results: Of these verdicts, where they are known.
        broken: Why the judging ended before a look could decide.
    """
    results = results or summarize(verdicts)
    pooled = results.pooled
    last = looks[-1] if looks else None
    decision = (last.decision if last and not broken else None) or Decision.INCONCLUSIVE
    deviation = _deviation(verdicts, pooled, rule)
    calls = sum(status is not None for verdict in verdicts for status in verdict.statuses)
    reference, candidate, judge = names
    return GateResult(
        decision=decision,
        reason=f"the judging ended early: {broken}" if broken else _reason(last, rule),
        rule=rule,
        reference=reference,
        candidate=candidate,
        judge=judge,
        note=note,
        looks=tuple(looks),
        planned_looks=len(design.groups),
        planned_pairs=design.pairs,
        power=plan_power(design, rule, deviation) if deviation else None,
        audit=() if rule.audit == "off" else tuple(audit_judge(pooled, rule, calls)),
        warnings=tuple(_warnings(decision, pooled, rule)),
        results=results,
    )


def _deviation(verdicts: Sequence[Verdict], pooled: Rates, rule: GateRule) -> float | None:
    values, keys = _values(verdicts, rule)
    if rule.metric == "lc_win_rate":
        interval = pooled.lc_win_rate_ci
        error = None if interval is None else (interval[1] - interval[0]) / 2 / _NORMAL
    else:
        error = standard_error(values, keys)
    return None if error is None else error * math.sqrt(len(values))


def _reason(last: Look | None, rule: GateRule) -> str:
    bar = f"the bar of {percent(rule.bar)}%"
    if last is None or last.rate is None:
        return "no pair was judged"
    if last.withheld:
        missing = last.asked - last.judged
        return (
            f"{missing} of {last.asked} pairs ({percent(missing / last.asked)}%) could not be judged, more than the "
            f"{percent(rule.max_unjudged)}% allowed; the others would pass"
        )
    if last.decision is Decision.PASS:
        return f"the lower limit, {percent(last.low)}%, is above {bar}"
    if last.decision is Decision.REGRESS:
        return f"the upper limit, {percent(last.high)}%, is below {bar}"
    return f"{bar} lies between the limits, {percent(last.low)}% and {percent(last.high)}%: too few pairs to tell"


def _warnings(decision: Decision, pooled: Rates, rule: GateRule) -> list[str]:
    warnings = []
    if decision is Decision.REGRESS and _unjudged(pooled.n, pooled.pairs) > rule.max_unjudged:
        share = percent(_unjudged(pooled.n, pooled.pairs))
        warnings.append(f"{pooled.pairs - pooled.n} of {pooled.pairs} pairs ({share}%) could not be judged")
    if rule.metric == "lc_win_rate":
        warnings += [pooled.length_warning] if pooled.length_warning else []
    elif decision is Decision.PASS and pooled.lc_win_rate is not None and pooled.lc_win_rate < rule.bar:
        shown = percent_interval(pooled.lc_win_rate, pooled.lc_win_rate_ci)
        warnings.append(
            f"at equal length the rate would be {shown}, below the bar: the candidate may pass only because its "
            "answers are longer; --metric lc_win_rate decides on that"
        )
    return warnings
