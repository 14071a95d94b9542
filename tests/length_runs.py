"""Runs with repeated prompts and a known effect of length, for tests and benchmarks of intervals."""

from __future__ import annotations

import numpy as np

from longismore.reports._length.fit import Sample

__all__ = ["simulate"]

_STEADY = 0.7
"""Share of pairs whose second order is not a throw of its own."""


def simulate(seed: int, *, intercepts: tuple[float, ...], slope: float, count: int) -> tuple[Sample, float]:
    """One run, and the true raw rate of its pairs."""
    stream = np.random.RandomState(seed)
    prompts = int(count / 1.3)
    cluster = np.concatenate([np.arange(prompts), np.arange(count - prompts)])
    group = np.arange(count) % len(intercepts)
    reference = np.exp(stream.normal(6.5, 0.6, count))
    delta = reference * (np.exp(stream.normal(0.25, 0.5, count)) - 1)
    scale = float(delta.std(ddof=1))
    covariate = np.tanh(delta / scale)
    probability = 1 / (1 + np.exp(-(np.array(intercepts)[group] + slope * covariate)))
    first = stream.random_sample(prompts)[cluster] < probability
    second = np.where(stream.random_sample(count) < _STEADY, first, stream.random_sample(count) < probability)
    sample = Sample(
        names=[str(number) for number in range(len(intercepts))],
        group=group,
        outcome=(first + 1.0 * second) / 2,
        delta=delta,
        covariate=covariate,
        scale=scale,
        reference_chars=reference,
        cluster=cluster,
    )
    return sample, float(probability.mean())
