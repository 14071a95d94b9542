"""P values: by hand, by property, and against scipy and statsmodels."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longismore.reports._interval import mean_interval
from longismore.reports._tests import holm, mean_p_value, t_p_value

OUTCOMES = st.sampled_from([0.0, 0.5, 1.0])
P_VALUES = st.lists(st.floats(0, 1), max_size=12)


@pytest.mark.parametrize("df", [0.5, 1, 2, 3, 7.5, 39, 59.9, 60.1, 79, 986, 1029, 9_999, 20_000, 1_000_000])
@pytest.mark.parametrize("statistic", [1e-3, 0.1, 0.9, 1.7, 1.96, 2.5, 5.0, 9.0, 30.0])
def test_t_agrees_with_scipy(df: float, statistic: float) -> None:
    """Both tails together are twice scipy's one, to 12 digits, and the sign does not matter."""
    special = pytest.importorskip("scipy.special")
    expected = 2 * float(special.stdtr(df, -statistic))
    assert pytest.approx(expected, rel=1e-12, abs=1e-300) == t_p_value(statistic, df) == t_p_value(-statistic, df)


@pytest.mark.parametrize("statistic", [1e-9, 1e-3, 1.0, 12.7, 1e9])
def test_t_with_one_degree_of_freedom(statistic: float) -> None:
    """Cauchy's distribution has P(|T| > t) = 2/pi * arctan(1/t)."""
    assert pytest.approx(2 / math.pi * math.atan(1 / statistic), rel=1e-13) == t_p_value(statistic, 1)


def test_t_at_the_ends() -> None:
    """Nothing is as near as 0 and nothing is as far as infinity."""
    assert (1.0, 0.0) == (t_p_value(0.0, 5), t_p_value(math.inf, 5))


@pytest.mark.parametrize("df", [0, -1, math.nan])
def test_t_refuses_no_degrees_of_freedom(df: float) -> None:
    """Degrees of freedom are positive."""
    with pytest.raises(ValueError, match="above 0"):
        t_p_value(1.0, df)


def test_holm_by_hand() -> None:
    """Sorted .01, .02, .03, .5 times 4, 3, 2, 1 are .04, .06, .06, .5; the third may not be below the second."""
    assert pytest.approx([0.06, 0.04, 0.5, 0.06]) == holm([0.03, 0.01, 0.5, 0.02])


@settings(max_examples=60)
@given(p_values=P_VALUES)
def test_holm_is_a_correction(p_values: list[float]) -> None:
    """Adjusted values lie between the raw ones and Bonferroni's, keep their order and do not exceed 1."""
    adjusted = holm(p_values)
    assert all(p <= q <= min(1.0, len(p_values) * p + 1e-15) for p, q in zip(p_values, adjusted, strict=True))
    ranked = [q for _, q in sorted(zip(p_values, adjusted, strict=True))]
    assert sorted(adjusted) == ranked


@pytest.mark.slow  # statsmodels takes seconds to import
@settings(max_examples=60)
@given(p_values=P_VALUES.filter(bool))
def test_holm_agrees_with_statsmodels(p_values: list[float]) -> None:
    """The adjusted values are those of statsmodels."""
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    assert pytest.approx(multitest.multipletests(p_values, method="holm")[1].tolist()) == holm(p_values)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_holm_refuses_what_is_no_probability(p: float) -> None:
    """A p value outside of 0..1 is a mistake, not a number to adjust."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, p])


def test_p_value_by_hand() -> None:
    """Values 1, 1, 0 alone; mean .6, error sqrt(5/4 * .95)/5 = .217945 as in the interval's test; t(2) = .458831."""
    statistic = 0.1 / (math.sqrt(5 / 4 * 0.95) / 5)
    expected = 1 - statistic / math.sqrt(2 + statistic**2)  # Student's t with 2 degrees of freedom in closed form
    assert pytest.approx(expected, rel=1e-12) == mean_p_value([1.0, 1.0, 0.0], "abc")


@settings(max_examples=150)
@given(
    values=st.lists(OUTCOMES, min_size=2, max_size=60),
    groups=st.integers(2, 60),
    null=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
)
def test_p_value_says_what_the_interval_says(values: list[float], groups: int, null: float) -> None:
    """P is below .05 exactly when the interval leaves the null value out."""
    clusters = [index % groups for index in range(len(values))]
    low, high = mean_interval(values, clusters)
    p = mean_p_value(values, clusters, null=null)
    assert p is not None
    assert (p < 0.05) == (not low <= null <= high)


def test_p_value_is_that_of_a_t_test_in_large_samples() -> None:
    """With 5,000 single pairs the pseudo-observations hardly matter: scipy's t test says nearly the same."""
    stats = pytest.importorskip("scipy.stats")
    values = random.Random(5).choices([0.0, 0.5, 1.0], [0.38, 0.2, 0.42], k=5000)
    assert pytest.approx(float(stats.ttest_1samp(values, 0.5).pvalue), rel=0.01) == mean_p_value(values, range(5000))


@pytest.mark.parametrize(("values", "clusters"), [([], []), ([1.0], ["a"]), ([1.0, 1.0], ["a", "a"])])
def test_p_value_needs_two_clusters(values: list[float], clusters: list[str]) -> None:
    """One prompt says nothing of others."""
    assert mean_p_value(values, clusters) is None


def test_p_value_of_a_mirrored_sample_is_the_same() -> None:
    """Exchanging the models changes no p value of one half."""
    values = [1.0, 1.0, 0.5, 1.0, 0.0, 1.0]
    mirrored = mean_p_value([1 - value for value in values], "abcdea")
    assert pytest.approx(mean_p_value(values, "abcdea"), rel=1e-12) == mirrored


@pytest.mark.slow
def test_false_alarms_stay_rare() -> None:
    """Of 1,000 runs of five test sets without any difference, at most 5 % (and what chance allows) find one."""
    rng = random.Random(8)
    sizes, alarms = [20, 80, 180, 218, 300], 0
    for _ in range(1000):
        tests = []
        for size in sizes:
            values = rng.choices([0.0, 0.5, 1.0], [0.4, 0.2, 0.4], k=size)
            tests.append(mean_p_value(values + values[: size // 4], [*range(size), *range(size // 4)]) or 1.0)
        alarms += min(holm(tests)) < 0.05
    assert alarms <= 66  # 5 % and two standard errors and a bit
