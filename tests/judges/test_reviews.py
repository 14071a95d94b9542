from __future__ import annotations

import csv
import json
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError, SchemaError
from longismore.judges import combine
from longismore.judges._reviews import REVIEW_FORMATS, ReviewNames
from longismore.records import Answer, Example, Judgment, Order, Outcome, Pair, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

NO_NAMES = ReviewNames()
KOALA_FILES = ("alpaca2-alpagasus2-koala.json", "alpagasus2-alpaca2-koala.json")
ROWS = ["cherry-gpt4-koala", "cherry-gpt4-wizardlm", "cherry-gpt3.5-koala", "cherry-gpt3.5-wizardlm",
        "qlora-gpt3.5-16k-0613-koala"]  # fmt: skip


@pytest.fixture
def examples(data: Path) -> Callable[[str], list[Example]]:
    """The published test sets, read from the folder of published files."""
    files = {
        "koala": ("koala_test_set.jsonl", "id", "prompt"),
        "wizardlm": ("wizardlm_test_set.jsonl", "idx", "Instruction"),
    }

    def load(testset: str) -> list[Example]:
        name, key, field = files[testset]
        lines = (data / "testsets" / name).read_text(encoding="utf-8").split("\n")
        rows = [json.loads(line) for line in lines if line.strip()]
        return [example(testset, str(row[key]), row[field]) for row in rows]

    return load


def example(testset: str, name: str, instruction: str, text: str = "") -> Example:
    """An example whose judge question is the instruction with its input."""
    question = f"{instruction} Input: {text}" if text else instruction
    return Example(id=name, testset=testset, instruction=instruction, input=text, prompt=question, question=question)


def imported(name: str, data: Path, examples: Callable[[str], list[Example]]) -> list[Judgment]:
    """The judgments of one row of the reference table."""
    source, rest = name.split("-", 1)
    judge, _, testset = rest.rpartition("-")
    if source == "cherry":
        paths = [data / f"reviews/cherry_5per_vs_alpaca/{testset}_wrap_reviews_{judge}.json"]
        return REVIEW_FORMATS["cherry"](paths, examples(testset), NO_NAMES)
    paths = [data / "reviews/alpagasus2_vs_alpaca2" / file for file in KOALA_FILES]
    return REVIEW_FORMATS["alpagasus"](paths, examples(testset), ReviewNames(judge=judge))


def pairs_of(judgments: Sequence[Judgment]) -> list[Pair]:
    """The pairs that were judged."""
    return [
        Pair(id=one.id, testset=one.testset, prompt=one.prompt, reference=one.reference, candidate=one.candidate)
        for one in judgments
        if one.order is Order.REFERENCE_FIRST
    ]


def expected_row(data: Path, name: str) -> dict[str, str]:
    """The line of the reference table."""
    with (data / "reference/pairwise_reference.csv").open(encoding="utf-8", newline="") as file:
        rows = {f"{row['source']}-{row['judge']}-{row['set']}": row for row in csv.DictReader(file)}
    assert set(ROWS) == set(rows)
    return rows[name]


@pytest.mark.parametrize("name", ROWS)
def test_verdicts_are_those_of_the_reference(name: str, data: Path, examples: Callable[[str], list[Example]]) -> None:
    """Wins, ties and losses of the published reviews are those that an independent count found."""
    judgments = imported(name, data, examples)
    verdicts = combine(pairs_of(judgments), judgments)
    counts = Counter(verdict.outcome for verdict in verdicts)
    row = expected_row(data, name)
    expected = tuple(int(row[word]) for word in ("n", "win", "tie", "lose"))
    assert expected == (len(verdicts), counts[Outcome.WIN], counts[Outcome.TIE], counts[Outcome.LOSE])


@pytest.mark.parametrize("name", ROWS)
def test_swaps_are_those_of_the_reference(name: str, data: Path, examples: Callable[[str], list[Example]]) -> None:
    """How often the two orders differ, reverse, and in whose favour, agrees with an independent count."""
    judgments = imported(name, data, examples)
    both = [verdict.preferences for verdict in combine(pairs_of(judgments), judgments)]
    row = expected_row(data, name)
    n = len(both)
    found = {
        "position_inconsistent_any": round(sum(one != other for one, other in both) / n, 4),
        "position_flip_strict": round(sum({one, other} == {0.0, 1.0} for one, other in both) / n, 4),
        # The reference wins where it stands first, the candidate where it does: the first place wins twice.
        "flips_favour_first": sum((one, other) == (0.0, 1.0) for one, other in both),
        "flips_favour_second": sum((one, other) == (1.0, 0.0) for one, other in both),
    }
    assert {key: float(row[key]) for key in found} == found


@pytest.mark.parametrize("name", ROWS)
def test_every_score_is_that_of_the_reference(name: str, data: Path, examples: Callable[[str], list[Example]]) -> None:
    """Each recorded score stands with its model and its order, row by row."""
    judgments = {(one.id, one.order): one for one in imported(name, data, examples)}
    ids = list(dict.fromkeys(name for name, _ in judgments))
    with (data / "reference/pairwise_verdicts.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if f"{row['source']}-{row['judge']}-{row['set']}" == name]
    assert len(ids) == len(rows)
    for row in rows:
        first = judgments[ids[int(row["i"])], Order.CANDIDATE_FIRST]
        second = judgments[ids[int(row["i"])], Order.REFERENCE_FIRST]
        expected = [float(row[key]) for key in ("s0_first", "s0_second", "s1_first", "s1_second")]
        found = [first.score_candidate, first.score_reference, second.score_reference, second.score_candidate]
        assert expected == found


def test_recorded_scores_agree_with_the_texts(
    data: Path, examples: Callable[[str], list[Example]], caplog: pytest.LogCaptureFixture
) -> None:
    """In none of 1,952 published reviews does the text say something else than the record."""
    with caplog.at_level(logging.WARNING):
        made = [one for name in ROWS for one in imported(name, data, examples)]
    assert (1952, [], {Status.JUDGED}) == (len(made), caplog.records, {one.status for one in made})


def test_judge_is_read_from_the_name_of_a_cherry_file(data: Path, examples: Callable[[str], list[Example]]) -> None:
    """``koala_wrap_reviews_gpt4.json`` is a review by gpt4, unless another name is given."""
    paths = [data / "reviews/cherry_5per_vs_alpaca/koala_wrap_reviews_gpt4.json"]
    read = REVIEW_FORMATS["cherry"]
    names = ReviewNames(judge="mine", reference="alpaca", candidate="cherry")
    plain, named = (read(paths, examples("koala"), names)[0] for names in (NO_NAMES, names))
    assert ("gpt4", "reference", "candidate") == (plain.judge, plain.reference.model, plain.candidate.model)
    assert ("mine", "alpaca", "cherry") == (named.judge, named.reference.model, named.candidate.model)
    assert plain.fingerprint != named.fingerprint


def test_alpagasus_files_may_come_in_either_order(data: Path, examples: Callable[[str], list[Example]]) -> None:
    """The candidate is the model that stands first in the rows, whichever file is named first."""
    read, koala = REVIEW_FORMATS["alpagasus"], examples("koala")
    paths = [data / "reviews/alpagasus2_vs_alpaca2" / file for file in KOALA_FILES]
    one, other = read(paths, koala, NO_NAMES), read(paths[::-1], koala, NO_NAMES)
    assert one == other
    assert ({"alpagasus2"}, {"alpaca2"}) == ({x.candidate.model for x in one}, {x.reference.model for x in one})


@pytest.mark.parametrize("names", [ReviewNames(candidate="alpaca2"), ReviewNames(reference="alpagasus2")])
def test_alpagasus_candidate_can_be_chosen(
    names: ReviewNames, data: Path, examples: Callable[[str], list[Example]]
) -> None:
    """With the roles exchanged, 94 wins of one model become 94 losses of the other."""
    paths = [data / "reviews/alpagasus2_vs_alpaca2" / file for file in KOALA_FILES]
    made = REVIEW_FORMATS["alpagasus"](paths, examples("koala"), names)
    counts = Counter(verdict.outcome for verdict in combine(pairs_of(made), made))
    assert {Outcome.LOSE: 94, Outcome.TIE: 71, Outcome.WIN: 15} == counts


@pytest.mark.parametrize("format_name", ["cherry", "alpagasus"])
def test_wrong_test_set_is_refused(format_name: str, data: Path, examples: Callable[[str], list[Example]]) -> None:
    """A review of another set is found out by its number of rows, with both numbers and the set's name."""
    folder = data / "reviews"
    paths = {
        "cherry": [folder / "cherry_5per_vs_alpaca/koala_wrap_reviews_gpt4.json"],
        "alpagasus": [folder / "alpagasus2_vs_alpaca2" / file for file in KOALA_FILES],
    }[format_name]
    with pytest.raises(SchemaError, match=r"has 180 rows, wizardlm has 218; is it another test set?"):
        REVIEW_FORMATS[format_name](paths, examples("wizardlm"), NO_NAMES)


EXAMPLES = [
    example("sinstruct", "task_0", "Sort these words.", "pear apple"),
    example("sinstruct", "task_1", "Say hello."),
]


def cherry_rows() -> list[dict[str, Any]]:
    """Two rows as Cherry_LLM writes them: the input is missing."""
    return [
        {
            "instruction": one.instruction,
            "Answer1": "candidate's",
            "Answer2": "reference's",
            "scores": "[9.0, 5.0]",
            "review": "9 5\nBetter.",
            "scores_reverse": "[6.0, 8.0]",
            "review_reverse": "6 8\nBetter still.",
        }
        for one in EXAMPLES
    ]


def read_cherry(rows: object, folder: Path) -> list[Judgment]:
    """Read rows as a Cherry file."""
    path = folder / "sinstruct_wrap_reviews_gpt4.json"
    path.write_text(json.dumps({"Meta_Info": {}, "data": rows}), encoding="utf-8")
    return REVIEW_FORMATS["cherry"]([path], EXAMPLES, NO_NAMES)


def test_rows_without_the_input_are_the_sets_own(tmp_path: Path) -> None:
    """Cherry's Self-Instruct rows lack the input: the instruction alone is enough, the question is the set's."""
    made = read_cherry(cherry_rows(), tmp_path)
    assert ["task_0", "task_0", "task_1", "task_1"] == [one.id for one in made]
    assert "Sort these words. Input: pear apple" == made[0].prompt
    assert (Answer("reference", "reference's"), Answer("candidate", "candidate's")) == (
        made[0].reference,
        made[0].candidate,
    )


def test_cherry_orders_and_scores(tmp_path: Path) -> None:
    """``scores`` shows the candidate first, ``scores_reverse`` the reference."""
    first, second = read_cherry(cherry_rows(), tmp_path)[:2]
    assert (Order.REFERENCE_FIRST, 6.0, 8.0, 1.0, "6 8\nBetter still.") == (
        first.order, first.score_reference, first.score_candidate, first.preference, first.completion,
    )  # fmt: skip
    assert (Order.CANDIDATE_FIRST, 5.0, 9.0, 1.0, "9 5\nBetter.") == (
        second.order, second.score_reference, second.score_candidate, second.preference, second.completion,
    )  # fmt: skip


@pytest.mark.parametrize("scores", ["[-1, -1]", [-1, -1], [-1.0, 8.0]])
def test_scores_that_could_not_be_read_are_unparsed(scores: object, tmp_path: Path) -> None:
    """Published scripts write [-1, -1] for what they could not read: that is no tie."""
    rows = cherry_rows()
    rows[0]["scores"] = scores
    made = read_cherry(rows, tmp_path)
    assert (Status.UNPARSED, None, None, None) == (
        made[1].status,
        made[1].score_reference,
        made[1].score_candidate,
        made[1].preference,
    )
    assert [None, Outcome.WIN] == [verdict.outcome for verdict in combine(pairs_of(made), made)]


@pytest.mark.parametrize(
    "scores", [None, "", "8 7", [8], [8, 7, 6], ["a", "b"], 8, {"a": 1, "b": 2}, "[8, NaN]", "[Infinity, 8]"]
)
def test_scores_of_another_shape_are_an_error(scores: object, tmp_path: Path) -> None:
    """Anything but two numbers is an error with file, row and what was found."""
    rows = cherry_rows()
    rows[1]["scores"] = scores
    with pytest.raises(SchemaError, match=r"gpt4\.json: row 1: two scores were expected, found"):
        read_cherry(rows, tmp_path)


def test_text_that_contradicts_the_record_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The record holds, but a text that says otherwise is named with its row."""
    rows = cherry_rows()
    rows[1]["scores"] = "[9.0, 4.0]"
    made = read_cherry(rows, tmp_path)
    assert made[3].score_reference == 4.0
    assert "row 1: recorded scores (9.0, 4.0), but the text says (9.0, 5.0)" in caplog.text


def test_changed_instruction_is_named(tmp_path: Path) -> None:
    """A row whose instruction is not the set's own is named by row and id, with both texts."""
    rows = cherry_rows()
    rows[1]["instruction"] = "Say good-bye."
    problem = "row 1: the instruction is not that of sinstruct task_1: 'Say good-bye.' instead of 'Say hello.'"
    with pytest.raises(SchemaError, match=problem):
        read_cherry(rows, tmp_path)


def test_white_space_does_not_change_an_instruction(tmp_path: Path) -> None:
    """Published files differ from the sets in line ends and edges."""
    rows = cherry_rows()
    rows[0]["instruction"] = " Sort these\r\n words. \n"
    assert 4 == len(read_cherry(rows, tmp_path))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"review": None}, 'row 0: field "review" must be a string, found None'),
        ({"Answer1": 3}, 'row 0: field "Answer1" must be a string, found 3'),
        ({"instruction": 3}, "row 0: no instruction; one of prompt, instruction"),
    ],
)
def test_wrong_field_of_a_row_is_named(change: dict[str, Any], problem: str, tmp_path: Path) -> None:
    """A row without a text where one must be is an error with row and field."""
    rows = cherry_rows()
    rows[0] |= change
    with pytest.raises(SchemaError, match=problem):
        read_cherry(rows, tmp_path)


@pytest.mark.parametrize("document", [[], {"data": 3}, {}, "text", None])
def test_file_of_another_kind_is_no_cherry(document: object, tmp_path: Path) -> None:
    """A file without the list of rows is named, with what was expected."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SchemaError, match='a JSON object with a list "data" was expected'):
        REVIEW_FORMATS["cherry"]([path], EXAMPLES, NO_NAMES)


@pytest.mark.parametrize("rows", [[1, 2], ["a"]])
def test_rows_must_be_objects(rows: object, tmp_path: Path) -> None:
    """A list of anything else is no review."""
    with pytest.raises(SchemaError, match="a list of objects was expected"):
        read_cherry(rows, tmp_path)


def alpagasus_files(folder: Path, **changes: object) -> list[Path]:
    """Two files, one an order; the changes are made to the first row of the second file."""
    paths = []
    for first, second in (("base", "tuned"), ("tuned", "base")):
        rows: list[dict[str, Any]] = [
            {"question_id": f"s_{number}", "instruction": one.instruction, "tuned": "T", "base": "B",
             "review": "8 7\nOh.", "score": [8.0, 7.0]}
            for number, one in enumerate(EXAMPLES, start=1)
        ]  # fmt: skip
        if first == "tuned":
            rows[0] |= changes
        paths.append(folder / f"{first}-{second}-sinstruct.json")
        paths[-1].write_text(json.dumps(rows), encoding="utf-8")
    return paths


def test_alpagasus_order_is_in_the_name_of_the_file(tmp_path: Path) -> None:
    """The model that the file names first was shown first."""
    made = REVIEW_FORMATS["alpagasus"](alpagasus_files(tmp_path), EXAMPLES, NO_NAMES)
    found = [(one.id, one.order, one.score_reference, one.score_candidate) for one in made[:2]]
    expected = [("task_0", Order.REFERENCE_FIRST, 8.0, 7.0), ("task_0", Order.CANDIDATE_FIRST, 7.0, 8.0)]
    assert expected == found


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"tuned": "another"}, "task_0: the two orders were made of different answers"),
        ({"score": None}, "row 0: two scores were expected, found None"),
        ({"third": "model"}, "row 0: the answers of two models were expected, found the fields"),
    ],
)
def test_wrong_row_of_alpagasus_is_named(changes: dict[str, Any], problem: str, tmp_path: Path) -> None:
    """Two orders of different answers, missing scores or a third model are errors with their row."""
    with pytest.raises(SchemaError, match=problem):
        REVIEW_FORMATS["alpagasus"](alpagasus_files(tmp_path, **changes), EXAMPLES, NO_NAMES)


def test_rows_may_list_the_models_in_another_order(tmp_path: Path) -> None:
    """The order of the keys in the second file does not exchange the roles."""
    paths = alpagasus_files(tmp_path)
    expected = REVIEW_FORMATS["alpagasus"](paths, EXAMPLES, NO_NAMES)
    rows = json.loads(paths[1].read_text(encoding="utf-8"))
    turned = [dict(sorted(row.items())) for row in rows]
    paths[1].write_text(json.dumps(turned), encoding="utf-8")
    assert "base" == next(key for key in turned[0] if key in {"base", "tuned"})
    assert expected == REVIEW_FORMATS["alpagasus"](paths, EXAMPLES, NO_NAMES)
    assert expected == REVIEW_FORMATS["alpagasus"](paths[::-1], EXAMPLES, NO_NAMES)


def test_unknown_model_is_named(tmp_path: Path) -> None:
    """A role given to a model that the file does not have is an error with the two it has."""
    with pytest.raises(ConfigError, match='no model "gpt"; the file has tuned and base'):
        REVIEW_FORMATS["alpagasus"](alpagasus_files(tmp_path), EXAMPLES, ReviewNames(candidate="gpt"))


def test_two_files_of_one_order_are_refused(tmp_path: Path) -> None:
    """Both orders are needed: the same file twice is named with the model that it shows first."""
    first, _ = alpagasus_files(tmp_path)
    with pytest.raises(ConfigError, match="both files show base first"):
        REVIEW_FORMATS["alpagasus"]([first, first], EXAMPLES, NO_NAMES)


def test_file_whose_name_says_no_order_is_refused(tmp_path: Path) -> None:
    """Nothing in a row says who was shown first, so the name of the file must."""
    first, second = alpagasus_files(tmp_path)
    with pytest.raises(ConfigError, match=r"the order is read from the file's name, FIRST-SECOND-SET.json with tuned"):
        REVIEW_FORMATS["alpagasus"]([first, second.rename(tmp_path / "x.json")], EXAMPLES, NO_NAMES)


@pytest.mark.parametrize(("format_name", "count"), [("cherry", 0), ("cherry", 2), ("alpagasus", 1), ("alpagasus", 3)])
def test_number_of_files_is_checked(format_name: str, count: int, tmp_path: Path) -> None:
    """Each format says how many files it is."""
    with pytest.raises(ConfigError, match=f"the format {format_name} is .* {count} "):
        REVIEW_FORMATS[format_name]([tmp_path / "x.json"] * count, EXAMPLES, NO_NAMES)
