"""The parsers against published completions of judges, which are no part of this project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from longismore.judges._parse import parse_score_pair
from longismore.judges._parse_choice import parse_choice, read_letter_probability

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WITH_BOTH_ORDERS = (("review", "scores"), ("review_reverse", "scores_reverse"))


def _reviews(folder: Path, files: str) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Text and recorded scores of every review of Cherry_LLM or AlpaGasus2."""
    for path in sorted(folder.glob(files)):
        document = json.loads(path.read_text(encoding="utf-8"))
        for row in document["data"] if isinstance(document, dict) else document:
            for text, scores in WITH_BOTH_ORDERS if "scores" in row else (("review", "score"),):
                recorded = json.loads(row[scores]) if isinstance(row[scores], str) else row[scores]
                yield row[text], tuple(map(float, recorded))


def _early_reviews(data: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """File and row of the 320 reviews of March 2023."""
    for path in sorted((data / "reviews/vicuna_blog_eval/review").glob("*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield path.stem, json.loads(line)


COLLECTIONS = {"cherry_5per_vs_alpaca/*_wrap_reviews_*.json": 1592, "alpagasus2_vs_alpaca2/*-koala.json": 360}


@pytest.mark.parametrize("files", COLLECTIONS)
def test_published_reviews_parse_to_their_recorded_scores(data: Path, files: str) -> None:
    """Every published review of both collections is read, as the scores that were recorded with it."""
    reviews = list(_reviews(data / "reviews", files))
    assert COLLECTIONS[files] == len(reviews)
    assert [] == [text for text, scores in reviews if parse_score_pair(text) != scores]


@pytest.mark.parametrize(("files", "right"), list(zip(COLLECTIONS, [344, 142], strict=True)))
def test_reasons_alone_are_read_as_the_same_scores_or_not_at_all(data: Path, files: str, right: int) -> None:
    """Without their first line, a quarter of the reviews still says the scores, and none is read as others."""
    found = [
        (parse_score_pair(text.lstrip().partition("\n")[2]), scores)
        for text, scores in _reviews(data / "reviews", files)
    ]
    assert [] == [(ours, theirs) for ours, theirs in found if ours not in {None, theirs}]
    assert right == sum(ours is not None for ours, _ in found)


def test_early_reviews_are_all_read(data: Path) -> None:
    """All 320 reviews of March 2023 are read, 12 of them reason first; two are recorded wrongly."""
    rows = [(file, row, parse_score_pair(row["text"])) for file, row in _early_reviews(data)]
    # The texts say "Assistant 1: 10" and "Assistant 2: 4" in both, where 10 and 2 were recorded.
    assert (
        320,
        [
            ("review_bard_vicuna-13b", 70, (10.0, 4.0)),
            ("review_llama-13b_vicuna-13b", 70, (10.0, 4.0)),
        ],
    ) == (
        len(rows),
        [(file, row["question_id"], found) for file, row, found in rows if found != tuple(row["score"])],
    )


def test_the_point_of_question_70_is_no_pair_of_scores(data: Path) -> None:
    """Without the lines that give scores, nothing is read of the reviews with the point (10, 4)."""
    texts = [row["text"] for _, row in _early_reviews(data) if row["question_id"] == 70]
    without = ["\n".join(line for line in text.splitlines() if "score" not in line) for text in texts]
    without = [text.partition("Assistant 1: 10")[0].replace("The output tuple is (10, 1). ", "") for text in without]
    assert ([None] * 4, 4) == ([parse_score_pair(text) for text in without], sum("(10, 4)" in text for text in without))


@pytest.mark.parametrize(("judge", "read"), [("GPT-4", 200), ("ChatGPT", 200), ("PaLM2", 196)])
def test_choices_of_llmbar(data: Path, judge: str, read: int) -> None:
    """All completions but PaLM 2's four empty ones are read, as the winner that was recorded."""
    path = data / "reviews/llmbar/LLMBar/Natural" / judge / "Vanilla/result.json"
    calls = [
        (call["completion"][0], call["winner"], order)
        for row in json.loads(path.read_text(encoding="utf-8"))
        for result in row["results"]
        for order, call in result.items()
    ]
    wins = {
        ("1", "swap = False"): 1.0,
        ("2", "swap = False"): 0.0,
        ("1", "swap = True"): 0.0,
        ("2", "swap = True"): 1.0,
    }
    expected = [wins.get((winner, order)) for _, winner, order in calls]
    assert expected == [parse_choice(text) for text, _, _ in calls]
    assert (200, read, {""} if read < 200 else set()) == (
        len(calls),
        sum(each is not None for each in expected),
        {text for text, _, _ in calls if parse_choice(text) is None},
    )


def test_choices_are_not_read_from_reviews(data: Path) -> None:
    """Of 2,272 reviews that were asked for scores, none is read as a letter."""
    texts = [text for files in COLLECTIONS for text, _ in _reviews(data / "reviews", files)]
    texts += [row["text"] for _, row in _early_reviews(data)]
    assert [] == [text for text in texts if parse_choice(text) is not None]


@pytest.mark.parametrize(
    ("model", "count"), [("alpaca-7b", 802), ("alpaca-7b_concise", 802), ("alpaca-7b_verbose", 800)]
)
def test_letter_probabilities_of_alpaca_eval(data: Path, model: str, count: int) -> None:
    """The probabilities that alpaca_eval recorded for its letters m and M come out to six decimals."""
    path = data / "alpaca_eval" / model / "weighted_alpaca_eval_gpt4_turbo/annotations.json"
    found = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        if row["raw_completion"]:
            (token,) = row["raw_completion"]["logprobs"]["content"]
            top = {each["token"]: each["logprob"] for each in token["top_logprobs"]}
            found.append((read_letter_probability(top, "M", "m"), row["preference"] - 1))
    # Which of the two was shown first is not in the file.
    assert count == len(found)
    assert [] == [(ours, its) for ours, its in found if min(abs(ours - its), abs(1 - ours - its)) > 1e-6]
