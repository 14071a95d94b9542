"""The test sets themselves: on the published files where they are at hand, and on rows that are wrong."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from longismore.errors import ChecksumError, DataError, SchemaError
from longismore.testsets import TESTSETS
from longismore.testsets._published import PUBLISHED_AT, PublishedSet

if TYPE_CHECKING:
    from longismore.records import Example

DATA = Path(os.environ.get("LONGISMORE_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
FOLDER = DATA / "testsets"
SIZES = {"koala": 180, "lima": 300, "sinstruct": 252, "vicuna": 80, "wizardlm": 218}

published = pytest.mark.skipif(not FOLDER.is_dir(), reason="the published files are not at hand")


def load(name: str) -> list[Example]:
    """Load a published set."""
    return TESTSETS.get(name).load(FOLDER)


@pytest.mark.parametrize("name", [*SIZES, "mini"])
def test_a_set_describes_itself(name: str) -> None:
    """Name, size, version, licence and source are there before anything is fetched."""
    testset = TESTSETS.get(name)
    assert (name, {**SIZES, "mini": 40}[name], 1) == (testset.name, testset.size, testset.version)
    assert testset.licence
    assert testset.source


def test_all_sets_are_known_without_being_imported() -> None:
    """The names are the modules of the package."""
    assert {*SIZES, "mini"} <= set(TESTSETS.names())


@published
@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_a_published_set_loads_from_a_folder(name: str, size: int) -> None:
    """Every row becomes one example with an id of its own, and nothing is fetched."""
    examples = load(name)
    assert size == len(examples) == len({example.id for example in examples})
    assert {name} == {example.testset for example in examples}
    assert load(name) == examples
    assert TESTSETS.get(name).is_at_hand(FOLDER)


@published
@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("koala", "koala_0", "koala_179"),
        ("lima", "lima_0", "lima_299"),
        ("sinstruct", "user_oriented_task_0", "user_oriented_task_251"),
        ("vicuna", "vicuna_1", "vicuna_80"),
        ("wizardlm", "wizardlm_1", "wizardlm_218"),
    ],
)
def test_ids_are_stable(name: str, first: str, last: str) -> None:
    """Stored judgments refer to these ids."""
    examples = load(name)
    assert (first, last) == (examples[0].id, examples[-1].id)


@published
def test_the_five_sets_have_987_distinct_prompts() -> None:
    """Sets overlap: after folding case, space and punctuation 987 of the 1,030 prompts differ."""
    prompts = [example.prompt for name in SIZES for example in load(name)]
    folded = {re.sub(r"\W+", "", prompt.casefold()) for prompt in prompts}
    assert (1030, 987) == (len(prompts), len(folded))


@published
def test_lima_prompts_have_no_list_around_them() -> None:
    """The published list of one is taken off, unlike in the published scripts."""
    assert [] == [example.id for example in load("lima") if example.prompt.startswith(("['", '["'))]


@published
def test_self_instruct_joins_the_input() -> None:
    """208 tasks have an input; model and judge get it in different forms."""
    examples = load("sinstruct")
    assert 208 == sum(example.input != "" for example in examples)
    for example in examples:
        joined = f"{example.instruction}\n\n{example.input}" if example.input else example.instruction
        shown = f"{example.instruction} Input: {example.input}" if example.input else example.instruction
        assert (joined, shown) == (example.prompt, example.question)


@published
@pytest.mark.parametrize("name", ["koala", "vicuna", "wizardlm", "lima"])
def test_texts_are_as_published(name: str) -> None:
    """Braces, edge white space and long prompts come through; line ends of the file do not come in."""
    testset = TESTSETS.get(name)
    assert isinstance(testset, PublishedSet)
    lines = (FOLDER / testset.filename).read_bytes().split(b"\n")
    rows = [json.loads(line) for line in lines if line]
    field = {"koala": "prompt", "vicuna": "text", "wizardlm": "Instruction", "lima": "conversations"}[name]
    texts = [row[field][0] if name == "lima" else row[field] for row in rows]
    examples = load(name)
    assert texts == [example.instruction for example in examples]
    assert texts == [example.prompt for example in examples] == [example.question for example in examples]


@published
def test_koala_keeps_what_templates_would_break() -> None:
    """14 prompts have white space at an edge, one has braces, one is 18,598 characters long."""
    prompts = [example.prompt for example in load("koala")]
    assert 14 == sum(prompt != prompt.strip() for prompt in prompts)
    assert 18598 == max(map(len, prompts))
    braces = [prompt for prompt in prompts if "{" in prompt or "}" in prompt]
    assert 1 == len(braces)


@published
def test_wizardlm_repeats_itself() -> None:
    """The published copy has the same prompt twice, under two ids; both are kept."""
    prompts = {example.id: example.prompt for example in load("wizardlm")}
    assert prompts["wizardlm_20"] == prompts["wizardlm_27"]
    assert [] == [name for name, prompt in prompts.items() if "\r" in prompt]


@published
def test_categories_are_the_files_own() -> None:
    """Vicuna's categories, WizardLM's skills, Self-Instruct's applications."""
    counts = {name: len({example.category for example in load(name)}) for name in SIZES}
    assert {"koala": 1, "lima": 1, "sinstruct": 71, "vicuna": 9, "wizardlm": 29} == counts


@published
def test_a_copy_of_another_project_is_refused(tmp_path: Path) -> None:
    """The LIMA file of Cherry has the same texts and other bytes."""
    (tmp_path / "lima_test.jsonl").write_bytes((FOLDER / "variants" / "cherry_lima_test_set.jsonl").read_bytes())
    with pytest.raises(ChecksumError, match=r"ec01a8b0564b0b25.* found, 4584225a820754af.* expected"):
        TESTSETS.get("lima").load(tmp_path)


@pytest.mark.parametrize("name", SIZES)
def test_an_empty_folder_is_an_error_that_says_what_to_put_there(name: str, tmp_path: Path) -> None:
    """The public address and the checksum are in the message."""
    testset = TESTSETS.get(name)
    assert isinstance(testset, PublishedSet)
    assert not testset.is_at_hand(tmp_path)
    with pytest.raises(DataError) as caught:
        testset.load(tmp_path)
    assert f"{PUBLISHED_AT}/{testset.filename} (sha256 {testset.sha256})" in str(caught.value)


def other_file(name: str, folder: Path, *rows: object) -> PublishedSet:
    """The set *name*, as if *rows* had been published."""
    testset = TESTSETS.get(name)
    assert isinstance(testset, PublishedSet)
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (folder / testset.filename).write_bytes(content)
    return PublishedSet(
        name=name,
        size=1,
        licence="",
        source="",
        filename=testset.filename,
        sha256=hashlib.sha256(content).hexdigest(),
        parse=testset.parse,
    )


@pytest.mark.parametrize(
    ("name", "row", "problem"),
    [
        ("koala", {"id": "koala_0", "text": "?"}, 'field "prompt" is missing; found: id, text'),
        ("koala", {"id": "koala_0", "prompt": None}, 'field "prompt" must be a string, found null'),
        (
            "lima",
            {"conversations": "?"},
            'field "conversations" must be a list of one string, found a string',
        ),
        ("lima", {"conversations": ["?", "!"]}, "found a list of 2"),
        (
            "sinstruct",
            {"instances": []},
            'field "instances" must be a list of one object with a string "input"',
        ),
        ("vicuna", {"question_id": True}, 'field "question_id" must be a whole number, found true'),
        ("vicuna", {"question_id": 1.5}, 'field "question_id" must be a whole number, found the number 1.5'),
        ("wizardlm", {"idx": 1, "Instruction": {}}, 'field "Instruction" must be a string, found an object'),
    ],
)
def test_a_wrong_row_is_named(name: str, row: object, problem: str, tmp_path: Path) -> None:
    """File, line and field stand in the error."""
    testset = other_file(name, tmp_path, row)
    with pytest.raises(SchemaError, match=re.escape(problem)) as caught:
        testset.load(tmp_path)
    assert f"{tmp_path / testset.filename}:1" == caught.value.where


def test_the_number_of_rows_must_be_right(tmp_path: Path) -> None:
    """A file with one row too many is not the set."""
    rows = [{"id": f"koala_{number}", "prompt": "?"} for number in range(2)]
    with pytest.raises(SchemaError, match="1 rows were expected, found 2"):
        other_file("koala", tmp_path, *rows).load(tmp_path)


def test_mini_is_always_at_hand(tmp_path: Path) -> None:
    """It is part of the package: 40 instructions, whatever folder is given."""
    mini = TESTSETS.get("mini")
    examples = mini.load(tmp_path)
    assert [f"mini_{number}" for number in range(40)] == [example.id for example in examples]
    assert 40 == len({example.prompt for example in examples})
    assert mini.is_at_hand(tmp_path)
    assert mini.load() == examples


def test_mini_joins_the_input() -> None:
    """Some of its instructions have an input, so that first steps show both forms."""
    joined = [example for example in TESTSETS.get("mini").load() if example.input]
    assert joined
    assert [f"{x.instruction}\n\n{x.input}" for x in joined] == [x.prompt for x in joined]
    assert [f"{x.instruction} Input: {x.input}" for x in joined] == [x.question for x in joined]
