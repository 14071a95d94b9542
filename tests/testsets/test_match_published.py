"""Matching on published files: real test sets, real answers, and rows as the published scripts write them."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import SchemaError
from longismore.testsets import TESTSETS, match_outputs, read_outputs

if TYPE_CHECKING:
    from longismore.records import Answer, Example

DATA = Path(os.environ.get("LONGISMORE_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
published = pytest.mark.skipif(not (DATA / "testsets").is_dir(), reason="the published files are not at hand")

COLUMNS = {
    "koala": "prompt",
    "lima": "conversations",
    "sinstruct": "instruction",
    "vicuna": "text",
    "wizardlm": "Instruction",
}


def load(name: str) -> list[Example]:
    """Load a published set."""
    return TESTSETS.get(name).load(DATA / "testsets")


def mark(example: Example) -> str:
    """An answer that only this example has."""
    return f"{example.testset} {example.id}"


def matched(examples: list[Example], rows: list[dict[str, Any]], folder: Path) -> list[Answer]:
    """Write *rows* to a file, and match what is read from it."""
    (folder / "o.json").write_text(json.dumps(rows))
    return list(match_outputs(examples, read_outputs(folder / "o.json"), role="candidate").values())


def test_the_embedded_answers_match_mini() -> None:
    """Every first step works."""
    mini = TESTSETS.get("mini").load()
    for name in ("mini:better", "mini:longer"):
        found = match_outputs(mini, read_outputs(name), role="candidate")
        assert [example.id for example in mini] == [key[1] for key in found]


@published
def test_published_answers_of_alpaca_eval(caplog: pytest.LogCaptureFixture) -> None:
    """All of Vicuna and Self-Instruct, matched by text; of the rest, 156 name Koala and 317 are counted."""
    examples = [*load("vicuna"), *load("sinstruct")]
    path = DATA / "alpaca_eval" / "vicuna-13b" / "model_outputs.json"
    with caplog.at_level(logging.WARNING):
        found = match_outputs(examples, read_outputs(path), role="reference")
    rows = json.loads(path.read_text(encoding="utf-8"))
    by_text = {"".join(each["instruction"].split()): each["output"] for each in rows}
    expected = [by_text["".join(example.prompt.split())] for example in examples]
    assert expected == [answer.output for answer in found.values()]
    assert {"vicuna-13b"} == {answer.model for answer in found.values()}
    assert [317] == [int(re.findall(r"(\d+) of 805 rows", message)[0]) for message in caplog.messages]


@published
def test_published_answers_do_not_cover_koala() -> None:
    """36 of its prompts are not among alpaca_eval's, and are named."""
    examples = load("koala")
    outputs_file = read_outputs(DATA / "alpaca_eval" / "vicuna-13b" / "model_outputs.json")
    with pytest.raises(SchemaError, match="no answer for 36 of 180 prompts of koala: koala_"):
        match_outputs(examples, outputs_file, role="candidate")


@published
@pytest.mark.parametrize("form", ["prompt", "question", "instruction"])
def test_all_1030_prompts_match_their_own_answers(form: str, tmp_path: Path) -> None:
    """With the data set named, every text finds its own prompt, in each published form."""
    examples = [example for name in COLUMNS for example in load(name)]
    rows = [
        {
            "instruction": getattr(example, form),
            "input": example.input if form == "instruction" else "",
            "output": mark(example),
            "dataset": example.testset,
        }
        for example in examples
    ]
    assert [mark(example) for example in examples] == [a.output for a in matched(examples, rows, tmp_path)]


@published
def test_the_published_generation_script_is_understood(tmp_path: Path) -> None:
    """Rows as it writes them: ids from 1, a templated prompt, LIMA's list; all five sets in one file."""
    template = "Below is an instruction. Write.\r\n\r\n### Instruction:\r\n{}\r\n\r\n### Response:"
    examples, rows = [], []
    for name, column in COLUMNS.items():
        for count, example in enumerate(load(name), start=1):
            asked: dict[str, Any] = {"question_id": f"{name}_{count}"}
            asked[column] = [example.instruction] if name == "lima" else example.instruction
            if name == "sinstruct":
                asked["instances"] = [{"input": example.input}]
            asked["prompt"] = template.format(asked[column])
            examples.append(example)
            rows.append({**asked, "llama": mark(example)})
    answers = matched(examples, rows, tmp_path)
    assert [mark(example) for example in examples] == [answer.output for answer in answers]
    assert {"llama"} == {answer.model for answer in answers}
