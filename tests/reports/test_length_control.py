"""Length control: what stays of an advantage at equal length, and what cannot be told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest

from length_runs import simulate
from longismore.judged import read_judged
from longismore.reports import cluster_key, summarize
from longismore.reports._length.draws import draw
from longismore.reports.length_control import DEFAULT_PRIOR, LengthControl, LengthPrior, control_length

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from longismore.records import Verdict

    Make = Callable[..., Verdict]

FREE = LengthPrior(mean=0.0, sd=1000.0, source="none")
CONCISE, NORMAL, VERBOSE = "alpaca-7b_concise", "alpaca-7b", "alpaca-7b_verbose"
OFFICIAL_SPREAD = 0.1688
"""sd/mean of the official length-controlled rates of the three: shared/data/reference/alpaca_gameability.csv."""


def control(verdicts: Sequence[Verdict], **options: object) -> LengthControl:
    """The pooled control."""
    found = control_length(verdicts, [cluster_key(each.prompt) for each in verdicts], **options)  # type: ignore[arg-type]
    assert found is not None
    return found[0]


def judged_by(rule: Callable[[float, float], float], lengths: Sequence[tuple[int, int]], make: Make) -> list[Verdict]:
    """Pairs of the given lengths, judged by a rule of reference's and candidate's characters."""
    return [make(share := rule(*pair), share, chars=pair) for pair in lengths]


def longer(reference: float, candidate: float) -> float:
    """The judge that likes nothing but length."""
    return 0.5 if reference == candidate else float(candidate > reference)


def lengths_of(count: int, *, ratio: float, seed: int = 1) -> list[tuple[int, int]]:
    """Log-normal lengths; the candidate's are *ratio* times the reference's at the median."""
    stream = np.random.RandomState(seed)
    reference = np.exp(stream.normal(6.0, 0.5, count))
    candidate = reference * ratio * np.exp(stream.normal(0.0, 0.4, count))
    return [(round(one), round(other)) for one, other in zip(reference, candidate, strict=True)]


def annotated(data: Path, model: str) -> list[Verdict]:
    """The pairs of one model on AlpacaEval, as its weighted judge saw them."""
    (judged,) = read_judged([data / "alpaca_eval" / model / "weighted_alpaca_eval_gpt4_turbo" / "annotations.json"])
    return list(judged.verdicts)


def test_the_fit_is_that_of_statsmodels(make: Make) -> None:
    """Without a prior it is the logistic regression with fractional outcomes that statsmodels makes."""
    api = pytest.importorskip("statsmodels.api")
    stream = np.random.RandomState(3)
    verdicts = [
        make(float(stream.random_sample() < 0.6), float(stream.random_sample() < 0.5), testset=name, chars=pair)
        for pair, name in zip(lengths_of(300, ratio=1.2), ["koala", "lima", "lima"] * 100, strict=True)
    ]
    delta = np.array([each.candidate_chars - each.reference_chars for each in verdicts], float)
    sets = np.array([[each.testset == name for name in ("koala", "lima")] for each in verdicts], float)
    share = [sum(filter(None, each.preferences)) / 2 for each in verdicts]
    design = np.column_stack([sets, np.tanh(delta / delta.std(ddof=1))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fractional outcomes are unusual there
        peer = api.GLM(share, design, family=api.families.Binomial()).fit(tol=1e-14, maxiter=100)
    ours = control_length(verdicts, [each.prompt for each in verdicts], prior=FREE)
    assert ours is not None
    assert ours[0].slope == pytest.approx(peer.params[2], abs=1e-6)
    rates = 1 / (1 + np.exp(-peer.params[:2]))
    assert [ours[1][name].lc_win_rate for name in ("koala", "lima")] == pytest.approx(list(rates), abs=1e-6)
    assert ours[0].lc_win_rate == pytest.approx((rates @ sets.sum(axis=0)) / len(verdicts), abs=1e-6)


def test_shuffled_rows_change_nothing(data: Path) -> None:
    """Estimate and interval are the same to 1e-9 however the pairs are ordered."""
    verdicts = annotated(data, NORMAL)
    first = control(verdicts)
    stream = np.random.RandomState(7)
    for _ in range(3):
        other = control([verdicts[place] for place in stream.permutation(len(verdicts))])
        assert abs(first.lc_win_rate - other.lc_win_rate) < 1e-9
        assert first.lc_win_rate_ci == pytest.approx(other.lc_win_rate_ci, abs=1e-9)
        assert first.slope_ci == pytest.approx(other.slope_ci, abs=1e-9)


def test_another_processor_gives_the_same_estimate(data: Path) -> None:
    """With numpy's faster instructions switched off, estimate and interval agree to 1e-9."""
    path = data / "alpaca_eval" / NORMAL / "weighted_alpaca_eval_gpt4_turbo" / "annotations.json"
    code = (
        "import json, sys; from longismore.judged import read_judged; from longismore.reports import summarize; "
        "rates = summarize(read_judged(sys.argv[1:])[0].verdicts, draws=100).pooled; "
        "print(json.dumps([rates.lc_win_rate, *rates.lc_win_rate_ci, rates.length_slope, *rates.length_slope_ci]))"
    )
    features = np._core._multiarray_umath.__cpu_dispatch__ if hasattr(np, "_core") else ["AVX2", "AVX512F"]
    found = []
    for disabled in ("", " ".join(features)):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, str(path)],
            env={**os.environ, "NPY_DISABLE_CPU_FEATURES": disabled}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        found.append(json.loads(done.stdout))
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_asking_for_short_or_long_answers_moves_the_rate_less_than_officially(data: Path) -> None:
    """sd/mean over the concise, the normal and the verbose alpaca-7b is at most that of AlpacaEval's own control."""
    rates = np.array([control(annotated(data, model)).lc_win_rate for model in (CONCISE, NORMAL, VERBOSE)])
    assert rates.std() / rates.mean() <= OFFICIAL_SPREAD


@pytest.mark.parametrize("model", [CONCISE, NORMAL, VERBOSE])
def test_a_reference_five_times_longer_is_warned_of(data: Path, model: str) -> None:
    """Hardly any answer is longer than GPT-4-turbo's: the estimate says that it leans on the prior."""
    pooled = summarize(annotated(data, model)).pooled
    assert pooled.overlap is not None
    assert pooled.overlap < 0.2
    assert pooled.length_warning is not None
    assert "lengths hardly overlap" in pooled.length_warning


def test_a_judge_that_likes_only_length_shows_no_quality(make: Make) -> None:
    """Longer answers of equal quality win raw; at equal length the interval covers 50 % and the answer is length."""
    for count in (40, 300, 1030):
        pooled = summarize(judged_by(longer, lengths_of(count, ratio=1.4), make)).pooled
        assert pooled.win_rate_ci is not None
        assert pooled.lc_win_rate_ci is not None
        assert pooled.win_rate_ci[0] > 0.5
        assert pooled.lc_win_rate_ci[0] <= 0.5 <= pooled.lc_win_rate_ci[1]
        assert "only longer" == pooled.length_verdict


@pytest.mark.parametrize("padding", [1, 200, 2000])
@pytest.mark.parametrize("count", [40, 1030])
def test_complete_separation_is_finite_and_decides_nothing(make: Make, count: int, padding: int) -> None:
    """Every answer is longer by the same padding and wins: raw 100 %, and no claim at equal length."""
    pairs = [(reference, reference + padding) for reference, _ in lengths_of(count, ratio=1.0)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pooled = summarize(judged_by(longer, pairs, make)).pooled
    assert 1.0 == pooled.win_rate
    assert pooled.lc_win_rate_ci is not None
    assert pooled.lc_win_rate_ci[0] <= 0.5
    assert "cannot tell" == pooled.length_verdict
    assert pooled.length_warning is not None


def test_complete_separation_by_various_lengths(make: Make) -> None:
    """The same where paddings differ, some of them small."""
    pairs = [(one, one + 1 + abs(other - one)) for one, other in lengths_of(500, ratio=1.0)]
    pooled = summarize(judged_by(longer, pairs, make)).pooled
    assert pooled.lc_win_rate_ci is not None
    assert (1.0, True) == (pooled.win_rate, pooled.lc_win_rate_ci[0] <= 0.5)


@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_a_better_candidate_of_the_same_length_keeps_its_rate(make: Make, spread: float) -> None:
    """70 % at equal lengths, exactly or on average, stay 70 % to half a point, and it is better."""
    stream = np.random.RandomState(5)
    reference = np.exp(stream.normal(6.0, 0.5, 1000))
    candidate = reference * np.exp(stream.normal(0.0, spread, 1000)) if spread else reference
    verdicts = [
        make(share := float(place % 10 < 7), share, chars=(round(one), round(other)))
        for place, (one, other) in enumerate(zip(reference, candidate, strict=True))
    ]
    pooled = summarize(verdicts).pooled
    assert pooled.lc_win_rate == pytest.approx(0.7, abs=0.005)
    assert "better" == pooled.length_verdict


def test_lengths_that_are_equal_say_nothing_of_the_judge(make: Make) -> None:
    """Where no answer is longer, the slope stays at its prior, and no kind of judge becomes more probable."""
    found = control([make(share := float(place % 5 > 1), share) for place in range(300)])
    assert (1.0, 0.0) == (found.slope, found.length_only)
    assert found.lc_win_rate == pytest.approx(0.6, abs=1e-4)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_wins_are_no_certainty(make: Make, share: float) -> None:
    """40 of 40 at equal length: the interval at equal length is about as wide as the raw one, 8 points."""
    pooled = summarize([make(share, share) for _ in range(40)]).pooled
    assert pooled.lc_win_rate_ci is not None
    assert pooled.win_rate_ci is not None
    width = pooled.lc_win_rate_ci[1] - pooled.lc_win_rate_ci[0]
    assert 0.5 < width / (pooled.win_rate_ci[1] - pooled.win_rate_ci[0]) < 2


def test_many_prompts_are_resampled_in_blocks(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond 4,000 prompts blocks of them are drawn: the interval keeps its width to a tenth."""
    stream = np.random.RandomState(6)
    verdicts = []
    for one, other in lengths_of(1200, ratio=1.2):
        share = float(stream.random_sample() < 0.6)
        verdicts.append(make(share, share, chars=(one, other)))
    single = control(verdicts).lc_win_rate_ci
    monkeypatch.setattr("longismore.reports._length.draws._MANY", 100)
    monkeypatch.setattr("longismore.reports._length.draws._BLOCKS", 300)
    blocks = control(verdicts).lc_win_rate_ci
    assert (blocks[1] - blocks[0]) / (single[1] - single[0]) == pytest.approx(1, abs=0.1)


def test_exchanged_models_turn_the_rate_around(make: Make) -> None:
    """Under a prior centred at 0 the slope stays, and the rate becomes its complement; under ours nearly so."""
    stream = np.random.RandomState(9)
    there, back = [], []
    for one, other in lengths_of(400, ratio=1.3):
        share = float(stream.random_sample() < 0.6)
        there.append(make(share, share, chars=(one, other)))
        back.append(make(1 - share, 1 - share, chars=(other, one)))
    assert control(there).lc_win_rate == pytest.approx(1 - control(back).lc_win_rate, abs=1e-9)
    assert control(there).slope == pytest.approx(control(back).slope, abs=1e-9)


def test_the_curve_goes_through_the_tipping_slope_and_the_estimate(make: Make) -> None:
    """The assumed slope at which the rate is 50 % is the tipping slope; at slope 0 the rate is the raw preference."""
    stream = np.random.RandomState(2)
    verdicts = []
    for one, other in lengths_of(500, ratio=1.4):
        share = float(stream.random_sample() < 0.62)
        verdicts.append(make(share, share, chars=(one, other)))
    found = control(verdicts)
    slopes, rates = (np.array(column) for column in zip(*found.curve, strict=True))
    pooled = summarize(verdicts).pooled
    assert rates[slopes == 0] == pytest.approx(pooled.preference, abs=1e-4)
    assert found.tipping_slope is not None
    assert np.interp(found.tipping_slope, slopes, rates) == pytest.approx(0.5, abs=2e-3)
    assert np.interp(found.slope, slopes, rates) == pytest.approx(found.lc_win_rate, abs=2e-3)


def test_a_measured_prior_is_taken_at_its_word(make: Make) -> None:
    """A probe that found a slope of 3 +- 0.1 decides where lengths do not overlap."""
    verdicts = [make(share := float(place % 10 < 9), share, chars=(100, 200 + place % 7)) for place in range(200)]
    measured = LengthPrior(mean=3.0, sd=0.1, source="a length probe of this judge")
    found = control(verdicts, prior=measured)
    # logit(0.9) = 2.2 is less than 3 tanh(...) explains.
    assert found.lc_win_rate_ci[1] < 0.5
    assert "a length probe" in (summarize(verdicts, prior=measured).pooled.length_warning or "")


def test_other_seeds_move_the_interval_a_little_and_the_estimate_not(make: Make) -> None:
    """The seed belongs to the draws only."""
    verdicts = judged_by(lambda one, other: 0.75 if other > 1.2 * one else 0.5, lengths_of(200, ratio=1.2), make)
    first, other = control(verdicts, seed=1), control(verdicts, seed=2)
    assert (first.lc_win_rate, first.slope) == (other.lc_win_rate, other.slope)
    assert first.lc_win_rate_ci != other.lc_win_rate_ci
    assert first.lc_win_rate_ci == pytest.approx(other.lc_win_rate_ci, abs=0.02)


def test_many_pairs_are_counted_in_cells_without_another_result(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond 4,000 pairs the draws round the covariate to 0.01; the interval moves less than its own noise."""
    stream = np.random.RandomState(4)
    verdicts = []
    for one, other in lengths_of(1500, ratio=1.2):
        share = float(stream.random_sample() < 0.6)
        verdicts.append(make(share, share, chars=(one, other)))
    exact = control(verdicts)
    monkeypatch.setattr("longismore.reports._length.fit._MANY", 100)
    rounded = control(verdicts)
    assert exact.lc_win_rate == rounded.lc_win_rate
    assert exact.lc_win_rate_ci == pytest.approx(rounded.lc_win_rate_ci, abs=1e-3)


def test_nothing_judged_is_no_control(make: Make) -> None:
    """Without a verdict there is no rate, and no number in its place."""
    assert control_length([make(1.0, None)], ["a"]) is None
    assert summarize([make(1.0, None)]).pooled.lc_win_rate is None


def test_one_pair_is_a_number_and_not_a_claim(make: Make) -> None:
    """A single pair gives finite numbers and cannot tell."""
    pooled = summarize([make(1.0, 1.0, chars=(100, 200))]).pooled
    assert pooled.lc_win_rate is not None
    assert 0 <= pooled.lc_win_rate <= 1
    assert "cannot tell" == pooled.length_verdict


@pytest.mark.slow
def test_the_interval_covers_the_truth() -> None:
    """95 % intervals of lc_win_rate cover the truth in 93 to 97 % of 1,000 runs with repeated prompts.

    benchmarks/interval_coverage.py does the same for more sizes, slopes and rates.
    """
    truth = float(np.mean(1 / (1 + np.exp(-np.array([0.0, 0.3])))))
    covered = 0
    for seed in range(1000):
        sample, _ = simulate(seed, intercepts=(0.0, 0.3), slope=0.5, count=160)
        low, high = draw(sample, DEFAULT_PRIOR, seed=seed, draws=200).pooled_ci
        covered += low <= truth <= high
    assert 930 <= covered <= 970


def test_numpy_loads_only_when_a_fit_is_made() -> None:
    """Importing the reports costs no second."""
    code = "import longismore.reports, sys; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False" == done.stdout.strip()
