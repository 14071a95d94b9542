"""Standard errors and intervals: by hand, by property, against other libraries, and by their coverage."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longismore.reports._interval import cluster_key, mean_interval, standard_error, t_quantile

OUTCOMES = st.sampled_from([0.0, 0.5, 1.0])


def test_cluster_key_folds_case_space_and_punctuation() -> None:
    """The same question has one key, however it is written."""
    assert cluster_key("What is\n love") == cluster_key("  what is “Love”? ")


def test_cluster_key_keeps_what_carries_meaning() -> None:
    """Operators, digits and the vowel signs of other scripts tell prompts apart."""
    prompts = ["1 + 1", "1 < 1", "11", "की", "का", "?", "!", ""]
    assert len(prompts) == len({cluster_key(prompt) for prompt in prompts})


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 9, 10, 39, 79, 179, 986, 1029, 5000])
def test_t_quantile_agrees_with_scipy(df: int) -> None:
    """The quantile is that of scipy to eleven digits."""
    special = pytest.importorskip("scipy.special")
    assert pytest.approx(float(special.stdtrit(df, 0.975)), rel=1e-10) == t_quantile(df)


def test_standard_error_by_hand() -> None:
    """Mean 1/2; cluster sums of deviations a: 1, b: -1/2, c: -1/2; squares 1.5; sqrt(3/2 * 1.5)/4 = 0.375."""
    assert pytest.approx(0.375) == standard_error([1.0, 1.0, 0.0, 0.0], ["a", "a", "b", "c"])


def test_standard_error_of_single_rows_is_the_usual_one() -> None:
    """Without repeated prompts it is sd / sqrt(n)."""
    values = [1.0, 0.0, 0.5, 1.0, 1.0, 0.25, 0.0]
    expected = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    assert pytest.approx(expected) == standard_error(values, range(len(values)))


def test_standard_error_is_the_sandwich_of_a_regression_on_a_constant() -> None:
    """It equals (X'X)^-1 X'ee'X (X'X)^-1 with X a column of ones and ee' cut to blocks, times G/(G - 1)."""
    rng = np.random.default_rng(7)
    values, clusters = rng.random(50), rng.integers(0, 20, 50)
    block = clusters[:, None] == clusters[None, :]
    residuals = values - values.mean()
    variance = float((np.outer(residuals, residuals) * block).sum()) / 50**2
    groups = len(set(clusters.tolist()))
    expected = math.sqrt(variance * groups / (groups - 1))
    assert pytest.approx(expected) == standard_error(values.tolist(), clusters.tolist())


@pytest.mark.parametrize(("values", "clusters"), [([], []), ([1.0], ["a"]), ([1.0, 0.0], ["a", "a"])])
def test_standard_error_needs_two_clusters(values: list[float], clusters: list[str]) -> None:
    """Fewer than two clusters give no standard error, not zero."""
    assert standard_error(values, clusters) is None


def test_standard_error_refuses_lists_of_different_length() -> None:
    """Every value needs its cluster."""
    with pytest.raises(ValueError, match="2 values, but 1 clusters"):
        standard_error([1.0, 0.0], ["a"])


def test_interval_by_hand() -> None:
    """Values 1, 1, 0 alone; added .5 at 1, 1 at .5, .5 at 0: N = 5, m = (2 + .5 + .5)/5 = .6.

    Squares: 2.5 * .16 + 1 * .01 + 1.5 * .36 = .95; error sqrt(5/4 * .95)/5 = .217945; t(2) = 4.302653.
    """
    half = 4.302652729911 * math.sqrt(5 / 4 * 0.95) / 5
    expected = (max(0.0, 0.6 - half), min(1.0, 0.6 + half))
    assert pytest.approx(expected) == mean_interval([1.0, 1.0, 0.0], "abc")


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("n", [1, 2, 3, 80, 1030])
def test_interval_of_equal_values_has_width(value: float, n: int) -> None:
    """All wins, all ties and all losses leave doubt, more with fewer pairs."""
    low, high = mean_interval([value] * n, range(n))
    fewer_low, fewer_high = mean_interval([value] * (n // 2 + 1), range(n // 2 + 1))
    assert low < high
    assert fewer_high - fewer_low >= high - low


def test_interval_of_one_cluster_is_everything() -> None:
    """One prompt, however often it is repeated, says nothing of others."""
    assert mean_interval([1.0, 1.0, 0.5], ["a", "a", "a"]) == (0.0, 1.0)


@settings(max_examples=50)
@given(values=st.lists(OUTCOMES, min_size=1, max_size=60), groups=st.integers(1, 60))
def test_interval_holds_its_mean_and_mirrors(values: list[float], groups: int) -> None:
    """The mean lies inside, and exchanging the models gives the mirror image."""
    clusters = [index % groups for index in range(len(values))]
    low, high = mean_interval(values, clusters)
    mirrored = mean_interval([1 - value for value in values], clusters)
    assert 0 <= low <= sum(values) / len(values) <= high <= 1
    assert pytest.approx((1 - high, 1 - low), abs=1e-12) == mirrored


@settings(max_examples=50)
@given(values=st.lists(OUTCOMES, min_size=2, max_size=40), copies=st.integers(2, 4))
def test_interval_is_not_narrower_for_repeated_rows(values: list[float], copies: int) -> None:
    """Every row several times, known as the same prompt, gives the interval of the single rows."""
    single = mean_interval(values, range(len(values)))
    repeated = mean_interval(values * copies, list(range(len(values))) * copies)
    assert pytest.approx(single, abs=1e-12) == repeated


def test_interval_is_wider_when_prompts_repeat() -> None:
    """Forty pairs of twenty prompts say less than forty pairs of forty prompts."""
    values = [1.0, 1.0, 0.0, 0.0] * 10
    low, high = mean_interval(values, [index // 2 for index in range(40)])
    naive_low, naive_high = mean_interval(values, range(40))
    assert high - low > 1.3 * (naive_high - naive_low)


def _exact_coverage(n: int, wanted: list[tuple[float, float]]) -> dict[tuple[float, float], float]:
    """Sum, for each win rate and tie rate, the probabilities of all outcomes whose interval holds the win rate."""
    covered = dict.fromkeys(wanted, 0.0)
    for wins in range(n + 1):
        for ties in range(n + 1 - wins):
            losses = n - wins - ties
            low, high = mean_interval([1.0] * wins + [0.5] * ties + [0.0] * losses, range(n))
            ways = math.comb(n, wins) * math.comb(n - wins, ties)
            for rate, tie in wanted:
                win = rate - tie / 2
                if low <= rate <= high:
                    covered[rate, tie] += ways * win**wins * tie**ties * max(1 - win - tie, 0) ** losses
    return covered


RATES = [(0.5, 0.0), (0.5, 0.3), (0.5, 0.6), (0.6, 0.0), (0.6, 0.3), (0.6, 0.6), (0.8, 0.0), (0.8, 0.3)]


def test_coverage_is_nominal_for_forty_independent_pairs() -> None:
    """Counted over all 861 outcomes, the interval holds the truth 94 to 97 times in 100."""
    coverage = _exact_coverage(40, RATES)
    assert {} == {case: held for case, held in coverage.items() if not 0.94 <= held <= 0.97}


def test_coverage_is_high_near_the_edge() -> None:
    """At a win rate of 0.95 and few pairs the interval is rather too wide than too narrow."""
    coverage = _exact_coverage(40, [(0.95, 0.0), (0.95, 0.1)])
    assert {} == {case: held for case, held in coverage.items() if not 0.95 <= held <= 0.995}


@pytest.mark.slow
def test_coverage_is_nominal_for_vicuna() -> None:
    """Counted over all outcomes of 80 pairs, it is 94 to 97 times in 100, also at a win rate of 0.95."""
    coverage = _exact_coverage(80, [*RATES, (0.95, 0.0)])
    assert {} == {case: held for case, held in coverage.items() if not 0.94 <= held <= 0.97}


@pytest.mark.slow
@pytest.mark.parametrize(("n", "repeated"), [(40, 8), (180, 40), (1030, 43)])
@pytest.mark.parametrize(("rate", "tie"), [(0.5, 0.0), (0.6, 0.6), (0.8, 0.3)])
def test_coverage_is_nominal_for_repeated_prompts(n: int, repeated: int, rate: float, tie: float) -> None:
    """With some prompts asked twice and answered alike, 600 samples are held 92.5 to 98 times in 100."""
    rng = random.Random(n)
    win = rate - tie / 2
    weights = [win, tie, 1 - win - tie]
    clusters = [*range(n - repeated), *range(repeated)]
    held = 0
    for _ in range(600):
        values = rng.choices([1.0, 0.5, 0.0], weights, k=n - repeated)
        low, high = mean_interval(values + values[:repeated], clusters)
        held += low <= rate <= high
    assert 0.925 <= held / 600 <= 0.98
