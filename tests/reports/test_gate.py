"""The decision: error rates by simulation, the looks, and everything that holds a pass back."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gate_runs import prompts_of, simulate
from longismore.errors import ConfigError
from longismore.records import Outcome, Status
from longismore.reports._gate.looks import design_looks, normal_limits
from longismore.reports._gate.power import plan_power
from longismore.reports._interval import cluster_key, mean_interval
from longismore.reports._sequential import student_bound
from longismore.reports.gate import Decision, GateResult, GateRule, conclude, take_look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.records import Verdict

    Make = Callable[..., Verdict]

OTHER = {Outcome.WIN: Outcome.LOSE, Outcome.TIE: Outcome.TIE, Outcome.LOSE: Outcome.WIN}
MODES = ["fixed", "obrien-fleming", "sequential"]
RUNS = 4000
CHANCE = 3 * math.sqrt(0.05 * 0.95 / RUNS)


def decide(verdicts: Sequence[Verdict], **rule: Any) -> GateResult:
    """Go through the looks until one decides."""
    settled = GateRule(**rule).settled(calls=False)
    design = design_looks([verdict.prompt for verdict in verdicts], settled)
    looks, asked = [], list[int]()
    for number, group in enumerate(design.groups, start=1):
        asked += group
        taken = [verdicts[place] for place in sorted(asked)]
        looks.append(take_look(number, taken, design, settled))
        if looks[-1].decision is not None:
            break
    return conclude(taken, looks, design, settled, names=("base", "tuned", "judge"))


def verdicts_of(make: Make, wins: int, ties: int, losses: int, **more: Any) -> list[Verdict]:
    """So many of each, in a shuffled order."""
    made = [make(share, share, **more) for share in [1.0] * wins + [0.5] * ties + [0.0] * losses]
    random.Random(5).shuffle(made)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("singles", "doubles"), [(28, 6), (200, 50)])
def test_at_the_bar_both_errors_are_rare(mode: str, singles: int, doubles: int) -> None:
    """A candidate exactly at the bar passes, and regresses, in at most 5 % of 4,000 gates; prompts repeat."""
    for ties in (0.0, 0.4):
        ended = simulate(GateRule(margin=0.05, mode=mode), 0.45, RUNS, prompts_of(singles, doubles), ties=ties)
        assert ended.passed <= 0.05 + CHANCE
        assert ended.regressed <= 0.05 + CHANCE
        assert ended.passed > 0.01  # it is not only never wrong because it never decides


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_an_equal_candidate_hardly_ever_regresses(mode: str) -> None:
    """The false alarm rate is far below 5 % at a true rate of one half."""
    assert simulate(GateRule(margin=0.03, mode=mode), 0.5, RUNS, prompts_of(200, 50)).regressed <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["obrien-fleming", "sequential"])
def test_clear_cases_are_decided_early(mode: str) -> None:
    """20 points below the bar, nearly all gates regress, and 40 % of the pairs or more are never asked."""
    ended = simulate(GateRule(margin=0.05, mode=mode), 0.25, 1000, prompts_of(300, 50))
    assert ended.regressed >= 0.99
    assert ended.asked <= 0.6


@pytest.mark.parametrize("mode", MODES)
def test_the_power_that_is_printed_is_the_simulated_one(mode: str) -> None:
    """Of 300 pairs with a margin of eight points, to 3.5 points."""
    rule = GateRule(margin=0.08, mode=mode)
    prompts = prompts_of(300, 0)
    ended = simulate(rule, 0.5, 2000, prompts, spread=0.0)
    power = plan_power(design_looks(prompts, rule), rule, math.sqrt(0.7 * 0.25))
    assert power.if_equal == pytest.approx(ended.passed, abs=0.035)
    assert power.asked_if_equal == pytest.approx(ended.asked, abs=0.035)


def test_numbers_of_one_look_by_hand() -> None:
    """With sd 0.4 and n pairs, z(0.95) + z(0.8) = 2.4865: MDE 2.4865 * 0.4 / 20 + 0.5 / 400 = 0.0510."""
    rule = GateRule(margin=0.05, mode="fixed")
    power = plan_power(design_looks(prompts_of(400, 0), rule), rule, 0.4)
    assert power.detectable == pytest.approx(0.05098, abs=1e-5)
    assert power.pairs_needed == 416  # 2.4865 * 0.4 / sqrt(n) + 0.5 / n = 0.05
    assert power.if_equal == pytest.approx(0.7860, abs=1e-4)  # P(Z > 1.6449 - (0.05 - 0.00125) * 20 / 0.4)
    assert plan_power(design_looks(["a", "b"], rule), GateRule(margin=0), 0.4).pairs_needed is None


def test_one_look_at_five_percent_has_the_limits_of_a_ninety_percent_interval(make: Make) -> None:
    """And at 2.5 % those of the 95 % interval that stands beside the win rate, half a prompt of 91 wider."""
    verdicts = [*verdicts_of(make, 40, 20, 30), make(1.0, 1.0, prompt="again"), make(1.0, 0.5, prompt="Again!")]
    last = decide(verdicts, alpha=0.025).looks[-1]
    values = [1.0 if each.preferences[0] == 1 else 0.5 if each.preferences[0] == 0.5 else 0.0 for each in verdicts]
    low, high = mean_interval(values, [cluster_key(each.prompt) for each in verdicts])
    assert (last.low, last.high) == pytest.approx((low - 0.5 / 91, high + 0.5 / 91))
    assert last.low < decide(verdicts, alpha=0.05).looks[-1].low


def test_errors_are_rare_with_few_pairs_and_no_ties() -> None:
    """Exact, by the binomial distribution: n from 2 to 120, at the bar, both errors at most 5 %."""
    bound = NormalDist().inv_cdf(0.95)
    for pairs in range(2, 121):
        wins = np.arange(pairs + 1)
        sums = (wins[:, None] > np.arange(pairs)).astype(float)
        low, high = normal_limits(sums, np.ones(pairs), student_bound(bound, pairs - 1))
        for bar in (0.5, 0.47, 0.4):
            chance = np.array([math.comb(pairs, k) * bar**k * (1 - bar) ** (pairs - k) for k in wins.tolist()])
            assert max(chance[low > bar].sum(), chance[high < bar].sum()) <= 0.05


def test_the_three_decisions(make: Make) -> None:
    """Pass, regress and inconclusive, each with its exit code and the number that decided."""
    passed = decide(verdicts_of(make, 60, 60, 60), margin=0.1)
    regressed = decide(verdicts_of(make, 30, 20, 90), margin=0.1)
    unknown = decide(verdicts_of(make, 60, 60, 60), margin=0.03)
    assert [(each.decision.value, each.exit_code) for each in (passed, regressed, unknown)] == [
        ("pass", 0), ("regress", 1), ("inconclusive", 3),
    ]  # fmt: skip
    assert "the lower limit, 44.7%, is above the bar of 40.0%" == passed.reason
    assert "is below the bar of 40.0%" in regressed.reason
    assert "too few pairs to tell" in unknown.reason


def test_exchanged_models_mirror_the_limits(make: Make) -> None:
    """limits(A, B) = 1 - limits(B, A), also after several looks and for bets."""
    verdicts = verdicts_of(make, 30, 30, 40)
    exchanged = [
        replace(each, preferences=(1 - side, 1 - side), outcome=OTHER[each.outcome])
        for each in verdicts
        if each.outcome is not None and (side := each.preferences[0]) is not None
    ]
    for mode in MODES:
        one, other = (decide(each, mode=mode, margin=0).looks[-1] for each in (verdicts, exchanged))
        assert one.rate is not None
        assert other.rate is not None
        assert (one.rate, one.low, one.high) == pytest.approx((1 - other.rate, 1 - other.high, 1 - other.low))


@pytest.mark.parametrize("mode", MODES)
def test_the_order_of_the_rows_plays_no_part(make: Make, mode: str) -> None:
    """The looks are cut by prompt and seed, so shuffled rows give the same decision at the same look."""
    verdicts = verdicts_of(make, 150, 40, 60)
    shuffled = random.Random(0).sample(verdicts, len(verdicts))
    one, other = (decide(each, mode=mode, metric="preference").looks for each in (verdicts, shuffled))
    assert one == other
    assert decide(verdicts, mode=mode, seed=1).looks[0].rate != one[0].rate or mode == "fixed"


def test_looks_keep_prompts_together_and_are_about_equal(make: Make) -> None:
    """Five looks at 103 pairs; the pairs of one prompt are asked before the same look."""
    prompts = [f"prompt {number % 60}" for number in range(103)]
    design = design_looks(prompts, GateRule(mode="obrien-fleming"))
    assert sorted(place for group in design.groups for place in group) == list(range(103))
    assert all(18 <= len(group) <= 23 for group in design.groups)
    of = {prompts[place]: look for look, group in enumerate(design.groups) for place in group}
    assert all(of[prompts[place]] == look for look, group in enumerate(design.groups) for place in group)
    assert 1 == len(design_looks(["the same"] * 7, GateRule(mode="sequential")).groups)


def test_nothing_passes_on_pairs_that_were_not_judged(make: Make) -> None:
    """6 of 100 pairs unparsed: what would pass is inconclusive, and says why; a regress stands, with a warning."""
    missing = [make(None, 1.0) for _ in range(6)]
    result = decide([*verdicts_of(make, 80, 10, 4), *missing])
    assert (Decision.INCONCLUSIVE, True) == (result.decision, result.looks[-1].withheld)
    assert "6 of 100 pairs (6.0%) could not be judged, more than the 5.0% allowed; the others would pass" == (
        result.reason
    )
    assert Decision.PASS is decide([*verdicts_of(make, 80, 10, 4), *missing], max_unjudged=0.06).decision
    worse = decide([*verdicts_of(make, 4, 10, 80), *missing])
    assert (Decision.REGRESS, ("6 of 100 pairs (6.0%) could not be judged",)) == (worse.decision, worse.warnings)


def test_nothing_judged_is_inconclusive(make: Make) -> None:
    """Without a number, and without a crash."""
    for mode in MODES:
        result = decide([make(None, None) for _ in range(9)], mode=mode)
        assert (Decision.INCONCLUSIVE, "no pair was judged", None) == (result.decision, result.reason, result.power)


def test_the_judge_is_audited(make: Make) -> None:
    """Consistency, flips and unreadable answers, each beside its threshold; "off" says nothing."""
    unsteady = [make(1.0, 0.0) for _ in range(60)] + [make(1.0, 1.0) for _ in range(40)]
    unread = [make(None, 1.0, statuses=(Status.UNPARSED, Status.JUDGED)) for _ in range(12)]
    said = decide([*unsteady, *unread]).audit
    assert (3, "only 40.0%" in said[0], "60.0%" in said[1], "5.4%" in said[2]) == (len(said), True, True, True)
    assert () == decide([*unsteady, *unread], audit="off").audit
    assert () == decide(verdicts_of(make, 10, 10, 10)).audit


def test_length_control_can_decide(make: Make) -> None:
    """Everything won by being longer: raw passes and warns; the length-controlled gate does not pass."""
    pairs = [make(1.0, 1.0, chars=(100, 300 + number)) for number in range(60)]
    pairs += [make(0.0, 0.0, chars=(300 + number, 100)) for number in range(40)]
    raw, controlled = decide(pairs, margin=0.03), decide(pairs, margin=0.03, metric="lc_win_rate")
    assert (Decision.PASS, "fixed") == (raw.decision, controlled.rule.mode)
    assert Decision.PASS is not controlled.decision
    pooled = controlled.results.pooled
    last = controlled.looks[-1]
    assert (pooled.lc_win_rate, pooled.lc_win_rate_ci) == (last.rate, (last.low, last.high))
    assert controlled.rule.confidence == 0.975  # a two-sided 95 % interval


@pytest.mark.parametrize("mode", ["obrien-fleming", "sequential"])
def test_length_control_has_one_look_only(mode: str) -> None:
    """The refusal says why."""
    with pytest.raises(ConfigError, match="refitting on resampled prompts"):
        GateRule(metric="lc_win_rate", mode=mode)


def test_all_that_is_wrong_with_a_rule_is_said_at_once() -> None:
    """Names with what comes near, numbers with what is allowed."""
    with pytest.raises(ConfigError) as raised:
        GateRule(margin=0.6, alpha=0, mode="obrien", metric="winrate", looks=0, max_flip=3, audit="no")
    problems = raised.value.problems
    assert 7 == len(problems)
    assert 'metric: no such choice: "winrate"; did you mean win_rate' in problems[0]
    with pytest.raises(ConfigError, match="looks once"):
        GateRule(mode="fixed", looks=3)


def test_the_mode_follows_from_the_calls() -> None:
    """Looks save calls, so they are the default where calls are made, or where looks are asked for."""
    assert ["obrien-fleming", "fixed", "obrien-fleming", "fixed", "sequential"] == [
        GateRule().settled(calls=True).mode,
        GateRule().settled(calls=False).mode,
        GateRule(looks=3).settled(calls=False).mode,
        GateRule(metric="lc_win_rate").settled(calls=True).mode,
        GateRule(mode="sequential").settled(calls=False).mode,
    ]


def test_a_broken_gate_never_passes(make: Make) -> None:
    """Whatever the pairs say that were judged before the judge stopped."""
    verdicts = verdicts_of(make, 90, 5, 5)
    rule = GateRule(mode="fixed")
    design = design_looks([verdict.prompt for verdict in verdicts], rule)
    look = take_look(1, verdicts, design, rule)
    result = conclude(verdicts, [look], design, rule, names=("a", "b", "c"), broken="no balance")
    assert (Decision.PASS, Decision.INCONCLUSIVE) == (look.decision, result.decision)
    assert "no balance" in result.reason
