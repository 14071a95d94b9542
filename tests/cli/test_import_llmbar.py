"""``longismore import --format llmbar``: reviews with their labels, or a data set alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from longismore.judges import read_judgments
from longismore.judges._gold import read_gold
from longismore.testsets import read_outputs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]

ROW = {"input": "Name a river.", "output_1": "The Rhine.", "output_2": "A river is a river.", "label": 1}
RESULTS = [
    {
        "swap = False": {"completion": ["Output (a)", "stop"], "winner": "1"},
        "swap = True": {"completion": ["?", "stop"], "winner": None},
    }
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """LLMBar's folder with one pair, in the shape in which it is published."""
    folder = tmp_path / "LLMBar" / "Natural"
    (folder / "evaluators" / "GPT-4" / "CoT").mkdir(parents=True)
    (folder / "dataset.json").write_text(json.dumps([ROW]), encoding="utf-8")
    result = folder / "evaluators" / "GPT-4" / "CoT" / "result.json"
    result.write_text(json.dumps([ROW | {"results": RESULTS}]), encoding="utf-8")
    return folder


def test_reviews_become_four_files(
    command: Command, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Judgments, both models' answers, and the labels; test set and judge are the folder's."""
    result = folder / "evaluators" / "GPT-4" / "CoT" / "result.json"
    ended = command("import", result, "-f", "llmbar", "--gold", folder / "dataset.json", "-o", "L", "--json")
    assert 0 == ended.code, ended.err
    document = json.loads(ended.out)
    assert {
        "testset": "llmbar_natural",
        "judge": "GPT-4/CoT",
        "pairs": 1,
        "judgments": {"judged": 1, "unparsed": 1},
        "labels": 1,
    } == {name: value for name, value in document.items() if name != "files"}
    assert {"judgments.jsonl", "reference.json", "candidate.json", "gold.jsonl"} == set(document["files"])
    judgments = read_judgments(tmp_path / "L" / "judgments.jsonl")
    assert {"llmbar_natural"} == {each.testset for each in judgments}
    assert {("llmbar_natural", "0"): 0.0} == read_gold(tmp_path / "L" / "gold.jsonl")
    (output,) = read_outputs(tmp_path / "L" / "candidate.json").outputs
    assert ("0", "A river is a river.", "output_2") == (output.id, output.output, output.generator)
    assert "1 pairs of llmbar_natural by GPT-4/CoT: 1 judged, 1 unparsed" in caplog.text
    assert "longismore audit L/judgments.jsonl --gold L/gold.jsonl" in caplog.text


def test_data_set_alone_says_that_it_has_no_judgments(
    command: Command, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is written to be judged, and the next command is named."""
    ended = command("import", folder / "dataset.json", "--format", "llmbar", "-t", "mine", "-o", "L", "--json")
    assert 0 == ended.code, ended.err
    document = json.loads(ended.out)
    assert (None, {}, "mine") == (document["judge"], document["judgments"], document["testset"])
    assert not (tmp_path / "L" / "judgments.jsonl").exists()
    assert {("mine", "0"): 0.0} == read_gold(tmp_path / "L" / "gold.jsonl")
    assert "1 pairs of mine: a data set without judgments" in caplog.text
    assert "longismore judge" in caplog.text


def test_published_results_are_imported(command: Command, data: Path) -> None:
    """All hundred pairs of each evaluator that is at hand, with four unreadable answers of PaLM2."""
    folder = data / "reviews" / "llmbar" / "LLMBar" / "Natural"
    for judge, counts in (("GPT-4", {"judged": 200}), ("PaLM2", {"judged": 196, "unparsed": 4})):
        ended = command("import", folder / judge / "Vanilla" / "result.json", "-f", "llmbar", "-o", judge, "--json")
        document = json.loads(ended.out)
        assert (f"{judge}/Vanilla", 100, counts) == tuple(document[key] for key in ("judge", "pairs", "judgments"))


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        (["--format", "cherry"], ["the format cherry has no ids: name the test set", "--testset"]),
        (["-f", "cherry", "--gold", "x.json"], ["has no ids", "--gold is for the format llmbar; the format cherry"]),
        (["-f", "alpagasus", "-t", "koala", "--gold", "x.json"], ["--gold is for the format llmbar"]),
        (["-f", "llmbar", "other.json"], ["the format llmbar is one file, 2 files were given"]),
    ],
)
def test_wrong_arguments_are_named(command: Command, folder: Path, arguments: list[str], problems: list[str]) -> None:
    """All at once, before a file is read."""
    ended = command("import", folder / "dataset.json", *arguments, "-o", "L")
    assert 2 == ended.code
    for problem in problems:
        assert problem in ended.err
