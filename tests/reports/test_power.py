"""Power: by hand, against statsmodels, and by simulation."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest

from longismore.reports._tests import mean_p_value
from longismore.reports.power import minimum_detectable_effect, pairs_needed, power_of

if TYPE_CHECKING:
    from collections.abc import Callable


def test_detectable_effect_by_hand() -> None:
    """The quantiles are 1.959964 and .841621, so a standard error of .1 sees .280159."""
    assert pytest.approx(0.2801585, abs=1e-7) == minimum_detectable_effect(0.1)


@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_effect_pairs_and_power_agree(power: float, alpha: float) -> None:
    """What is detectable at some power has that power, and needs as many pairs as there are."""
    error = 0.5 / math.sqrt(400)
    effect = minimum_detectable_effect(error, power=power, alpha=alpha)
    assert pytest.approx(power, abs=1e-4) == power_of(effect, error, alpha=alpha)
    assert 400 == pairs_needed(effect * (1 + 1e-9), deviation=0.5, power=power, alpha=alpha)


@pytest.mark.slow  # statsmodels takes seconds to import
@pytest.mark.parametrize("effect", [-0.2, 0.0, 0.01, 0.05, 0.3])
@pytest.mark.parametrize("n", [40, 1030])
def test_power_agrees_with_statsmodels(effect: float, n: int) -> None:
    """The power is that of statsmodels' two-sided normal test of one sample."""
    power = pytest.importorskip("statsmodels.stats.power")
    expected = power.normal_power(abs(effect), n, 0.05, "two-sided", sigma=0.4)
    assert pytest.approx(float(expected), rel=1e-10) == power_of(effect, 0.4 / math.sqrt(n))


@pytest.mark.slow  # statsmodels takes seconds to import
@pytest.mark.parametrize(("effect", "deviation"), [(0.03, 0.5), (0.1, 0.35), (-0.02, 0.45)])
def test_pairs_agree_with_statsmodels(effect: float, deviation: float) -> None:
    """The number of pairs is what statsmodels solves for, rounded up."""
    power = pytest.importorskip("statsmodels.stats.power")
    expected = power.NormalIndPower().solve_power(abs(effect) / deviation, None, 0.05, 0.8, ratio=0)
    assert math.ceil(expected) == pairs_needed(effect, deviation=deviation)


def test_known_errors_leave_no_doubt() -> None:
    """Without error every difference is seen; without difference only alpha is."""
    assert (1.0, 0.05) == (power_of(1e-9, 0.0), power_of(0.0, 0.0))
    assert pytest.approx(0.05) == power_of(0.0, 0.1)
    assert (0.0, 2) == (minimum_detectable_effect(0.0), pairs_needed(0.1, deviation=0.0))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: minimum_detectable_effect(-0.1), "standard error"),
        (lambda: minimum_detectable_effect(math.nan), "standard error"),
        (lambda: minimum_detectable_effect(0.1, alpha=0.0), "alpha"),
        (lambda: minimum_detectable_effect(0.1, power=1.0), "power"),
        (lambda: pairs_needed(0.0), "effect"),
        (lambda: pairs_needed(math.inf), "effect"),
        (lambda: power_of(math.nan, 0.1), "effect"),
    ],
)
def test_impossible_settings_are_refused(call: Callable[[], float], match: str) -> None:
    """What no test can have is an error that names it."""
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.slow
def test_power_is_what_happens() -> None:
    """Of 1,500 simulated comparisons at the detectable effect about 80 in 100 are significant."""
    rng = random.Random(3)
    n, deviation = 300, 0.5
    rate = 0.5 + minimum_detectable_effect(deviation / math.sqrt(n))
    found = 0
    for _ in range(1500):
        p = mean_p_value(rng.choices([1.0, 0.0], [rate, 1 - rate], k=n), range(n))
        found += p is not None and p < 0.05
    assert 0.77 <= found / 1500 <= 0.83
