"""A gate's decision for people and for machines: sentences, Markdown, JUnit XML.

Names of models, judges and test sets are untrusted; everything goes through `_escape`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from longismore.reports._escape import markdown_text, name_text, printable
from longismore.reports._words import named_rates, number, percent, percent_interval, percent_sentence
from longismore.reports.gate import Decision
from longismore.reports.table import markdown_table

if TYPE_CHECKING:
    from datetime import datetime

    from longismore.reports._rates import Rates
    from longismore.reports.gate import GateResult, Power

__all__ = ["gate_headline", "gate_junit", "gate_markdown", "gate_sentences", "look_rows", "set_sentences"]

_SAID = {
    Decision.PASS: "is not worse than",
    Decision.REGRESS: "is worse than",
    Decision.INCONCLUSIVE: "against",
}
_METRIC = {"win_rate": "win rate", "preference": "preference", "lc_win_rate": "length-controlled win rate"}
_MODE = {
    "fixed": "one look at all pairs",
    "obrien-fleming": "O'Brien-Fleming boundaries",
    "sequential": "a confidence sequence by betting",
}
_SHOWN_LOOKS = 8
_LONGEST_NOTE = 1000


def gate_headline(result: GateResult) -> str:
    """Say the decision in one line: ``pass: b is not worse than a by more than 3.0 points``."""
    reference, candidate = name_text(result.reference), name_text(result.candidate)
    said = f"{candidate or 'the candidate'} {_SAID[result.decision]} {reference or 'the reference'}"
    if not result.rule.is_finite() and result.decision is not Decision.INCONCLUSIVE:
        better = "better" if result.decision is Decision.PASS else "worse"
        return f"{result.decision}: {candidate or 'the candidate'} is {better} than {reference or 'the reference'}"
    margin = percent(result.rule.margin)
    if result.decision is Decision.INCONCLUSIVE:
        return f"{result.decision}: {said}, with a margin of {margin} points"
    return f"{result.decision}: {said} by more than {margin} points"


def gate_sentences(result: GateResult) -> list[str]:
    """Say what the decision rests on, the reason first; the names in it are printable."""
    pooled = result.results.pooled
    metric = _METRIC[result.rule.metric]
    sentences = [result.reason]
    if result.looks and (rate := result.looks[-1].rate) is not None:
        last = result.looks[-1]
        limits = f"limits {percent(last.low)}% and {percent(last.high)}%"
        sentences.append(f"{metric} {percent(rate)}%, {limits} (each one-sided, {100 * result.rule.confidence:g}%)")
    if pooled.n:
        raw = percent_interval(pooled.win_rate, pooled.win_rate_ci)
        controlled = percent_interval(pooled.lc_win_rate, pooled.lc_win_rate_ci)
        verdict = f": {pooled.length_verdict}" if pooled.length_verdict else ""
        stopped = ", as if not stopped early" if result.asked < result.planned_pairs else ""
        sentences.append(f"95% intervals{stopped}: raw win rate {raw}, at equal length {controlled}{verdict}")
    sentences.append(_progress(result))
    sentences += [] if result.power is None else _power(result.power, result)
    sentences += [f"note: {name_text(result.note, _LONGEST_NOTE)}"] if result.note else []
    sentences += [f"warning: {warning}" for warning in (*result.audit, *result.warnings)]
    return [printable(each) for each in sentences]


def _progress(result: GateResult) -> str:
    """Say how far the judging went: ``stopped at look 2 of 5: 412 of 1,030 pairs judged``."""
    pooled, mode = result.results.pooled, _MODE[result.rule.mode or "fixed"]
    judged = f"{pooled.n:,} of {result.planned_pairs:,} pairs judged"
    if result.planned_looks == 1:
        return f"{mode}: {judged}"
    unjudged = f", {pooled.pairs - pooled.n:,} asked in vain" if pooled.pairs > pooled.n else ""
    saved = result.planned_pairs - result.asked
    calls = f"; {2 * saved:,} of {2 * result.planned_pairs:,} judgments saved" if saved else ""
    stopped = "stopped at" if saved else "went to"
    return f"{stopped} look {len(result.looks)} of {result.planned_looks} ({mode}): {judged}{unjudged}{calls}"


def _power(power: Power, result: GateResult) -> list[str]:
    pairs = f"{power.pairs:,} pairs"
    sentences = []
    if result.rule.is_finite():
        needed = "" if power.pairs_needed is None else f"; 80% takes {power.pairs_needed:,}"
        sentences.append(
            f"power: an equal candidate would pass {percent(power.if_equal)}% of the time with {pairs}{needed}"
        )
    sentences.append(
        f"minimum detectable effect: {percent(power.detectable)} points above or below the bar, 80% of the time"
    )
    if result.planned_looks > 1 and result.rule.is_finite():
        saved = percent(1 - power.asked_if_equal)
        sentences.append(f"looking early saves {saved}% of the judgments on average, if the candidate is equal")
    return sentences


def set_sentences(result: GateResult) -> list[str]:
    """Say of every test set how it came out by itself; where there are several, none decides."""
    if len(result.results.testsets) == 1:
        return []
    return [f"{name}: {_set(rates)}" for name, rates in named_rates(result.results)[:-1]]


def _set(rates: Rates) -> str:
    if not rates.n:
        return f"none of {rates.pairs} pairs was judged"
    holm = "" if rates.p_value_holm is None else f", p = {number(rates.p_value_holm, 3)} (Holm)"
    return f"win rate {percent_sentence(rates.win_rate, rates.win_rate_ci)} of {rates.n} pairs{holm}"


def gate_markdown(result: GateResult) -> str:
    """Write the decision as Markdown, e.g. for the summary of a CI job."""
    head, *sentences = gate_sentences(result)
    lines = [f"### longismore gate: {result.decision}", "", f"**{markdown_text(gate_headline(result))}**", ""]
    lines += [f"{markdown_text(head[:1].upper() + head[1:])}.", ""]
    lines += [f"- {markdown_text(each)}" for each in sentences]
    lines += ["", f"Judge: {markdown_text(name_text(result.judge))}.", "", markdown_table(result.results).rstrip(), ""]
    if several := set_sentences(result):
        lines += ["Each test set by itself, against 50% (no part of the decision):", ""]
        lines += [*(f"- {markdown_text(each)}" for each in several), ""]
    if len(result.looks) > 1:
        lines += ["| look | pairs asked | judged | rate % | lower limit | upper limit |", f"|{' ---: |' * 6}"]
        lines += [f"| {' | '.join(cells)} |" for cells in look_rows(result)]
        lines.append("")
    return "\n".join(lines)


def look_rows(result: GateResult) -> list[tuple[str, ...]]:
    """Give the looks as cells; of many, the last ones."""
    return [
        (
            str(look.number),
            f"{look.asked:,}",
            f"{look.judged:,}",
            percent(look.rate),
            percent(look.low),
            percent(look.high),
        )
        for look in result.looks[-_SHOWN_LOOKS:]
    ]


def gate_junit(result: GateResult, *, now: datetime, elapsed_s: float = 0.0) -> str:
    """Write the decision as JUnit XML, as the schemas of Ant and Jenkins have it.

    One test case for the pooled rate, which decides: a failure if the candidate regresses, an error if the gate
    cannot tell. One more for each test set, which never fails; it is skipped where nothing was judged.

    Args:
        result: Of the gate.
        now: When it ended, UTC.
        elapsed_s: How long it took.
    """
    reference, candidate = name_text(result.reference), name_text(result.candidate)
    text = "\n".join([gate_headline(result), *gate_sentences(result), *set_sentences(result)])
    cases = [_case(f"pooled: {candidate} against {reference}", _problem(result, text), elapsed_s)]
    skipped = 0
    for name, rates in result.results.testsets.items():
        reason = "" if rates.n else f"<skipped message={_attribute(_set(rates))}/>"
        skipped += bool(reason)
        cases.append(_case(f"test set {name}", reason, 0.0))
    properties = "".join(
        f"<property name={_attribute(name)} value={_attribute(value)}/>" for name, value in _properties(result).items()
    )
    counts = {
        "name": "longismore gate",
        "package": "longismore",
        "id": 0,
        "hostname": "localhost",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}",
        "tests": len(cases),
        "failures": int(result.decision is Decision.REGRESS),
        "errors": int(result.decision is Decision.INCONCLUSIVE),
        "skipped": skipped,
        "time": f"{elapsed_s:.3f}",
    }
    head = " ".join(f"{name}={_attribute(value)}" for name, value in counts.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<testsuites><testsuite {head}>\n<properties>{properties}</properties>\n"
        + "\n".join(cases)
        + f"\n<system-out>{escape(printable(text))}</system-out>\n<system-err></system-err>\n"
        "</testsuite></testsuites>\n"
    )


def _case(name: str, inside: str, time_s: float) -> str:
    shown = _attribute(name_text(name))
    return f'<testcase classname="longismore.gate" name={shown} time="{time_s:.3f}">{inside}</testcase>'


def _problem(result: GateResult, text: str) -> str:
    if result.decision is Decision.PASS:
        return ""
    element = "failure" if result.decision is Decision.REGRESS else "error"
    message = _attribute(f"{gate_headline(result)}: {result.reason}")
    return f'<{element} type="{result.decision}" message={message}>{escape(printable(text))}</{element}>'


def _properties(result: GateResult) -> dict[str, object]:
    last = result.looks[-1] if result.looks else None
    known = {
        "verdict": result.decision,
        "reference": name_text(result.reference),
        "candidate": name_text(result.candidate),
        "judge": name_text(result.judge),
        "metric": result.rule.metric,
        "mode": result.rule.mode,
        "margin": result.rule.margin,
        "alpha": result.rule.alpha,
        "rate": last.rate if last else None,
        "lower_limit": last.low if last else None,
        "upper_limit": last.high if last else None,
        "pairs_planned": result.planned_pairs,
        "pairs_judged": result.results.pooled.n,
    }
    return {name: value for name, value in known.items() if value is not None}


def _attribute(value: object) -> str:
    """Quote the value of an XML attribute; line feeds become blanks, as every parser would make them."""
    return quoteattr(" ".join(printable(value).split()))
