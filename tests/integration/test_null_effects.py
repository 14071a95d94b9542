"""Null effects stay null on real answers: what only length decides is not called better."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from longismore.comparison import compare_pairs
from longismore.judges import JudgeOptions, combine, make_judge
from longismore.judges._order import make_judgment
from longismore.records import Answer, Order, Pair, Status
from longismore.reports import summarize
from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from longismore.reports import Rates

PADDING = " I hope that this answers your question. Please tell me if there is anything else that you want to know."


def answers(data: Path, model: str) -> dict[str, str]:
    """Published answers of a model to AlpacaEval, by instruction."""
    rows = json.loads((data / "alpaca_eval" / model / "model_outputs.json").read_text("utf-8"))
    return {row["instruction"]: row["output"] for row in rows}


def paired(reference: dict[str, str], candidate: dict[str, str]) -> list[Pair]:
    """What both answered, side by side."""
    return [
        Pair(
            id=str(number),
            testset="alpaca_eval",
            prompt=prompt,
            reference=Answer("reference", reference[prompt]),
            candidate=Answer("candidate", candidate[prompt]),
        )
        for number, prompt in enumerate(prompt for prompt in reference if prompt in candidate)
    ]


def by_length(pairs: Sequence[Pair], folder: Path) -> Rates:
    """Judged by the control that likes nothing but length, as ``longismore compare`` judges."""
    with Store(folder / "store.sqlite") as store:
        return compare_pairs(pairs, make_judge("length", JudgeOptions()), store=store).results.pooled


def by_rule(pairs: Sequence[Pair], rule: Callable[[Pair], float]) -> Rates:
    """Judged by a rule, the same in both orders."""
    judgments = [
        make_judgment(pair, order, judge="rule", fingerprint="r", status=Status.JUDGED, preference=rule(pair))
        for pair in pairs
        for order in Order
    ]
    return summarize(combine(pairs, judgments)).pooled


def throw(pair: Pair, salt: str) -> float:
    """A number of 0..1 that depends on nothing but the prompt."""
    return int.from_bytes(hashlib.sha256((salt + pair.prompt).encode()).digest()[:6], "big") / 2**48


@pytest.mark.parametrize(
    ("reference", "candidate"),
    [
        ("text_davinci_001", "vicuna-13b"),
        ("alpaca-7b", "wizardlm-13b"),
        ("wizardlm-13b", "vicuna-13b"),
        ("gpt-3.5-turbo-0301", "vicuna-13b"),
        ("alpaca-7b", "alpaca-7b_verbose"),
    ],
)
def test_longer_answers_win_raw_and_not_at_equal_length(
    data: Path, tmp_path: Path, reference: str, candidate: str
) -> None:
    """Real answers whose lengths overlap more or less, judged by their length alone."""
    rates = by_length(paired(answers(data, reference), answers(data, candidate)), tmp_path)
    assert rates.win_rate_ci is not None
    assert rates.lc_win_rate_ci is not None
    assert rates.win_rate_ci[0] > 0.5
    assert rates.lc_win_rate_ci[0] <= 0.5 <= rates.lc_win_rate_ci[1]
    assert rates.length_verdict in {"only longer", "cannot tell"}


@pytest.mark.parametrize("times", [1, 5])
def test_padding_without_content_wins_raw_and_not_at_equal_length(data: Path, tmp_path: Path, times: int) -> None:
    """The same answers with a polite phrase at the end: 100 % raw, complete separation, and no claim."""
    plain = answers(data, "vicuna-13b")
    padded = {prompt: text + times * PADDING for prompt, text in plain.items()}
    rates = by_length(paired(plain, padded), tmp_path)
    assert 1.0 == rates.win_rate
    assert rates.lc_win_rate_ci is not None
    assert rates.lc_win_rate_ci[0] <= 0.5
    assert "cannot tell" == rates.length_verdict
    assert rates.length_warning is not None


def test_padding_that_half_of_the_answers_have_is_only_longer(data: Path, tmp_path: Path) -> None:
    """Padded at random, more often the candidate: the pairs show that length alone decides."""
    plain = answers(data, "vicuna-13b")
    pairs = []
    for pair in paired(plain, plain):
        longer = Answer("candidate", pair.candidate.output + PADDING)
        shorter = Answer("reference", pair.reference.output + PADDING)
        to_candidate = throw(pair, "who") < 0.7
        pairs.append(
            Pair(
                id=pair.id,
                testset=pair.testset,
                prompt=pair.prompt,
                reference=pair.reference if to_candidate else shorter,
                candidate=longer if to_candidate else pair.candidate,
            )
        )
    rates = by_length(pairs, tmp_path)
    assert rates.win_rate_ci is not None
    assert rates.lc_win_rate_ci is not None
    assert rates.win_rate_ci[0] > 0.5
    assert rates.lc_win_rate_ci[0] <= 0.5 <= rates.lc_win_rate_ci[1]
    assert "only longer" == rates.length_verdict


def test_a_better_candidate_of_the_same_length_keeps_its_rate(data: Path) -> None:
    """Real lengths of two runs of the same kind, 70 % better whatever the length: raw and controlled agree."""
    pairs = paired(answers(data, "vicuna-13b"), answers(data, "wizardlm-13b"))
    even = [pair for pair in pairs if abs(len(pair.candidate.output) - len(pair.reference.output)) < 300]
    rates = by_rule(even, lambda pair: float(throw(pair, "better") < 0.7))
    assert rates.preference is not None
    assert rates.lc_win_rate == pytest.approx(rates.preference, abs=0.015)
    assert "better" == rates.length_verdict
