"""Boundaries against published constants, and the walk against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from longismore.reports._betting import Bets, betting_bounds
from longismore.reports._sequential import drift_for, exits, obrien_fleming, spent, student_bound


def equal(looks: int) -> tuple[float, ...]:
    """Shares of the pairs at equally spaced looks."""
    return tuple(look / looks for look in range(1, looks + 1))


@pytest.mark.parametrize(
    ("alpha", "looks", "constant"),
    [
        (0.05, 2, 1.977), (0.05, 3, 2.004), (0.05, 4, 2.024), (0.05, 5, 2.040), (0.05, 10, 2.087),
        (0.10, 2, 1.678), (0.10, 3, 1.710), (0.10, 4, 1.733), (0.10, 5, 1.751), (0.10, 10, 1.801),
        (0.01, 5, 2.621),
    ],
)  # fmt: skip
def test_the_classical_constants_spend_their_alpha(alpha: float, looks: int, constant: float) -> None:
    """Jennison & Turnbull (2000), table 2.3: bounds of C * sqrt(K / k) are left with probability alpha, two-sided."""
    left = exits(equal(looks), [constant * math.sqrt(looks / look) for look in range(1, looks + 1)])
    assert sum(left.above) + sum(left.below) == pytest.approx(alpha, rel=2.5e-3)  # C has three digits
    assert left.above == pytest.approx(left.below)


@pytest.mark.parametrize(
    ("alpha", "shares", "bounds"),
    [
        (0.025, equal(5), (4.8769, 3.3570, 2.6803, 2.2898, 2.0310)),
        (0.025, (0.5, 0.75, 1.0), (2.962588, 2.359018, 2.014084)),
        (0.025, (1.0,), (1.959964,)),
        (0.05, (1.0,), (1.644854,)),
    ],
)
def test_the_spending_boundaries_are_the_published_ones(
    alpha: float, shares: tuple[float, ...], bounds: tuple[float, ...]
) -> None:
    """Lan & DeMets' spending of O'Brien-Fleming type, as ldbounds and gsDesign print it."""
    assert obrien_fleming(shares, alpha) == pytest.approx(bounds, abs=6e-5)


def test_what_is_spent_adds_up_at_unequal_looks() -> None:
    """The chance to be above any bound is alpha for looks of any size, and what was meant at each."""
    shares = (0.07, 0.3, 0.31, 0.8, 1.0)
    bounds = obrien_fleming(shares, 0.05)
    one_sided = exits(shares, bounds)  # leaving below first hides hardly anything
    assert sum(one_sided.above) == pytest.approx(0.05, abs=1e-5)
    assert sum(one_sided.above[:4]) == pytest.approx(spent(0.8, 0.05), abs=1e-5)


def test_a_look_that_comes_too_early_cannot_decide() -> None:
    """At 2 % of the pairs less than 1e-15 may be spent."""
    assert math.isinf(obrien_fleming((0.02, 1.0), 0.05)[0])


def test_the_walk_leaves_as_often_as_simulated_ones() -> None:
    """100,000 random walks with a drift: each probability within 4.5 standard errors, and the share asked."""
    shares, drift, runs = (0.1, 0.5, 0.7, 1.0), 1.8, 100_000
    bounds = obrien_fleming(shares, 0.05)
    steps = np.diff([0.0, *shares])
    sums = np.cumsum(np.random.RandomState(3).normal(drift * steps, np.sqrt(steps), (runs, 4)), axis=1)
    z = sums / np.sqrt(shares)
    out = np.abs(z) >= bounds
    first = np.where(out.any(axis=1), out.argmax(axis=1), 4)
    left = exits(shares, bounds, drift)
    for look in range(4):
        for side, expected in ((1, left.above[look]), (-1, left.below[look])):
            seen = float(((first == look) & (np.sign(z[:, look]) == side)).mean())
            assert seen == pytest.approx(expected, abs=4.5 * math.sqrt(max(expected, 1e-5) / runs))
    asked = np.array([*shares, 1.0])[first].mean()
    assert left.expected_share(shares) == pytest.approx(asked, abs=0.003)


def test_looking_five_times_takes_as_many_more_pairs_as_published() -> None:
    """z(0.975) + z(0.8) with one look; Jennison & Turnbull (2000), table 2.4: 1.028 times the pairs with five."""
    one = drift_for((1.0,), (1.959964,), 0.8)
    five = drift_for(equal(5), [2.040 * math.sqrt(5 / look) for look in range(1, 6)], 0.8)
    assert one == pytest.approx(stats.norm.ppf(0.975) + stats.norm.ppf(0.8), abs=1e-5)
    assert (five / one) ** 2 == pytest.approx(1.028, abs=1e-3)


@pytest.mark.parametrize("df", [1, 4, 39, 1029, 30_000])
@pytest.mark.parametrize("bound", [0.5, 1.644854, 4.229195])
def test_a_bound_is_carried_over_to_student(bound: float, df: int) -> None:
    """The t with the same one-sided tail."""
    assert student_bound(bound, df) == pytest.approx(stats.t.isf(stats.norm.sf(bound), df), rel=1e-8)
    assert math.isinf(student_bound(math.inf, df))


def test_a_bet_by_hand() -> None:
    """Two wins against a bar of 0.4 with stakes s and 2s: the mean of (1 + 0.6s)^2 and (1 + 1.2s)^2."""
    bets = Bets(planned=100, largest=1, alpha=0.05)
    stake = math.sqrt(2 * math.log(20) / 100) / 0.45
    capital = ((1 + 0.6 * stake) ** 2 + (1 + 1.2 * stake) ** 2) / 2
    assert float(bets.won(np.ones(2), np.ones(2), 0.4)) == pytest.approx(math.log(capital))


def test_the_limits_of_bets_are_where_the_winnings_reach_one_over_alpha() -> None:
    """The lower limit is above a bar exactly when that bar has lost; exchanged models mirror the limits."""
    bets = Bets(planned=300, largest=2, alpha=0.05)
    stream = np.random.RandomState(0)
    sizes = stream.randint(1, 3, 150).astype(float)
    sums = sizes * stream.choice([0.0, 0.5, 1.0], 150, p=[0.2, 0.2, 0.6])
    low, high = bets.limits(sums, sizes)
    assert 0.5 < low < float(sums.sum() / sizes.sum()) < high < 1
    assert float(bets.won(sums, sizes, low)) == pytest.approx(math.log(20), abs=1e-6)
    assert bets.limits(sizes - sums, sizes) == pytest.approx((1 - high, 1 - low))
    assert bets.limits(np.zeros(3), np.ones(3))[0] == 0
    assert bets.limits(np.ones(3), np.ones(3))[1] == 1


def test_bets_plan_as_they_play() -> None:
    """The power of 20 looks by betting, computed from normal sums, is that of 4,000 simulated gates to 3 points."""
    runs, pairs, margin = 4000, 400, 0.08
    bets = Bets(planned=pairs, largest=1, alpha=0.05)
    values = np.random.RandomState(1).choice([0.0, 0.5, 1.0], (runs, pairs), p=[0.35, 0.3, 0.35])
    passed = np.zeros(runs, bool)
    for end in range(20, pairs + 1, 20):
        passed |= bets.won(values[:, :end], np.ones(end), 0.5 - margin) >= math.log(20)
    bounds = betting_bounds(equal(20), pairs, math.sqrt(0.175), 0.05)
    planned = exits(equal(20), bounds, margin * math.sqrt(pairs / 0.175))
    assert sum(planned.above) == pytest.approx(passed.mean(), abs=0.03)
