"""Comparisons of MT-Bench: FastChat's wins, losses and ties, and how steady the judge was."""

from __future__ import annotations

import json
import random
from argparse import Namespace
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore._jsonl import write_jsonl
from longismore.errors import DataError
from longismore.reports.mtbench import TurnComparison, compare_models, rate_notes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_WINNERS = ("model_1", "model_2", "tie")
_winners = st.sampled_from([*_WINNERS, None])


def compared(first: Any, second: Any, question: int = 81, turn: int = 1, **fields: Any) -> TurnComparison:
    """A comparison of ``tuned`` with ``base`` by gpt-4: who won in the first order, and in the second."""
    values = {"category": "writing", "model_1": "tuned", "model_2": "base", "judge": "gpt-4"} | fields
    return TurnComparison(question=question, turn=turn, winner_1st=first, winner_2nd=second, **values)


def three_models() -> list[TurnComparison]:
    """480 comparisons, in both orders, of three models with each other; some cannot be read."""
    drawn = random.Random(3)
    rows = []
    for (one, other), question, turn in product(
        (("tuned", "base"), ("longest", "base"), ("tuned", "longest")), range(81, 161), (1, 2)
    ):
        first: str | None = drawn.choices(_WINNERS, [4, 2, 1])[0]
        second = first if drawn.random() < 0.7 else drawn.choice([*_WINNERS, None])
        rows.append(compared(first, second, question, turn, model_1=one, model_2=other))
    return rows


def test_every_pair_of_verdicts_has_its_place() -> None:
    """A win needs both orders; any difference between them, a tie on one side too, is inconsistent."""
    rows = [compared(first, second, 81 + number) for number, (first, second) in enumerate(product(_WINNERS, repeat=2))]
    rates = {rate.model: rate for rate in compare_models(rows)}
    tuned, base = rates["tuned"], rates["base"]
    assert (9, 1, 1, 1, 6) == (tuned.n, tuned.wins, tuned.losses, tuned.ties, tuned.inconsistent)
    assert (1 / 9, 1 / 9, 0.5, 1 / 3) == (
        tuned.win_rate, tuned.loss_rate, tuned.adjusted.mean, tuned.consistency.mean,
    )  # fmt: skip
    assert (1, 1) == (tuned.toward_first, tuned.toward_second)
    assert (("base",), ("tuned",), None) == (tuned.opponents, base.opponents, tuned.baseline)


def test_fastchat_counts_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own program prints the wins, losses, ties and rates, against a baseline and among all."""
    pytest.importorskip("pandas")
    shown = pytest.importorskip("fastchat.llm_judge.show_result")
    rows = three_models()
    path = tmp_path / "gpt-4_pair.jsonl"
    write_jsonl(
        path,
        [
            {"model_1": row.model_1, "model_2": row.model_2}
            | {"g1_winner": row.winner_1st or "error", "g2_winner": row.winner_2nd or "error"}
            for row in rows
        ],
    )
    for baseline in ("base", None):
        shown.display_result_pairwise(Namespace(input_file=path, baseline_model=baseline, model_list=None))
        lines = [line.split() for line in capsys.readouterr().out.splitlines()[3:]]
        expected = [
            [rate.model, rate.wins, rate.losses, rate.ties + rate.inconsistent]
            + [pytest.approx(number, abs=1e-6) for number in (rate.win_rate, rate.loss_rate, rate.adjusted.mean)]
            for rate in compare_models(rows, baseline=baseline)
        ]
        assert expected == [[line[0], *map(int, line[1:4]), *map(float, line[4:])] for line in lines]


def test_baseline_leaves_out_other_comparisons() -> None:
    """Only comparisons with it count, and it has no row of its own."""
    rates = compare_models(three_models(), baseline="base")
    assert {"tuned", "longest"} == {rate.model for rate in rates}
    assert {("base", ("base",), 160)} == {(rate.baseline, rate.opponents, rate.rows) for rate in rates}


def test_unknown_baseline_is_named() -> None:
    """With the models that there are."""
    with pytest.raises(DataError, match=r'the baseline "gpt-3\.5-turbo"; models that were compared: base, tuned'):
        compare_models((row for row in [compared("tie", "tie")]), baseline="gpt-3.5-turbo")


def test_unreadable_orders_count_nowhere() -> None:
    """One readable order is no verdict; the rows are counted."""
    rows = [compared("model_1", None), compared(None, "model_1", 82), compared(None, None, 83)]
    assert [(0, 3, None, None)] * 2 == [
        (rate.n, rate.unread, rate.win_rate, rate.adjusted.mean) for rate in compare_models(rows)
    ]
    tuned, base = compare_models([*rows, compared("model_1", "model_1", 84)])
    assert (1, 1, 3, 1.0, 0.0) == (tuned.n, tuned.wins, tuned.unread, tuned.adjusted.mean, base.adjusted.mean)
    assert "tuned: 3 rows of 4 without a verdict in both orders, in no rate" in rate_notes([tuned, base])


@given(st.lists(st.tuples(_winners, _winners, st.integers(81, 90)), min_size=1, max_size=30))
def test_two_models_mirror_each_other(rows: list[tuple[Any, Any, int]]) -> None:
    """What one wins the other loses; the test is one and the same, so nothing is corrected for a second."""
    rates = {rate.model: rate for rate in compare_models([compared(*row) for row in rows])}
    tuned, base = rates["tuned"], rates["base"]
    assert (tuned.wins, tuned.losses, tuned.ties, tuned.n) == (base.losses, base.wins, base.ties, base.n)
    assert tuned.p_value_holm == tuned.p_value == pytest.approx(base.p_value)
    if tuned.n:
        assert tuned.adjusted.mean == pytest.approx(1 - (base.adjusted.mean or 0))
        assert tuned.adjusted.mean_ci == pytest.approx(
            tuple(1 - limit for limit in (base.adjusted.mean_ci or ())[::-1])
        )


def test_turns_of_a_question_are_no_new_questions() -> None:
    """The same verdicts on second turns make the interval no narrower, and neither do more rows of one turn."""
    verdicts = ["model_1", "model_1", "tie", "model_2", "model_1", "model_1"]
    rows = [compared(said, said, 81 + number) for number, said in enumerate(verdicts)]
    more = [compared(row.winner_1st, row.winner_2nd, row.question, 2) for row in rows]
    once, twice, again = (compare_models(each)[0] for each in (rows, [*rows, *more], [*rows, *rows]))
    assert once.adjusted.mean_ci == pytest.approx(twice.adjusted.mean_ci)
    assert once.adjusted.mean_ci == pytest.approx(again.adjusted.mean_ci)
    assert [0, 0, 6] == [rate.repeated for rate in (once, twice, again)]
    assert (6, 6) == (twice.first.n, twice.second.n)
    assert "6 rows for a turn that was compared already" in rate_notes([again])[1]


def test_turns_against_several_are_not_repeated() -> None:
    """A turn against another opponent is another row; who was named first does not matter."""
    rows = [
        compared("model_1", "model_1"),
        compared("model_1", "model_1", model_2="longest"),
        compared("model_2", "model_2", model_1="base", model_2="tuned"),
    ]
    tuned = compare_models(rows)[0]
    assert ("tuned", 3, 1, ("base", "longest")) == (tuned.model, tuned.wins, tuned.repeated, tuned.opponents)


def test_unsteady_judges_are_pointed_out() -> None:
    """How often the verdict held, and where it went when it flipped."""
    rows = [compared("model_1", "model_2", 81 + number) for number in range(3)]
    rows += [compared("model_2", "model_1", 90), compared("tie", "tie", 91)]
    assert (
        "gpt-4 kept its verdict when the answers changed places in 20.0% of the comparisons; of those that flipped, "
        "75.0% to the first place: it is unsteady"
    ) == rate_notes(compare_models(rows))[0]


def test_judges_and_categories_are_told_apart() -> None:
    """Rates of one judge say nothing of another's."""
    rows = [
        compared("model_1", "model_1", category="math"),
        compared("model_2", "model_2", 82, category=None),
        compared("model_2", "model_2", judge="strict"),
    ]
    rates = compare_models(rows)
    assert [("gpt-4", "base", 0.5), ("gpt-4", "tuned", 0.5), ("strict", "base", 1.0), ("strict", "tuned", 0.0)] == [
        (rate.judge, rate.model, rate.adjusted.mean) for rate in rates
    ]
    assert {"math": 1.0} == {name: mean.mean for name, mean in rates[1].categories.items()}
    assert "2 rows whose category is not known, in no category" == rate_notes(rates)[-1]


def test_rates_are_plain_json() -> None:
    """Full precision, nested means included."""
    documents: Sequence[dict[str, Any]] = json.loads(
        json.dumps([rate.to_dict() for rate in compare_models(three_models(), baseline="base")])
    )
    assert {"longest", "tuned"} == {each["model"] for each in documents}
    for document in documents:
        assert ["base"] == document["opponents"]
        assert document["adjusted"]["n"] == document["n"] == document["categories"]["writing"]["n"]
        assert 2 == len(document["consistency"]["mean_ci"])
