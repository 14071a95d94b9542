"""How far judges can be trusted: an audit of what they said, without asking them again.

A win rate is as good as its judge. The audit says of each judge what the order of the answers does to it, whether it
prefers the longer answer, how many of its answers could not be read, whether it says the same when asked again, what
it cost and, where gold labels are known, how often it is right; and of every two judges how far they agree.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from longismore.errors import DataError
from longismore.records import Outcome
from longismore.reports._audit.calls import call_figures
from longismore.reports._audit.data import audited_pairs, calls_of, name_judges
from longismore.reports._audit.gold import gold_figures
from longismore.reports._audit.length import length_figures
from longismore.reports._audit.order import order_figures
from longismore.reports._audit.records import Audit, JudgeAudit, JudgeFigures, JudgePair
from longismore.reports._interval import standard_error
from longismore.reports.agreement import Matched, group_agreement, match_verdicts
from longismore.reports.winrate import summarize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.records import Judged, Verdict
    from longismore.reports._audit.data import AuditedPair, Call
    from longismore.reports._rates import Rates
    from longismore.reports.agreement import GroupAgreement

__all__ = ["Audit", "JudgeAudit", "JudgeFigures", "JudgePair", "audit"]

_SCORES = {Outcome.WIN: 2.0, Outcome.TIE: 1.0, Outcome.LOSE: 0.0}


def audit(
    judged: Sequence[Judged],
    *,
    gold: Mapping[tuple[str, str], float] | None = None,
    seed: int = 0,
    draws: int = 1000,
) -> Audit:
    """Audit judges by what they said.

    All that a judge said of any candidate counts together; judges of one name with different settings are different
    judges, and bear the first characters of their fingerprint.

    Args:
        judged: What each judge said of one candidate against one reference.
        gold: By test set and id, 1 where the candidate is better, 0 where the reference is, 0.5 where they are equal.
        seed: Of the resampling behind intervals.
        draws: How often is resampled.

    Raises:
        DataError: There is nothing to audit, no label is about any of the pairs, or two judges were shown different
            prompts under one id.
    """
    named = name_judges(judged)
    pairs = {name: audited_pairs(each, gold) for name, each in named.items()}
    if not any(pairs.values()):
        raise DataError("there is no pair to audit; give judgments of at least one judge")
    if gold is not None:
        _check_gold(gold, pairs)
    judges = [
        JudgeAudit(
            name=name,
            fingerprint=named[name][0].fingerprint,
            comparisons=tuple(dict.fromkeys(pair.comparison for pair in mine)),
            **_figures(mine, calls_of(named[name]), seed=seed, draws=draws, gold=gold is not None),
        )
        for name, mine in pairs.items()
    ]
    found = (_judge_pair(one, other, pairs, seed=seed, draws=draws) for one, other in combinations(pairs, 2))
    return Audit(
        judges=tuple(judges),
        pairs=tuple(pair for pair in found if pair is not None),
        together=_together(pairs, seed=seed, draws=draws) if len(pairs) > 2 else None,  # noqa: PLR2004
    )


def _check_gold(gold: Mapping[tuple[str, str], float], pairs: Mapping[str, Sequence[AuditedPair]]) -> None:
    """Labels of another test set would silently give an audit without accuracy."""
    if any(pair.gold is not None for mine in pairs.values() for pair in mine):
        return
    asked = next(pair.verdict for mine in pairs.values() for pair in mine)
    labelled = next(iter(gold), None)
    example = "there is none" if labelled is None else f"one is of {labelled[0]}/{labelled[1]}"
    raise DataError(
        f"none of the {len(gold)} gold labels is about one of the pairs: {example}, a pair is {asked.testset}/"
        f"{asked.id}; test set and id must be those of the judgments"
    )


def _figures(
    pairs: Sequence[AuditedPair], calls: Sequence[Call], *, seed: int, draws: int, gold: bool
) -> dict[str, Any]:
    """The figures of one judge, ``pooled`` and by ``testsets``."""
    sets = list(dict.fromkeys(pair.verdict.testset for pair in pairs))
    whole, by_set = _rates(pairs, sets, seed=seed, draws=draws)

    def of(rates: Rates, mine: Sequence[AuditedPair], made: Sequence[Call]) -> JudgeFigures:
        return JudgeFigures(
            rates=rates,
            **_errors(mine),
            n_one_order=sum(pair.verdict.one_order and pair.verdict.outcome is not None for pair in mine),
            order=order_figures(mine),
            length=length_figures(mine),
            calls=call_figures(mine, made),
            gold=gold_figures(mine) if gold else None,
        )

    return {
        "pooled": of(whole, pairs, calls),
        "testsets": {
            name: of(
                by_set[name],
                [pair for pair in pairs if pair.verdict.testset == name],
                [call for call in calls if call.testset == name],
            )
            for name in sets
        },
    }


def _rates(
    pairs: Sequence[AuditedPair], sets: Sequence[str], *, seed: int, draws: int
) -> tuple[Rates, dict[str, Rates]]:
    """The rates pooled and by test set.

    The length slope is estimated beside the quality of the candidate, on each set by itself. Candidates differ in
    quality, so with several of them each has its own, as if its pairs were a set.
    """
    if len({pair.comparison for pair in pairs}) == 1:
        results = summarize([pair.verdict for pair in pairs], seed=seed, draws=draws)
        return results.pooled, results.testsets
    apart = [
        (pair.verdict.testset, replace(pair.verdict, testset=repr((pair.comparison, pair.verdict.testset))))
        for pair in pairs
    ]
    by_set = {
        name: summarize([verdict for found, verdict in apart if found == name], seed=seed, draws=draws).pooled
        for name in sets
    }
    return summarize([verdict for _, verdict in apart], seed=seed, draws=draws).pooled, by_set


def _errors(pairs: Sequence[AuditedPair]) -> dict[str, float | None]:
    """Both standard errors of the winning score."""
    scored = [(_SCORES[pair.verdict.outcome], pair.cluster) for pair in pairs if pair.verdict.outcome is not None]
    scores = [score for score, _ in scored]
    return {
        "winning_score_se": standard_error(scores, [key for _, key in scored]),
        "winning_score_se_pairs": standard_error(scores, range(len(scores))),
    }


def _judge_pair(
    one: str, other: str, pairs: Mapping[str, Sequence[AuditedPair]], *, seed: int, draws: int
) -> JudgePair | None:
    """How far two judges agree; nothing where they share no pair."""
    matched = _match(pairs[one], pairs[other])
    if not matched.pairs:
        return None
    sets = dict.fromkeys(verdict.testset for verdict, _ in matched.pairs)
    return JudgePair(
        judges=(one, other),
        pooled=matched.agreement(seed=seed, draws=draws),
        testsets={
            name: _match(
                *([pair for pair in pairs[judge] if pair.verdict.testset == name] for judge in (one, other))
            ).agreement(seed=seed, draws=draws)
            for name in sets
        },
    )


def _match(one: Sequence[AuditedPair], other: Sequence[AuditedPair]) -> Matched:
    """The pairs that two judges share: the same two models, test set and id."""
    comparisons = dict.fromkeys(pair.comparison for pair in [*one, *other])
    parts = [match_verdicts(_verdicts(one, each), _verdicts(other, each)) for each in comparisons]
    return Matched(
        pairs=tuple(pair for part in parts for pair in part.pairs),
        only_first=sum(part.only_first for part in parts),
        only_second=sum(part.only_second for part in parts),
    )


def _verdicts(pairs: Sequence[AuditedPair], comparison: tuple[str, str]) -> list[Verdict]:
    return [pair.verdict for pair in pairs if pair.comparison == comparison]


def _together(pairs: Mapping[str, Sequence[AuditedPair]], *, seed: int, draws: int) -> GroupAgreement:
    """How far all judges agree on whatever at least two of them judged."""
    rated = {
        name: {(*pair.comparison, pair.verdict.testset, pair.verdict.id): pair for pair in mine}
        for name, mine in pairs.items()
    }
    units = {key: pair.verdict.prompt for mine in rated.values() for key, pair in mine.items()}
    ratings = [[mine[key].verdict.outcome if key in mine else None for mine in rated.values()] for key in units]
    return group_agreement(ratings, list(units.values()), seed=seed, draws=draws)
