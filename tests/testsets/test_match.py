"""Which row of an outputs file answers which prompt."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from longismore.errors import SchemaError
from longismore.records import Answer, Example, ModelOutput
from longismore.testsets import OutputsFile, match_outputs
from longismore.testsets._published import make_example

KOALA = [make_example("koala", f"koala_{n}", text) for n, text in enumerate(["Why?", "How?", "When?"])]
TASK = [
    make_example("sinstruct", "t_1", "Translate.", input="chat"),
    make_example("sinstruct", "t_2", "Answer.", input="1+1"),
    make_example("sinstruct", "t_3", "Answer.", input="2+2"),
]


def outputs(*rows: dict[str, Any], model: str | None = None) -> OutputsFile:
    """Make a file of *rows*."""
    made = [ModelOutput(where=f"o.json: row {number}", **row) for number, row in enumerate(rows, start=1)]
    return OutputsFile(Path("runs/o.json"), tuple(made), model)


def row(instruction: str | None, output: str, **fields: str) -> dict[str, Any]:
    """Make a row."""
    return {"instruction": instruction, "output": output, **fields}


def texts(examples: list[Example], *rows: dict[str, Any]) -> list[str]:
    """The answers to *examples*, in order."""
    found = match_outputs(examples, outputs(*rows), role="candidate")
    assert [(example.testset, example.id) for example in examples] == list(found)
    return [answer.output for answer in found.values()]


def problem(examples: list[Example], *rows: dict[str, Any]) -> str:
    """The error for *rows*."""
    with pytest.raises(SchemaError) as caught:
        match_outputs(examples, outputs(*rows), role="candidate")
    return str(caught.value)


# by text


def test_rows_match_by_instruction_in_any_order() -> None:
    """White space inside and at the edges does not count, case does."""
    rows = [row("  When?\n", "c"), row("How?", "b"), row("Why?", "a")]
    assert ["a", "b", "c"] == texts(KOALA, *rows)
    assert "no answer for 1 of 3 prompts of koala: koala_1" in problem(KOALA, row("how?", "b"), *rows[::2])


@pytest.mark.parametrize(
    "asked",
    [
        {"instruction": "Translate.\n\nchat"},
        {"instruction": "Translate. Input: chat"},
        {"instruction": "Translate.", "input": "chat"},
        {"instruction": "Translate."},
    ],
)
def test_a_prompt_with_input_is_known_in_every_published_form(asked: dict[str, str]) -> None:
    """Joined as for the model, as for the judge, in two fields, or without its input."""
    assert ["a"] == texts(TASK[:1], {**asked, "output": "a"})


def test_an_instruction_that_occurs_twice_needs_its_input() -> None:
    """Without it, either prompt could be meant."""
    assert ["2", "4"] == texts(TASK[1:], row("Answer.", "4", input="2+2"), row("Answer.", "2", input="1+1"))
    assert "no answer for 2 of 2 prompts" in problem(TASK[1:], row("Answer.", "2"), row("Answer.", "4"))


# by id and data set


def test_an_id_decides_between_equal_texts() -> None:
    """And an id alone is enough where the row has no instruction."""
    twice = [make_example("mini", name, "Why?") for name in ("x", "y")]
    assert ["1", "2"] == texts(twice, row("Why?", "2", id="y"), row("Why?", "1", id="x"))
    assert ["1", "2"] == texts(twice, row(None, "2", id="y"), row("Why?", "1"))


def test_an_id_that_disagrees_with_the_text_is_not_believed() -> None:
    """The published generation files count from 1: their koala_1 is our koala_0."""
    rows = [row(example.prompt, example.id, id=f"koala_{n}") for n, example in enumerate(KOALA, start=1)]
    assert ["koala_0", "koala_1", "koala_2"] == texts(KOALA, *rows)


def test_an_id_in_two_sets_needs_the_data_set() -> None:
    """A row without instruction is not given to both."""
    both = [make_example("koala", "1", "Why?"), make_example("vicuna", "1", "How?")]
    assert ["a", "b"] == texts(both, row(None, "b", id="1", dataset="Vicuna"), row(None, "a", id="1", dataset="koala"))
    message = problem(both, row(None, "a", id="1"))
    assert message == 'o.json: row 1: the id "1" stands in several test sets: koala, vicuna; add "dataset"'


def test_a_row_of_a_test_set_answers_only_that() -> None:
    """Even if the set that it names is not asked for."""
    assert ["b"] == texts([KOALA[0]], row("Why?", "a", dataset="vicuna"), row("Why?", "b", dataset="KOALA"))
    assert "no answer for 1 of 1 prompts of koala" in problem([KOALA[0]], row("Why?", "a", dataset="vicuna"))


@pytest.mark.parametrize("dataset", ["helpful_base", "selfinstruct", "oasst", ""])
def test_other_data_sets_are_passed_over(dataset: str) -> None:
    """alpaca_eval has its own names."""
    assert ["a"] == texts([KOALA[0]], row("Why?", "a", dataset=dataset))


# several rows, several examples


def test_equal_prompts_share_one_row() -> None:
    """WizardLM asks the same thing twice; a file may answer once."""
    twice = [make_example("wizardlm", name, "Why?") for name in ("wizardlm_20", "wizardlm_27")]
    assert ["a", "a"] == texts(twice, row("Why?", "a"))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [("ab", "ab"), ("aa", "aa"), ("abab", "ab"), ("abb", "ab"), ("aba", "ab")],
)
def test_equal_prompts_get_their_rows_in_order(answers: str, expected: str) -> None:
    """As many different answers as prompts: in the order of the file; repeated rows count once."""
    twice = [make_example("wizardlm", name, "Why?") for name in ("wizardlm_20", "wizardlm_27")]
    assert list(expected) == texts(twice, *(row("Why?", answer) for answer in answers))


def test_a_row_with_an_id_leaves_the_other_prompt_to_the_others() -> None:
    """The named one is settled first, wherever it stands."""
    twice = [make_example("wizardlm", name, "Why?") for name in ("wizardlm_20", "wizardlm_27")]
    assert ["b", "a"] == texts(twice, row("Why?", "b"), row("Why?", "a", id="wizardlm_27"))


@pytest.mark.parametrize("count", [1, 3])
def test_different_answers_that_cannot_be_shared_out_are_an_error(count: int) -> None:
    """Both places are named, and what tells the rows apart."""
    same = [make_example("mini", f"mini_{number}", "Why?") for number in range(count)]
    message = problem(same, row("Why?", "a"), row("Why?", "b"))
    asked = ", ".join(f"mini_{number} of mini" for number in range(count))
    assert message == (
        f"o.json: row 1: one of 2 different answers to the prompt of {asked}; another is o.json: row 2; "
        'add "dataset" (the test set) or "id" to the rows, or remove the rows that are not wanted'
    )


def test_a_file_of_two_models_is_an_error_that_says_so() -> None:
    """The remedy is another than for two runs of one model."""
    message = problem(KOALA[:1], row("Why?", "a", generator="one"), row("Why?", "b", generator="two"))
    assert message.endswith("they are of the models one, two: give a file with one of them")


@pytest.mark.parametrize("first", [{"id": "koala_0"}, {}])
def test_a_second_answer_to_a_settled_prompt_is_an_error(first: dict[str, str]) -> None:
    """Whether an id or only its text says what it answers; the same answer again is none."""
    for second in ({"id": "koala_0"}, {}):
        rows = [row("Why?", "a", **first), row("Why?", "b", **second)]
        assert "different answers to the prompt of koala_0 of koala" in problem(KOALA[:1], *rows)
        assert ["a"] == texts(KOALA[:1], rows[0], {**rows[1], "output": "a"})


SHARED = [make_example("lima", "lima_4", "Why?"), make_example("vicuna", "vicuna_1", "Why?")]


def test_a_prompt_of_two_sets_takes_one_row_for_both() -> None:
    """39 prompts of LIMA are Vicuna's; alpaca_eval has each once."""
    assert ["a", "a"] == texts(SHARED, row("Why?", "a"))


def test_a_prompt_of_two_sets_with_two_answers_needs_the_data_set() -> None:
    """Or an id, for one of the two rows is enough."""
    assert 'add "dataset"' in problem(SHARED, row("Why?", "a"), row("Why?", "b"))
    assert ["a", "b"] == texts(SHARED, row("Why?", "b", dataset="vicuna"), row("Why?", "a", dataset="lima"))
    assert ["a", "b"] == texts(SHARED, row("Why?", "b", id="vicuna_1"), row("Why?", "a"))


def test_the_narrower_row_is_placed_first() -> None:
    """A text that could stand for two prompts is left to the one that has no row of its own."""
    tricky = [make_example("mini", "x", "Do this"), make_example("mini", "y", "Do", input="this")]
    assert ["b", "a"] == texts(tricky, row("Do this", "b"), row("Do Input: this", "a"))


# what is said


def test_missing_answers_are_named() -> None:
    """Which, of how many, the text of the first, what the file has instead, and what to do."""
    examples = [make_example("koala", f"koala_{n}", f"Question {n} " + "x" * 90) for n in range(180)]
    rows = [row(example.prompt, "a") for example in examples]
    for number in (44, 17, 3):
        del rows[number]
    rows.append(row("Who?", "a"))
    assert problem(examples, *rows) == (
        "runs/o.json: no answer for 3 of 180 prompts of koala: koala_3, koala_17, koala_44; "
        f'first missing prompt: "Question 3 {"x" * 69}..."; '
        'rows of the file that match no prompt: 1, the first is o.json: row 178 with "Who?"; '
        "generate the missing answers of the candidate, or ask for fewer prompts with --limit"
    )


def test_a_file_for_something_less_lists_only_what_is_missing() -> None:
    """Where every row of the file is used, no row is blamed."""
    assert problem(KOALA, row("Why?", "a"), row("How?", "b")) == (
        'runs/o.json: no answer for 1 of 3 prompts of koala: koala_2; first missing prompt: "When?"; '
        "generate the missing answers of the candidate, or ask for fewer prompts with --limit"
    )


def test_missing_answers_are_counted_for_each_set() -> None:
    """Long lists of ids are cut; an id without text is shown in place of one."""
    examples = [*KOALA, *(make_example("mini", f"mini_{n}", f"{n}?") for n in range(14))]
    message = problem(examples, row("Why?", "a"), row("2?", "b"), row(None, "c", id="nobody"))
    ids = ", ".join(f"mini_{n}" for n in (0, 1, *range(3, 11)))
    assert (
        f"no answer for 2 of 3 prompts of koala: koala_1, koala_2, 13 of 14 prompts of mini: {ids} and 3 more; "
        'first missing prompt: "How?"; rows of the file that match no prompt: 1, '
        'the first is o.json: row 3 with the id "nobody"' in message
    )


def test_rows_without_a_prompt_and_empty_answers_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """In a warning, for both may be right."""
    rows = [row("Why?", "a"), row("Who?", "b"), row("Where?", "c"), row("How?", " \n"), row("When?", "")]
    with caplog.at_level(logging.WARNING):
        assert ["a", " \n", ""] == texts(KOALA, *rows)
    assert caplog.messages == [
        "runs/o.json (candidate): 2 of 5 rows answer none of the prompts; the first is o.json: row 2",
        "runs/o.json (candidate): 2 of 3 answers are empty; the first is koala_1",
    ]


def test_a_file_that_fits_is_passed_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    """No warning where there is nothing to warn of."""
    with caplog.at_level(logging.INFO):
        texts(KOALA, *(row(example.prompt, "a") for example in KOALA))
    assert [] == caplog.messages


@pytest.mark.parametrize(
    ("generator", "model", "expected"), [("row", "file", "row"), (None, "file", "file"), (None, None, "o")]
)
def test_an_answer_names_its_model(generator: str | None, model: str | None, expected: str) -> None:
    """The row's, else the file's, else the name of the file."""
    found = match_outputs(
        KOALA[:1], outputs({**row("Why?", "a"), "generator": generator}, model=model), role="reference"
    )
    assert {("koala", "koala_0"): Answer(expected, "a")} == found


def test_no_examples_need_no_answers() -> None:
    """All rows are then unused."""
    assert [] == texts([], row("Why?", "a"))


@pytest.mark.slow
def test_matching_is_linear() -> None:
    """300,000 rows and prompts, a third of the texts twice, are matched; comparing all pairs would take hours."""
    count = 300_000
    examples = [make_example("mini", f"mini_{n}", f"{n % 200_000}?") for n in range(count)]
    file = outputs(*(row(example.prompt, example.id) for example in examples))
    found = match_outputs(examples, file, role="candidate")
    assert [example.id for example in examples] == [answer.output for answer in found.values()]
