"""The numbers behind `longismore.reports.bradley_terry`: the compared pairs as arrays, their fit, and random reweights.

Letters: B fits, n pairs, E edges (two models that were compared), C cells, M models, K parameters, G clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from longismore.reports._interval import t_quantile
from longismore.reports._length.draws import drawn_prior
from longismore.reports._length.glm import Array, sigmoid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports.length_control import LengthPrior

__all__ = ["Compared", "Fitted", "Row"]

Numbers: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"

_ITERATIONS = 500
_TOLERANCE = 1e-10
_LONGEST_STEP = 1.0
"""Of any logit. Curvature then changes by a factor of e at most, so that no Newton step makes the objective worse."""
_AT_ONCE = 4_000_000
"""Numbers held in one matrix of weights."""
_HALF = 0.5
_NORMAL = 10**9
"""Degrees of freedom with which Student's t is normal."""
_FINE = 100
"""The length term is counted in so many steps a unit where pairs are reweighted, exactly in the estimate."""


class Row(NamedTuple):
    """One judged pair."""

    key: str
    """Of its prompt."""
    name: str
    """What tells pairs of one prompt apart."""
    first: int
    """Number of the one model."""
    second: int
    value: float
    """1 where the first model wins, 0.5 for a tie."""
    delta: int
    """Characters of the first model's answer minus those of the second's."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Parameters of B fits."""

    ratings: Array
    """(B, M) logits, 0 for the anchor."""
    slopes: Array
    """(B,) of the length term; 0 without one."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Pairs of answers of M models, in an order of their own; the first model of a pair has the smaller number."""

    models: int
    anchor: int
    first: Numbers
    """(n,)"""
    second: Numbers
    value: Array
    """(n,) 1 where the first model wins, 0.5 for a tie."""
    covariate: Array | None
    """(n,) the length term, from the first model's side."""
    cluster: Numbers
    """(n,) 0..G-1, in the order of the keys."""

    @classmethod
    def of(cls, rows: Sequence[Row], *, models: int, anchor: int, lengths: bool) -> Compared:
        """Make the arrays.

        Args:
            rows: The judged pairs.
            models: How many models there are.
            anchor: The model whose rating is 0.
            lengths: Whether there is a length term.
        """
        # From here on sums are the same however the pairs were given.
        ordered = sorted(_forward(row) for row in rows)
        keys = {key: place for place, key in enumerate(sorted({row.key for row in ordered}))}
        first = np.array([row.first for row in ordered])
        second = np.array([row.second for row in ordered])
        delta = np.array([row.delta for row in ordered], float)
        return cls(
            models=models,
            anchor=anchor,
            first=first,
            second=second,
            value=np.array([row.value for row in ordered], float),
            covariate=_covariate(delta, first * models + second) if lengths else None,
            cluster=np.array([keys[row.key] for row in ordered]),
        )

    def estimate(self, prior: LengthPrior) -> Fitted:
        """Fit to the pairs as they are."""
        edges, pseudo = self._pseudo()
        count = np.ones((1, len(self.value) + len(edges)))
        wins = np.concatenate([self.value, np.full(len(edges), _HALF)])[None, :]
        columns = np.concatenate([self._columns(self.first, self.second, self.covariate), pseudo])
        slope = (np.array([prior.mean]), np.array([prior.sd**2])) if self.covariate is not None else None
        return self._split(_fit(columns, count, wins, slope))

    def draw(self, prior: LengthPrior, *, seed: int, draws: int) -> Fitted:
        """Fit to random weights of the prompts (exponential) and of the pseudo-observations (gamma with shape 1/2).

        For two models, without ties and repeated prompts, the win rates are then draws from the posterior under
        Jeffreys' prior: beta(wins + 1/2, losses + 1/2). With few prompts such draws are too narrow, as normal
        quantiles with a variance over n are; so they are stretched around their median, until those of a mean would
        give the interval with Student's t.
        """
        stream = np.random.RandomState(seed)  # its stream never changes between versions of numpy
        edges, pseudo = self._pseudo()
        clusters = int(self.cluster.max()) + 1
        weights = -np.log(1.0 - stream.random_sample((draws, clusters)))
        won, lost = (_gamma_half(stream, (draws, len(edges))) for _ in range(2))
        centre, variance = drawn_prior(prior, stream, draws)
        columns, count, wins = self._cells(clusters)
        columns = np.concatenate([columns, pseudo])
        step = max(1, _AT_ONCE // len(columns))
        fits = [
            _fit(
                columns,
                np.concatenate([weights[part] @ count, won[part] + lost[part]], axis=1),
                np.concatenate([weights[part] @ wins, won[part]], axis=1),
                None if self.covariate is None else (centre[part], variance[part]),
            )
            for part in (slice(begin, begin + step) for begin in range(0, draws, step))
        ]
        parameters = np.concatenate(fits)
        middle = np.median(parameters, axis=0)
        return self._split(middle + (parameters - middle) * _stretch(clusters))

    def _columns(self, first: Numbers, second: Numbers, covariate: Array | None) -> Array:
        """(rows, K) without the anchor's column, which is 0."""
        signs = np.eye(self.models)[first] - np.eye(self.models)[second]
        ratings = np.delete(signs, self.anchor, axis=1)
        return ratings if covariate is None else np.column_stack([ratings, covariate])

    def _split(self, parameters: Array) -> Fitted:
        ratings = parameters[:, : self.models - 1]
        slopes = np.zeros(len(parameters)) if self.covariate is None else parameters[:, -1]
        return Fitted(np.insert(ratings, self.anchor, 0.0, axis=1), slopes)

    def _pseudo(self) -> tuple[Numbers, Array]:
        """The edges, and (E, K) the columns of their pseudo-observations, which have the mean length term."""
        edges, edge = np.unique(self.first * self.models + self.second, return_inverse=True)
        means = None if self.covariate is None else np.bincount(edge, self.covariate) / np.bincount(edge)
        return edges, self._columns(edges // self.models, edges % self.models, means)

    def _cells(self, clusters: int) -> tuple[Array, Array, Array]:
        """(C, K) columns, and (G, C) how many pairs of each cluster are in a cell and how many are won."""
        fine = np.zeros(len(self.value)) if self.covariate is None else np.round(self.covariate * _FINE)
        keys = (self.first * self.models + self.second) * (4 * _FINE) + fine.astype(np.int64) + 2 * _FINE
        cells, cell = np.unique(keys, return_inverse=True)
        edges = cells // (4 * _FINE)
        covariate = None if self.covariate is None else (cells % (4 * _FINE) - 2 * _FINE) / _FINE
        place, size = self.cluster * len(cells) + cell, clusters * len(cells)
        count: Array = np.bincount(place, minlength=size).reshape(clusters, -1).astype(float)
        wins: Array = np.bincount(place, self.value, minlength=size).reshape(clusters, -1).astype(float)
        return self._columns(edges // self.models, edges % self.models, covariate), count, wins


def _stretch(clusters: int) -> float:
    free = max(1, clusters - 1)
    return t_quantile(free) / t_quantile(_NORMAL) * math.sqrt((clusters + 1) / free)


def _forward(row: Row) -> Row:
    if row.first < row.second:
        return row
    return row._replace(first=row.second, second=row.first, value=1 - row.value, delta=-row.delta)


def _covariate(delta: Array, edge: Numbers) -> Array:
    """Give tanh(delta / sd), with the standard deviation within edges: it is the same from either side."""
    places = np.unique(edge, return_inverse=True)[1]
    inner = delta - (np.bincount(places, delta) / np.bincount(places))[places]
    free = len(delta) - int(places.max()) - 1
    scale = float(np.sqrt((inner**2).sum() / free)) if free > 0 else 0.0
    covariate: Array = np.tanh(delta / scale) if scale > 0 else np.sign(delta)
    return covariate


def _gamma_half(stream: np.random.RandomState, shape: tuple[int, int]) -> Array:
    """Draw from the gamma distribution with shape 1/2: half the square of a normal number, by Box and Muller."""
    drawn: Array = -np.log(1.0 - stream.random_sample(shape)) * np.cos(2 * np.pi * stream.random_sample(shape)) ** 2
    return drawn


def _fit(columns: Array, count: Array, wins: Array, prior: tuple[Array, Array] | None) -> Array:
    """Maximise ``sum(wins * eta - count * log(1 + exp(eta)))`` for each of B fits, by Newton's method; (B, K).

    Where there is a *prior*, (B,) means and (B,) variances, it is that of the last parameter.
    """
    parameters = columns.shape[1]
    outer = (columns[:, :, None] * columns[:, None, :]).reshape(len(columns), -1)
    values, precision = np.zeros((len(count), parameters)), np.zeros((len(count), parameters))
    if prior is not None:
        values[:, -1], precision[:, -1] = prior[0], 1 / prior[1]
    centre = values.copy()
    unfinished = np.arange(len(count))
    for _ in range(_ITERATIONS):
        here = values[unfinished]
        chance = sigmoid(here @ columns.T)
        score = (wins[unfinished] - count[unfinished] * chance) @ columns
        score -= precision[unfinished] * (here - centre[unfinished])
        information = ((count[unfinished] * chance * (1 - chance)) @ outer).reshape(-1, parameters, parameters)
        information += precision[unfinished][:, :, None] * np.eye(parameters)
        step = np.linalg.solve(information, score[:, :, None])[:, :, 0]
        longest = np.abs(step @ columns.T).max(axis=1)
        values[unfinished] = here + step * np.minimum(1.0, _LONGEST_STEP / np.maximum(longest, 1e-300))[:, None]
        unfinished = unfinished[np.abs(step).max(axis=1) > _TOLERANCE]
        if not len(unfinished):
            break
    return values
