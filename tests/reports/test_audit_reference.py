"""Every figure of the reference files, computed elsewhere from published reviews, comes out of the audit's JSON."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pytest

from longismore.judged import read_judged
from longismore.judges import REVIEW_FORMATS, ReviewNames, write_judgments
from longismore.judges._gold import read_gold
from longismore.reports.audit import audit
from longismore.testsets import TESTSETS

if TYPE_CHECKING:
    from pathlib import Path

SETS = ("koala", "wizardlm")
JUDGES = ("gpt4", "gpt3.5")
NATURAL = "reviews/llmbar/LLMBar/Natural"

# Order 0 of the reviews of Cherry_LLM shows the candidate (a1) first.
PAIRWISE = {
    "n": "n",
    "win": "wins",
    "tie": "ties",
    "lose": "losses",
    "winning_score": "winning_score",
    "se_winning_score": "winning_score_se_pairs",
    "win_int": "wins_truncated",
    "tie_int": "ties_truncated",
    "lose_int": "losses_truncated",
    "winning_score_int": "winning_score_truncated",
    "position_flip_strict": "swap_flip",
    "flips_favour_first": "flips_favour_first",
    "flips_favour_second": "flips_favour_second",
    "mean_score_pos1_minus_pos2": "score_first_minus_second",
    "unparsed_order0": "unparsed_candidate_first",
    "unparsed_order1": "unparsed_reference_first",
    "mean_chars_a1": "mean_chars_candidate",
    "mean_chars_a2": "mean_chars_reference",
    "mean_words_a1": "mean_words_candidate",
    "mean_words_a2": "mean_words_reference",
    "empty_a1": "empty_candidate",
    "empty_a2": "empty_reference",
    "spearman_verdict_worddiff": "spearman_verdict_worddiff",
    "pearson_verdict_logratio_chars": "pearson_verdict_logratio_chars",
    "spearman_margin_worddiff": "spearman_margin_worddiff",
    "p_prefers_longer_words": "prefers_longer_words",
    "n_decided": "n_prefers_longer_words",
    "p_prefers_longer_chars": "prefers_longer",
    "n_decided_chars": "n_prefers_longer",
    "p_a1_longer": "candidate_longer_words",
}
BETWEEN = {
    "n": "n",
    "agree": "agreement",
    "kappa": "cohen_kappa",
    "kappa_quadratic": "cohen_kappa_quadratic",
    "n_nontie_both": "n_decided",
    "agree_nontie": "agreement_decided",
    "agree_order0": "agreement_candidate_first",
    "kappa_order0": "cohen_kappa_candidate_first",
    "agree_order1": "agreement_reference_first",
    "kappa_order1": "cohen_kappa_reference_first",
}
# Order 0 of LLMBar shows output 1 first, which is the reference.
LLMBAR = {
    "n": "n_gold",
    "acc_order0": "acc_reference_first",
    "acc_order1": "acc_candidate_first",
    "acc_both": "acc_both",
    "consistent": "same_answer",
    "share_first_position": "first_wins",
    "unparsed": "unparsed",
    "p_prefers_longer": "prefers_longer_calls",
    "gold_prefers_longer": "gold_prefers_longer",
}


def rows(data: Path, name: str) -> list[dict[str, str]]:
    """The rows of one reference file."""
    with (data / "reference" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def same(row: dict[str, str], figures: dict[str, Any], names: dict[str, str]) -> None:
    """All columns named are in the figures, to the digits that the file has."""
    wrong = {}
    for column, name in names.items():
        digits = len(row[column].partition(".")[2])
        if float(row[column]) != pytest.approx(figures[name], abs=0.51 * 10**-digits):
            wrong[column] = (row[column], figures[name])
    assert {} == wrong


def cherry(data: Path, folder: Path, testset: str, judge: str) -> Path:
    """The reviews of one judge on one test set, as judgments."""
    review = data / "reviews/cherry_5per_vs_alpaca" / f"{testset}_wrap_reviews_{judge}.json"
    examples = TESTSETS.get(testset).load(data / "testsets")
    path = folder / f"{judge}-{testset}.jsonl"
    write_judgments(path, REVIEW_FORMATS["cherry"]([review], examples, ReviewNames()))
    return path


@pytest.fixture(name="made", scope="module")
def _made() -> dict[str, Any]:
    """What was computed once for all tests."""
    return {}


@pytest.fixture(name="cherries")
def _cherries(data: Path, tmp_path: Path, made: dict[str, Any]) -> dict[str, Any]:
    """The audit of both judges on both sets."""
    if not made:
        paths = [cherry(data, tmp_path, testset, judge) for judge in JUDGES for testset in SETS]
        made.update(audit(read_judged(paths), draws=20).to_dict())
    return made


def test_each_judge_has_the_figures_of_its_reviews(data: Path, cherries: dict[str, Any]) -> None:
    """All columns of pairwise_reference.csv but the source, for both judges on Koala and WizardLM."""
    wanted = [row for row in rows(data, "pairwise_reference.csv") if row["source"] == "cherry"]
    assert {(judge, testset) for judge in JUDGES for testset in SETS} == {(row["judge"], row["set"]) for row in wanted}
    for row in wanted:
        figures = cherries["judges"][row["judge"]]["testsets"][row["set"]]
        same(row, figures, PAIRWISE)
        assert float(row["position_inconsistent_any"]) == round(1 - figures["swap_consistency"], 4)
        # Two prompts of WizardLM stand there twice, and the file takes every review for a sample of its own.
        assert figures["winning_score_se"] == pytest.approx(figures["winning_score_se_pairs"], rel=0.01)
        special = {"source", "judge", "set", "position_inconsistent_any"}
        assert row.keys() == PAIRWISE.keys() | special


def test_two_judges_have_the_figures_of_their_agreement(data: Path, cherries: dict[str, Any]) -> None:
    """All columns of judge_agreement.csv: agreement, kappas, each order, and the nine outcomes."""
    (pair,) = cherries["pairs"]
    assert list(JUDGES) == pair["judges"]
    for row in rows(data, "judge_agreement.csv"):
        figures = pair["testsets"][row["set"]]
        same(row, figures, BETWEEN)
        counts = {name: int(count) for name, count in row.items() if name in figures["outcomes"]}
        assert figures["outcomes"] == counts
        assert row.keys() == BETWEEN.keys() | counts.keys() | {"set"}


def test_pooled_figures_are_of_both_sets(data: Path, cherries: dict[str, Any]) -> None:
    """Counts add up, and shares are means by the size of the sets."""
    for judge in JUDGES:
        pooled = cherries["judges"][judge]
        sets = pooled["testsets"].values()
        assert pooled.keys() - {"fingerprint", "comparisons", "testsets"} == next(iter(sets)).keys()
        for name in ("n", "wins", "ties", "losses", "flips_favour_first", "flips_favour_second", "n_prefers_longer"):
            assert pooled[name] == sum(figures[name] for figures in sets)
        mean = sum(figures["n"] * figures["swap_consistency"] for figures in sets) / pooled["n"]
        assert pytest.approx(mean) == pooled["swap_consistency"]
    (pair,) = cherries["pairs"]
    assert (398, 129) == (pair["n"], pair["n_decided"])


def test_llmbar_has_its_published_figures(data: Path, tmp_path: Path) -> None:
    """All columns of llmbar_natural.csv, for ChatGPT, GPT-4 and PaLM2, four of whose answers could not be read."""
    folder = data / NATURAL
    wanted = rows(data, "llmbar_natural.csv")
    paths = []
    for row in wanted:
        judgments = REVIEW_FORMATS["llmbar"]([folder / row["judge"] / "Vanilla/result.json"], [], ReviewNames())
        paths.append(tmp_path / f"{row['judge']}.jsonl")
        write_judgments(paths[-1], judgments)
    found = audit(read_judged(paths), gold=read_gold(folder / "dataset.json"), draws=20).to_dict()
    for row in wanted:
        figures = found["judges"][f"{row['judge']}/{row['strategy']}"]
        same(row, figures, LLMBAR)
        assert row["published_correct_average"] == f"{100 * figures['acc_mean']:.1f}%"
        equal = round(figures["same_answer"] * figures["n_same_answer"])
        assert row["published_equal"] == f"{equal} / {figures['n_same_answer']} = {equal:.1f}%"
        values = {"1": figures["calls_reference"], "2": figures["calls_candidate"], "None": figures["unparsed"]}
        assert row["winner_values"] == "|".join(f"{name}:{count}" for name, count in values.items() if count)
        special = {"subset", "judge", "strategy", "winner_values", "published_correct_average", "published_equal"}
        assert row.keys() == LLMBAR.keys() | special
    assert 3 == len(found["pairs"])
    assert 100 == found["together"]["n"]
