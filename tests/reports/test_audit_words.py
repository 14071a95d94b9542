"""What an audit says in sentences, and its tables for the terminal and for Markdown."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from longismore.records import Judged, Outcome, Status
from longismore.reports._audit.table import audit_markdown, audit_tables
from longismore.reports._audit.words import audit_sentences, sign_test
from longismore.reports.audit import Audit, audit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.records import Judgment, Verdict

Sides = tuple[float | None, float | None]
KEPT, FIRST, SECOND, TIE = (1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.5, 0.5)


@pytest.fixture(name="judge")
def _judge(make: Callable[..., Verdict]) -> Callable[..., Judged]:
    """Make what a judge said of the pairs 0, 1, 2 and so on."""

    def judge(sides: Sequence[Sides], name: str = "gpt", **fields: Any) -> Judged:
        verdicts = [
            replace(make(*both, **fields), id=str(number), prompt=str(number)) for number, both in enumerate(sides)
        ]
        return Judged(judge=name, fingerprint=None, reference="r", candidate="c", verdicts=tuple(verdicts))

    return judge


def said(*parts: Judged, **options: Any) -> list[str]:
    """The sentences of an audit."""
    return audit_sentences(audit(parts, draws=50, **options))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (0, "gpt changes its verdict with the order in 0.0% of 100 pairs: it is steady"),
        (10, "gpt changes its verdict with the order in 10.0% of 100 pairs: it is steady"),
        (11, "gpt changes its verdict with the order in 11.0% of 100 pairs: ask it in both orders"),
        (30, "gpt changes its verdict with the order in 30.0% of 100 pairs: ask it in both orders"),
        (31, "gpt changes its verdict with the order in 31.0% of 100 pairs: do not use it one-way"),
    ],
)
def test_a_judge_that_changes_with_the_order_is_not_for_one_way(
    judge: Callable[..., Judged], changed: int, sentence: str
) -> None:
    """Up to 10 % it is steady, up to 30 % both orders help, beyond it must not be used one-way."""
    sides = [(1.0, 0.5)] * changed + [KEPT] * (100 - changed)
    assert sentence in said(judge(sides))


def test_flips_to_one_side_are_named_unless_they_may_be_chance(judge: Callable[..., Judged]) -> None:
    """9 of 10 are no accident (p = 0.02), 8 of 10 may be (p = 0.11); no flip, no sentence."""
    favours = "gpt favours the answer shown second: in 9 of the 10 pairs that it reverses that one wins both times"
    assert favours in said(judge([SECOND] * 9 + [FIRST]))
    assert "gpt reverses 10 pairs, without favouring a place (8 first, 2 second)" in said(
        judge([FIRST] * 8 + [SECOND] * 2)
    )
    assert not [sentence for sentence in said(judge([KEPT] * 40)) if "revers" in sentence]


@pytest.mark.parametrize("counts", [(0, 1), (3, 9), (5, 5), (19, 216), (0, 3000), (1480, 1520)])
def test_the_sign_test_agrees_with_scipy(counts: tuple[int, int]) -> None:
    """Two-sided, exact, and without overflow for thousands of flips."""
    stats = pytest.importorskip("scipy.stats")
    assert sign_test(*counts) == pytest.approx(stats.binomtest(counts[0], sum(counts)).pvalue, rel=1e-9)


def test_a_preference_for_length_is_said_with_the_gain(judge: Callable[..., Judged]) -> None:
    """It needs an interval off one half; ties and equal lengths do not count."""
    longer = said(judge([KEPT] * 80 + [(0.0, 0.0)] * 20, chars=(100, 200)))
    assert any(
        sentence.startswith("gpt prefers the longer answer in 80.0% of 100 decided pairs") for sentence in longer
    )
    assert longer[-2].endswith(
        "; these pairs do not tell what it gives for length alone"
    )  # all are equally much longer
    shorter = said(judge([KEPT] * 80 + [(0.0, 0.0)] * 20, chars=(200, 100)))
    assert any(sentence.startswith("gpt prefers the shorter answer in 80.0% of 100") for sentence in shorter)
    neither = said(judge([KEPT] * 52 + [(0.0, 0.0)] * 48, chars=(100, 200)))
    assert any("shows no preference for longer or shorter answers in 100 decided pairs" in each for each in neither)
    assert not [each for each in said(judge([TIE] * 40, chars=(100, 200))) if "decided" in each]


def test_what_length_gives_is_said_where_the_pairs_tell(judge: Callable[..., Judged]) -> None:
    """Longer and shorter answers, of which the longer one wins three times of four."""
    longer, shorter = (judge([KEPT] * 300 + [(0.0, 0.0)] * 100, chars=chars) for chars in ((100, 200), (200, 100)))
    lost = [replace(each, id=f"s{each.id}", prompt=f"s{each.prompt}") for each in shorter.verdicts]
    turned = {Outcome.WIN: (Outcome.LOSE, (0.0, 0.0)), Outcome.LOSE: (Outcome.WIN, KEPT)}
    lost = [
        replace(each, outcome=turned[each.outcome][0], preferences=turned[each.outcome][1])
        for each in lost
        if each.outcome is not None
    ]
    (sentence,) = [each for each in said(replace(longer, verdicts=(*longer.verdicts, *lost))) if "decided" in each]
    found = re.fullmatch(
        r"gpt prefers the longer answer in 75.0% of 800 decided pairs; it gives \+(\S+) points for twice the length",
        sentence,
    )
    assert found is not None
    assert 15 < float(found[1]) < 30


def test_unread_answers_are_a_warning_from_two_percent_on(judge: Callable[..., Judged]) -> None:
    """None, one of 100 calls, and three of 100."""
    assert "gpt could be read in all 100 calls" in said(judge([KEPT] * 50))
    one = said(judge([KEPT] * 49 + [(1.0, None)]))
    assert "gpt could not be read in 1 of 100 calls (1 unparsed)" in one
    many = judge([KEPT] * 48 + [(None, 1.0)])
    failed = judge([(None, None)], statuses=(Status.FAILED, Status.REFUSED)).verdicts[0]
    many = replace(many, verdicts=(*many.verdicts, replace(failed, id="last")))
    warned = "gpt could not be read in 3 of 100 calls (1 unparsed, 1 refused, 1 failed): the rates are without these"
    assert any(sentence.startswith(warned) for sentence in said(many))


def test_little_is_said_to_be_little(judge: Callable[..., Judged]) -> None:
    """Fewer than 30 pairs are too few, and no pair in both orders says nothing of the order."""
    assert "gpt was audited on 29 pairs only: too few for any of this to be certain" in said(judge([KEPT] * 29))
    assert not [sentence for sentence in said(judge([KEPT] * 30)) if "too few" in sentence]
    unread = said(judge([(1.0, None)]))
    assert "gpt was read in both orders on no pair: what the order does to it is not known" in unread
    verdict = replace(judge([(1.0, None)]).verdicts[0], outcome=Outcome.WIN, one_order=True)
    by_design = said(replace(judge([]), verdicts=(verdict,)))
    assert "gpt was asked in one order only: what the order does to it is not known" in by_design


def test_gold_labels_are_compared_with_a_coin(judge: Callable[..., Judged]) -> None:
    """80 % of 100 calls is better than a coin, 50 % is not."""
    labels = {("koala", str(number)): 1.0 for number in range(50)}
    good = said(judge([KEPT] * 40 + [(0.0, 0.0)] * 10), gold=labels)
    assert "gpt agrees with the gold label in 80.0% of 100 calls, in both orders in 80.0% of 50 pairs" in good
    poor = said(judge([FIRST] * 50), gold=labels)
    expected = "gpt agrees with the gold label in 50.0% of 100 calls, in both orders in 0.0% of 50 pairs"
    assert f"{expected}: no better than a coin" in poor


def test_repetitions_are_a_warning_below_ninety_percent(
    make_judgment: Callable[..., Judgment], judge: Callable[..., Judged]
) -> None:
    """Every fourth answer changes when it is asked again."""
    judgments = [
        replace(make_judgment(), id=str(number), preference=float(day and number % 4 > 0), created=str(day))
        for number in range(8)
        for day in (0, 1)
    ]
    judgments = [replace(each, preference=1.0 if each.created == "0" else each.preference) for each in judgments]
    sentence = "gpt says the same in 75.0% of 8 calls asked again: one run is not enough"
    assert sentence in said(replace(judge([KEPT] * 8), judgments=tuple(judgments)))
    same = [replace(each, preference=1.0) for each in judgments]
    assert "gpt says the same in 100.0% of 8 calls asked again" in said(
        replace(judge([KEPT] * 8), judgments=tuple(same))
    )


def test_two_judges_are_compared_by_kappa(judge: Callable[..., Judged]) -> None:
    """From 0.8 on one can stand in for the other, below 0.4 it must not; by lot nobody knows."""
    half = [KEPT] * 50 + [(0.0, 0.0)] * 50

    def compared(changed: int) -> str:
        other = [(0.0, 0.0)] * changed + half[changed:]
        return said(judge(half), judge(other, name="other"))[-1]

    start = "gpt and other agree in"
    assert f"{start} 95.0% of 100 pairs, in 95.0% of the 100 that neither calls a tie (kappa 0.90): " in compared(5)
    assert compared(10).endswith("(kappa 0.80): one can stand in for the other")
    assert compared(20).endswith("(kappa 0.60): compare only results of the same judge")
    assert compared(40).endswith("(kappa 0.20): do not replace one by the other")
    alike = said(judge([TIE] * 5), judge([TIE] * 5, name="other"))[-1]
    assert f"{start} 100.0% of 5 pairs; whether more than by chance cannot be said" == alike
    apart = replace(judge([KEPT], name="other"), candidate="another")
    assert "gpt and other judged no pair in common" == said(judge(half), apart)[-1]
    unread = judge([(None, None)], name="other")
    assert "gpt and other have no pair that both judged" == said(judge(half), unread)[-1]


def test_three_judges_have_one_alpha(judge: Callable[..., Judged]) -> None:
    """Two agree and the third contradicts them: alpha is below 0."""
    half = [KEPT] * 50 + [(0.0, 0.0)] * 50
    sentences = said(judge(half), judge(half, name="two"), judge(half[::-1], name="three"))
    assert "all 3 judges together: Krippendorff's alpha -0.33 on 100 pairs that at least two judged" == sentences[-1]


@pytest.fixture(name="hostile")
def _hostile(judge: Callable[..., Judged]) -> Audit:
    """Two judges with names that would do something to a terminal or to Markdown, and two test sets."""
    names = ("a\x1b[31m|b\u202e", "[bold]provider/a-model-with-quite-a-long-name-2025-01-01[/bold]")
    parts = [judge([KEPT, FIRST, TIE, (0.0, 0.0)] * 400, name=name) for name in names]
    parts += [judge([KEPT, SECOND, (0.0, 1.0)] * 400, name=name, testset="set|`two`") for name in names]
    labels = {("koala", str(number)): 1.0 for number in range(1000)}
    return audit(parts, gold=labels, draws=20)


def test_tables_fit_80_columns_and_do_nothing_to_the_terminal(hostile: Audit) -> None:
    """Names break, numbers do not; control characters and markup are shown as they are."""
    out = io.StringIO()
    console = Console(file=out, width=80)
    for table in audit_tables(hostile):
        console.print(table)
    shown = out.getvalue()
    assert ["Order and length", "Against gold labels", "Between judges"] == [
        str(table.title) for table in audit_tables(hostile)
    ]
    assert not [character for character in shown if character in "\x1b\u202e\N{HORIZONTAL ELLIPSIS}"]
    assert "[bold]" in shown
    assert not [character for character in "".join(audit_sentences(hostile)) if character in "\x1b\u202e"]
    for figures in hostile.judges:
        assert f"{100 * (figures.pooled.order.swap_consistency or 0):.1f}" in shown


def test_markdown_has_every_row_and_escapes_names(hostile: Audit) -> None:
    """Two judges and their two sets, pooled first; a name cannot end its cell."""
    text = audit_markdown(hostile, ["a probe found `this`"])
    lines = text.splitlines()
    assert "# Audit of judges" == lines[0]
    assert "- a probe found \\`this\\`" in lines
    tables = [line for line in lines if line.startswith("| ")]
    assert 3 * 2 + 6 + 6 + 3 == len(tables)
    for line in tables:
        columns = line.replace("\\|", "").count("|")
        assert columns in {7, 9}
    decided = hostile.pairs[0].pooled
    assert f"| {100 * (decided.agreement_decided or 0):.1f} of {decided.n_decided} (" in text
    assert 5 == sum("| set\\|\\`two\\` |" in line for line in tables)
    assert "\x1b" not in text


def test_costs_have_a_table_where_something_is_known(
    make_judgment: Callable[..., Judgment], judge: Callable[..., Judged]
) -> None:
    """Tokens and seconds are shown, and so is that no cost is known."""
    part = replace(judge([KEPT]), judgments=(make_judgment(),))
    found = audit([part], draws=20)
    assert ["Order and length", "Calls"] == [str(table.title) for table in audit_tables(found)]
    assert "| gpt | all | 2 | 0 | – | – | 1 | 300 | 12 | 0.25 |" in audit_markdown(found)  # noqa: RUF001
