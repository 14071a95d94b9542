"""A strategy against several random trials: rates whose intervals know that other trials would say other things.

A random selection is one of many, and so is a training run. So three things are resampled in thought: the prompts, the
random trials, and the seeds of the training. The variance of the mean is the sum of that over prompts (clustered, see
`_interval`), the variance between the trials' rates over their number, and that between the seeds' rates over theirs;
Student's t has the degrees of freedom of that sum after Satterthwaite, so that two trials, which say next to nothing of
how far trials lie apart, give a wide interval as soon as they differ. The noise of the prompts is in the spread of the
trials too, and is counted twice: intervals are rather too wide than too narrow.

Source: Satterthwaite, Biometrics Bulletin 2 (1946), for the degrees of freedom; Owen, The pigeonhole bootstrap, Annals
of Applied Statistics 1 (2007), for why crossed factors are counted one by one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import fmean, variance
from typing import TYPE_CHECKING

from longismore.records import Outcome
from longismore.reports._interval import cluster_key, padded_mean, t_quantile
from longismore.reports._tests import t_p_value
from longismore.reports.length_control import DEFAULT_PRIOR
from longismore.reports.winrate import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Verdict
    from longismore.reports._rates import Interval, Rates
    from longismore.reports.length_control import LengthPrior

__all__ = ["Estimate", "MatchRate", "MatchVerdicts", "estimate_runs"]

_VALUE = {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSE: 0.0}
_NORMAL = 1.959963984540054
_EVEN = 0.5
_FEWEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchVerdicts:
    """What the judge said of one model of a strategy against one random trial."""

    name: str
    """Of the match."""
    trial: int
    """Of the reference."""
    seed: int
    verdicts: Sequence[Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRate:
    """One match in two numbers, 0..1; ``None`` where no pair was judged."""

    name: str
    trial: int
    seed: int
    pairs: int
    """Judged."""
    win_rate: float | None
    lc_win_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """All matches of a strategy together."""

    rates: Rates
    """Over all pairs; its raw and length-controlled intervals and p value know of trials and seeds."""
    lc_p_value: float | None
    """Two-sided, of a length-controlled rate of 0.5."""
    matches: tuple[MatchRate, ...]

    @property
    def trials(self) -> int:
        """How many random trials were played against."""
        return len({match.trial for match in self.matches if match.pairs})

    @property
    def seeds(self) -> int:
        """With how many training seeds."""
        return len({match.seed for match in self.matches if match.pairs})


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a variance, and its degrees of freedom."""

    variance: float
    df: float


def estimate_runs(
    matches: Sequence[MatchVerdicts], *, prior: LengthPrior = DEFAULT_PRIOR, seed: int = 0, draws: int = 1000
) -> Estimate:
    """Compute the rates of a strategy from all of its matches.

    Args:
        matches: Each against a trial, with a seed; at least one.
        prior: Of the length slope.
        seed: Of the resampling behind the length-controlled interval.
        draws: How often is resampled.
    """
    verdicts = [verdict for match in matches for verdict in match.verdicts]
    rates = summarize(verdicts, prior=prior, seed=seed, draws=draws).pooled
    each = tuple(_match_rate(match, prior) for match in matches)
    if not rates.n or rates.lc_win_rate is None or rates.lc_win_rate_ci is None:
        return Estimate(rates=rates, lc_p_value=None, matches=each)
    judged = [verdict for verdict in verdicts if verdict.outcome is not None]
    keys = [cluster_key(verdict.prompt) for verdict in judged]
    padded = padded_mean([_VALUE[verdict.outcome] for verdict in judged if verdict.outcome is not None], keys)
    if padded is None:
        return Estimate(rates=rates, lc_p_value=None, matches=each)
    mean, error, df = padded
    known = [match for match in each if match.win_rate is not None and match.lc_win_rate is not None]
    raw = _joined(_Part(error**2, df), _between([(match, match.win_rate or 0.0) for match in known]))
    interval = _interval(mean, raw, raw)
    runs = _between([(match, match.lc_win_rate or 0.0) for match in known])
    below, above = (
        _joined(_Part(((rates.lc_win_rate - limit) / _NORMAL) ** 2, df), runs) for limit in rates.lc_win_rate_ci
    )
    lc_p = _p_value(rates.lc_win_rate, below if rates.lc_win_rate > _EVEN else above)
    return Estimate(
        rates=replace(
            rates,
            win_rate_ci=interval,
            winning_score_ci=(2 * interval[0], 2 * interval[1]),
            p_value=_p_value(mean, raw),
            p_value_holm=None,
            mde=None,
            lc_win_rate_ci=_interval(rates.lc_win_rate, below, above),
            length_verdict=None,
            length_reason=None,
        ),
        lc_p_value=lc_p,
        matches=each,
    )


def _match_rate(match: MatchVerdicts, prior: LengthPrior) -> MatchRate:
    judged = [verdict for verdict in match.verdicts if verdict.outcome is not None]
    rate, controlled = None, None
    if judged:
        from longismore.reports._length.fit import Sample

        rate = fmean(_VALUE[verdict.outcome] for verdict in judged if verdict.outcome is not None)
        controlled = Sample.of(judged, [cluster_key(verdict.prompt) for verdict in judged]).estimate(prior).pooled
    return MatchRate(
        name=match.name,
        trial=match.trial,
        seed=match.seed,
        pairs=len(judged),
        win_rate=rate,
        lc_win_rate=controlled,
    )


def _between(rates: Sequence[tuple[MatchRate, float]]) -> list[_Part]:
    """What trials, and seeds, add to the variance of the mean, as far as there are two of them."""
    parts = []
    for factor in ("trial", "seed"):
        levels: dict[int, list[float]] = {}
        for match, rate in rates:
            levels.setdefault(getattr(match, factor), []).append(rate)
        if len(levels) >= _FEWEST:
            parts.append(_Part(variance(map(fmean, levels.values())) / len(levels), len(levels) - 1))
    return parts


def _joined(first: _Part, others: Sequence[_Part]) -> _Part:
    """The sum, with the degrees of freedom of Satterthwaite, rounded down."""
    parts = [part for part in (first, *others) if part.variance > 0]
    total = math.fsum(part.variance for part in parts)
    if not total:
        return first
    df = total**2 / math.fsum(part.variance**2 / part.df for part in parts)
    return _Part(total, max(1, math.floor(df + 1e-9)))


def _interval(middle: float, below: _Part, above: _Part) -> Interval:
    low, high = (t_quantile(round(part.df)) * math.sqrt(part.variance) for part in (below, above))
    return max(0.0, middle - low), min(1.0, middle + high)


def _p_value(middle: float, part: _Part) -> float:
    if middle == _EVEN:
        return 1.0
    return t_p_value((middle - _EVEN) / math.sqrt(part.variance), part.df) if part.variance else 0.0
