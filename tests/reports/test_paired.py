"""Two candidates beside each other: by hand, by property, against scipy, and by coverage."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from longismore.errors import DataError
from longismore.records import Judged, Outcome, Status, Verdict
from longismore.reports._interval import mean_interval
from longismore.reports._tests import holm
from longismore.reports.length_control import LengthPrior, control_length
from longismore.reports.paired import compare_candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports.paired import PairedComparison

_SHARES = {1.0: (1.0, 1.0), 0.5: (1.0, 0.0), 0.0: (0.0, 0.0)}
_OUTCOMES = {1.0: Outcome.WIN, 0.5: Outcome.TIE, 0.0: Outcome.LOSE, None: None}


def _verdict(number: int, value: float | None, **fields: object) -> Verdict:
    """One verdict of a numbered prompt; the value is that of the outcome."""
    known: dict[str, object] = {
        "id": str(number),
        "testset": "koala",
        "prompt": f"prompt {number}",
        "reference_chars": 100,
        "candidate_chars": 100,
        "statuses": (Status.JUDGED, Status.JUDGED if value is not None else Status.FAILED),
        "preferences": (1.0, None) if value is None else _SHARES[value],
        "outcome": _OUTCOMES[value],
    }
    return Verdict(**(known | fields))  # type: ignore[arg-type]


def _judged(candidate: str, verdicts: Sequence[Verdict], **fields: object) -> Judged:
    known: dict[str, object] = {
        "judge": "openai/judge",
        "fingerprint": "f" * 64,
        "reference": "base",
        "candidate": candidate,
        "verdicts": tuple(verdicts),
    }
    return Judged(**(known | fields))  # type: ignore[arg-type]


def _compare(a: Sequence[float | None], b: Sequence[float | None], draws: int = 20) -> PairedComparison:
    """Compare two columns of values on prompts 0, 1, 2, ..."""
    first, second = ([_verdict(number, value) for number, value in enumerate(column)] for column in (a, b))
    return compare_candidates(_judged("one", first), _judged("two", second), draws=draws)


def _random_values(seed: int, n: int) -> tuple[list[float], list[float]]:
    """Values of two candidates that find the same prompts easy."""
    rng = random.Random(seed)
    columns: tuple[list[float], list[float]] = ([], [])
    for _ in range(n):
        easy = rng.gauss(0, 1.5)
        for column, quality in zip(columns, (0.5, 0.0), strict=True):
            chance = 1 / (1 + math.exp(-easy - quality))
            column.append(rng.choices([1.0, 0.5, 0.0], [chance * 0.8, 0.2, (1 - chance) * 0.8])[0])
    return columns


def test_figures_by_hand() -> None:
    """1, 1, .5, 0 against .5, 1, 0, 1: differences .5, 0, .5, -1 with mean 0; sd .707, over sqrt(4)."""
    rates = _compare([1.0, 1.0, 0.5, 0.0], [0.5, 1.0, 0.0, 1.0]).pooled
    assert (4, 4, 2, 1, 1) == (rates.n, rates.clusters, rates.a_better, rates.same, rates.b_better)
    assert (0.625, 0.625, 0.0) == (rates.win_rate_a, rates.win_rate_b, rates.difference)
    assert pytest.approx(math.sqrt(0.5) / 2) == rates.standard_error
    assert pytest.approx(2.8015852 * math.sqrt(0.5) / 2) == rates.mde
    assert pytest.approx(1.0) == rates.p_value


def test_interval_is_that_of_the_mean_difference() -> None:
    """It is the interval of (1 + d)/2 stretched back, and p is below .05 exactly when it leaves 0 out."""
    for seed in range(8):
        a, b = _random_values(seed, 120)
        rates = _compare(a, b).pooled
        low, high = mean_interval([(1 + one - other) / 2 for one, other in zip(a, b, strict=True)], range(120))
        assert rates.difference_ci is not None
        assert rates.p_value is not None
        assert pytest.approx((2 * low - 1, 2 * high - 1)) == rates.difference_ci
        assert (rates.p_value < 0.05) == (not rates.difference_ci[0] <= 0 <= rates.difference_ci[1])


def test_standard_error_is_that_of_a_paired_t_test() -> None:
    """Without repeated prompts the difference over its error is the statistic of scipy's paired t test."""
    stats = pytest.importorskip("scipy.stats")
    a, b = _random_values(1, 300)
    rates = _compare(a, b).pooled
    assert rates.difference is not None
    assert rates.standard_error is not None
    assert pytest.approx(float(stats.ttest_rel(a, b).statistic), rel=1e-9) == rates.difference / rates.standard_error


def test_large_samples_give_the_paired_t_test() -> None:
    """With 4,000 pairs the pseudo-observations hardly matter: p value and interval are nearly scipy's."""
    stats = pytest.importorskip("scipy.stats")
    a, b = _random_values(2, 4000)
    b = [1 - value if number % 19 == 0 else value for number, value in enumerate(b)]
    rates, test = _compare(a, b, draws=2).pooled, stats.ttest_rel(a, b)
    assert pytest.approx(float(test.pvalue), rel=0.03) == rates.p_value
    assert pytest.approx(tuple(test.confidence_interval()), abs=2e-4) == rates.difference_ci


def test_exchanging_the_candidates_mirrors() -> None:
    """Rates change places, differences their sign, and p values stay."""
    a, b = _random_values(3, 60)
    one, other = _compare(a, b, draws=50).pooled, _compare(b, a, draws=50).pooled
    assert one.difference_ci is not None
    assert other.difference_ci is not None
    assert (one.win_rate_a, one.preference_b, one.lc_win_rate_a) == (
        other.win_rate_b, other.preference_a, other.lc_win_rate_b,
    )  # fmt: skip
    assert (one.difference, one.p_value) == (-(other.difference or 0), pytest.approx(other.p_value))
    assert pytest.approx((-other.difference_ci[1], -other.difference_ci[0])) == one.difference_ci


def test_pairing_narrows_what_the_prompts_have_in_common() -> None:
    """Where both candidates fail on the same prompts, the paired interval is narrower; where they differ, it is not."""
    a, b = _random_values(4, 200)
    assert (_compare(a, b).pooled.narrower or 0) > 1.1
    assert (_compare(a, [1 - value for value in a]).pooled.narrower or 0) < 0.8


def test_repeating_every_row_changes_nothing() -> None:
    """The same prompts twice are no more than once: the interval is that of the prompts."""
    a, b = _random_values(5, 40)
    twice = [
        _judged(name, [*(_verdict(n, value) for n, value in enumerate(column)),
                       *(_verdict(n, value, id=f"again {n}") for n, value in enumerate(column))])
        for name, column in (("one", a), ("two", b))
    ]  # fmt: skip
    rates = compare_candidates(*twice, draws=20).pooled
    assert (80, 40) == (rates.n, rates.clusters)
    assert pytest.approx(_compare(a, b).pooled.difference_ci) == rates.difference_ci


def test_what_does_not_match_is_counted() -> None:
    """Pairs of one candidate only, and pairs without an outcome, enter no rate and are counted apart."""
    a = _judged("one", [_verdict(number, 1.0) for number in range(5)] + [_verdict(8, None)])
    b = _judged("two", [_verdict(number, 0.0) for number in range(3, 9)])
    comparison = compare_candidates(a, b, draws=20)
    rates = comparison.pooled
    assert (2, 3, 3, 1) == (rates.n, rates.only_a, rates.only_b, rates.unjudged)
    said = comparison.sentences()[-1]
    assert "pairs left out: 3 judged for one only, 3 judged for two only, 1 without an outcome" in said


def test_no_common_pair_has_no_result() -> None:
    """Candidates that were asked different prompts have no difference, and the sentence says so."""
    comparison = compare_candidates(_judged("one", [_verdict(1, 1.0)]), _judged("two", [_verdict(2, 1.0)]))
    rates = comparison.pooled
    assert (0, None, None, None, None) == (
        rates.n, rates.difference, rates.difference_ci, rates.p_value, rates.lc_difference,
    )  # fmt: skip
    assert "there is no result" in comparison.sentences()[0]
    json.dumps(comparison.to_dict(), allow_nan=False)


def test_equal_verdicts_still_leave_doubt() -> None:
    """Two candidates of the same verdicts differ by 0, with an interval that has a width and no detectable effect."""
    rates = _compare([1.0] * 30, [1.0] * 30, draws=300).pooled
    assert rates.difference_ci is not None
    assert rates.difference_ci[0] < 0 < rates.difference_ci[1]
    assert (0.0, None, None) == (rates.difference, rates.mde, rates.narrower)
    assert rates.lc_difference_ci is not None
    assert rates.lc_difference_ci[0] < 0 < rates.lc_difference_ci[1]


def test_sets_are_adjusted_together() -> None:
    """Each test set has Holm's p value over all sets; pooled has none; a set of one candidate has none either."""
    columns = []
    for side in (0, 1):
        verdicts = []
        for place, name in enumerate(["koala", "vicuna", "lima"]):
            for number, value in enumerate(_random_values(place, 50)[side]):
                prompt = f"{name} {number}"
                verdicts.append(_verdict(number, value, testset=name, prompt=prompt))
        columns.append(verdicts)
    columns[0].append(_verdict(1, 1.0, testset="alone"))
    comparison = compare_candidates(_judged("one", columns[0]), _judged("two", columns[1]), draws=20)
    sets = comparison.testsets
    assert ["koala", "vicuna", "lima", "alone"] == list(sets)
    raw = [rates.p_value for rates in sets.values() if rates.p_value is not None]
    assert pytest.approx(holm(raw)) == [rates.p_value_holm for rates in sets.values() if rates.p_value is not None]
    assert (None, None, 1) == (comparison.pooled.p_value_holm, sets["alone"].p_value_holm, sets["alone"].only_a)


def test_length_controlled_rates_are_those_of_each_candidate() -> None:
    """On the same pairs they are what `control_length` gives, pooled and by test set."""
    rng = random.Random(6)
    columns = []
    for side in (0, 1):
        values = _random_values(6, 90)[side]
        columns.append([
            _verdict(n, value, testset="koala" if n % 3 else "lima", candidate_chars=rng.randint(50, 250))
            for n, value in enumerate(values)
        ])  # fmt: skip
    comparison = compare_candidates(_judged("one", columns[0]), _judged("two", columns[1]), draws=50)
    for side, column in zip(("a", "b"), columns, strict=True):
        control = control_length(column, [verdict.prompt for verdict in column], draws=2)
        assert control is not None
        assert pytest.approx(control[0].lc_win_rate) == getattr(comparison.pooled, f"lc_win_rate_{side}")
        assert pytest.approx(control[1]["lima"].lc_win_rate) == getattr(
            comparison.testsets["lima"], f"lc_win_rate_{side}"
        )


def test_equal_lengths_leave_the_difference_as_it_is() -> None:
    """Where no length differs, the interval at equal length is that of the preferences, but for chance and shape."""
    a, _ = _random_values(9, 300)
    b = [0.0 if number % 6 == 0 else value for number, value in enumerate(a)]
    first, second = ([_verdict(number, value) for number, value in enumerate(column)] for column in (a, b))
    prior = LengthPrior(mean=1.0, sd=0.4, source="the test")
    rates = compare_candidates(_judged("one", first), _judged("two", second), draws=2000, prior=prior).pooled
    assert pytest.approx(rates.preference_difference, abs=1e-4) == rates.lc_difference
    assert pytest.approx(rates.preference_difference_ci, abs=0.012) == rates.lc_difference_ci


def test_a_longer_copy_is_better_only_raw() -> None:
    """A candidate that gains by length alone leads raw; at equal length the interval includes 0."""
    rng = random.Random(7)
    first, second = [], []
    for number in range(250):
        lengths = rng.randint(20, 180), rng.randint(20, 180)
        for column, chars in zip((first, second), (lengths[0] + 50, lengths[1]), strict=True):
            chance = 1 / (1 + math.exp(-1.5 * math.tanh((chars - 100) / 45)))
            column.append(_verdict(number, float(rng.random() < chance), candidate_chars=chars))
    comparison = compare_candidates(_judged("long", first), _judged("short", second), draws=300)
    rates = comparison.pooled
    assert rates.difference_ci is not None
    assert rates.lc_difference_ci is not None
    assert rates.difference_ci[0] > 0
    assert rates.lc_difference_ci[0] < 0 < rates.lc_difference_ci[1]
    assert pytest.approx(rates.lc_difference, abs=0.02) == sum(rates.lc_difference_ci) / 2
    assert any("not shown to be more than length" in sentence for sentence in comparison.sentences())


def test_the_order_of_rows_changes_nothing() -> None:
    """Shuffled rows give the same figures to 1e-9, the interval of the length-controlled difference included."""
    a, b = _random_values(8, 70)
    first, second = ([_verdict(n, value, candidate_chars=80 + 7 * n % 90) for n, value in enumerate(c)] for c in (a, b))
    straight = compare_candidates(_judged("one", first), _judged("two", second), draws=40).pooled.to_dict()
    random.Random(1).shuffle(first)
    random.Random(2).shuffle(second)
    shuffled = compare_candidates(_judged("one", first), _judged("two", second), draws=40).pooled.to_dict()
    for name, value in straight.items():
        assert pytest.approx(value, abs=1e-9) == shuffled[name], name


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"judge": "other/judge"}, "same judge"),
        ({"reference": "other"}, "same reference"),
        ({"fingerprint": "e" * 64}, "other settings"),
    ],
)
def test_different_settings_are_refused(fields: dict[str, object], match: str) -> None:
    """Another judge, its other settings, or another reference make the difference mean nothing."""
    verdicts = [_verdict(1, 1.0)]
    with pytest.raises(DataError, match=match):
        compare_candidates(_judged("one", verdicts), _judged("two", verdicts, **fields))


def test_unknown_settings_are_let_through() -> None:
    """A file that keeps no fingerprint can be compared."""
    verdicts = [_verdict(1, 1.0), _verdict(2, 0.0)]
    comparison = compare_candidates(_judged("one", verdicts), _judged("two", verdicts, fingerprint=None), draws=5)
    assert 2 == comparison.pooled.n


def test_pairs_that_cannot_stand_beside_each_other_are_refused() -> None:
    """Another prompt under the same id, one order beside two, and a pair twice are errors that name the pair."""
    one = _judged("one", [_verdict(1, 1.0)])
    with pytest.raises(DataError, match="koala/1: the two candidates were given different prompts"):
        compare_candidates(one, _judged("two", [_verdict(1, 1.0, prompt="another")]))
    single = replace(_verdict(1, 1.0), one_order=True, preferences=(1.0, None))
    with pytest.raises(DataError, match="koala/1: one candidate was judged in both orders"):
        compare_candidates(one, _judged("two", [single]))
    with pytest.raises(DataError, match=r'koala/1 stands twice among the verdicts on "two"'):
        compare_candidates(one, _judged("two", [_verdict(1, 1.0), _verdict(1, 0.0)]))


def test_sentences_say_who_is_better() -> None:
    """The result comes first: rates, points with their interval and p value, and the better one's name."""
    a, b = [1.0] * 60 + [0.0] * 40, [1.0] * 25 + [0.0] * 75
    sentences = _compare(a, b, draws=50).sentences()
    assert sentences[0].startswith("one wins 60.0% and two 25.0% on the same 100 pairs: +35.0 points (")
    assert sentences[0].endswith("p < 0.001); one is better by this judge")
    assert "would have been seen with 80% probability" in sentences[2]
    assert "do not show which of the two is better" in _compare([1.0, 0.0], [0.0, 1.0]).sentences()[0]


def test_candidates_of_one_name_are_told_apart() -> None:
    """Two runs of one model are called first and second."""
    verdicts = [_verdict(number, 1.0) for number in range(3)]
    assert (
        "same (first) wins" in compare_candidates(_judged("same", verdicts), _judged("same", verdicts)).sentences()[0]
    )


def _simulated(seed: int, *, n: int, repeated: int, slope: float) -> tuple[Judged, Judged]:
    """Two candidates of win rates .6 and .5 at equal length; some prompts are asked twice and answered alike."""
    rng = random.Random(seed)
    columns: tuple[list[Verdict], list[Verdict]] = ([], [])
    for number in range(n):
        easy = rng.gauss(0, 1.0)
        for column, quality, longer in zip(columns, (0.5, 0.0), (40, 0), strict=True):
            chars = max(1, round(rng.gauss(100 + longer, 60)))
            chance = 1 / (1 + math.exp(-easy - quality - slope * math.tanh((chars - 100) / 60)))
            value = rng.choices([1.0, 0.5, 0.0], [chance * 0.8, 0.2, (1 - chance) * 0.8])[0]
            column.append(_verdict(number, value, candidate_chars=chars))
            if number < repeated:
                column.append(_verdict(number, value, candidate_chars=chars, id=f"again {number}"))
    return _judged("one", columns[0]), _judged("two", columns[1])


def _true_difference(slope: float) -> float:
    """The difference of the raw rates that `_simulated` has, by a large sample."""
    a, b = _simulated(99, n=40_000, repeated=0, slope=slope)
    values = {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSE: 0.0}
    both = zip(a.verdicts, b.verdicts, strict=True)
    return (
        math.fsum(values[one.outcome] - values[two.outcome] for one, two in both if one.outcome and two.outcome) / 4e4
    )


@pytest.mark.slow
@pytest.mark.parametrize(("n", "repeated"), [(40, 0), (150, 40)])
def test_coverage_of_the_difference(n: int, repeated: int) -> None:
    """The interval holds the true difference 93 to 98 times in 100, also where prompts repeat."""
    truth, held = _true_difference(1.0), 0
    for seed in range(500):
        low, high = compare_candidates(
            *_simulated(seed, n=n, repeated=repeated, slope=1.0), draws=2
        ).pooled.difference_ci or (0, 0)
        held += low <= truth <= high
    assert 0.93 <= held / 500 <= 0.98


@pytest.mark.slow
def test_coverage_of_the_length_controlled_difference() -> None:
    """Of 200 simulated comparisons in which the longer candidate gains by length, 90 to 99 in 100 hold the truth."""
    truth, held = _true_difference(0.0), 0
    for seed in range(200):
        judged = _simulated(seed, n=60, repeated=15, slope=1.5)
        low, high = compare_candidates(*judged, draws=200).pooled.lc_difference_ci or (0, 0)
        held += low <= truth <= high
    assert 0.9 <= held / 200 <= 0.99
