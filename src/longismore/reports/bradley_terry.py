"""Ratings of several models by one judge: who would beat whom, on one scale.

Model: ``logit P(i is preferred to j) = rating_i - rating_j``, each pair of answers counting once, a tie as half a win
and half a loss. With ``length_controlled`` the term ``slope * tanh(delta / sd(delta))`` is added, with delta the
characters of i's answer minus those of j's, and the ratings are those at equal length; the slope is shared by all
models and has the prior of `longismore.reports.length_control`, but for its judges that like nothing but length.

Each two models that were compared are given half a win and half a loss beside what was observed (for a model that was
compared with one other only, that is Firth's penalty), so that a model that wins every pair has a finite rating. An
interval comes from refits in which every prompt has a random weight (Rubin's Bayesian bootstrap; prompts, not pairs,
because the same prompt repeats), and these half pairs too, which keeps it honest where all pairs are won. It is
widened for few prompts as Student's t is. docs/statistics.md has its coverage.

Ratings of several judges are never mixed: a rating says what one judge prefers.

Source: Bradley & Terry, Biometrika 39 (1952); Chiang et al., Chatbot Arena, https://arxiv.org/abs/2403.04132, for its
use with verdicts on answers; Firth, Biometrika 80 (1993); Rubin, Annals of Statistics 9 (1981).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from longismore.errors import DataError
from longismore.records import Outcome
from longismore.reports._interval import cluster_key
from longismore.reports._ratings.checks import check_judged, check_links, check_orders, choose_anchor
from longismore.reports._ratings.words import ratings_sentences
from longismore.reports.length_control import DEFAULT_PRIOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged
    from longismore.reports._length.glm import Array
    from longismore.reports._ratings.fit import Fitted
    from longismore.reports.length_control import LengthPrior
    from longismore.reports.winrate import Interval

__all__ = ["Rating", "Ratings", "bradley_terry"]

_VALUE = {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSE: 0.0}
_ELO = 400 / math.log(10)
"""Points a logit: 400 points are odds of ten to one."""
_ELO_ANCHOR = 1000.0
_QUANTILES = (0.025, 0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One model; the anchor's rating is fixed and has no interval."""

    model: str
    logit: float
    """Of being preferred to the anchor."""
    logit_ci: Interval | None
    elo: float
    """1000 + 400 / ln(10) * logit."""
    elo_ci: Interval | None
    rank: int
    """1 for the best."""
    rank_ci: tuple[int, int]
    lead: float | None
    """Its logit minus that of the next model; ``None`` for the last."""
    lead_ci: Interval | None
    pairs: int
    """Judged pairs it took part in."""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON knows them, at full precision."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """All models by one judge, the best first."""

    judge: str
    anchor: str
    """The model whose logit is 0 and whose Elo is 1000."""
    models: tuple[Rating, ...]
    pairs: int
    """Judged pairs."""
    clusters: int
    """Distinct prompts among them."""
    unjudged: int
    """Pairs that enter no rating, because they have no outcome."""
    length_controlled: bool
    length_slope: float | None
    """``None`` without length control."""
    length_slope_ci: Interval | None

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON knows it."""
        return {
            "judge": self.judge,
            "anchor": self.anchor,
            "models": [rating.to_dict() for rating in self.models],
            "pairs": self.pairs,
            "clusters": self.clusters,
            "unjudged": self.unjudged,
            "length_controlled": self.length_controlled,
            "length_slope": self.length_slope,
            "length_slope_ci": None if self.length_slope_ci is None else list(self.length_slope_ci),
        }

    def sentences(self) -> list[str]:
        """Say in plain words who leads and which models cannot be told apart."""
        return ratings_sentences(self)


def bradley_terry(
    judged: Sequence[Judged],
    *,
    anchor: str | None = None,
    length_controlled: bool = False,
    prior: LengthPrior = DEFAULT_PRIOR,
    seed: int = 0,
    draws: int = 1000,
) -> Ratings:
    """Rate all models that one judge compared.

    Args:
        judged: Comparisons by one judge; every model must be linked to every other by a chain of them.
        anchor: The model that the others are rated against; by default that which is the reference most often, of
            several the first by name.
        length_controlled: Whether to rate the models at equal length.
        prior: Of the length slope.
        seed: Of the random weights.
        draws: How many refits.

    Raises:
        DataError: There are no judged pairs, several judges, a model compared with itself, models without a link, one
            order here and both there, or no such *anchor*.
    """
    check_judged(judged)
    rows = [
        (comparison.candidate, comparison.reference, _VALUE[verdict.outcome], verdict)
        for comparison in judged
        for verdict in comparison.verdicts
        if verdict.outcome is not None
    ]
    if not rows:
        raise DataError("no pair was judged, so there is nothing to rate; give judgments that could be read")
    check_orders({verdict.one_order for *_, verdict in rows})
    names = sorted({name for first, second, *_ in rows for name in (first, second)})
    check_links(names, {(first, second) for first, second, *_ in rows})
    anchor = choose_anchor(anchor, names, judged)
    # Imported here: it needs numpy.
    from longismore.reports._ratings.fit import Compared, Row

    number = {name: place for place, name in enumerate(names)}
    compared = Compared.of(
        [
            Row(
                key=cluster_key(verdict.prompt),
                name=f"{verdict.testset}/{verdict.id}",
                first=number[first],
                second=number[second],
                value=value,
                delta=verdict.candidate_chars - verdict.reference_chars,
            )
            for first, second, value, verdict in rows
        ],
        models=len(names),
        anchor=number[anchor],
        lengths=length_controlled,
    )
    estimate, drawn = compared.estimate(prior), compared.draw(prior, seed=seed, draws=draws)
    taken = Counter(name for first, second, *_ in rows for name in (first, second))
    return Ratings(
        judge=judged[0].judge,
        anchor=anchor,
        models=_ratings(names, estimate, drawn, anchor, taken),
        pairs=len(rows),
        clusters=int(compared.cluster.max()) + 1,
        unjudged=sum(len(comparison.verdicts) for comparison in judged) - len(rows),
        length_controlled=length_controlled,
        length_slope=float(estimate.slopes[0]) if length_controlled else None,
        length_slope_ci=_interval(drawn.slopes) if length_controlled else None,
    )


def _ratings(
    names: Sequence[str], estimate: Fitted, drawn: Fitted, anchor: str, taken: Counter[str]
) -> tuple[Rating, ...]:
    values = {name: float(estimate.ratings[0, place]) for place, name in enumerate(names)}
    draws = {name: drawn.ratings[:, place] for place, name in enumerate(names)}
    above = drawn.ratings[:, None, :] > drawn.ratings[:, :, None]  # (B, M, M): the last model beats the one before
    ranks = {name: 1.0 + above[:, place].sum(axis=1) for place, name in enumerate(names)}
    best = sorted(names, key=lambda name: (-values[name], name))
    rated = []
    for place, (name, after) in enumerate(zip(best, [*best[1:], None], strict=True)):
        interval = None if name == anchor else _interval(draws[name])
        low, high = _interval(ranks[name])
        rated.append(
            Rating(
                model=name,
                logit=values[name],
                logit_ci=interval,
                elo=_elo(values[name]),
                elo_ci=None if interval is None else (_elo(interval[0]), _elo(interval[1])),
                rank=place + 1,
                rank_ci=(math.floor(low), math.ceil(high)),
                lead=None if after is None else values[name] - values[after],
                lead_ci=None if after is None else _interval(draws[name] - draws[after]),
                pairs=taken[name],
            )
        )
    return tuple(rated)


def _elo(logit: float) -> float:
    return _ELO_ANCHOR + _ELO * logit


def _interval(values: Array) -> Interval:
    import numpy as np

    low, high = np.quantile(values, _QUANTILES)
    return float(low), float(high)
