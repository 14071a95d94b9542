"""What one judge said, pair by pair and call by call, as the audit looks at it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.records import Judgment, Order, Status, Verdict
from longismore.reports._interval import cluster_key, mean_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longismore.records import Judged
    from longismore.reports.winrate import Interval

__all__ = ["AuditedPair", "Call", "audited_pairs", "calls_of", "name_judges", "share", "side"]

_EVEN = 0.5
_SHOWN = 8
"""Characters of a fingerprint that tell judges of one name apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedPair:
    """One pair that a judge was asked about."""

    verdict: Verdict
    comparison: tuple[str, str]
    """Names of the reference and the candidate."""
    cluster: str
    words: tuple[int, int] | None
    """Of the reference's and the candidate's answer; ``None`` where the answers are not at hand."""
    scores: tuple[tuple[float, float] | None, tuple[float, float] | None]
    """Of the reference and the candidate, in the reference-first and the candidate-first call."""
    gold: float | None
    """The candidate's share in the gold labels; ``None`` without one."""


@dataclass(frozen=True, slots=True)
class Call:
    """All that came of asking the same of the same judge, once or more."""

    testset: str
    cluster: str
    judgments: tuple[Judgment, ...]


def audited_pairs(judged: Iterable[Judged], gold: Mapping[tuple[str, str], float] | None) -> list[AuditedPair]:
    """The pairs of all files of one judge; a pair that stands in several of them counts once, as it first stands."""
    found: dict[tuple[str, str, str, str], AuditedPair] = {}
    for each in judged:
        judgments: dict[tuple[str, str, Order], Judgment] = {}
        for one in each.judgments:
            judgments.setdefault((one.testset, one.id, one.order), one)
        for verdict in each.verdicts:
            key = (verdict.testset, verdict.id)
            if (each.reference, each.candidate, *key) in found:
                continue
            made = tuple(judgments.get((*key, order)) for order in Order)
            found[each.reference, each.candidate, *key] = AuditedPair(
                verdict=verdict,
                comparison=(each.reference, each.candidate),
                cluster=cluster_key(verdict.prompt),
                words=_words(made),
                scores=(_scores(made[0]), _scores(made[1])),
                gold=None if gold is None else gold.get(key),
            )
    return list(found.values())


def _words(judgments: Sequence[Judgment | None]) -> tuple[int, int] | None:
    """Words are what stands between white space."""
    made = next((each for each in judgments if each is not None), None)
    return None if made is None else (len(made.reference.output.split()), len(made.candidate.output.split()))


def _scores(judgment: Judgment | None) -> tuple[float, float] | None:
    if judgment is None or judgment.status is not Status.JUDGED:
        return None
    if judgment.score_reference is None or judgment.score_candidate is None:
        return None
    return judgment.score_reference, judgment.score_candidate


def calls_of(judged: Iterable[Judged]) -> list[Call]:
    """The judgments of all files of one judge, those on the same question and order together.

    A judgment that stands in several files is one call: it was made at one time. Where the time is unknown, records
    that are equal all through are taken for copies.
    """
    asked: dict[tuple[str, str, str, str, Order], list[Judgment]] = defaultdict(list)
    for each in judged:
        for one in each.judgments:
            asked[one.reference.model, one.candidate.model, one.testset, one.id, one.order].append(one)
    undated = [[one for one in made if one.created is None] for made in asked.values()]
    are_copies = all(len(set(made)) <= 1 for made in undated)
    calls = []
    for made in asked.values():
        dated = {one.created: one for one in reversed(made) if one.created is not None}
        others = [one for one in made if one.created is None]
        kept = [*reversed(dated.values()), *(others[:1] if are_copies else others)]
        calls.append(Call(made[0].testset, cluster_key(made[0].prompt), tuple(kept)))
    return calls


def name_judges(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """What each judge said, by its name; judges of one name with different settings are told apart by fingerprint."""
    prints: dict[str, set[str]] = defaultdict(set)
    for each in judged:
        prints[each.judge].add(each.fingerprint or "")
    named: dict[str, list[Judged]] = {}
    for each in judged:
        name = each.judge or "unnamed"
        if len(others := prints[each.judge]) > 1:
            name += f" ({_told_apart(each.fingerprint, others)})"
        named.setdefault(name, []).append(each)
    return named


def _told_apart(fingerprint: str | None, others: set[str]) -> str:
    """As many characters as tell it from the others, at least eight."""
    if fingerprint is None:
        return "unknown settings"
    length = _SHOWN
    while length < len(fingerprint) and any(
        other != fingerprint and other.startswith(fingerprint[:length]) for other in others
    ):
        length += 1
    return fingerprint[:length]


def side(preference: float) -> int:
    """Give 1, 0 or -1: what one order says of the candidate."""
    return (preference > _EVEN) - (preference < _EVEN)


def share(values: Sequence[tuple[float, str]]) -> tuple[float | None, Interval | None]:
    """The mean of values, each with its cluster, and the interval of the mean; nothing for no values."""
    if not values:
        return None, None
    numbers = [value for value, _ in values]
    return sum(numbers) / len(numbers), mean_interval(numbers, [key for _, key in values])
