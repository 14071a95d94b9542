"""Rates from verdicts: by hand, by property, and against published reviews."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longismore.errors import DataError
from longismore.records import Outcome, Status, Verdict
from longismore.reports import Results, cluster_key, standard_error, summarize

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(os.environ.get("LONGISMORE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
KEYS = [
    "pairs",
    "n",
    "wins",
    "ties",
    "losses",
    "win_rate",
    "win_rate_ci",
    "winning_score",
    "winning_score_ci",
    "tie_rate",
    "preference",
    "preference_ci",
    "swap_consistency",
    "swap_consistency_ci",
    "swap_flip",
    "length_ratio",
    "mean_chars_reference",
    "mean_chars_candidate",
    "empty_reference",
    "empty_candidate",
    "partial",
    "unjudged",
    "unparsed",
    "refused",
    "failed",
    "clusters",
    "outcomes",
    "p_value",
    "p_value_holm",
    "mde",
    "lc_win_rate",
    "lc_win_rate_ci",
    "length_slope",
    "length_slope_ci",
    "length_tipping_slope",
    "length_verdict",
    "length_reason",
    "length_warning",
    "length_points",
    "length_points_ci",
    "overlap",
    "length_prior",
    "length_prior_weight",
    "length_curve",
]
RATES = KEYS[5:18]


@pytest.fixture(name="mixed", scope="module")
def _mixed(make: Callable[..., Verdict]) -> list[Verdict]:
    """Two wins, one tie that flipped, one loss, one partial, one that failed twice."""
    return [
        make(1.0, 1.0, chars=(100, 150)),
        make(1.0, 0.5, chars=(100, 150)),
        make(1.0, 0.0, chars=(100, 100)),
        make(0.0, 0.0, chars=(100, 0)),
        make(1.0, None, chars=(0, 0), statuses=(Status.JUDGED, Status.REFUSED)),
        make(None, None, statuses=(Status.FAILED, Status.UNPARSED)),
    ]


def test_counts_by_hand(mixed: list[Verdict]) -> None:
    """Six pairs, four judged; the partial one and the unjudged one are counted apart, never as ties."""
    pooled = summarize(mixed).pooled
    assert (6, 4, 2, 1, 1) == (pooled.pairs, pooled.n, pooled.wins, pooled.ties, pooled.losses)
    assert (1, 1, 1, 1) == (pooled.partial, pooled.unparsed, pooled.refused, pooled.failed)
    assert pytest.approx(2 / 6) == pooled.unjudged
    assert (1, 2, 4) == (pooled.empty_reference, pooled.empty_candidate, pooled.clusters)


def test_rates_by_hand(mixed: list[Verdict]) -> None:
    """Win rate (2 + 1/2)/4, score (2 - 1)/4 + 1, preferences 1, .75, .5, 0 over 4; 400 against 400 characters."""
    pooled = summarize(mixed).pooled
    assert (0.625, 1.25, 0.25) == (pooled.win_rate, pooled.winning_score, pooled.tie_rate)
    assert 0.5625 == pooled.preference
    assert (1.0, 100.0, 100.0) == (pooled.length_ratio, pooled.mean_chars_reference, pooled.mean_chars_candidate)


def test_swap_by_hand(mixed: list[Verdict]) -> None:
    """Two of four pairs keep their outcome; one is reversed; win and tie is a change but no reversal."""
    pooled = summarize(mixed).pooled
    assert (0.5, 0.25) == (pooled.swap_consistency, pooled.swap_flip)


def test_probabilities_count_by_their_side_of_one_half(make: Callable[..., Verdict]) -> None:
    """0.9 and 0.6 are the same outcome; their preference is 0.75."""
    pooled = summarize([make(0.9, 0.6)]).pooled
    assert (1.0, 0.75) == (pooled.swap_consistency, pooled.preference)


def test_winning_score_interval_is_twice_the_one_of_the_win_rate(mixed: list[Verdict]) -> None:
    """The winning score is twice the win rate, and so are its limits."""
    pooled = summarize(mixed).pooled
    assert pooled.win_rate_ci is not None
    assert tuple(2 * limit for limit in pooled.win_rate_ci) == pooled.winning_score_ci


def test_to_dict_has_the_agreed_keys_in_order_and_is_json(mixed: list[Verdict]) -> None:
    """results.json has the same keys for the pool and for each set."""
    document = summarize(mixed).to_dict()
    assert document == json.loads(json.dumps(document))
    assert isinstance(document["testsets"], dict)
    assert [KEYS, KEYS] == [list(document["pooled"]), list(document["testsets"]["koala"])]  # type: ignore[call-overload]


def test_testsets_keep_their_order_and_sum_to_the_pool(make: Callable[..., Verdict]) -> None:
    """Sets come in the order in which they first appear, each with its own pairs."""
    verdicts = [make(1.0, 1.0, testset=name) for name in ("vicuna", "koala", "vicuna")]
    results = summarize(verdicts)
    assert [("vicuna", 2), ("koala", 1)] == [(name, rates.n) for name, rates in results.testsets.items()]
    assert 3 == results.pooled.n


def test_the_same_prompt_in_two_sets_is_one_cluster_of_the_pool(make: Callable[..., Verdict]) -> None:
    """A Vicuna question that LIMA repeats counts once as a prompt, twice as a pair."""
    verdicts = [make(1.0, 1.0, testset="vicuna", prompt="Why?"), make(0.0, 0.0, testset="lima", prompt="why")]
    pooled = summarize(verdicts).pooled
    assert (2, 1, (0.0, 1.0)) == (pooled.n, pooled.clusters, pooled.win_rate_ci)


@pytest.mark.parametrize("preferences", [[], [(1.0, None)], [(None, 0.0), (None, None)]])
def test_without_a_judged_pair_every_rate_is_unknown(
    make: Callable[..., Verdict], preferences: list[tuple[float | None, float | None]]
) -> None:
    """No pair, only partial pairs: rates are null, not zero and not one half."""
    pooled = summarize([make(*shares) for shares in preferences]).pooled.to_dict()
    assert dict.fromkeys(RATES) == {key: pooled[key] for key in RATES}
    assert (len(preferences), 0) == (pooled["pairs"], pooled["clusters"])
    assert (1.0 if preferences else None) == pooled["unjudged"]


@pytest.mark.parametrize(("share", "rate"), [(1.0, 1.0), (0.5, 0.5), (0.0, 0.0)])
def test_one_sided_results_leave_doubt(make: Callable[..., Verdict], share: float, rate: float) -> None:
    """All wins, all ties and all losses have an interval of some width that holds the rate."""
    pooled = summarize([make(share, share) for _ in range(80)]).pooled
    assert pooled.win_rate_ci is not None
    low, high = pooled.win_rate_ci
    assert rate == pooled.win_rate
    assert low < high
    assert low <= rate <= high


def test_length_ratio_is_unknown_when_the_reference_wrote_nothing(make: Callable[..., Verdict]) -> None:
    """Nothing can be said to be so many times as long as nothing."""
    pooled = summarize([make(1.0, 1.0, chars=(0, 50))]).pooled
    assert (None, 0.0, 50.0) == (pooled.length_ratio, pooled.mean_chars_reference, pooled.mean_chars_candidate)


@pytest.mark.parametrize(
    ("preferences", "outcome"), [((1.0, None), Outcome.WIN), ((None, None), Outcome.TIE), ((1.0, 1.0), None)]
)
def test_a_verdict_at_odds_with_itself_is_named(
    preferences: tuple[float | None, float | None], outcome: Outcome | None
) -> None:
    """An outcome without both orders, or both orders without an outcome, is an error that names the pair."""
    verdict = Verdict(
        id="7",
        testset="koala",
        prompt="",
        reference_chars=1,
        candidate_chars=1,
        statuses=(None, None),
        preferences=preferences,
        outcome=outcome,
    )
    with pytest.raises(DataError, match="koala/7"):
        summarize([verdict])


SHARES = st.lists(st.tuples(*[st.sampled_from([0.0, 0.3, 0.5, 1.0])] * 2), min_size=1, max_size=30)


@settings(max_examples=50)
@given(shares=SHARES)
def test_exchanging_the_models_mirrors_everything(
    make: Callable[..., Verdict], shares: list[tuple[float, float]]
) -> None:
    """The win rate of A over B is one minus that of B over A, and its interval is the mirror image."""
    ours = summarize([make(*pair) for pair in shares]).pooled
    theirs = summarize([make(1 - second, 1 - first) for first, second in shares]).pooled
    assert ours.win_rate is not None
    assert ours.win_rate_ci is not None
    assert ours.preference is not None
    assert pytest.approx(1 - ours.win_rate) == theirs.win_rate
    assert pytest.approx((1 - ours.win_rate_ci[1], 1 - ours.win_rate_ci[0]), abs=1e-12) == theirs.win_rate_ci
    assert pytest.approx(1 - ours.preference) == theirs.preference
    assert (ours.swap_consistency, ours.swap_flip) == (theirs.swap_consistency, theirs.swap_flip)


def _rows(name: str) -> list[dict[str, str]]:
    path = DATA / "reference" / name
    if not path.is_file():
        pytest.skip(f"{path} is not here; set LONGISMORE_TEST_DATA")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _published(row: dict[str, str]) -> Verdict:
    """Order 0 of the reviews shows the candidate (a1) first."""
    candidate_first, reference_first = (0.5 + int(row[key]) / 2 for key in ("v0", "v1"))
    return Verdict(
        id=row["i"],
        testset=f"{row['source']} {row['judge']} {row['set']}",
        prompt=f"{row['set']} {row['i']}",
        reference_chars=int(row["chars_a2"]),
        candidate_chars=int(row["chars_a1"]),
        statuses=(Status.JUDGED, Status.JUDGED),
        preferences=(reference_first, candidate_first),
        outcome=Outcome(row["verdict"]),
    )


@pytest.fixture(name="published", scope="module")
def _published_results() -> Results:
    return summarize([_published(row) for row in _rows("pairwise_verdicts.csv")])


@pytest.mark.parametrize("index", range(5))
def test_published_reviews_give_their_published_numbers(published: Results, index: int) -> None:
    """976 reviews of GPT-4 and GPT-3.5 give the counts, scores, flips and lengths computed elsewhere."""
    row = _rows("pairwise_reference.csv")[index]
    rates = published.testsets[f"{row['source']} {row['judge']} {row['set']}"].to_dict()

    def rounded(key: str, digits: int) -> float:
        return round(float(str(rates[key])), digits)

    counts = {"n": "n", "win": "wins", "tie": "ties", "lose": "losses"}
    assert [int(row[key]) for key in counts] == [rates[key] for key in counts.values()]
    assert float(row["winning_score"]) == rounded("winning_score", 4)
    assert pytest.approx(1 - float(row["position_inconsistent_any"])) == rounded("swap_consistency", 4)
    assert float(row["position_flip_strict"]) == rounded("swap_flip", 4)
    assert float(row["mean_chars_a1"]) == rounded("mean_chars_candidate", 1)
    assert float(row["mean_chars_a2"]) == rounded("mean_chars_reference", 1)


@pytest.mark.parametrize("index", range(5))
def test_published_reviews_give_their_published_standard_error(index: int) -> None:
    """The standard error of the winning score, every review its own cluster, agrees to three digits."""
    row = _rows("pairwise_reference.csv")[index]
    same = [
        {"win": 2.0, "tie": 1.0, "lose": 0.0}[review["verdict"]]
        for review in _rows("pairwise_verdicts.csv")
        if all(review[key] == row[key] for key in ("source", "judge", "set"))
    ]
    assert pytest.approx(float(row["se_winning_score"]), rel=5e-3) == standard_error(same, range(len(same)))


def test_the_five_test_sets_have_987_distinct_prompts() -> None:
    """LIMA repeats 39 questions of Vicuna, and WizardLM some of its own and of others."""
    folder = DATA / "testsets"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here; set LONGISMORE_TEST_DATA")

    def rows(name: str) -> list[dict[str, object]]:
        text = (folder / name).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.split("\n") if line.strip()]

    prompts = [str(row["prompt"]) for row in rows("koala_test_set.jsonl")]
    prompts += [str(row["conversations"][0]) for row in rows("lima_test.jsonl")]  # type: ignore[index]
    prompts += [str(row["text"]) for row in rows("vicuna_test_set.jsonl")]
    prompts += [str(row["Instruction"]) for row in rows("wizardlm_test_set.jsonl")]
    prompts += [
        f"{row['instruction']} {row['instances'][0]['input']}"  # type: ignore[index]
        for row in rows("sinstruct_test_set.jsonl")
    ]
    assert (1030, 987) == (len(prompts), len({cluster_key(prompt) for prompt in prompts}))


def test_five_outcomes_of_two_orders(mixed: list[Verdict]) -> None:
    """Two wins of two kinds, one pair that flipped, one loss; pairs without a verdict are none of the five."""
    assert summarize(mixed).pooled.outcomes == {"win_win": 1, "win_tie": 1, "even": 1, "lose_tie": 0, "lose_lose": 1}


def test_one_order_is_enough_where_no_other_was_asked(make: Callable[..., Verdict]) -> None:
    """alpaca_eval asks one order of each pair: it decides, and nothing is claimed of swapping."""
    single = [
        replace(make(share, None), outcome=outcome, one_order=True, statuses=(Status.JUDGED, None))
        for share, outcome in ((1.0, Outcome.WIN), (0.25, Outcome.LOSE), (0.5, Outcome.TIE))
    ]
    pooled = summarize(single).pooled
    assert (3, 1, 1, 1, 0, 0.5, 1.75 / 3) == (
        pooled.n, pooled.wins, pooled.ties, pooled.losses, pooled.partial, pooled.win_rate, pooled.preference,
    )  # fmt: skip
    assert (None, None) == (pooled.swap_consistency, pooled.swap_flip)
    assert pooled.outcomes == {"win_win": 1, "win_tie": 0, "even": 1, "lose_tie": 0, "lose_lose": 1}


def test_p_values_of_several_sets_are_adjusted(make: Callable[..., Verdict]) -> None:
    """Of two sets the smaller p value is doubled; a single set needs no adjustment."""
    clear = [make(1.0, 1.0, testset="koala") for _ in range(20)]
    even = [make(float(i % 2), float(i % 2), testset="vicuna") for i in range(20)]
    sets = summarize(clear + even).testsets
    assert sets["koala"].p_value is not None
    assert sets["koala"].p_value_holm == pytest.approx(2 * sets["koala"].p_value)
    assert (1.0, 1.0) == (sets["vicuna"].p_value, sets["vicuna"].p_value_holm)
    single = summarize(clear)
    assert single.pooled == single.testsets["koala"]
    assert single.pooled.p_value_holm == single.pooled.p_value


def test_the_detectable_effect_is_of_the_size_of_the_interval(make: Callable[..., Verdict]) -> None:
    """100 decided pairs at 0.5 have a standard error of 0.05, so 80 % power begins 14 points from even."""
    pooled = summarize([make(float(i % 2), float(i % 2)) for i in range(100)]).pooled
    assert pooled.mde == pytest.approx(2.8016 * 0.5 / 99**0.5, rel=1e-4)
