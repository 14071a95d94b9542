from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError, SchemaError
from longismore.judges import REVIEW_FORMATS, ReviewNames
from longismore.judges._gold import read_gold
from longismore.judges._llmbar import read_llmbar
from longismore.judges._reviews import WITH_INSTRUCTIONS
from longismore.records import Order, Status

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.judges._llmbar import LLMBar
    from longismore.records import Judgment

NO_NAMES = ReviewNames()
LABEL_1 = {"input": "Name a river.", "output_1": "The Rhine.", "output_2": "A river is a river.", "label": 1}
LABEL_2 = {"input": "Count to two.", "output_1": "One.", "output_2": "One, two.", "label": 2}


def said(letter: str | None, winner: object) -> dict[str, object]:
    """What one order recorded."""
    return {"completion": [letter, "stop"], "winner": winner}


def with_results(row: dict[str, Any], *results: object) -> dict[str, Any]:
    """A row of an evaluator."""
    return row | {"results": list(results)}


BOTH_RIGHT = {"swap = False": said("Output (a)", "1"), "swap = True": said("Output (b)", "1")}


def written(folder: Path, rows: object, name: str = "result.json") -> Path:
    """A file with these rows below a folder of LLMBar."""
    path = folder / "LLMBar" / "Natural" / "evaluators" / "GPT-4" / "Vanilla" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def read(folder: Path, rows: object, **names: str) -> LLMBar:
    """What is read of these rows."""
    return read_llmbar(written(folder, rows), ReviewNames(**names))


def hits(judgments: list[Judgment], gold: dict[tuple[str, str], float], order: Order) -> list[bool]:
    """Whether the judge agreed with the label, pair by pair."""
    return [each.preference == gold[each.testset, each.id] for each in judgments if each.order is order]


@pytest.mark.parametrize("judge", ["ChatGPT", "GPT-4", "PaLM2"])
def test_published_results_give_the_published_figures(judge: str, data: Path) -> None:
    """Accuracy in each order and in both, agreement of the orders, first places and longer answers, to 4 digits."""
    with (data / "reference" / "llmbar_natural.csv").open(encoding="utf-8") as file:
        (row,) = [row for row in csv.DictReader(file) if row["judge"] == judge]
    folder = data / "reviews" / "llmbar" / "LLMBar" / "Natural"
    found = read_llmbar(folder / judge / "Vanilla" / "result.json", NO_NAMES, gold=folder / "dataset.json")
    judgments, gold, n = found.judgments, read_gold(folder / "dataset.json"), len(found.pairs)
    assert found.labels == gold
    assert {f"{judge}/Vanilla"} == {each.judge for each in judgments}
    first, second = hits(judgments, gold, Order.REFERENCE_FIRST), hits(judgments, gold, Order.CANDIDATE_FIRST)
    judged = [(each, each.preference) for each in judgments if each.preference is not None]
    unequal = [
        (share, len(each.candidate.output) > len(each.reference.output))
        for each, share in judged
        if len(each.candidate.output) != len(each.reference.output)
    ]
    labelled = [
        (gold[pair.testset, pair.id], len(pair.candidate.output) > len(pair.reference.output))
        for pair in found.pairs
        if len(pair.candidate.output) != len(pair.reference.output)
    ]
    first_place = [share if each.order is Order.CANDIDATE_FIRST else 1 - share for each, share in judged]
    same = [one.preference == other.preference for one, other in zip(judgments[::2], judgments[1::2], strict=True)]
    assert {
        "n": int(row["n"]),
        "acc_order0": float(row["acc_order0"]),
        "acc_order1": float(row["acc_order1"]),
        "acc_both": float(row["acc_both"]),
        "consistent": float(row["consistent"]),
        "share_first_position": float(row["share_first_position"]),
        "unparsed": int(row["unparsed"]),
        "p_prefers_longer": float(row["p_prefers_longer"]),
        "gold_prefers_longer": float(row["gold_prefers_longer"]),
    } == {
        "n": n,
        "acc_order0": sum(first) / n,
        "acc_order1": sum(second) / n,
        "acc_both": sum(map(all, zip(first, second, strict=True))) / n,
        "consistent": sum(same) / n,
        "share_first_position": round(sum(first_place) / len(first_place), 3),
        "unparsed": sum(each.status is Status.UNPARSED for each in judgments),
        "p_prefers_longer": round(sum((share == 1) == longer for share, longer in unequal) / len(unequal), 4),
        "gold_prefers_longer": round(sum((share == 1) == longer for share, longer in labelled) / len(labelled), 4),
    }


def test_output_2_is_the_candidate_and_the_winner_is_no_place(tmp_path: Path) -> None:
    """``swap = False`` shows the reference first, and the winner is the output's number in both orders."""
    second = {"swap = False": said("Output (b)", "2"), "swap = True": said("Output (b)", "1")}
    found = read(tmp_path, [with_results(LABEL_1, BOTH_RIGHT), with_results(LABEL_2, second)])
    assert [
        ("0", Order.REFERENCE_FIRST, 0.0, "Output (a)"),
        ("0", Order.CANDIDATE_FIRST, 0.0, "Output (b)"),
        ("1", Order.REFERENCE_FIRST, 1.0, "Output (b)"),
        ("1", Order.CANDIDATE_FIRST, 0.0, "Output (b)"),
    ] == [(each.id, each.order, each.preference, each.completion) for each in found.judgments]
    assert ("output_1", "One.", "output_2", "One, two.") == (
        found.pairs[1].reference.model, found.pairs[1].reference.output,
        found.pairs[1].candidate.model, found.pairs[1].candidate.output,
    )  # fmt: skip
    assert {("llmbar_natural", "0"): 0.0, ("llmbar_natural", "1"): 1.0} == found.labels


def test_no_winner_is_unparsed_and_a_filtered_one_refused(tmp_path: Path) -> None:
    """Neither becomes a number; the text is kept."""
    filtered = {"completion": ["", "content management policy"], "winner": None}
    found = read(tmp_path, [with_results(LABEL_1, {"swap = False": said("Both.", None), "swap = True": filtered})])
    assert [(Status.UNPARSED, None, "Both."), (Status.REFUSED, None, "")] == [
        (each.status, each.preference, each.completion) for each in found.judgments
    ]


def test_of_several_results_the_last_is_the_verdict(tmp_path: Path) -> None:
    """Those before are the evaluator's steps: texts, or first verdicts."""
    steps = [["Criteria: none.", "stop"], {"swap = False": said("Output (b)", "2"), "swap = True": said("?", None)}]
    found = read(tmp_path, [with_results(LABEL_1, *steps, BOTH_RIGHT)])
    assert [0.0, 0.0] == [each.preference for each in found.judgments]


@pytest.mark.parametrize(
    ("marks", "status", "preference"),
    [
        (("3", "8"), Status.JUDGED, 1.0),
        (("8", "3"), Status.JUDGED, 0.0),
        (("5", "5"), Status.JUDGED, 0.5),
        (("5", "about 5"), Status.UNPARSED, None),
        (("", "5"), Status.UNPARSED, None),
    ],
)
def test_marks_of_each_output_count_and_not_the_recorded_winner(
    marks: tuple[str, str], status: Status, preference: float | None, tmp_path: Path
) -> None:
    """The published program names a winner also where marks are equal or unreadable; here that is a tie or unparsed."""
    result = {"score_1": [marks[0], "stop"], "score_2": [marks[1], "stop"]}
    result |= {"swap = False": {"winner": "1"}, "swap = True": {"winner": "2"}}
    found = read(tmp_path, [with_results(LABEL_1, result)])
    assert [(status, preference)] * 2 == [(each.status, each.preference) for each in found.judgments]
    assert ["\n".join(marks)] * 2 == [each.completion for each in found.judgments]


def test_data_set_alone_has_pairs_and_labels(tmp_path: Path) -> None:
    """There are no judgments in it, and as a review it is refused."""
    path = written(tmp_path, [LABEL_1, LABEL_2])
    found = read_llmbar(path, NO_NAMES)
    assert ([], 2, 2) == (found.judgments, len(found.pairs), len(found.labels))
    with pytest.raises(SchemaError, match=r"it is a data set; give the result\.json of an evaluator"):
        REVIEW_FORMATS["llmbar"]([path], (), NO_NAMES)


def test_format_needs_no_test_set(tmp_path: Path) -> None:
    """It stands among the formats whose files have the instructions; it is one file."""
    path = written(tmp_path, [with_results(LABEL_1, BOTH_RIGHT)])
    assert 2 == len(REVIEW_FORMATS["llmbar"]([path], (), NO_NAMES))
    assert {"llmbar"} == WITH_INSTRUCTIONS
    with pytest.raises(ConfigError, match="the format llmbar is one file, 2 files were given"):
        REVIEW_FORMATS["llmbar"]([path, path], (), NO_NAMES)


@pytest.mark.parametrize(
    ("folder", "testset", "judge"),
    [
        ("LLMBar/Natural/GPT-4/Vanilla", "llmbar_natural", "GPT-4/Vanilla"),
        ("LLMBar/Dataset/LLMBar/Natural/evaluators/PaLM2/CoT", "llmbar_natural", "PaLM2/CoT"),
        ("LLMBar/Adversarial/GPTInst/evaluators/GPT-4/Swap", "llmbar_adversarial_gptinst", "GPT-4/Swap"),
        ("LLMBar/Natural", "llmbar_natural", "unknown"),
    ],
)
def test_folders_name_the_test_set_and_the_judge(folder: str, testset: str, judge: str, tmp_path: Path) -> None:
    """As the data set is published, with or without the folder ``evaluators``."""
    path = tmp_path / folder / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps([with_results(LABEL_1, BOTH_RIGHT)]), encoding="utf-8")
    found = read_llmbar(path, NO_NAMES)
    assert (testset, testset, judge) == (found.testset, found.pairs[0].testset, found.judgments[0].judge)


@pytest.mark.parametrize("folder", ["elsewhere", "LLMBar/Dataset/Processed"])
def test_unknown_folder_needs_a_name(folder: str, tmp_path: Path) -> None:
    """Nothing is guessed; a given name is taken, and the evaluator may still be told."""
    path = tmp_path / folder / "evaluators" / "GPT-4" / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps([with_results(LABEL_1, BOTH_RIGHT)]), encoding="utf-8")
    with pytest.raises(ConfigError, match="name it by --testset"):
        read_llmbar(path, NO_NAMES)
    found = read_llmbar(path, ReviewNames(testset="mine"))
    assert ("mine", {("mine", "0"): 0.0}) == (found.testset, found.labels)


def test_names_that_are_given_win(tmp_path: Path) -> None:
    """Over those of the folders and of the format."""
    found = read(
        tmp_path, [with_results(LABEL_1, BOTH_RIGHT)], testset="t", judge="j", reference="old", candidate="new"
    )
    (judgment, _) = found.judgments
    assert ("t", "j", "old", "new") == (
        judgment.testset, judgment.judge, judgment.reference.model, judgment.candidate.model,
    )  # fmt: skip


def test_labels_of_another_file_hold(tmp_path: Path) -> None:
    """Where the results have none, or other ones shall hold."""
    row = with_results({name: value for name, value in LABEL_1.items() if name != "label"}, BOTH_RIGHT)
    path, gold = written(tmp_path, [row]), written(tmp_path, [LABEL_1 | {"label": 2}], "dataset.json")
    with pytest.raises(SchemaError, match=r'row 0: field "label" must be 1 or 2.*give the labels by --gold'):
        read_llmbar(path, NO_NAMES)
    assert {("llmbar_natural", "0"): 1.0} == read_llmbar(path, NO_NAMES, gold=gold).labels


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([LABEL_2, LABEL_1], r"dataset.json: row 0: is not the pair of .*result.json: row 0"),
        ([LABEL_1], "row 0: is the last of 1 labels, for 2 pairs"),
        ([LABEL_1, LABEL_2, LABEL_2], "row 2: is the last of 3 labels, for 2 pairs"),
    ],
)
def test_labels_of_other_pairs_are_refused(rows: list[object], problem: str, tmp_path: Path) -> None:
    """Row by row, before a wrong label can be taken for a right one."""
    path = written(tmp_path, [with_results(LABEL_1, BOTH_RIGHT), with_results(LABEL_2, BOTH_RIGHT)])
    with pytest.raises(SchemaError, match=problem):
        read_llmbar(path, NO_NAMES, gold=written(tmp_path, rows, "dataset.json"))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (LABEL_1 | {"label": 3}, 'row 0: field "label" must be 1 or 2, the number of the better output, found 3'),
        (LABEL_1 | {"label": True}, 'field "label" must be 1 or 2'),
        (LABEL_1 | {"label": 1.0}, 'field "label" must be 1 or 2'),
        (LABEL_1 | {"output_2": None}, 'row 0: field "output_2" must be a string, found None'),
        (LABEL_1 | {"results": []}, 'field "results" must be a list that ends with an object with "swap = False"'),
        (with_results(LABEL_1, ["text", "stop"]), 'field "results" must be a list that ends with an object'),
        (with_results(LABEL_1, {"swap = False": said("a", "1")}), 'field "results: swap = True" must be an object'),
        (with_results(LABEL_1, BOTH_RIGHT | {"swap = True": {"completion": "a"}}), '"completion" and "winner"'),
        (with_results(LABEL_1, BOTH_RIGHT | {"swap = True": said("a", "3")}), 'winner" must be "1", "2" or null'),
        (with_results(LABEL_1, BOTH_RIGHT | {"swap = True": said("a", 0.5)}), 'winner" must be "1", "2" or null'),
        (with_results(LABEL_1, BOTH_RIGHT | {"swap = True": {"completion": 3, "winner": "1"}}), "must be a text, or"),
        (with_results(LABEL_1, BOTH_RIGHT | {"swap = True": {"completion": [], "winner": "1"}}), "must be a text, or"),
        (7, "row 0: an object was expected, found 7"),
    ],
)
def test_wrong_row_is_named(row: object, problem: str, tmp_path: Path) -> None:
    """With file, row and field."""
    with pytest.raises(SchemaError, match=problem):
        read(tmp_path, [row])


@pytest.mark.parametrize("document", [{}, [], "text", None])
def test_file_of_another_kind_is_refused(document: object, tmp_path: Path) -> None:
    """A list of rows is expected, and at least one."""
    with pytest.raises(SchemaError, match="a list of objects with input, output_1, output_2 and label was expected"):
        read(tmp_path, document)


def test_results_in_some_rows_only_are_refused(tmp_path: Path) -> None:
    """A row without results in a file of results was cut off; it is no row of a data set."""
    with pytest.raises(SchemaError, match='row 1: field "results" must be a list'):
        read(tmp_path, [with_results(LABEL_1, BOTH_RIGHT), LABEL_2])
