"""alpaca_eval's annotations, read as judgments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import SchemaError
from longismore.judges import is_annotations, read_annotations
from longismore.records import Order, Status

if TYPE_CHECKING:
    from pathlib import Path


def row(**changes: object) -> dict[str, Any]:
    """One annotation, as alpaca_eval 0.6 writes it."""
    return {
        "instruction": "Why is the sky blue?",
        "output_1": "Because of the air.",
        "generator_1": "gpt4",
        "dataset": "koala",
        "output_2": "Rayleigh scattering.",
        "generator_2": "mine",
        "annotator": "weighted",
        "preference": 1.75,
        "preference_price_per_example": 0.5,
        "preference_raw_completion": {"a": 1},
    } | changes


def written(folder: Path, *rows: object) -> Path:
    """The rows as a file."""
    path = folder / "annotations.json"
    path.write_text(json.dumps(list(rows)), encoding="utf-8")
    return path


def test_a_row_is_a_judgment(tmp_path: Path) -> None:
    """output_1 is the reference; a preference of 1.75 gives the candidate 0.75; the call is kept."""
    (judgment,), one_order = read_annotations(written(tmp_path, row()))
    assert one_order
    assert ("gpt4", "mine", 0.75, Status.JUDGED) == (
        judgment.reference.model, judgment.candidate.model, judgment.preference, judgment.status,
    )  # fmt: skip
    assert ("koala", "weighted", '{"a": 1}', 0.5) == (
        judgment.testset, judgment.judge, judgment.completion, judgment.cost_usd,
    )  # fmt: skip


def test_an_input_belongs_to_the_prompt(tmp_path: Path) -> None:
    """Two rows with one instruction and other inputs are two prompts."""
    judgments, _ = read_annotations(written(tmp_path, row(input="a"), row(input="b")))
    assert ["Why is the sky blue?\n\na", "Why is the sky blue?\n\nb"] == [each.prompt for each in judgments]
    assert 2 == len({each.id for each in judgments})


def test_nothing_and_old_ties_are_what_they_are(tmp_path: Path) -> None:
    """Null is unparsed, not a tie; 0 is the tie of old versions."""
    judgments, _ = read_annotations(written(tmp_path, row(preference=None), row(preference=0)))
    assert [(Status.UNPARSED, None), (Status.JUDGED, 0.5)] == [(each.status, each.preference) for each in judgments]


def test_ids_come_from_the_text_and_repeat_with_a_number(tmp_path: Path) -> None:
    """The same question has the same id in every file; twice in one file it stays two pairs."""
    judgments, _ = read_annotations(written(tmp_path, row(), row(instruction="Other?"), row()))
    first, other, again = (judgment.id for judgment in judgments)
    assert (f"{first}-2", True) == (again, other != first)


def test_both_orders_of_our_own_annotations_are_read(tmp_path: Path) -> None:
    """Where the file says what each order gave, nothing is reconstructed."""
    own = row(preference_reference_first=2.0, preference_candidate_first=1.5)
    judgments, one_order = read_annotations(written(tmp_path, own))
    assert not one_order
    assert [(Order.REFERENCE_FIRST, 1.0), (Order.CANDIDATE_FIRST, 0.5)] == [
        (each.order, each.preference) for each in judgments
    ]


def test_the_order_is_the_one_that_alpaca_eval_draws(data: Path) -> None:
    """In published files an answer that says "Output (a)" prefers the first shown: the drawn order explains them."""
    path = data / "alpaca_eval" / "gpt-3.5-turbo-0301" / "alpaca_eval_gpt4_turbo_fn" / "annotations.json"
    judgments, _ = read_annotations(path)
    agree = total = 0
    for judgment in judgments:
        found = json.loads(judgment.completion or "{}").get("ordered_models")
        if not found or judgment.preference not in {0.0, 1.0}:
            continue
        first_is_better = next(each["model"] for each in found if each["rank"] == 1) == "m"
        candidate_first = judgment.order is Order.CANDIDATE_FIRST
        total += 1
        agree += (judgment.preference == 1.0) == (first_is_better == candidate_first)
    assert total > 700
    assert agree == total


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preference": 3}, '"preference" must be a number from 1 to 2 or null, found 3'),
        ({"preference": "1"}, '"preference" must be a number from 1 to 2 or null'),
        ({"preference": True}, '"preference" must be a number from 1 to 2 or null'),
        ({"output_2": None}, '"output_2" must be a string, found None'),
    ],
)
def test_a_bad_field_is_named_with_its_row(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    """The message has file, row and field."""
    with pytest.raises(SchemaError, match=r"annotations\.json: row 1") as error:
        read_annotations(written(tmp_path, row(), row(**changes)))
    assert said in str(error.value)


@pytest.mark.parametrize("document", [[], {}, [1], [{"instruction": "x", "output": "y"}]])
def test_other_documents_are_no_annotations(tmp_path: Path, document: object) -> None:
    """A file of outputs is not mistaken for one of verdicts."""
    assert not is_annotations(document)
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SchemaError, match="preference was expected"):
        read_annotations(path)
