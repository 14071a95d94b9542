"""Whether a judge prefers the longer answer, and how much an answer gains by length.

The longer answer may also be the better one: a preference for length is no proof of a bias. The length slope holds
the two models' overall difference apart from it, and a length probe measures it with equal content.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.records import Outcome
from longismore.reports._audit.data import share, side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.reports._audit.data import AuditedPair
    from longismore.reports.winrate import Interval

__all__ = ["LengthFigures", "length_figures"]

_SIGNED = {Outcome.WIN: 1, Outcome.TIE: 0, Outcome.LOSE: -1}
_FEWEST = 3
"""Pairs below which a correlation is not computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthFigures:
    """Lengths and verdicts, over the pairs with an outcome; in characters where no unit is named."""

    mean_words_reference: float | None
    mean_words_candidate: float | None
    candidate_longer: float | None
    """Share of pairs in which the candidate's answer is longer."""
    candidate_longer_words: float | None
    n_prefers_longer: int
    """Pairs of unequal length that are no tie."""
    prefers_longer: float | None
    """Share of these that the longer answer won."""
    prefers_longer_ci: Interval | None
    n_prefers_longer_words: int
    prefers_longer_words: float | None
    prefers_longer_words_ci: Interval | None
    n_prefers_longer_calls: int
    """Readable calls, not pairs, on answers of unequal length that say one is better."""
    prefers_longer_calls: float | None
    spearman_verdict_worddiff: float | None
    """Rank correlation of the verdict (1, 0, -1) with candidate minus reference in words."""
    pearson_verdict_logratio_chars: float | None
    """Correlation of the verdict with log((candidate + 1) / (reference + 1))."""
    spearman_margin_worddiff: float | None
    """Rank correlation of the candidate's lead in points, both orders together, with the difference in words."""


def length_figures(pairs: Sequence[AuditedPair]) -> LengthFigures:
    """Count what length does."""
    judged = [pair for pair in pairs if pair.verdict.outcome is not None]
    chars = [(pair.verdict.reference_chars, pair.verdict.candidate_chars) for pair in judged]
    words = [pair.words for pair in judged if pair.words is not None]
    by_words = words if len(words) == len(judged) else []  # all or none: a part would be another sample
    verdicts = [_SIGNED[pair.verdict.outcome] for pair in judged if pair.verdict.outcome is not None]
    keys = [pair.cluster for pair in judged]
    in_chars, in_words = _preferred(verdicts, chars, keys), _preferred(verdicts, by_words, keys)
    calls = _called(pairs)
    prefers, prefers_ci = share(in_chars)
    prefers_words, prefers_words_ci = share(in_words)
    differences = [float(candidate - reference) for reference, candidate in by_words]
    return LengthFigures(
        mean_words_reference=_mean([reference for reference, _ in by_words]),
        mean_words_candidate=_mean([candidate for _, candidate in by_words]),
        candidate_longer=_mean([candidate > reference for reference, candidate in chars]),
        candidate_longer_words=_mean([candidate > reference for reference, candidate in by_words]),
        n_prefers_longer=len(in_chars),
        prefers_longer=prefers,
        prefers_longer_ci=prefers_ci,
        n_prefers_longer_words=len(in_words),
        prefers_longer_words=prefers_words,
        prefers_longer_words_ci=prefers_words_ci,
        n_prefers_longer_calls=len(calls),
        prefers_longer_calls=_mean(calls),
        spearman_verdict_worddiff=_correlation(verdicts, differences, _ranks),
        pearson_verdict_logratio_chars=_correlation(
            verdicts, [math.log((candidate + 1) / (reference + 1)) for reference, candidate in chars], _as_they_are
        ),
        spearman_margin_worddiff=_correlation(_margins(judged), differences, _ranks),
    )


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _preferred(
    verdicts: Sequence[int], lengths: Sequence[tuple[int, int]], keys: Sequence[str]
) -> list[tuple[float, str]]:
    """Whether the longer answer won, of each pair that is decided and unequal; without lengths, of none."""
    return [
        (float((verdict > 0) == (candidate > reference)), key)
        for verdict, (reference, candidate), key in zip(verdicts, lengths, keys, strict=False)
        if verdict and candidate != reference
    ]


def _called(pairs: Sequence[AuditedPair]) -> list[bool]:
    """The same of each call."""
    found = []
    for pair in pairs:
        longer = pair.verdict.candidate_chars - pair.verdict.reference_chars
        said = [side(preference) for preference in pair.verdict.preferences if preference is not None]
        found += [each * longer > 0 for each in said if each and longer]
    return found


def _margins(pairs: Sequence[AuditedPair]) -> list[float]:
    """The candidate's lead in both orders together; nothing at all where scores are missing."""
    margins = []
    for pair in pairs:
        if None in pair.scores:
            return []
        margins.append(math.fsum(scores[1] - scores[0] for scores in pair.scores if scores is not None))
    return margins


def _correlation(
    first: Sequence[float], second: Sequence[float], scale: Callable[[Sequence[float]], Sequence[float]]
) -> float | None:
    """Pearson's correlation of two lists on a scale; ``None`` where one is missing or does not vary."""
    if len(first) != len(second) or len(first) < _FEWEST or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    one, other = (_centred(scale(values)) for values in (first, second))
    products = math.fsum(x * y for x, y in zip(one, other, strict=True))
    return products / math.sqrt(math.fsum(x * x for x in one) * math.fsum(y * y for y in other))


def _centred(values: Sequence[float]) -> list[float]:
    mean = math.fsum(values) / len(values)
    return [value - mean for value in values]


def _as_they_are(values: Sequence[float]) -> Sequence[float]:
    return values


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks; equal values share their mean rank."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values)):
        places.setdefault(value, []).append(place)
    return [(places[value][0] + places[value][-1]) / 2 for value in values]
