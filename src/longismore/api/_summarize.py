"""`longismore.summarize`: rates, raw and at equal length, of what was judged before; nothing is called."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from longismore.api._given import check_resampling
from longismore.api._judged_sources import judged_in
from longismore.api._length_prior import PriorChoice
from longismore.api._summarized import Summarized
from longismore.reports.bradley_terry import bradley_terry
from longismore.reports.paired import compare_candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longismore.api._judged_sources import JudgedSource
    from longismore.api._length_prior import GivenPrior
    from longismore.records import Judged
    from longismore.reports import Results
    from longismore.reports.bradley_terry import Ratings

__all__ = ["summarize"]

_ALL_PAIRS = 10
"""With more pairs of candidates, each is compared with the best only."""
_FEWEST_RATED = 3


def summarize(judged: JudgedSource, *, length_prior: GivenPrior = None, seed: int = 0, draws: int = 1000) -> Summarized:
    """Say what verdicts mean: win rates with intervals, and what is left of them at equal length.

    Several comparisons of one judge and reference are fitted together: their candidates share the judge's length slope
    and the difficulty of the prompts, are compared in pairs, and, from three models on, are rated.

    Args:
        judged: Run folders, files of judgments, what `compare` or `judge` gave back, or rows of such a file.
        length_prior: Prior of the length slope: a `longismore.reports.LengthPrior`, mean and standard deviation, or
            the file of a length probe.
        seed: Of the resampling behind the intervals at equal length.
        draws: How often is resampled.

    Raises:
        UsageError: A file, or an argument, will not do.
    """
    check_resampling(seed, draws)
    found = judged_in(judged)
    choice = PriorChoice(length_prior)
    results = choice.results(found, seed=seed, draws=draws)
    groups: dict[tuple[str, str | None, str], list[int]] = {}
    for place, each in enumerate(found):
        groups.setdefault((each.judge, each.fingerprint, each.reference), []).append(place)
    paired = [
        compare_candidates(one, other, seed=seed, draws=draws, prior=choice.of(one.judge))
        for places in groups.values()
        for one, other in _pairs([found[place] for place in places], [results[place] for place in places])
    ]
    return Summarized(
        judged=found,
        results=results,
        paired=paired,
        ratings=_ratings(found, seed=seed, draws=draws),
        official=[None] * len(found),
    )


def _pairs(members: Sequence[Judged], results: Sequence[Results]) -> Iterator[tuple[Judged, Judged]]:
    """Candidates to compare: all with all, or, where that are many, each with the best at equal length."""
    rated = [
        (each.pooled.lc_win_rate, member)
        for each, member in zip(results, members, strict=True)
        if each.pooled.lc_win_rate is not None
    ]
    ranked = [member for _, member in sorted(rated, key=lambda pair: -pair[0])]
    if len(ranked) * (len(ranked) - 1) // 2 <= _ALL_PAIRS:
        yield from combinations(ranked, 2)
    else:
        yield from ((ranked[0], other) for other in ranked[1:])


def _ratings(judged: Sequence[Judged], *, seed: int, draws: int) -> list[Ratings]:
    """Ratings by each judge that compared more than two models."""
    judges: dict[tuple[str, str | None], list[Judged]] = {}
    for each in judged:
        if any(verdict.outcome is not None for verdict in each.verdicts):
            judges.setdefault((each.judge, each.fingerprint), []).append(each)
    return [
        bradley_terry(members, seed=seed, draws=draws)
        for members in judges.values()
        if len({name for each in members for name in (each.reference, each.candidate)}) >= _FEWEST_RATED
    ]
