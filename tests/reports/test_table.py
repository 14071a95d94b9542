"""The tables: what they say, and that a narrow terminal does not break a number."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from longismore.records import Outcome, Status
from longismore.reports import explain, markdown_table, results_table, summarize
from longismore.reports._words import percent_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.records import Verdict
    from longismore.reports import Results

SETS = {"koala": 180, "lima": 300, "sinstruct": 252, "vicuna": 80, "wizardlm": 218}


def _render(results: Results, width: int, **names: str | None) -> str:
    table = results_table(
        results,
        reference=names.get("reference") or "llama-2-alpaca-52k",
        candidate=names.get("candidate") or "longest-1k",
        judge=names.get("judge") or "openai/gpt-4.1",
        note=names.get("note"),
    )
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture(name="five", scope="module")
def _five(make: Callable[..., Verdict]) -> Results:
    """The five sets: two wins and a loss in turn, longer answers, some calls that gave nothing."""
    verdicts = []
    for name, size in SETS.items():
        verdicts += [make(float(i % 3 > 0), float(i % 3 > 0), testset=name, chars=(100, 150)) for i in range(size - 10)]
        verdicts += [make(1.0, None, testset=name) for _ in range(8)]
        verdicts += [make(None, None, testset=name, statuses=(Status.REFUSED, Status.FAILED)) for _ in range(2)]
    return summarize(verdicts)


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_too_long_and_every_number_is_whole(five: Results, width: int) -> None:
    """In 80 and 120 columns each set has one line with its name, its count and its rate unbroken."""
    lines = _render(five, width).splitlines()
    assert width >= max(len(line) for line in lines)
    assert "…" not in "".join(lines)
    for name, rates in [*five.testsets.items(), ("pooled", five.pooled)]:
        (line,) = [line for line in lines if line.startswith(f"{name} ")]
        assert f" {rates.n} " in line
        assert f" {rates.wins}/{rates.ties}/{rates.losses} " in line
        assert f" {100 * (rates.win_rate or 0):.1f} (" in line


def test_what_is_not_judged_stands_in_the_row(five: Results) -> None:
    """Koala has 8 partial pairs and 2 without an order, from 8 unparsed, 2 refused and 2 failed calls."""
    koala = _render(five, 80).split("koala")[1].split("lima")[0]
    found = [part for part in ("8 partial", "2 missing", "8 unparsed", "2 refused", "2 failed") if part in koala]
    assert ["8 partial", "2 missing", "8 unparsed", "2 refused", "2 failed"] == found


def test_one_set_needs_no_pooled_row(make: Callable[..., Verdict]) -> None:
    """The pool of one set is that set; it is not shown twice."""
    assert "pooled" not in _render(summarize([make(1.0, 1.0)]), 80)


def test_long_names_fold_and_markup_is_text(make: Callable[..., Verdict]) -> None:
    """A test set with a long name and a model named like markup are shown as they are."""
    name = "a_test_set_with_quite_a_long_name"
    page = _render(summarize([make(1.0, 1.0, testset=name)]), 80, candidate="[bold]x[/bold]\x1b[2J")
    row = page.split("─\n")[1].split("\n" + " " * 9)[0]
    assert "[bold]x[/bold]\ufffd[2J against" in page
    assert name == "".join(line.split()[0] for line in row.splitlines())


def test_nothing_given_is_said(make: Callable[..., Verdict]) -> None:
    """Without pairs the table has one row of dashes and says that there is no result."""
    assert "no pair was judged in both orders (0 of 0): there is no result" in _render(summarize([]), 120)
    assert ["no pair was judged in both orders (0 of 1): there is no result", "a control"] == explain(
        summarize([make(1.0, None)]), note="a control"
    )


def test_the_result_in_words(make: Callable[..., Verdict]) -> None:
    """103 wins of 180 pairs, 1.21 times as long, 147 pairs with the same outcome: 57.2%, 81.7%."""
    wins = [make(1.0, 1.0, chars=(100, 121)) for _ in range(70)]
    wins += [make(1.0, 0.5, chars=(100, 121)) for _ in range(33)]
    losses = [make(0.0, 0.0, chars=(100, 121)) for _ in range(77)]
    results = summarize(wins + losses)
    low, high = results.pooled.win_rate_ci or (0.0, 0.0)
    said = explain(results)
    assert [said[0], *said[3:]] == [
        (
            f"candidate wins 57.2% ({100 * low:.1f}\u2013{100 * high:.1f}) of 180 pairs, a tie counting half; its "
            "answers are 1.21x as long as the reference's; the judge kept its verdict in 81.7% of the pairs when the "
            "order was swapped"
        ),
        (
            "the interval includes 50%: these pairs do not show which model is better; they would find a difference of "
            "10.4 points"
        ),
        results.pooled.length_warning,
    ]


def test_better_or_only_longer_in_words(make: Callable[..., Verdict]) -> None:
    """The answer comes second with its reason, then what length is worth to the judge."""
    verdicts = [make(float(i % 4 > 0), float(i % 4 > 0), chars=(100, 60 + i)) for i in range(80)]
    _, answer, length, *_ = explain(summarize(verdicts))
    rates = summarize(verdicts).pooled
    assert answer == f"better, or only longer? better: {rates.length_reason}"
    assert "at equal length the candidate is preferred in" in answer
    assert "75.0%" in answer
    assert length.startswith("length: this judge gives ")
    assert "for an answer twice as long as the reference's" in length


def test_test_sets_that_decide_by_themselves_are_named(make: Callable[..., Verdict]) -> None:
    """Holm's correction is made, and said; with one test set there is nothing to correct."""
    clear = [make(1.0, 1.0, testset="koala") for _ in range(30)]
    even = [make(float(i % 2), float(i % 2), testset="lima") for i in range(30)]
    sentence = "test sets that differ from 50% by themselves, after Holm's correction for 2: "
    assert f"{sentence}koala" in explain(summarize(clear + even))
    assert f"{sentence}none" in explain(summarize([*even, *(replace(each, testset="vicuna") for each in even)]))
    assert not [line for line in explain(summarize(clear)) if "Holm" in line]


def test_one_order_claims_nothing_of_the_other(make: Callable[..., Verdict]) -> None:
    """Where the judge saw one order of each pair, no steadiness is claimed."""
    verdicts = [
        replace(make(1.0, None), outcome=Outcome.WIN, one_order=True, statuses=(Status.JUDGED, None)) for _ in range(9)
    ]
    assert "the judge saw each pair in one order only" in explain(summarize(verdicts))[0]


def test_every_warning_in_words(make: Callable[..., Verdict]) -> None:
    """Long answers that win, a judge that follows the order, and missing pairs are each said, the note first."""
    verdicts = [make(1.0, 0.5, chars=(100, 126)) for _ in range(30)] + [make(None, 1.0)]
    results = summarize(verdicts)
    assert explain(results, note="a heuristic")[3:] == [
        "a heuristic",
        results.pooled.length_warning,
        "the judge is unsteady: in 100.0% of the pairs its verdict depends on the order",
        "1 of 31 pairs (3.2%) are not judged and enter no rate; the others may not stand for them",
    ]


def test_no_warning_without_reason(make: Callable[..., Verdict]) -> None:
    """A clear, steady and complete result is the rate, the answer and what length is worth; nothing warns."""
    verdicts = [make(float(i % 9 > 0), float(i % 9 > 0), chars=(100, 50 + i % 100)) for i in range(500)]
    assert 3 == len(explain(summarize(verdicts)))


def test_a_single_pair_is_one_pair_of_unknown_length(make: Callable[..., Verdict]) -> None:
    """One pair is singular, and no length is claimed when the reference wrote nothing."""
    (first, *_) = explain(summarize([make(1.0, 1.0, chars=(0, 9))]))
    assert first == (
        "candidate wins 100.0% (0.0\u2013100.0) of 1 pair, a tie counting half; "
        "the judge kept its verdict in 100.0% of the pairs when the order was swapped"
    )


def test_the_note_stands_below_the_table(make: Callable[..., Verdict]) -> None:
    """A control says so wherever its numbers show."""
    assert "note: a control: prefers the longer answer" in _render(
        summarize([make(1.0, 1.0)]), 80, note="a control: prefers the longer answer"
    )


def test_markdown_has_eleven_cells_in_every_row(make: Callable[..., Verdict]) -> None:
    """A pipe in the name of a set does not open a cell."""
    results = summarize([make(1.0, 1.0, testset="a|b"), make(None, 1.0, testset="<i>")])
    page = markdown_table(results)
    rows = [line.replace("\\|", "").count("|") - 1 for line in page.splitlines()]
    assert [11] * 5 == rows
    controlled = percent_interval(results.pooled.lc_win_rate, results.pooled.lc_win_rate_ci)
    assert f"| a\\|b | 1 | 1 | 0 | 0 | 100.0 (0.0\u2013100.0) | {controlled} | 2.000 | 100.0 | 1.00x | 0 |" in page
    assert "| &lt;i&gt; | 0 | 0 | 0 | 0 | \u2013 | \u2013 | \u2013 | \u2013 | \u2013 | 1 partial, 1 unparsed |" in page


def test_importing_reports_loads_neither_numpy_nor_rich_nor_scipy() -> None:
    """Programs that only count do not wait for libraries."""
    code = "import longismore.reports, sys; print([m for m in ('numpy', 'rich', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
