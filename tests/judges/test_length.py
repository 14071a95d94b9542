from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from longismore.errors import ConfigError
from longismore.judges import JudgeOptions, combine, make_judge
from longismore.records import Order, Outcome, Status
from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from longismore.records import Judgment, Pair


def judged(pairs: list[Pair], path: Path) -> list[Judgment]:
    """What the judge says, with proof that it stored nothing."""
    made: list[Judgment] = []
    judge = make_judge("length", JudgeOptions())
    with Store(path / "store.sqlite") as store:
        judge.check([], store)
        judge.judge(pairs, store=store, on_judgment=made.append)
        assert store.count() == 0
    return made


@pytest.mark.parametrize(
    ("reference", "candidate", "expected"),
    [
        ("four", "three!", Outcome.WIN),
        ("longer one", "short", Outcome.LOSE),
        ("same", "size", Outcome.TIE),
        ("", "", Outcome.TIE),
    ],
)
def test_longer_answer_wins(
    reference: str, candidate: str, expected: Outcome, make_pair: Callable[..., Pair], tmp_path: Path
) -> None:
    """The longer answer wins in both orders; equal lengths are a tie."""
    pair = make_pair(reference=reference, candidate=candidate)
    made = judged([pair], tmp_path)
    assert [expected] == [verdict.outcome for verdict in combine([pair], made)]
    assert (float(len(reference)), float(len(candidate))) == (made[0].score_reference, made[0].score_candidate)


def test_every_pair_has_both_orders(pairs: list[Pair], tmp_path: Path) -> None:
    """Each pair gets two judgments, one an order, both judged."""
    found = [(one.id, one.order, one.status) for one in judged(pairs, tmp_path)]
    assert [(pair.id, order, Status.JUDGED) for pair in pairs for order in Order] == found


def test_note_says_that_it_is_a_control() -> None:
    """Its numbers never stand without the remark that they mean length."""
    note = make_judge("length", JudgeOptions()).note
    assert note is not None
    assert "control" in note


def test_nothing_may_follow_the_name() -> None:
    """There is one judge of that name, without variants."""
    with pytest.raises(ConfigError, match='"length" takes nothing after its name, found "2"'):
        make_judge("length/2", JudgeOptions())


def test_fingerprint_is_its_own() -> None:
    """The two offline judges cannot be mistaken for each other."""
    prints = {make_judge(name, JudgeOptions()).fingerprint for name in ("length", "lexical", "length")}
    assert len(prints) == 2
