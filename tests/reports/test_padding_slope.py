from __future__ import annotations

import math
import random

import pytest
from scipy import optimize
from scipy.special import expit, log_expit

from longismore.reports._padding_slope import covariates, length_scale, slope_through_origin


def sample(slope: float, n: int, seed: int, *, repeats: int = 1) -> tuple[list[float], list[float], list[int]]:
    """Preferences that follow the model; each cluster has so many equal pairs."""
    stream = random.Random(seed)
    t = [stream.uniform(0.2, 0.9) for _ in range(n)]
    y = [float(stream.random() < expit(slope * each)) for each in t]
    return t * repeats, y * repeats, list(range(n)) * repeats


def test_slope_is_the_maximum_of_its_likelihood() -> None:
    """As a general optimiser finds it, with half a win and half a loss at t = 1 added."""
    t, y, clusters = sample(1.5, 60, seed=3)
    y[:7] = [0.25, 0.5, 0.75, 0.5, 0.1, 1.0, 0.5]

    def loss(slope: float) -> float:
        pairs = zip([*t, 1.0, 1.0], [*y, 1.0, 0.0], [1.0] * 60 + [0.5, 0.5], strict=True)
        return -sum(w * (s * log_expit(slope * x) + (1 - s) * log_expit(-slope * x)) for x, s, w in pairs)

    expected = optimize.minimize_scalar(loss, bounds=(-20, 20), method="bounded", options={"xatol": 1e-10}).x
    assert expected == pytest.approx(slope_through_origin(t, y, clusters)[0], abs=1e-6)


@pytest.mark.slow
def test_standard_error_is_that_of_statsmodels() -> None:
    """Clustered; in a large sample the added observation weighs nothing."""
    sm = pytest.importorskip("statsmodels.api")
    t, y, clusters = sample(0.8, 3000, seed=1, repeats=2)
    fit = sm.GLM(y, t, family=sm.families.Binomial()).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    slope, error = slope_through_origin(t, y, clusters)
    assert float(fit.params[0]) == pytest.approx(slope, rel=1e-3)
    assert float(fit.bse[0]) == pytest.approx(error, rel=1e-3)


def test_repeating_every_pair_makes_nothing_surer() -> None:
    """Pairs of one prompt are one piece of evidence."""
    once, twice = sample(1.0, 300, seed=5), sample(1.0, 300, seed=5, repeats=3)
    assert slope_through_origin(*once)[1] == pytest.approx(slope_through_origin(*twice)[1], rel=0.02)


@pytest.mark.parametrize("slope", [0.0, 0.5, 2.0])
def test_interval_covers_the_truth(slope: float) -> None:
    """In 92 to 98 % of 300 simulated probes of 100 pairs."""
    covered = 0
    for seed in range(300):
        found, error = slope_through_origin(*sample(slope, 100, seed))
        assert error is not None
        covered += abs(found - slope) < 1.96 * error
    assert 0.92 < covered / 300 < 0.98


def test_complete_separation_stays_finite_and_unsure() -> None:
    """A judge that always takes the longer one has a steep slope, whose error is not 0."""
    for n in (2, 10, 200, 5000):
        slope, error = slope_through_origin([0.8] * n, [1.0] * n, range(n))
        assert 1.0 < slope < 20.0
        assert error is not None
        assert 1.0 < error < 3.0
        opposite = slope_through_origin([0.8] * n, [0.0] * n, range(n))
        assert (-slope, error) == pytest.approx(opposite)


def test_ties_are_a_slope_of_zero() -> None:
    """Exactly, and with what is left of doubt."""
    slope, error = slope_through_origin([0.5] * 40, [0.5] * 40, range(40))
    assert 0.0 == pytest.approx(slope, abs=1e-12)
    assert error is not None
    assert 0.0 < error < 0.2


def test_nothing_added_is_no_slope() -> None:
    """Beyond all measure where next to nothing was added, it is cut; without a second prompt there is no error."""
    slope, error = slope_through_origin([1e-6] * 10, [1.0] * 10, range(10))
    assert math.isfinite(slope)
    assert error is not None
    assert math.isfinite(error)
    assert slope_through_origin([0.5, 0.5], [1.0, 0.0], ["a", "a"])[1] is None


def test_order_of_the_pairs_does_not_matter() -> None:
    """To the last digit."""
    t, y, clusters = sample(0.7, 50, seed=2)
    assert slope_through_origin(t, y, clusters) == slope_through_origin(t[::-1], y[::-1], clusters[::-1])


def test_scale_is_the_standard_deviation_of_a_run() -> None:
    """With n - 1; of several runs it is pooled, each around its own mean."""
    assert 2.0 == length_scale([[-1, 1, 3]])
    assert 2.0 == length_scale([[-1, 1, 3], [999, 1001, 1003]])
    assert 0.0 == length_scale([[5, 5], []]) == length_scale([]) == length_scale([[7]])


def test_covariate_is_that_of_the_reports() -> None:
    """tanh(added / scale), or the sign where all lengths of the run are equal."""
    assert [math.tanh(0.5), math.tanh(-2.0)] == covariates([5, -20], 10.0)
    assert [1.0, 0.0, -1.0] == covariates([3, 0, -3], 0.0)
