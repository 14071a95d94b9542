"""Penalised logistic regressions, many at once: one intercept a group of rows, and one slope that they share.

Every fit has the same rows and its own weights, which is what a bootstrap needs: a thousand fits are a few matrix
products. Newton's method with step halving; the objective is strictly concave, so the result does not depend on the
order of the rows, the processor or the version of numpy beyond rounding.

numpy is imported with this module, so it is imported where a fit is made, never at start-up.

Letters: B fits, C cells (rows of equal group and covariate), S groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

__all__ = ["INTERCEPT_PRECISION", "Array", "Cells", "Fits", "fit", "sigmoid"]

Array: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"

INTERCEPT_PRECISION = 1e-4
"""Each intercept has the prior N(0, 100^2), so that all wins do not send it to infinity."""
_WEAKEST = 1.0
"""An intercept's prior counts as N(0, 1) at the weakest in the evidence, so that fits differ by their slopes only."""
_EDGE = 1e-3
_ITERATIONS = 200
_HALVINGS = 40
_TOLERANCE = 1e-11
"""How far a parameter may still move when it counts as found."""
_LONGEST_STEP = 8.0
_SLACK = 1e-11
"""How much of itself an objective may seem to fall, by rounding."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The design: what is the same in every fit."""

    group: np.ndarray[tuple[int], np.dtype[np.int64]]
    """(C,) the group of each cell, 0..S-1."""
    covariate: Array
    """(C,) what the slope belongs to."""
    groups: int
    """S."""
    offset: Array | None = None
    """(C,) known parts of eta, such as how difficult a prompt is."""

    def indicator(self) -> Array:
        """(C, S) ones where a cell is of a group."""
        return np.eye(self.groups)[self.group]


@dataclass(frozen=True, slots=True)
class Fits:
    """What came out of B fits."""

    intercepts: Array
    """(B, S)"""
    slopes: Array
    """(B,)"""
    information: Array
    """(B,) of the slope, the intercepts profiled out, its prior included."""
    objective: Array
    """(B,) the log-likelihood minus the penalties."""
    evidence: Array
    """(B,) Laplace's approximation of the logarithm of the marginal likelihood."""


def sigmoid(value: Array) -> Array:
    """1 / (1 + exp(-value)), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * value))


def fit(
    cells: Cells,
    weights: Array,
    wins: Array,
    *,
    centre: Array,
    variance: Array,
    intercept_precision: Array | float = INTERCEPT_PRECISION,
    intercept_centre: Array | float = 0.0,
    tolerance: float = _TOLERANCE,
) -> Fits:
    """Maximise ``sum(wins * eta - weights * log(1 + exp(eta)))`` minus the penalties, for each of B fits.

    With ``eta = intercept[group] + slope * covariate``, and the penalties ``(slope - centre)^2 / (2 variance)`` and
    ``intercept_precision * (intercept - intercept_centre)^2 / 2``.

    Args:
        cells: The design.
        weights: (B, C) how many observations a cell counts for.
        wins: (B, C) the sum of their outcomes, each in [0, 1].
        centre: (B,) where the slope's prior is centred.
        variance: (B,) of that prior; a tiny one fixes the slope.
        intercept_precision: (B,) of the intercepts' prior; a huge one fixes them at its centre.
        intercept_centre: (B,) of that prior.
        tolerance: How far a parameter may still move when it counts as found.
    """
    intercept = (np.broadcast_to(intercept_precision, len(weights)), np.broadcast_to(intercept_centre, len(weights)))
    problem = _Problem(cells, cells.indicator(), weights, wins, centre, variance, *intercept)
    intercepts, slopes = problem.start()
    open_ = np.arange(len(weights))
    for _ in range(_ITERATIONS):
        part = problem.part(open_)
        step_intercepts, step_slopes, _information = part.newton(intercepts[open_], slopes[open_])
        moved = part.search(intercepts[open_], slopes[open_], step_intercepts, step_slopes)
        size = np.maximum(
            np.abs(moved[0] - intercepts[open_]).max(axis=1, initial=0.0), np.abs(moved[1] - slopes[open_])
        )
        intercepts[open_], slopes[open_] = moved
        open_ = open_[size > tolerance]
        if not len(open_):
            break
    information = problem.newton(intercepts, slopes)[2]
    objective = problem.objective(intercepts, slopes)
    volume = np.log(variance) + np.log(information) + problem.log_diagonal(intercepts, slopes)
    volume = volume - cells.groups * np.log(np.maximum(problem.intercept_precision, _WEAKEST))
    return Fits(intercepts, slopes, information, objective, objective - 0.5 * volume)


@dataclass(frozen=True, slots=True)
class _Problem:
    """B objectives."""

    cells: Cells
    indicator: Array
    weights: Array
    wins: Array
    centre: Array
    variance: Array
    intercept_precision: Array
    intercept_centre: Array

    def start(self) -> tuple[Array, Array]:
        """Intercepts that give each group its mean, with the slope at the centre of its prior."""
        size, won = self.weights @ self.indicator, self.wins @ self.indicator
        mean = np.clip(won / np.maximum(size, _EDGE), _EDGE, 1.0 - _EDGE)
        covariate = (self.weights @ (self.indicator * self.cells.covariate[:, None])) / np.maximum(size, _EDGE)
        slopes = self.centre.astype(float).copy()
        free = np.log(mean / (1.0 - mean)) - slopes[:, None] * covariate
        return np.where(self.intercept_precision[:, None] < 1, free, self.intercept_centre[:, None]), slopes

    def part(self, which: np.ndarray[tuple[int], np.dtype[np.int64]]) -> _Problem:
        """Only these of the B."""
        if len(which) == len(self.weights):
            return self
        return _Problem(
            self.cells,
            self.indicator,
            self.weights[which],
            self.wins[which],
            self.centre[which],
            self.variance[which],
            self.intercept_precision[which],
            self.intercept_centre[which],
        )

    def _eta(self, intercepts: Array, slopes: Array) -> Array:
        eta = intercepts[:, self.cells.group] + slopes[:, None] * self.cells.covariate
        return eta if self.cells.offset is None else eta + self.cells.offset

    def objective(self, intercepts: Array, slopes: Array) -> Array:
        """(B,) to be maximised."""
        eta = self._eta(intercepts, slopes)
        likelihood: Array = (self.wins * eta - self.weights * np.logaddexp(0.0, eta)).sum(axis=1)
        away = ((intercepts - self.intercept_centre[:, None]) ** 2).sum(axis=1)
        penalty: Array = (slopes - self.centre) ** 2 / self.variance + self.intercept_precision * away
        objective: Array = likelihood - 0.5 * penalty
        return objective

    def newton(self, intercepts: Array, slopes: Array) -> tuple[Array, Array, Array]:
        """The step of intercepts and slope, and the information of the slope."""
        covariate = self.cells.covariate
        probability = sigmoid(self._eta(intercepts, slopes))
        residual = self.wins - self.weights * probability
        curvature = self.weights * probability * (1.0 - probability)
        precision = self.intercept_precision[:, None]
        score = residual @ self.indicator - precision * (intercepts - self.intercept_centre[:, None])
        score_slope = residual @ covariate - (slopes - self.centre) / self.variance
        diagonal = curvature @ self.indicator + precision
        cross = curvature @ (self.indicator * covariate[:, None])
        information = curvature @ covariate**2 + 1.0 / self.variance - (cross**2 / diagonal).sum(axis=1)
        information = np.maximum(information, 1e-300)
        step_slope = (score_slope - (cross * score / diagonal).sum(axis=1)) / information
        step = (score - cross * step_slope[:, None]) / diagonal
        return step, step_slope, information

    def log_diagonal(self, intercepts: Array, slopes: Array) -> Array:
        """(B,) the logarithm of the determinant of the intercepts' information."""
        probability = sigmoid(self._eta(intercepts, slopes))
        curvature = self.weights * probability * (1.0 - probability)
        logarithm: Array = np.log(curvature @ self.indicator + self.intercept_precision[:, None]).sum(axis=1)
        return logarithm

    def search(self, intercepts: Array, slopes: Array, step: Array, step_slope: Array) -> tuple[Array, Array]:
        """Go along the step, at most eight units, halving it until the objective does not fall."""
        size = np.maximum(np.abs(step).max(axis=1, initial=0.0), np.abs(step_slope))
        factor = np.minimum(1.0, _LONGEST_STEP / np.maximum(size, 1e-300))
        before = self.objective(intercepts, slopes)
        slack = _SLACK * (1.0 + np.abs(before))
        new, new_slopes = intercepts + factor[:, None] * step, slopes + factor * step_slope
        worse = np.flatnonzero(self.objective(new, new_slopes) < before - slack)
        for _ in range(_HALVINGS):
            if not len(worse):
                break
            factor[worse] /= 2
            new[worse] = intercepts[worse] + factor[worse, None] * step[worse]
            new_slopes[worse] = slopes[worse] + factor[worse] * step_slope[worse]
            still = self.part(worse).objective(new[worse], new_slopes[worse]) < before[worse] - slack[worse]
            worse = worse[still]
        return new, new_slopes
