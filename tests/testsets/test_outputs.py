"""Reading answers: every format they are kept in, and what is said of a file that cannot be read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import DataError, SchemaError, UnknownNameError
from longismore.records import ModelOutput
from longismore.testsets import OutputsFile, read_outputs
from longismore.testsets._outputs import EMBEDDED_OUTPUTS, embedded_outputs

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS = [
    {"instruction": "Why?", "output": "Because.", "generator": "tiny", "dataset": "koala"},
    {"instruction": "How?", "output": "", "generator": "tiny", "id": 7, "input": "x"},
]


def as_list(rows: object) -> str:
    """Write rows as one JSON document."""
    return json.dumps(rows, indent=1)


def as_lines(rows: list[Any]) -> str:
    """Write rows as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def read(folder: Path, content: str, name: str = "outputs.json") -> OutputsFile:
    """Read *content* from a file."""
    (folder / name).write_text(content, encoding="utf-8")
    return read_outputs(folder / name)


def sample(doc: Mapping[str, object], text: object, **fields: object) -> dict[str, object]:
    """A row as lm-eval logs it."""
    return {"doc_id": 0, "doc": doc, "target": "", "resps": [[text]], "filtered_resps": [text], **fields}


# formats


@pytest.mark.parametrize("name", ["outputs.json", "outputs.jsonl", "outputs"])
@pytest.mark.parametrize("write", [as_list, as_lines, json.dumps, lambda rows: "\ufeff" + as_lines(rows)])
def test_content_decides_between_a_list_and_lines(tmp_path: Path, write: Any, name: str) -> None:
    """The rows are the same, whatever the file's name ends with."""
    found = read(tmp_path, write(ROWS), name)
    assert ["Because.", ""] == [output.output for output in found.outputs]
    assert (tmp_path / name, "tiny") == (found.path, found.model)


def test_rows_of_alpaca_eval_keep_every_field(tmp_path: Path) -> None:
    """Instruction, input, id, data set and generator are taken over; an id may be a number."""
    path = tmp_path / "outputs.json"
    first, second = read(tmp_path, as_list(ROWS)).outputs
    assert first == ModelOutput(
        output="Because.", where=f"{path}: row 1", instruction="Why?", dataset="koala", generator="tiny"
    )
    assert second == ModelOutput(
        output="", where=f"{path}: row 2", instruction="How?", input="x", id="7", generator="tiny"
    )


def test_lines_are_named_by_their_number(tmp_path: Path) -> None:
    """Blank lines count, as in an editor."""
    found = read(tmp_path, json.dumps(ROWS[0]) + "\n\n" + json.dumps(ROWS[1]), "outputs.jsonl")
    assert [f"{found.path}:1", f"{found.path}:3"] == [output.where for output in found.outputs]


@pytest.mark.parametrize(
    ("generators", "model"), [(["a", "a"], "a"), (["a", "b"], None), ([None, None], None), (["a", None], "a")]
)
def test_the_model_is_the_one_generator(tmp_path: Path, generators: list[str | None], model: str | None) -> None:
    """Of several, none is picked."""
    rows = [{"instruction": "?", "output": "!", "generator": generator} for generator in generators]
    assert model == read(tmp_path, as_list(rows)).model


def test_samples_of_our_tasks(tmp_path: Path) -> None:
    """Id, test set and instruction stand in the document; the folder is named after the model."""
    doc = {
        "id": "mini_3",
        "testset": "mini",
        "prompt": "Do\n\nit",
        "question": "Q",
        "instruction": "Do",
        "input": "it",
    }
    (tmp_path / "org__model").mkdir()
    name = "org__model/samples_longismore_mini_2025-01-02T03-04-05.678.jsonl"
    found = read(tmp_path, as_lines([sample(doc, "Done.")]), name)
    expected = ModelOutput(
        output="Done.",
        where=f"{tmp_path / name}:1",
        instruction="Do",
        input="it",
        id="mini_3",
        dataset="mini",
        generator="org__model",
    )
    assert ((expected,), "org__model") == (found.outputs, "org__model")


@pytest.mark.parametrize("field", ["instruction", "prompt", "question"])
def test_samples_of_other_tasks(tmp_path: Path, field: str) -> None:
    """The first of instruction, prompt and question that holds a text is what was asked."""
    row = sample({field: "Why?", "answer": "no"}, "Because.")
    assert ["Why?"] == [output.instruction for output in read(tmp_path, as_lines([row])).outputs]


def test_a_sample_is_read_once_for_all_filters(tmp_path: Path) -> None:
    """lm-eval logs a document once a filter; equal answers to two documents stay two."""
    rows = [
        sample({"prompt": "Why?"}, "Because.", doc_id=doc_id, filter=name)
        for doc_id in (0, 1)
        for name in ("none", "strict")
    ]
    assert 2 == len(read(tmp_path, as_lines(rows)).outputs)


@pytest.mark.parametrize(
    "asked",
    [
        *({name: "Why?"} for name in ("prompt", "text", "Instruction", "instruction", "conversations")),
        {"conversations": ["Why?"]},
        {"conversations": "Why?", "prompt": "the same in a template"},
    ],
)
@pytest.mark.parametrize("write", [as_list, as_lines])
def test_published_generation_files(tmp_path: Path, asked: dict[str, object], write: Any) -> None:
    """The field that is left over is named like the model and holds its answer; the id names the set."""
    row = {"question_id": "koala_1", **asked, "llama-2-long": "Because.", "category": "generic"}
    (output,) = read(tmp_path, write([row])).outputs
    assert ("Why?", "Because.", "llama-2-long") == (output.instruction, output.output, output.generator)
    assert ("koala_1", "koala") == (output.id, output.dataset)


@pytest.mark.parametrize("given", [{"instances": [{"input": "this"}]}, {"input": "this"}])
def test_published_generation_files_with_input(tmp_path: Path, given: dict[str, object]) -> None:
    """Self-Instruct's input is in its instances."""
    row = {"question_id": "sinstruct_1", "instruction": "Do", **given, "m": "Done."}
    (output,) = read(tmp_path, as_list([row])).outputs
    assert ("Do", "this") == (output.instruction, output.input)


def test_an_id_alone_says_what_was_asked(tmp_path: Path) -> None:
    """A generation file without the instruction is matched by its ids."""
    (output,) = read(tmp_path, as_list([{"question_id": "vicuna_1", "m": "!"}])).outputs
    assert ("vicuna_1", None) == (output.id, output.instruction)


def test_the_template_in_a_published_prompt_is_taken_off(tmp_path: Path) -> None:
    """The published script overwrites Koala's prompt with the templated one, and adds one to the other sets."""
    template = "Below is an instruction. Write.\r\n\r\n### Instruction:\r\n{}\r\n\r\n### Response:"
    koala = {"question_id": "koala_1", "prompt": template.format(" Say ### Response: twice"), "m": "!"}
    vicuna = {"question_id": "vicuna_1", "text": "Why?", "prompt": template.format("other"), "m": "!"}
    first, second = read(tmp_path, as_list([koala, vicuna])).outputs
    assert (first.instruction or "").strip() == "Say ### Response: twice"
    assert second.instruction == "Why?"


# embedded answers


@pytest.mark.parametrize("name", EMBEDDED_OUTPUTS)
def test_embedded_outputs_are_read_by_name(name: str) -> None:
    """They answer the test set mini, and stand under a name instead of a path."""
    found = read_outputs(name)
    assert found == embedded_outputs(name) == read_outputs(Path(name))
    assert [f"mini_{number}" for number in range(40)] == [output.id for output in found.outputs]
    assert (name, f"{name}: row 1") == (str(found.path), found.outputs[0].where)
    assert found.model


@pytest.mark.parametrize("access", [read_outputs, embedded_outputs])
def test_an_unknown_embedded_name_is_an_error(access: Any) -> None:
    """Near names come first."""
    with pytest.raises(UnknownNameError, match='unknown embedded outputs "mini:beter"; did you mean mini:better'):
        access("mini:beter")


def test_a_file_may_be_named_like_embedded_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the known names and those of no file are taken for embedded ones."""
    monkeypatch.chdir(tmp_path)
    Path("mini:mine").write_text(as_list(ROWS))
    assert 2 == len(read_outputs("mini:mine").outputs)


# bad input


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (
            {"instruction": "?", "output": None},
            'field "output" must be a string, found null; generate this answer',
        ),
        ({"instruction": "?", "output": 3}, 'field "output" must be a string, found the number 3'),
        ({"instruction": "?", "output": ["!"]}, 'field "output" must be a string, found a list of 1'),
        (
            {"instruction": "?", "response": "!"},
            'field "output" is missing; found: instruction, response; write',
        ),
        ({"output": "!"}, "nothing says which prompt this answers; found: output; add"),
        ({"output": "!", "instruction": " ", "id": ""}, "nothing says which prompt this answers"),
        ({"output": "!", "instruction": 5}, 'field "instruction" must be a string, found the number 5'),
        ({"output": "!", "id": [1]}, 'field "id" must be a string or a whole number, found a list of 1'),
        ({"output": "!", "instruction": "?", "generator": {}}, 'field "generator" must be a string'),
        (
            {"question_id": 1, "text": "?", "a": "!", "b": "!"},
            "several fields could hold the answer: a, b; found",
        ),
        ({"question_id": 1, "text": "?"}, "no field holds an answer; found: question_id, text"),
        ({"question_id": 1, "text": "?", "m": None}, 'field "m" must be a string, found null'),
        (
            {"question_id": 1, "conversations": ["?", "!"], "m": ""},
            'field "conversations" must be a string or a list',
        ),
        (
            {"question_id": 1, "text": "?", "instances": [], "m": ""},
            'field "instances" must be a list of one object',
        ),
        (sample({"prompt": "?"}, None), 'field "resps[0][0]" must be a string, found null; only tasks'),
        (sample({"prompt": "?"}, "", resps=[]), 'field "resps" must be a list of lists of strings'),
        ({**sample({}, ""), "doc": "?"}, 'field "doc" must be an object, found a string'),
        (sample({"ctx": "?"}, ""), "nothing says which prompt this answers"),
        ("text", "found "),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: object, problem: str) -> None:
    """File and row, or line, stand in the error, with what was found."""
    with pytest.raises(SchemaError, match=re.escape(problem)) as caught:
        read(tmp_path, as_list([*ROWS, row]), "outputs.json")
    assert f"{tmp_path / 'outputs.json'}: row 3" == caught.value.where
    with pytest.raises(SchemaError) as caught:
        read(tmp_path, as_lines([*ROWS, row]), "outputs.jsonl")
    assert f"{tmp_path / 'outputs.jsonl'}:3" == caught.value.where


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"[]", "no answers: the list is empty"),
        (b'"text"', "a list of answers, or one answer a line, was expected; found a string"),
        (
            b'{\n"instruction": "?"\n}',
            "a list of answers, or one answer a line, was expected; found an object",
        ),
        (b'[{"instruction": "?", "output": "abc', "the file seems to be cut off"),
        (b'{"instruction": "?", "output": "!"}\n{"instruction": "?", "out', "the file may be cut off"),
        (b'[{"instruction": "?", "output": "caf\xe9"}]', "not UTF-8 (byte 0xe9 at offset 36)"),
        (b'{"instruction": "?", "output": "caf\xe9"}\n', "not UTF-8 (byte 0xe9 at offset 35)"),
        ('[{"instruction": "?"}]'.encode("utf-16"), "not UTF-8 (byte 0xff at offset 0)"),
    ],
)
def test_a_broken_file_is_an_error(tmp_path: Path, content: bytes, problem: str) -> None:
    """Empty, cut off, in another encoding, or something else altogether."""
    (tmp_path / "outputs.json").write_bytes(content)
    with pytest.raises(SchemaError, match=re.escape(problem)):
        read_outputs(tmp_path / "outputs.json")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises(DataError, match="no such file"):
        read_outputs(tmp_path / "outputs.json")


@pytest.mark.parametrize("text", ["", "x" * 2_000_000, "\u2028 \x00 \ud83d"])
def test_odd_answers_are_kept(tmp_path: Path, text: str) -> None:
    """Empty, 2 MB long, with a line separator, a null or half a surrogate pair: it is what the model said."""
    for write in (as_list, as_lines):
        (output,) = read(tmp_path, write([{"instruction": "?", "output": text}])).outputs
        assert text == output.output
