"""One fit to several candidates that the same judge compared with the same reference.

Model: ``logit P = intercept[candidate, test set] + ease[prompt] + (slope + deviation[candidate]) * covariate``, with
``ease = tempting * mean covariate of the candidates + difficulty[prompt]``. The ease is what the candidates have in
common on a prompt, so an instruction on which everybody writes much and wins is not taken for the judge's love of
length: with the mean covariate in the model, the slope comes from differences between candidates on the same prompt.
Newton's method; the difficulties, of which there are as many as prompts, are eliminated from each step.

Source: Mundlak, On the pooling of time series and cross section data, Econometrica 46 (1978), for the mean covariate.

Letters: K candidates, N pairs of the union of all, S test sets, P parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from longismore.reports._length.glm import INTERCEPT_PRECISION, Array, sigmoid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports._length.fit import Sample

__all__ = ["Design", "Fitted", "Weights", "fit_joint"]

_STEPS = 100
_HALVINGS = 40
_TOLERANCE = 1e-10
_LONGEST_STEP = 8.0
_TEMPTING = 1.0
"""Precision of how much easier prompts are on which all write more: N(0, 1)."""


@dataclass(frozen=True, slots=True)
class Design:
    """Everything but the weights; a pair that a candidate was not judged on has weight 0."""

    covariate: Array
    """(K, N)"""
    outcome: Array
    """(K, N)"""
    present: Array
    """(K, N) 1 where the candidate was judged, else 0."""
    group: np.ndarray[tuple[int], np.dtype[np.int64]]
    """(N,) test set of each pair."""
    cluster: np.ndarray[tuple[int], np.dtype[np.int64]]
    """(N,) prompt of each pair."""
    names: tuple[str, ...]
    """(S,) test sets, sorted."""

    @property
    def groups(self) -> int:
        """S."""
        return len(self.names)

    @classmethod
    def of(cls, samples: Sequence[Sample], places: Sequence[Sequence[tuple[str, str]]], keys: dict[str, str]) -> Design:
        """Put the candidates side by side.

        Args:
            samples: One a candidate, all with the same test sets.
            places: Test set and id of each sample's pairs, in its order.
            keys: The prompt's key of each pair, by ``testset/id``.
        """
        union = sorted({place for each in places for place in each})
        column = {place: number for number, place in enumerate(union)}
        names = {name: number for number, name in enumerate(sorted({testset for testset, _ in union}))}
        shape = (len(samples), len(union))
        covariate, outcome, present = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for row, (sample, each) in enumerate(zip(samples, places, strict=True)):
            columns = [column[place] for place in each]
            covariate[row, columns] = sample.covariate
            outcome[row, columns] = sample.outcome
            present[row, columns] = 1.0
        prompts = [keys[f"{testset}/{name}"] for testset, name in union]
        number = {key: place for place, key in enumerate(sorted(set(prompts)))}
        return cls(
            covariate=covariate,
            outcome=outcome,
            present=present,
            group=np.array([names[testset] for testset, _ in union]),
            cluster=np.array([number[prompt] for prompt in prompts]),
            names=tuple(names),
        )

    def matrix(self) -> Array:
        """(K, N, P) what each parameter is multiplied with: intercepts, slope, deviations, tempting."""
        candidates, pairs = self.covariate.shape
        matrix = np.zeros((candidates, pairs, candidates * self.groups + 1 + candidates + 1))
        matrix[:, :, -1] = self.tempting()
        for row in range(candidates):
            matrix[row, np.arange(pairs), row * self.groups + self.group] = 1.0
            matrix[row, :, candidates * self.groups] = self.covariate[row]
            matrix[row, :, candidates * self.groups + 1 + row] = self.covariate[row]
        return matrix

    def tempting(self) -> Array:
        """(N,) mean covariate of the candidates on each pair."""
        mean: Array = (self.covariate * self.present).sum(axis=0) / self.present.sum(axis=0)
        return mean

    def ease(self, fitted: Fitted) -> Array:
        """(N,) what all candidates have in common on each pair."""
        ease: Array = fitted.difficulty + fitted.parameters[-1] * self.tempting()
        return ease

    def means(self) -> Array:
        """(K, S) mean covariate of each candidate in each test set."""
        indicator = np.eye(self.groups)[self.group]
        counts = self.present @ indicator
        return np.where(counts > 0, (self.covariate * self.present) @ indicator / np.maximum(counts, 1), 0.0)


@dataclass(frozen=True, slots=True)
class Weights:
    """How often each pair counts, and the priors."""

    times: Array
    """(N,)"""
    centre: float
    """Of the slope's prior."""
    variance: float
    deviation: float
    """Variance of the candidates' deviations from the common slope."""
    difficulty: float
    """Variance of the difficulties."""
    pseudo: tuple[float, float] = (0.0, 0.0)
    """Wins and losses added to each candidate, spread over the test sets at their mean covariate."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came out."""

    parameters: Array
    """(P,)"""
    difficulty: Array
    """(N,)"""
    evidence: float
    """Laplace's approximation of the logarithm of the marginal likelihood."""
    information: Array
    """(P, P) of the parameters, the difficulties profiled out."""


def fit_joint(
    design: Design, matrix: Array, weights: Weights, *, start: Fitted | None = None, tolerance: float = _TOLERANCE
) -> Fitted:
    """Fit once.

    Args:
        design: The pairs.
        matrix: ``design.matrix()``, which many fits share.
        weights: Of this fit.
        start: Where to begin.
        tolerance: How far a parameter may still move when it counts as found.
    """
    problem = _Problem.of(design, matrix, weights)
    parameters = np.zeros(matrix.shape[2]) if start is None else start.parameters.copy()
    difficulty = np.zeros(matrix.shape[1]) if start is None else start.difficulty.copy()
    before = problem.objective(parameters, difficulty)
    for _ in range(_STEPS):
        step, step_difficulty, _information, _diagonal = problem.newton(parameters, difficulty)
        size = max(float(np.abs(step).max()), float(np.abs(step_difficulty).max()))
        factor = min(1.0, _LONGEST_STEP / max(size, 1e-300))
        for _ in range(_HALVINGS):
            moved = parameters + factor * step, difficulty + factor * step_difficulty
            after = problem.objective(*moved)
            if after >= before - 1e-11 * (1 + abs(before)):
                break
            factor /= 2
        (parameters, difficulty), before = moved, after
        if factor * size <= tolerance:
            break
    _, _, information, diagonal = problem.newton(parameters, difficulty)
    volume = np.linalg.slogdet(information)[1] + np.log(diagonal * weights.difficulty).sum()
    return Fitted(parameters, difficulty, before - 0.5 * float(volume), information)


@dataclass(frozen=True, slots=True)
class _Problem:
    """The objective of one fit."""

    matrix: Array
    outcome: Array
    """(K, N)"""
    rows: Array
    """(K, N) how often each row counts."""
    penalty: Array
    """(N,) precision of each difficulty."""
    precision: Array
    """(P,)"""
    centre: Array
    """(P,)"""
    pseudo: tuple[Array, Array, Array]
    """(M, P) rows of the pseudo-observations, their weights and their wins."""

    @classmethod
    def of(cls, design: Design, matrix: Array, weights: Weights) -> _Problem:
        candidates, parameters = matrix.shape[0], matrix.shape[2]
        slope = candidates * design.groups
        precision = np.full(parameters, INTERCEPT_PRECISION)
        precision[slope] = 1 / weights.variance
        precision[slope + 1 :] = 1 / weights.deviation
        precision[-1] = _TEMPTING
        centre = np.zeros(parameters)
        centre[slope] = weights.centre
        return cls(
            matrix=matrix,
            outcome=design.outcome,
            rows=design.present * weights.times,
            penalty=np.where(weights.times > 0, weights.times, 1.0) / weights.difficulty,
            precision=precision,
            centre=centre,
            pseudo=_pseudo(design, parameters, weights.pseudo),
        )

    def objective(self, parameters: Array, difficulty: Array) -> float:
        """To be maximised."""
        eta = self.matrix @ parameters + difficulty
        total = (self.rows * (self.outcome * eta - np.logaddexp(0.0, eta))).sum()
        design, weight, wins = self.pseudo
        added = design @ parameters
        total += (wins * added - weight * np.logaddexp(0.0, added)).sum()
        total -= 0.5 * (self.penalty * difficulty**2).sum()
        return float(total - 0.5 * (self.precision * (parameters - self.centre) ** 2).sum())

    def newton(self, parameters: Array, difficulty: Array) -> tuple[Array, Array, Array, Array]:
        """The steps, the information of the parameters and that of each difficulty."""
        probability = sigmoid(self.matrix @ parameters + difficulty)
        residual = self.rows * (self.outcome - probability)
        curvature = self.rows * probability * (1 - probability)
        score = np.einsum("kn,knp->p", residual, self.matrix) - self.precision * (parameters - self.centre)
        weighted = curvature[:, :, None] * self.matrix
        flat = self.matrix.reshape(-1, self.matrix.shape[2])
        information = weighted.reshape(flat.shape).T @ flat
        information[np.diag_indices(len(information))] += self.precision
        design, weight, wins = self.pseudo
        chance = sigmoid(design @ parameters)
        score += design.T @ (wins - weight * chance)
        information += (design * (weight * chance * (1 - chance))[:, None]).T @ design
        diagonal = curvature.sum(axis=0) + self.penalty
        cross = weighted.sum(axis=0)
        own = residual.sum(axis=0) - self.penalty * difficulty
        information -= (cross / diagonal[:, None]).T @ cross
        step = np.linalg.solve(information, score - cross.T @ (own / diagonal))
        return step, (own - cross @ step) / diagonal, information, diagonal


def _pseudo(design: Design, parameters: int, counts: tuple[float, float]) -> tuple[Array, Array, Array]:
    """One row for each candidate and test set."""
    means, candidates, slope = design.means(), len(design.covariate), len(design.covariate) * design.groups
    shares = design.present @ np.eye(design.groups)[design.group]
    shares = shares / shares.sum(axis=1, keepdims=True)
    rows = np.zeros((slope, parameters))
    rows[np.arange(slope), np.arange(slope)] = 1.0
    rows[:, slope] = means.reshape(-1)
    rows[np.arange(slope), slope + 1 + np.repeat(np.arange(candidates), design.groups)] = means.reshape(-1)
    rows[:, -1] = np.tile(means.mean(axis=0), candidates)
    return rows, shares.reshape(-1) * sum(counts), shares.reshape(-1) * counts[0]
