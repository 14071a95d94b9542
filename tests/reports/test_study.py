"""A strategy against several random trials: intervals, answers, and how they are shown."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from statistics import fmean, variance
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from hostile import HOSTILE
from longismore.records import Outcome, Status, Verdict
from longismore.reports import mean_interval
from longismore.reports._interval import padded_mean, t_quantile
from longismore.reports._study.rows import _answer
from longismore.reports.study import (
    Floor,
    MatchVerdicts,
    Overlap,
    SelectionCost,
    StudyResults,
    StudyRow,
    Trouble,
    conclude,
    estimate_runs,
    study_markdown,
    study_page,
    study_table,
    write_study_figure,
)
from page_reader import Page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OUTCOMES = {1.0: Outcome.WIN, 0.5: Outcome.TIE, 0.0: Outcome.LOSE}


def verdicts(values: Sequence[float], *, longer: int = 0) -> list[Verdict]:
    """A verdict for each value, on prompts of their own."""
    judged = Status.JUDGED
    return [
        Verdict(
            id=str(number),
            testset="mini",
            prompt=f"prompt number {number}",
            reference_chars=100 + 7 * (number % 5),
            candidate_chars=100 + longer + 7 * (number % 3),
            statuses=(judged, judged),
            preferences=(value, value),
            outcome=OUTCOMES[value],
        )
        for number, value in enumerate(values)
    ]


def match(values: Sequence[float], *, trial: int = 1, seed: int = 0, longer: int = 0) -> MatchVerdicts:
    """A match with these values."""
    return MatchVerdicts(name=f"match {trial} {seed}", trial=trial, seed=seed, verdicts=verdicts(values, longer=longer))


WON = [1.0] * 30 + [0.0] * 10
EVEN = [1.0, 0.0] * 20


def row(*matches: MatchVerdicts, **fields: Any) -> StudyRow:
    """A row of these matches."""
    values: dict[str, Any] = {"data": "pool", "strategy": "longest", "kind": "longest", "budget": 100}
    return StudyRow(**(values | {"estimate": estimate_runs(matches, draws=50), "wanted": 2} | fields))


def test_trials_that_agree_add_nothing() -> None:
    """Two trials with the same verdicts have the interval of their prompts, each of which counts once."""
    rates = estimate_runs([match(WON), match(WON, trial=2)], draws=50).rates
    keys = [str(number) for number in range(40)]
    assert rates.win_rate_ci == pytest.approx(mean_interval(WON, keys))


def test_trials_that_differ_widen_the_interval() -> None:
    """The variance between the trials' rates over their number is added, with the degrees of freedom of both.

    Rates 0.75 and 0.5: variance (0.25^2)/2 = 0.03125, over two trials 0.015625 with 1 degree of freedom.
    """
    matches = [match(WON), match(EVEN, trial=2)]
    rates = estimate_runs(matches, draws=50).rates
    padded = padded_mean([*WON, *EVEN], [str(number % 40) for number in range(80)])
    assert padded is not None
    mean, error, df = padded
    assert variance([0.75, 0.5]) / 2 == 0.015625
    total = error**2 + 0.015625
    freedom = math.floor(total**2 / (error**4 / df + 0.015625**2))
    half = t_quantile(freedom) * math.sqrt(total)
    assert rates.win_rate_ci == pytest.approx((max(0, mean - half), min(1, mean + half)))
    assert rates.win_rate == fmean([0.75, 0.5])


def test_seeds_count_beside_trials() -> None:
    """Seeds that differ widen the interval too; seeds that agree do not."""
    same = estimate_runs([match(WON, seed=seed) for seed in (0, 1)], draws=50).rates.win_rate_ci
    other = estimate_runs([match(WON), match(EVEN, seed=1)], draws=50).rates.win_rate_ci
    assert same is not None
    assert other is not None
    assert other[1] - other[0] > 2 * (same[1] - same[0])


def test_p_value_fits_the_interval() -> None:
    """A p value is below .05 exactly where the interval leaves 50 % out, raw and at equal length."""
    for values in (WON, EVEN, [1.0] * 26 + [0.0] * 14, [1.0] * 27 + [0.0] * 13, [0.0] * 28 + [1.0] * 12):
        for other in (values, EVEN):
            found = estimate_runs([match(values, longer=3), match(other, trial=2, longer=3)], draws=200)
            rates = found.rates
            for interval, p_value in ((rates.win_rate_ci, rates.p_value), (rates.lc_win_rate_ci, found.lc_p_value)):
                assert interval is not None
                assert p_value is not None
                assert (p_value < 0.05) == (not interval[0] <= 0.5 <= interval[1])


def test_exchanged_sides_mirror_the_interval() -> None:
    """Seen from the other side, every rate and limit is one minus itself."""
    lost = [1 - value for value in WON]
    one = estimate_runs([match(WON), match(EVEN, trial=2)], draws=50).rates.win_rate_ci
    other = estimate_runs([match(lost), match([1 - value for value in EVEN], trial=2)], draws=50).rates.win_rate_ci
    assert one is not None
    assert other is not None
    assert other == pytest.approx((1 - one[1], 1 - one[0]))


def test_a_gain_that_is_not_length_remains() -> None:
    """Where the better answers are no longer than the others, the strategy is better than random; else worse."""
    won = [1.0, 1.0, 1.0, 0.0] * 50
    (better,) = conclude([row(match(won), match(won, trial=2))])
    assert ("better", "better", "better than random") == (better.raw, better.controlled, better.answer)
    lost = [1 - value for value in won]
    (worse,) = conclude([row(match(lost), match(lost, trial=2))])
    assert ("worse", "worse", "worse than random") == (worse.raw, worse.controlled, worse.answer)


def test_nothing_is_claimed_from_one_trial() -> None:
    """However large a gain is, one trial says nothing of others; and the row says so."""
    sure = row(match([1.0] * 40), wanted=3)
    (concluded,) = conclude([sure])
    assert ("cannot tell", "cannot tell", None) == (concluded.raw, concluded.answer, concluded.p_value_holm)
    assert "one random trial" in study_markdown(results(concluded))
    assert "1 of 3 matches are done" in study_markdown(results(concluded))


def test_p_values_are_adjusted_over_all_rows() -> None:
    """A gain that would be significant by itself is not so among ten; a larger one is."""
    slight = row(match([1.0] * 28 + [0.0] * 12), match([1.0] * 28 + [0.0] * 12, trial=2))
    sure = row(match([1.0] * 39 + [0.0]), match([1.0] * 39 + [0.0], trial=2))
    (alone,) = conclude([slight])
    assert "better" == alone.raw
    among = conclude([sure, *[slight] * 9])
    assert ["better", *["cannot tell"] * 9] == [each.raw for each in among]


@pytest.mark.parametrize(
    ("raw", "controlled", "ratio", "answer"),
    [
        ("better", "better", 1.5, "better than random"),
        ("cannot tell", "better", 0.8, "better than random"),
        ("worse", "better", 0.8, "only shorter"),
        ("better", "cannot tell", 1.5, "only longer"),
        ("better", "worse", 1.5, "only longer"),
        ("better", "cannot tell", 0.9, "cannot tell"),
        ("worse", "worse", 0.9, "worse than random"),
        ("cannot tell", "worse", 1.2, "worse than random"),
        ("worse", "cannot tell", 0.9, "only shorter"),
        ("worse", "cannot tell", 1.1, "cannot tell"),
        ("cannot tell", "cannot tell", 1.0, "cannot tell"),
    ],
)
def test_answers(raw: Any, controlled: Any, ratio: float, answer: str) -> None:
    """The answer follows from both verdicts and from whose answers are longer."""
    assert answer == _answer(raw, controlled, ratio)


def test_no_pair_judged() -> None:
    """Where nothing could be judged, nothing is said, and no number is made up."""
    nothing = [replace(each, outcome=None, preferences=(None, None)) for each in verdicts(EVEN)]
    empty = row(MatchVerdicts(name="match", trial=1, seed=0, verdicts=nothing))
    (concluded,) = conclude([empty])
    assert (None, None) == (concluded.estimate.rates.win_rate, concluded.estimate.lc_p_value)
    assert "cannot tell" == concluded.answer
    assert "no pair was judged" in study_page(results(concluded))


def results(*rows: StudyRow, **fields: Any) -> StudyResults:
    """Results of these rows."""
    floors = {id(each.floor): each.floor for each in rows if each.floor is not None}
    values: dict[str, Any] = {
        "name": "study",
        "judge": "openai/test-judge",
        "note": None,
        "rows": tuple(rows),
        "floors": tuple(floors.values()),
        "trials": 2,
        "seeds": (0,),
        "testsets": {"mini": 40},
    }
    return StudyResults(**(values | fields))


@pytest.fixture(scope="module")
def shown() -> StudyResults:
    """Four rows of two budgets, with everything that can be shown."""
    floor = Floor(data="pool", budget=100, matches=estimate_runs([match(EVEN[:39], trial=1)], draws=2).matches)
    other = replace(floor, budget=5000)
    shared = Overlap(other="random", count=10.5, jaccard=0.05, by_chance=10.0, than_chance="as many")
    cost = SelectionCost(rows=100, pool=1000, scored=900, from_store=100, calls=0, cost_usd=0.0, seconds=12.5)
    paid = SelectionCost(rows=100, pool=1000, scored=None, from_store=None, calls=1000, cost_usd=0.5, seconds=0.2)
    won = [match(WON, longer=200), match(WON, trial=2, longer=200)]
    rows = conclude(
        [
            row(*won, floor=floor, overlaps=(shared,), cost=cost),
            row(match(EVEN), match(EVEN, trial=2), strategy="score", floor=floor, cost=paid),
            row(*won, budget=5000, floor=other, overlaps=(shared, replace(shared, other="score", count=3))),
            row(match(EVEN), budget=5000, strategy="score", floor=other),
        ]
    )
    trouble = Trouble(name="pool--ifd--100--s0", stage="training", error="no room on the disk")
    return results(
        *rows, waiting=("a", "b"), troubles=(trouble,), facts=(("preset", "tiny-cpu"),), command="longismore study x"
    )


def test_table_fits_80_columns(shown: StudyResults) -> None:
    """No line is wider than a terminal, and answers, floor and notes are all there."""
    out = io.StringIO()
    Console(file=out, width=80).print(study_table(shown))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    for expected in (
        "longest, 100 only longer 75.0 (",
        "longest, 5,000",
        "(10.0 by chance)",
        "pool, 100 rows: random against random: raw 51.3%",
        "score, 100; score, 5,000: raw and at equal length no farther from 50% than one random trial from another",
        "score, 5,000: one random trial: how far random selections lie apart is unknown, so nothing is claimed",
        "2 matches are not judged yet",
        "pool--ifd--100--s0 failed while training: no room on the disk",
        "2 random trials say little",
        "one training seed",
    ):
        assert expected in text


def test_markdown_says_the_same(shown: StudyResults) -> None:
    """Every row has its answer, both rates, and what its selection took."""
    text = study_markdown(shown)
    assert "| longest, 100 | only longer | 75.0 (" in text
    assert "900 scores, 100 from the store, 12.5 s" in text
    assert r"1,000 calls, US\$ 0.50, 0.2 s" in text


def test_page_is_whole(shown: StudyResults) -> None:
    """The page is one of our pages: nothing but its own style and script, sections for all that was found."""
    html = study_page(shown)
    page = Page(html)
    assert "style" not in {name for _, names in page.elements for name in names}
    for expected in ("Better than random, or only longer?", "Noise floor", "What selecting took", "longest and score"):
        assert expected in html
    assert "<strong>only longer</strong>" in html


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_names_do_nothing(shown: StudyResults, text: str) -> None:
    """A name from a file, an error or a judge cannot close a tag, a cell or a line."""
    rows = [replace(each, strategy=text, data=text) for each in shown.rows]
    changes = {"name": text, "judge": text, "note": text, "command": text, "facts": ((text, text),)}
    trouble = Trouble(name=text, stage=text, error=text)
    bad = replace(shown, rows=tuple(rows), troubles=(trouble,), testsets={text: 1}, **changes)
    html = study_page(bad)
    tags = [name for name, _ in Page(html).elements]
    assert set(tags) <= {name for name, _ in Page(study_page(shown)).elements}
    assert 1 == tags.count("script")
    lines = study_markdown(bad).splitlines()
    cells = [line for line in lines if line.startswith("| ")]
    assert 2 + len(bad.rows) == len(cells)
    Console(file=io.StringIO(), width=80).print(study_table(bad))


def test_picture(shown: StudyResults, tmp_path: Path) -> None:
    """The same results give the same bytes."""
    pytest.importorskip("matplotlib")
    for name in ("one.png", "two.png"):
        write_study_figure(shown, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_results_as_json(shown: StudyResults) -> None:
    """What is unknown is null, and p values of single comparisons are left out."""
    told = shown.to_dict()
    assert ["only longer", "cannot tell", "only longer", "cannot tell"] == [each["answer"] for each in told["rows"]]
    assert told["rows"][3]["p_value_holm"] is None
    assert told["rows"][3]["selection"] is None
    assert "p_value_holm" not in told["rows"][0]["rates"]
    assert [100, 5000] == [each["budget"] for each in told["noise_floor"]]
