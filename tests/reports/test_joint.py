"""Several candidates in one fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from longismore.judged import read_judged
from longismore.records import Judged, Outcome
from longismore.reports import summarize
from longismore.reports.joint import summarize_together

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from longismore.records import Verdict

    Make = Callable[..., Verdict]

INTERCEPTS = (0.0, 0.5, -0.3)
SLOPE = 1.4


def simulated(make: Make, seed: int, *, prompts: int, spread: float = 1.0) -> tuple[list[Judged], list[float]]:
    """Candidates of known quality on the same prompts; easy prompts tempt all of them to write more.

    Returns:
        The candidates, and their true rates at equal length.
    """
    stream = np.random.RandomState(seed)
    easy = stream.normal(0, spread, prompts)
    reference = np.exp(stream.normal(6.0, 0.4, prompts))
    candidates, truth = [], []
    for number, intercept in enumerate(INTERCEPTS):
        candidate = reference * np.exp(0.2 + 0.25 * easy + stream.normal(0, 0.3, prompts))
        delta = np.round(candidate) - np.round(reference)
        chance = 1 / (1 + np.exp(-(intercept + easy + SLOPE * np.tanh(delta / delta.std(ddof=1)))))
        verdicts = []
        for place, (won, one, other) in enumerate(
            zip(stream.random_sample(prompts) < chance, reference, candidate, strict=True)
        ):
            made = make(float(won), float(won), chars=(round(one), round(other)), prompt=f"prompt {place}")
            verdicts.append(replace(made, id=str(place)))
        truth.append(float((1 / (1 + np.exp(-(intercept + easy)))).mean()))
        candidates.append(
            Judged(judge="j", fingerprint="f", reference="base", candidate=f"c{number}", verdicts=tuple(verdicts))
        )
    return candidates, truth


def test_difficulty_that_moves_lengths_is_not_taken_for_the_judge(make: Make) -> None:
    """Where easy prompts make answers longer and better, the joint slope is nearer to the judge's than each alone."""
    alone, together = [], []
    for seed in range(5):
        candidates, _ = simulated(make, seed, prompts=300, spread=1.5)
        alone += [summarize(each.verdicts, draws=2).pooled.length_slope for each in candidates]
        together += [results.pooled.length_slope for results in summarize_together(candidates, draws=2)]
    assert abs(np.mean(together) - SLOPE) < abs(np.mean(alone) - SLOPE)  # type: ignore[arg-type]


def test_raw_rates_are_those_of_each_alone(make: Make) -> None:
    """Only what is said of equal length is fitted together."""
    candidates, _ = simulated(make, 1, prompts=60)
    for each, results in zip(candidates, summarize_together(candidates, draws=20), strict=True):
        alone = summarize(each.verdicts, draws=20).pooled
        assert (alone.win_rate, alone.win_rate_ci, alone.p_value) == (
            results.pooled.win_rate, results.pooled.win_rate_ci, results.pooled.p_value,
        )  # fmt: skip
        assert "2 other candidates" in str((results.pooled.length_prior or {})["source"])


def test_one_candidate_is_fitted_alone(make: Make) -> None:
    """Other judges or references do not join the fit."""
    candidates, _ = simulated(make, 2, prompts=40)
    apart = [candidates[0], replace(candidates[1], fingerprint="g"), replace(candidates[2], reference="other")]
    assert [summarize(each.verdicts, draws=20) for each in apart] == summarize_together(apart, draws=20)


def test_the_order_of_pairs_and_candidates_changes_nothing(make: Make) -> None:
    """The joint estimate is the same to 1e-9 however the pairs, and the candidates, are ordered."""
    candidates, _ = simulated(make, 3, prompts=80)
    turned = [replace(each, verdicts=each.verdicts[::-1]) for each in candidates[::-1]]
    one = summarize_together(candidates, draws=30)
    other = summarize_together(turned, draws=30)[::-1]
    for first, second in zip(one, other, strict=True):
        assert first.pooled.lc_win_rate == pytest.approx(second.pooled.lc_win_rate, abs=1e-9)
        assert first.pooled.lc_win_rate_ci == pytest.approx(second.pooled.lc_win_rate_ci, abs=1e-6)


def test_candidates_may_lack_pairs_and_sets(make: Make) -> None:
    """A candidate that was judged on half of the prompts, or on another set, joins with what it has."""
    candidates, _ = simulated(make, 4, prompts=80)
    other = tuple(replace(verdict, testset="vicuna") for verdict in candidates[2].verdicts[:30])
    broken = replace(candidates[1].verdicts[0], outcome=None, preferences=(None, 1.0))
    changed = [
        candidates[0],
        replace(candidates[1], verdicts=(broken, *candidates[1].verdicts[1:40])),
        replace(candidates[2], verdicts=other),
    ]
    results = summarize_together(changed, draws=30)
    assert [80, 39, 30] == [each.pooled.n for each in results]
    assert all(each.pooled.lc_win_rate is not None and 0 < each.pooled.lc_win_rate < 1 for each in results)
    assert ["vicuna"] == list(results[2].testsets)


def test_the_separated_stay_finite(make: Make) -> None:
    """Two candidates that always write more and always win cannot be told from length, with no warning of numpy."""
    won = [make(1.0, 1.0, chars=(100, 150 + place), prompt=f"prompt {place}") for place in range(60)]
    verdicts = tuple(replace(each, id=str(place)) for place, each in enumerate(won))
    assert all(each.outcome is Outcome.WIN for each in verdicts)
    one = Judged(judge="j", fingerprint="f", reference="base", candidate="a", verdicts=verdicts)
    for results in summarize_together([one, replace(one, candidate="b")], draws=50):
        assert results.pooled.lc_win_rate_ci is not None
        assert results.pooled.lc_win_rate_ci[0] <= 0.5
        assert "cannot tell" == results.pooled.length_verdict


@pytest.mark.slow
def test_the_joint_interval_covers_the_truth(make: Make) -> None:
    """Of 60 runs with three candidates at least 90 % of the 95 % intervals cover the rate at equal length."""
    covered = []
    for seed in range(60):
        candidates, truth = simulated(make, seed, prompts=120)
        for results, rate in zip(summarize_together(candidates, draws=60), truth, strict=True):
            low, high = results.pooled.lc_win_rate_ci or (1.0, 0.0)
            covered.append(low <= rate <= high)
    assert np.mean(covered) >= 0.9


@pytest.mark.slow
def test_asking_for_short_or_long_answers_moves_the_joint_rate_less_than_the_raw_one(data: Path) -> None:
    """The relative spread of the three alpaca-7b is below that of the raw rate, 0.155, and AlpacaEval's 0.169."""
    models = ("alpaca-7b_concise", "alpaca-7b", "alpaca-7b_verbose")
    files = [data / "alpaca_eval" / model / "weighted_alpaca_eval_gpt4_turbo" / "annotations.json" for model in models]
    rates = [results.pooled.lc_win_rate for results in summarize_together(read_judged(files), draws=2)]
    assert np.std(rates) / np.mean(rates) < 0.155  # type: ignore[arg-type]
