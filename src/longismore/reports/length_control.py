"""Win rates at equal length: what would be left of the advantage if both models wrote equally much?

Model: ``logit P(candidate preferred) = intercept[test set] + slope * tanh(delta / sd(delta))``, with delta the
candidate's characters minus the reference's, and the candidate's share over both orders as a soft label. The
length-controlled rate is the prediction at delta = 0, averaged over the pairs; compare it with ``preference``, the
same rate without control. All test sets of a run share one slope, since it belongs to the judge and the two models.

Where lengths hardly overlap, the pairs cannot tell a better model from a longer one. So the slope has a prior, which
is stated, and the interval is honest about it: every bootstrap draw resamples the prompts *and* draws the prior's
centre, for the default prior with Cauchy tails. Some judges like nothing but length (a control of ours does): the
default prior gives them one chance in ten, and the estimate is the average over both kinds of judge, weighed by how
well each explains the pairs.

Source: Dubois et al., Length-Controlled AlpacaEval, https://arxiv.org/abs/2404.04475, for the model without
difficulty and prior; Gelman et al., Annals of Applied Statistics 2 (2008), for Cauchy tails of a default prior;
Agresti & Min, Statistics in Medicine 24 (2005), for the pseudo-observations in every draw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Verdict
    from longismore.reports._length.draws import Drawn
    from longismore.reports._length.fit import Estimate, Sample

__all__ = [
    "DEFAULT_PRIOR",
    "LENGTH_ONLY",
    "Controls",
    "LengthControl",
    "LengthPrior",
    "control_length",
    "controls_of",
    "preference_of",
]

_EVEN = 0.5
_LEANS = 0.5
_OVERLAP = 0.2
_SLOPES = tuple(step / 4 for step in range(-4, 21))
"""Of the sensitivity curve: -1 to 5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthPrior:
    """What is believed of the length slope before the pairs are seen: a normal distribution."""

    mean: float
    sd: float
    source: str
    """Where it comes from, in words."""
    heavy_tails: bool = False
    """Draws for the interval are Cauchy instead of normal: the prior may be far off."""
    length_only: float = 0.0
    """Probability, before the pairs are seen, of a judge that likes nothing but length; see `LENGTH_ONLY`."""


LENGTH_ONLY = (100.0, 10.0)
"""Mean and sd of the slope of a judge that likes nothing but length: the longer answer wins unless both are equal.
The intercepts of such a judge, who has no opinion of quality, have the prior N(0, 1)."""

DEFAULT_PRIOR = LengthPrior(mean=1.0, sd=0.4, source="the default", heavy_tails=True, length_only=0.1)
"""Between what was measured: 0.5 and 0.3 for two judges on 1,030 pairs of two 7B models (Cherry_LLM's reviews), 1.8
(sd 0.3) among the weights of AlpacaEval's official fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthControl:
    """Length control of one group of pairs; rates are 0..1."""

    lc_win_rate: float
    lc_win_rate_ci: tuple[float, float]
    slope: float
    """On the logit scale, for tanh(delta / sd(delta)) going from 0 to 1."""
    slope_ci: tuple[float, float]
    tipping_slope: float | None
    """The slope at which ``lc_win_rate`` would be 0.5; ``None``: there is none from -10 to 10."""
    curve: tuple[tuple[float, float], ...]
    """Assumed slope and the ``lc_win_rate`` it leads to."""
    points: float
    """What an answer twice as long as the mean reference gains, from 0.5, by the slope alone."""
    points_ci: tuple[float, float]
    overlap: float
    """Twice the smaller of the shares of pairs with a longer and with a shorter candidate; equal ones count half."""
    prior: LengthPrior
    prior_weight: float
    """Share of the slope's information that comes from the prior."""
    length_only: float
    """How probable it is, with the pairs seen, that the judge likes nothing but length."""

    @property
    def leans(self) -> bool:
        """Whether the estimate leans on the prior more than on the pairs."""
        return self.hardly_overlaps or self.prior_weight > _LEANS

    @property
    def hardly_overlaps(self) -> bool:
        """Whether nearly all answers of one model are longer than the other's."""
        return self.overlap < _OVERLAP


Controls: TypeAlias = tuple[LengthControl, dict[str, LengthControl]]
"""Of all pairs, and of each test set."""


def preference_of(verdict: Verdict) -> float | None:
    """The candidate's share over the orders that were asked; ``None`` where the pair does not enter the rates."""
    if verdict.outcome is None:
        return None
    first, second = verdict.preferences
    if first is None:
        return second
    return first if second is None else (first + second) / 2


def control_length(
    verdicts: Sequence[Verdict],
    clusters: Sequence[str],
    *,
    prior: LengthPrior = DEFAULT_PRIOR,
    seed: int = 0,
    draws: int = 1000,
) -> Controls | None:
    """Fit the model, pooled over the test sets.

    The estimate does not depend on the order of the pairs, the processor or the version of a library beyond 1e-9.
    The intervals are 95 % percentile intervals over *draws* refits on resampled prompts, the same for the same *seed*.

    Args:
        verdicts: Those without an outcome are passed over.
        clusters: The key of each verdict's prompt; see `longismore.reports.cluster_key`.
        prior: Of the slope.
        seed: Of the resampling.
        draws: How many refits.

    Returns:
        The control of all pairs, and of each test set; ``None`` where no pair was judged.
    """
    judged = [pair for pair in zip(verdicts, clusters, strict=True) if pair[0].outcome is not None]
    if not judged:
        return None
    from longismore.reports._length.draws import draw
    from longismore.reports._length.fit import Sample

    sample = Sample.of([verdict for verdict, _ in judged], [cluster for _, cluster in judged])
    estimate = sample.estimate(prior)
    drawn = draw(sample, prior, seed=seed, draws=draws, length_only=estimate.length_only)
    return controls_of(sample, prior, estimate, drawn)


def controls_of(sample: Sample, prior: LengthPrior, estimate: Estimate, drawn: Drawn) -> Controls:
    """Put together what a fit and its draws say: of all pairs, and of each test set."""
    curve, tipping = sample.curve(_SLOPES), sample.tipping(near=estimate.slope)

    def control(
        rate: float, interval: tuple[float, float], tips: float | None, rates: Sequence[float], group: int | None
    ) -> LengthControl:
        doubled = sample.doubled(group)
        low, high = (_gain(slope, doubled) for slope in drawn.slope_ci)
        made = LengthControl(
            lc_win_rate=rate,
            lc_win_rate_ci=interval,
            slope=estimate.slope,
            slope_ci=drawn.slope_ci,
            tipping_slope=tips,
            curve=tuple(zip(_SLOPES, rates, strict=True)),
            points=_gain(estimate.slope, doubled),
            points_ci=(low, high),
            overlap=sample.overlap(group),
            prior=prior,
            prior_weight=estimate.prior_weight,
            length_only=estimate.length_only,
        )
        if made.leans and prior.heavy_tails and not sample.rejects_only_length(group):
            # A prior that nobody measured for this judge must not be what excludes 0.5.
            extended = min(interval[0], _EVEN), max(interval[1], _EVEN)
            return replace(made, lc_win_rate_ci=extended)
        return made

    columns = zip(estimate.sets, drawn.sets_ci, tipping.sets, curve.sets, range(len(sample.names)), strict=True)
    sets = {name: control(*column) for name, column in zip(sample.names, columns, strict=True)}
    return control(estimate.pooled, drawn.pooled_ci, tipping.pooled, curve.pooled, None), sets


def _gain(slope: float, covariate: float) -> float:
    return 0.5 * math.tanh(0.5 * slope * covariate)
