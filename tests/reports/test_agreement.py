"""Agreement of judges: by hand, by property, and against other libraries."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longismore.errors import DataError
from longismore.records import Outcome, Status, Verdict
from longismore.reports.agreement import PairAgreement, group_agreement, pair_agreement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports.winrate import Interval

WIN, TIE, LOSE = Outcome.WIN, Outcome.TIE, Outcome.LOSE
NUMBER = {LOSE: 0, TIE: 1, WIN: 2}
COEFFICIENTS = ("cohen_kappa", "cohen_kappa_quadratic", "krippendorff_alpha", "krippendorff_alpha_ordinal")
SIDES = {WIN: (1.0, 1.0), TIE: (0.5, 0.5), LOSE: (0.0, 0.0)}


def verdicts(outcomes: Sequence[Outcome | None], prompts: Sequence[str] | None = None) -> list[Verdict]:
    """One verdict an outcome, both orders alike; ``None`` is a pair without a second order."""
    return [
        Verdict(
            id=str(number),
            testset="koala",
            prompt=f"prompt {number}" if prompts is None else prompts[number],
            reference_chars=1,
            candidate_chars=1,
            statuses=(Status.JUDGED, Status.UNPARSED if outcome is None else Status.JUDGED),
            preferences=(1.0, None) if outcome is None else SIDES[outcome],
            outcome=outcome,
        )
        for number, outcome in enumerate(outcomes)
    ]


def draw(seed: int, n: int, raters: int, missing: float = 0.0) -> list[list[Outcome | None]]:
    """Raters who look at the same truth, more or less well, and skip some units."""
    source = random.Random(seed)
    rows: list[list[Outcome | None]] = []
    for _ in range(n):
        truth = source.choice([WIN, WIN, TIE, LOSE])
        row = [truth if source.random() < 0.6 else source.choice(list(Outcome)) for _ in range(raters)]
        rows.append([None if source.random() < missing else outcome for outcome in row])
    return rows


def two(seed: int = 0, n: int = 120) -> tuple[list[Outcome], list[Outcome]]:
    """Two raters with an outcome of every unit."""
    rows = draw(seed, n, 2)
    return [row[0] or TIE for row in rows], [row[1] or TIE for row in rows]


def test_everything_by_hand() -> None:
    """Four of six agree, three of the four that neither calls a tie; the formulas are worked out here.

    By lot (2*4 + 2*1 + 2*1)/36 = 1/3 agree, so kappa is (2/3 - 1/3)/(1 - 1/3) = 1/2. Squared distances sum to 1 + 4;
    by lot to (10 + 10 + 34)/6 = 9. Of 12 ratings 6, 3 and 3 are win, tie and lose: 144 - 36 - 9 - 9 = 90 of the 132
    ordered pairs differ, and 4 of 12 coincidences do.
    """
    found = pair_agreement(verdicts([WIN, WIN, TIE, TIE, LOSE, LOSE]), verdicts([WIN, WIN, TIE, WIN, LOSE, WIN]))
    assert (6, 4 / 6, 4, 3 / 4) == (found.n, found.agreement, found.n_decided, found.agreement_decided)
    assert pytest.approx(1 / 2) == found.cohen_kappa
    assert pytest.approx(1 - 5 / 9) == found.cohen_kappa_quadratic
    assert pytest.approx(1 - (4 / 12) / (90 / 132)) == found.krippendorff_alpha
    assert {"win_win": 2, "tie_win": 1, "tie_tie": 1, "lose_win": 1, "lose_lose": 1} == {
        name: count for name, count in found.outcomes.items() if count
    }
    assert 9 == len(found.outcomes)


def test_one_is_agreement_zero_is_chance_and_below_is_contradiction() -> None:
    """Equal verdicts give 1, opposite ones less than 0; verdicts drawn by lot give about 0."""
    outcomes = [WIN, LOSE] * 50
    same = pair_agreement(verdicts(outcomes), verdicts(outcomes)).to_dict()
    opposite = pair_agreement(verdicts(outcomes), verdicts(outcomes[::-1])).to_dict()
    source = random.Random(5)
    lots = [[source.choice(list(Outcome)) for _ in range(4000)] for _ in range(2)]
    chance = pair_agreement(verdicts(lots[0]), verdicts(lots[1]), draws=10).to_dict()
    for name in COEFFICIENTS:
        assert 1 == same[name]
        assert -0.98 > opposite[name]
        assert pytest.approx(0, abs=0.04) == chance[name]


@pytest.mark.parametrize("seed", range(20))
def test_kappas_agree_with_scikit_learn(seed: int) -> None:
    """Nominal and quadratic kappa of random raters."""
    metrics = pytest.importorskip("sklearn.metrics")
    first, second = two(seed, n=15 + 10 * seed)
    found = pair_agreement(verdicts(first), verdicts(second), draws=10)
    numbers = [[NUMBER[outcome] for outcome in rater] for rater in (first, second)]
    assert pytest.approx(metrics.cohen_kappa_score(*numbers), abs=1e-12) == found.cohen_kappa
    quadratic = metrics.cohen_kappa_score(*numbers, weights="quadratic")
    assert pytest.approx(quadratic, abs=1e-12) == found.cohen_kappa_quadratic


@pytest.mark.parametrize("seed", range(5))
def test_kappas_and_their_intervals_agree_with_statsmodels(seed: int) -> None:
    """The formula of Fleiss, Cohen and Everitt for large samples gives nearly the resampled interval."""
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    first, second = two(seed, n=600)
    found = pair_agreement(verdicts(first), verdicts(second))
    table = np.zeros((3, 3))
    for one, other in zip(first, second, strict=True):
        table[NUMBER[one], NUMBER[other]] += 1
    for name, weights in (("cohen_kappa", None), ("cohen_kappa_quadratic", "quadratic")):
        expected = inter_rater.cohens_kappa(table, wt=weights)
        assert pytest.approx(expected.kappa, abs=1e-12) == getattr(found, name)
        assert pytest.approx((expected.kappa_low, expected.kappa_upp), abs=0.02) == getattr(found, f"{name}_ci")


@pytest.mark.parametrize("missing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("raters", [2, 3, 5])
@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_alpha_agrees_with_krippendorff(level: str, raters: int, missing: float) -> None:
    """Any number of raters, some of whom skip units, at both levels."""
    package = pytest.importorskip("krippendorff")
    rows = draw(raters, 90, raters, missing)
    found = group_agreement(rows, [f"prompt {number}" for number in range(90)], draws=10)
    numbers = [[np.nan if one is None else NUMBER[one] for one in row] for row in rows]
    expected = package.alpha(reliability_data=np.array(numbers).T, level_of_measurement=level, value_domain=[0, 1, 2])
    name = "krippendorff_alpha" + ("_ordinal" if level == "ordinal" else "")
    assert pytest.approx(expected, abs=1e-12) == getattr(found, name)
    shared = [row for row in rows if sum(one is not None for one in row) > 1]
    assert (len(shared), sum(one is not None for row in shared for one in row)) == (found.n, found.ratings)


def test_alpha_of_a_pair_agrees_with_krippendorff() -> None:
    """Pairs of which one judge has no outcome are skipped, as its package skips them."""
    package = pytest.importorskip("krippendorff")
    rows = draw(9, 80, 2, 0.2)
    found = pair_agreement(*(verdicts([row[rater] for row in rows]) for rater in (0, 1)))
    numbers = np.array([[np.nan if one is None else NUMBER[one] for one in row] for row in rows]).T
    for level, value in (("nominal", found.krippendorff_alpha), ("ordinal", found.krippendorff_alpha_ordinal)):
        assert pytest.approx(package.alpha(numbers, level_of_measurement=level), abs=1e-12) == value
    assert (80 - found.n, 0, 0) == (found.unjudged, found.only_first, found.only_second)


PAIRED = st.lists(st.tuples(st.sampled_from(Outcome), st.sampled_from(Outcome)), min_size=1, max_size=25)


@settings(max_examples=30)
@given(rated=PAIRED, order=st.randoms(use_true_random=False))
def test_neither_the_order_of_pairs_nor_of_judges_decides(
    rated: list[tuple[Outcome, Outcome]], order: random.Random
) -> None:
    """Shuffled rows give the same to the last digit; exchanged judges too, but for whose outcome stands first."""
    first, second = (verdicts([pair[rater] for pair in rated]) for rater in (0, 1))
    found = pair_agreement(first, second, draws=50).to_dict()
    shuffled = [list(first), list(second)]
    for rows in shuffled:
        order.shuffle(rows)
    assert found == pair_agreement(*shuffled, draws=50).to_dict()
    exchanged = pair_agreement(second, first, draws=50).to_dict()
    turned = {"_".join(reversed(name.split("_"))): count for name, count in exchanged.pop("outcomes").items()}
    assert found.pop("outcomes") == turned
    for name, value in found.items():
        assert value == pytest.approx(exchanged[name], abs=1e-12)


def test_pairs_with_one_prompt_are_drawn_together() -> None:
    """Every row twice under the same prompt changes nothing; as prompts of their own the interval is narrower."""
    first, second = two(3, n=60)
    prompts = [f"prompt {number}" for number in range(60)]
    once = pair_agreement(verdicts(first, prompts), verdicts(second, prompts))
    twice = pair_agreement(verdicts(first * 2, prompts * 2), verdicts(second * 2, prompts * 2))
    alone = pair_agreement(verdicts(first * 2), verdicts(second * 2))
    for name in ("agreement", "cohen_kappa", "cohen_kappa_quadratic"):
        assert pytest.approx(getattr(once, name)) == getattr(twice, name)
        assert pytest.approx(getattr(once, f"{name}_ci")) == getattr(twice, f"{name}_ci")
        assert _width(getattr(alone, f"{name}_ci")) < 0.85 * _width(getattr(twice, f"{name}_ci"))


def _width(interval: Interval) -> float:
    return interval[1] - interval[0]


def test_the_seed_decides_the_intervals() -> None:
    """The same seed gives the same limits, another one others nearby."""
    first, second = (verdicts(outcomes) for outcomes in two(1))
    found = pair_agreement(first, second)
    assert found == pair_agreement(first, second, seed=0)
    other = pair_agreement(first, second, seed=1)
    assert found.cohen_kappa_ci != other.cohen_kappa_ci
    assert pytest.approx(found.cohen_kappa_ci, abs=0.05) == other.cohen_kappa_ci


def test_intervals_do_not_depend_on_how_much_is_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large samples are drawn in portions, from the same stream of random numbers."""
    first, second = (verdicts(outcomes) for outcomes in two(2))
    whole = pair_agreement(first, second)
    monkeypatch.setattr("longismore.reports._coefficients._AT_ONCE", 1000)
    assert whole == pair_agreement(first, second)


def test_no_pair_in_common_says_nothing() -> None:
    """Counts are zero and everything else is null: no NaN, and no warning."""
    alone = [replace(verdict, id=f"other {verdict.id}") for verdict in verdicts([WIN, LOSE])]
    found = pair_agreement(verdicts([WIN, LOSE, TIE]), alone)
    assert (0, 3, 2, 0) == (found.n, found.only_first, found.only_second, found.unjudged)
    _says_nothing(found, but=())


def _says_nothing(found: PairAgreement, but: Sequence[str]) -> None:
    document = found.to_dict()
    assert document == json.loads(json.dumps(document, allow_nan=False))
    known = {name for name, value in document.items() if value is not None and not isinstance(value, int | dict)}
    assert set(but) == known


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_single_category_has_no_coefficient(outcome: Outcome) -> None:
    """Judges who say one thing of all pairs agree in all, and nobody knows whether by chance."""
    found = pair_agreement(verdicts([outcome] * 30), verdicts([outcome] * 30))
    shares = {"agreement", "agreement_ci"} | (
        set() if outcome is TIE else {"agreement_decided", "agreement_decided_ci"}
    )
    orders = {f"agreement_{order}{ci}" for order in ("reference_first", "candidate_first") for ci in ("", "_ci")}
    _says_nothing(found, but=[*shares, *orders])
    assert 1 == found.agreement


def test_full_agreement_has_no_interval_of_its_coefficients() -> None:
    """Drawing pairs that agree only ever shows agreement: that is no interval; the share has one of some width."""
    found = pair_agreement(verdicts([WIN, LOSE, TIE, WIN]), verdicts([WIN, LOSE, TIE, WIN]))
    assert [(1.0, None)] * 4 == [(getattr(found, name), getattr(found, f"{name}_ci")) for name in COEFFICIENTS]
    assert found.agreement_ci is not None
    assert found.agreement_ci[0] < 0.9


def test_one_prompt_says_nothing_of_others() -> None:
    """A single cluster has coefficients, but no intervals of them."""
    found = pair_agreement(verdicts([WIN, LOSE, TIE], ["same"] * 3), verdicts([WIN, TIE, TIE], ["same"] * 3))
    assert found.cohen_kappa is not None
    assert [None] * 4 == [getattr(found, f"{name}_ci") for name in COEFFICIENTS]


def test_orders_are_compared_apart() -> None:
    """A pair without its second order still counts in the first, and a probability by its side of one half."""
    first, second = verdicts([WIN, LOSE, None, WIN]), verdicts([WIN, LOSE, WIN, LOSE])
    second[0] = replace(second[0], preferences=(0.8, 0.3))
    found = pair_agreement(first, second)
    assert (4, 3 / 4) == (found.n_reference_first, found.agreement_reference_first)
    assert (3, 1 / 3) == (found.n_candidate_first, found.agreement_candidate_first)
    assert (3, 1) == (found.n, found.unjudged)


def test_pairs_are_matched_by_test_set_and_id() -> None:
    """The same id in another test set is another pair."""
    second = verdicts([WIN, LOSE, TIE])
    second[0] = replace(second[0], testset="vicuna")
    found = pair_agreement(verdicts([WIN, LOSE, TIE]), second)
    assert (2, 1, 1) == (found.n, found.only_first, found.only_second)


def test_one_id_with_two_prompts_is_named() -> None:
    """Judgments of different versions of a test set are not compared; case and spaces do not count."""
    with pytest.raises(DataError, match=r"pair koala/1: .*'prompt 1' and 'other'"):
        pair_agreement(verdicts([WIN, LOSE]), verdicts([WIN, LOSE], ["prompt 0", "other"]))
    assert 1 == pair_agreement(verdicts([WIN], ["Why me?"]), verdicts([WIN], ["why  me"])).n


def test_a_pair_that_stands_twice_is_named() -> None:
    """Verdicts of two candidates in one list would be matched at random."""
    with pytest.raises(DataError, match="koala/0 stands twice"):
        pair_agreement([*verdicts([WIN]), *verdicts([LOSE])], verdicts([WIN]))


def test_group_agreement_wants_one_prompt_a_unit() -> None:
    """Lists of different lengths are a mistake of the caller."""
    with pytest.raises(ValueError, match="shorter"):
        group_agreement([[WIN, WIN], [LOSE, LOSE]], ["one"])


def test_group_agreement_of_nothing_is_unknown() -> None:
    """No unit, and only units with one rating."""
    for rows in ([], [[WIN, None], [None, None]]):
        found = group_agreement(rows, ["prompt"] * len(rows)).to_dict()
        assert {"n": 0, "ratings": 0} == {name: value for name, value in found.items() if value is not None}


@pytest.mark.slow
def test_intervals_of_coefficients_cover_the_truth() -> None:
    """95 % intervals of kappa and alpha hold the value of a large sample in 92 to 98 % of 500 samples of 150 pairs."""
    large = pair_agreement(*(verdicts(outcomes) for outcomes in two(99, n=200_000)), draws=1)
    hits: Counter[str] = Counter()
    for seed in range(500):
        found = pair_agreement(*(verdicts(outcomes) for outcomes in two(1000 + seed, n=150)), draws=500)
        for name in COEFFICIENTS:
            low, high = getattr(found, f"{name}_ci")
            hits[name] += low <= getattr(large, name) <= high
    assert dict.fromkeys(COEFFICIENTS, True) == {name: 0.92 * 500 <= hits[name] <= 0.98 * 500 for name in COEFFICIENTS}
