"""The model that answers from a file."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from lm_eval.api.instance import Instance
from lm_eval.api.registry import get_model

from longismore.errors import ConfigError, DataError, SchemaError, UnknownNameError, UsageError
from longismore.harness._lm_eval import models_imported
from longismore.harness._outputs_model import OutputsLM
from longismore.testsets import TESTSETS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from longismore.records import Example

EXAMPLES = TESTSETS.get("mini").load()


def requests_for(examples: Sequence[Example], prompt: Callable[[str], str] = str) -> list[Instance]:
    """What lm_eval hands to a model; *prompt* is what it made of each instruction."""
    return [
        Instance(
            request_type="generate_until",
            doc=asdict(example),
            arguments=(prompt(example.prompt), {"until": []}),
            idx=0,
            metadata=(f"longismore_{example.testset}", number, 1),
        )
        for number, example in enumerate(examples)
    ]


def answer(example: Example) -> str:
    """A different answer to each example."""
    return f"answer to {example.id}"


def alpaca_eval_row(example: Example) -> dict[str, Any]:
    """alpaca_eval's model_outputs.json."""
    return {"instruction": example.question, "output": answer(example), "generator": "tuned", "dataset": "mini"}


def generation_row(example: Example) -> dict[str, Any]:
    """The published generation files."""
    return {"question_id": example.id, "text": example.question, "tuned": answer(example)}


def sample_row(example: Example) -> dict[str, Any]:
    """lm_eval's logged samples."""
    return {"doc_id": 0, "doc": asdict(example), "resps": [[answer(example)]], "filter": "none"}


@pytest.mark.parametrize("row", [alpaca_eval_row, generation_row, sample_row])
@pytest.mark.parametrize("lines", [False, True], ids=["list", "lines"])
def test_every_format_is_replayed(row: Callable[[Example], dict[str, Any]], lines: bool, tmp_path: Path) -> None:
    """Rows of any format, as a list or one a line, in any order, give each request its own answer."""
    rows = [row(example) for example in reversed(EXAMPLES)]
    path = tmp_path / "outputs.json"
    path.write_text("\n".join(map(json.dumps, rows)) if lines else json.dumps(rows), encoding="utf-8")
    model = OutputsLM(path=str(path), batch_size=8, max_batch_size=None, device="cpu")
    assert [answer(example) for example in EXAMPLES] == model.generate_until(requests_for(EXAMPLES))


def test_a_folder_of_lm_eval_is_replayed(tmp_path: Path) -> None:
    """The output folder of an earlier run does for a file."""
    folder = tmp_path / "org__tuned"
    folder.mkdir()
    path = folder / "samples_longismore_mini_2025-01-02T03-04-05.000006.jsonl"
    path.write_text("\n".join(json.dumps(sample_row(example)) for example in EXAMPLES), encoding="utf-8")
    model = OutputsLM(path=str(tmp_path))
    assert [answer(EXAMPLES[3])] == model.generate_until(requests_for(EXAMPLES[3:4]))


@pytest.mark.parametrize("name", ["mini:better", "mini:longer"])
def test_shipped_answers_are_replayed_by_name(name: str) -> None:
    """The answers that come with the project need no file, and each is an answer of its own."""
    assert 40 == len(set(OutputsLM(path=name).generate_until(requests_for(EXAMPLES))))


@pytest.mark.parametrize("path", [None, ""])
def test_without_a_path_the_message_says_how_to_give_one(path: str | None) -> None:
    """The first mistake that everybody makes."""
    with pytest.raises(ConfigError, match="--model_args path=FILE"):
        OutputsLM(path=path)


def test_a_path_without_answers_is_named(tmp_path: Path) -> None:
    """A file that is not there, a folder without samples and an unknown name are three messages."""
    with pytest.raises(DataError, match=r"absent\.json"):
        OutputsLM(path=str(tmp_path / "absent.json"))
    with pytest.raises(DataError, match="no samples"):
        OutputsLM(path=str(tmp_path))
    with pytest.raises(UnknownNameError, match="mini:better"):
        OutputsLM(path="mini:bettre")


def test_an_unanswered_instruction_is_named(tmp_path: Path) -> None:
    """A file that lacks an answer is refused; nothing is filled in."""
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps([alpaca_eval_row(example) for example in EXAMPLES[1:]]), encoding="utf-8")
    with pytest.raises(SchemaError, match="mini_0"):
        OutputsLM(path=str(path)).generate_until(requests_for(EXAMPLES))


def test_tasks_of_others_are_refused() -> None:
    """Other tasks generate too, but the file has no answers to them: the message says which it knows."""
    request = Instance(request_type="generate_until", doc={"question": "1 + 1?"}, arguments=("1 + 1?", {}), idx=0)
    with pytest.raises(UsageError, match="answers tasks of longismore only"):
        OutputsLM(path="mini:better").generate_until([request])


@pytest.mark.parametrize("method", ["loglikelihood", "loglikelihood_rolling"])
def test_likelihoods_are_refused(method: str) -> None:
    """Multiple-choice tasks cannot be replayed from texts."""
    with pytest.raises(UsageError, match="run this task with a real model"):
        getattr(OutputsLM(path="mini:better"), method)([])


def test_prompts_do_not_matter() -> None:
    """With --apply_chat_template and --system_instruction the answers are the same: the document is looked up."""
    model = OutputsLM(path="mini:better")

    def templated(text: str) -> str:
        return model.apply_chat_template([{"role": "system", "content": "x"}, {"role": "user", "content": text}])

    plain, chat = requests_for(EXAMPLES), requests_for(EXAMPLES, templated)
    assert f"x\n\n{EXAMPLES[0].prompt}" == chat[0].args[0]
    assert model.generate_until(plain) == model.generate_until(chat)
    assert "longismore_outputs" == model.tokenizer_name


def test_repeated_requests_are_answered_each_time() -> None:
    """lm_eval repeats requests, to fill up ranks and for tasks with repeats."""
    model = OutputsLM(path="mini:better")
    once = model.generate_until(requests_for(EXAMPLES[:2]))
    assert [once[0], once[1], once[1], once[0]] == model.generate_until(
        requests_for([EXAMPLES[0], EXAMPLES[1], EXAMPLES[1], EXAMPLES[0]])
    )


def test_no_requests_are_no_answers() -> None:
    """A rank may have nothing to do."""
    assert [] == OutputsLM(path="mini:better").generate_until([])


def test_lm_eval_knows_the_model_by_its_name() -> None:
    """Registered once, however often lm_eval.models is reloaded, beside lm_eval's own."""
    import lm_eval.models

    models_imported(lm_eval.models)
    models_imported(lm_eval.models)
    assert OutputsLM is get_model("longismore_outputs")
    made = get_model("longismore_outputs").create_from_arg_string("path=mini:better", {"batch_size": 1, "device": None})
    assert "mini:better" == str(made.outputs.path)
