"""A trained model through the real lm_eval: the tokens that reach it are those that it was trained to answer."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from lm_eval import evaluator, tasks

from longismore.harness import TASKS_FOLDER
from longismore.harness._evaluated import EVALUATED, evaluator_imported
from longismore.harness._lm_eval import tasks_imported
from longismore.harness._trained_model import NOTE, _lead
from longismore.instructions import Row, Turn, open_data
from longismore.instructions._templates import load_template
from longismore.testsets import TESTSETS
from longismore.train._chat_jinja import Lead
from longismore.train._record import RECORD, read_record
from longismore.train.settings import load_preset
from trained_models import make_trained

if TYPE_CHECKING:
    from collections.abc import Iterator

MISSING = [name for name in ("torch", "transformers") if find_spec(name) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

MINI = TESTSETS.get("mini").load()[:6]
OPENED = (
    "{{ bos_token }}{% for m in messages %}{{ '[' + m['role'] + '] ' + m['content'] + '\n' }}{% endfor %}[assistant]"
)


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """lm_eval asks neither git nor pip; one thread does the work."""
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(evaluator, "add_env_info", lambda results: None)
    monkeypatch.setattr(evaluator, "get_git_commit_hash", lambda: None)
    tasks_imported(tasks)
    monkeypatch.setattr(evaluator, "evaluate", evaluator.evaluate)
    evaluator_imported(evaluator)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def model_of(model: Any, **options: Any) -> tuple[Any, list[list[int]]]:
    """lm_eval's own model of Hugging Face folders, and the list that gets what reaches its weights."""
    from lm_eval.models.huggingface import HFLM

    lm = HFLM(pretrained=str(model) if isinstance(model, Path) else model, device="cpu", batch_size=4, **options)
    seen: list[list[int]] = []
    generate = lm.model.generate

    def spying(**given: Any) -> Any:
        pairs = zip(given["input_ids"], given["attention_mask"], strict=True)
        seen.extend(ids[mask.bool()].tolist() for ids, mask in pairs)
        return generate(**given)

    lm.model.generate = spying
    return lm, seen


def evaluate(lm: Any, **options: Any) -> Any:
    """Let it answer a few instructions, without judging."""
    manager = tasks.TaskManager(include_defaults=False, include_path=TASKS_FOLDER, metadata={})
    settings: dict[str, Any] = {"predict_only": True, "limit": len(MINI), "gen_kwargs": {"max_gen_toks": 2}, **options}
    return evaluator.simple_evaluate(model=lm, tasks=["longismore_mini"], task_manager=manager, **settings)


def trained_prompts(folder: Path, template: str, *, joined: bool = False, system: str = "") -> list[list[int]]:
    """The tokens before the answers of such rows; *joined*: with the input as part of the instruction."""
    from longismore.train._encode import encode_prompts
    from longismore.train._model_size import load_tokenizer

    rows = [
        Row(
            number=0,
            place="x",
            turns=(Turn(each.prompt if joined else each.instruction, ""),),
            input="" if joined else each.input,
            system=system,
        )
        for each in MINI
    ]
    return encode_prompts(rows, load_tokenizer(str(folder)), load_preset("tiny-cpu", {"template": template}))


@pytest.mark.parametrize("flag", [False, True], ids=["by itself", "--apply_chat_template"])
@pytest.mark.parametrize("bos", [True, False], ids=["begin", "nothing"])
@pytest.mark.parametrize(("template", "chat"), [("plain", None), ("none", None), ("chat", OPENED)])
def test_the_model_gets_the_tokens_of_its_training(
    tmp_path: Path, template: str, chat: str | None, *, bos: bool, flag: bool
) -> None:
    """Template, beginning of a text and all, with the chat template and without; nothing twice, nothing missing."""
    folder = make_trained(tmp_path / "tuned", template, chat_template=chat, bos=bos)
    lm, seen = model_of(folder)
    results = evaluate(lm, apply_chat_template=flag)
    assert any(example.input for example in MINI)
    assert sorted(seen) == sorted(trained_prompts(folder, template, joined=flag))
    noted = results["configs"]["longismore_mini"]["metadata"][NOTE]
    assert (noted["name"], noted["written_by"]) == (template, "lm_eval" if flag else "longismore")


@pytest.mark.parametrize("add_bos_token", [False, True])
def test_whatever_the_host_adds_the_tokens_are_the_same(tmp_path: Path, *, add_bos_token: bool) -> None:
    """Where lm_eval is told to add no beginning, the prompt brings it; where it adds one, it does not."""
    folder = make_trained(tmp_path / "tuned")
    lm, seen = model_of(folder, add_bos_token=add_bos_token)
    evaluate(lm)
    expected = trained_prompts(folder, "plain")
    assert sorted(seen) == sorted(expected)
    assert {ids[0] for ids in expected} == {lm.tokenizer.bos_token_id}


def test_a_system_instruction_has_the_tokens_of_the_training(tmp_path: Path) -> None:
    """--system_instruction is what the system message of a row was."""
    folder = make_trained(tmp_path / "tuned")
    lm, seen = model_of(folder)
    evaluate(lm, system_instruction="Be brief.")
    assert sorted(seen) == sorted(trained_prompts(folder, "plain", system="Be brief."))


def test_a_beginning_that_was_not_trained_is_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A chat template without a beginning, a tokenizer that adds one: lm_eval adds it, and the remedy is said."""
    folder = make_trained(tmp_path / "tuned", "chat")
    lm, seen = model_of(folder)
    with caplog.at_level(logging.INFO, "longismore"):
        evaluate(lm)
    told = [record for record in caplog.records if record.name.startswith("longismore")]
    [warning] = [record.getMessage() for record in told if record.levelno == logging.WARNING]
    assert "it puts '<|begin|>' before a prompt; add add_bos_token=False to --model_args" in warning
    expected = trained_prompts(folder, "chat")
    assert sorted(seen) == sorted([lm.tokenizer.bos_token_id, *ids] for ids in expected)
    lm, seen = model_of(folder, add_bos_token=False)
    evaluate(lm)
    assert sorted(seen) == sorted(expected)


def test_a_model_that_was_loaded_before_is_known(tmp_path: Path) -> None:
    """In Python the weights may be handed to lm_eval as an object, which says where it was loaded from."""
    from transformers import AutoModelForCausalLM

    from longismore.train._model_size import load_tokenizer

    folder = make_trained(tmp_path / "tuned")
    network = AutoModelForCausalLM.from_pretrained(folder)
    lm, seen = model_of(network, tokenizer=load_tokenizer(str(folder)))
    evaluate(lm)
    assert sorted(seen) == sorted(trained_prompts(folder, "plain"))


def test_only_a_host_that_makes_tokens_is_examined(tmp_path: Path) -> None:
    """Other tokens than in training are said; where a server makes them, or nobody knows them, nothing is."""
    from longismore.train._model_size import load_tokenizer

    folder = make_trained(tmp_path / "tuned")
    record = read_record(folder)
    assert record is not None
    inexact = replace(record, template=replace(record.template, lead=Lead(text="x", is_exact=False)))

    def found(record: Any = record, **host: Any) -> tuple[str, str | None]:
        given = {"tokenizer": load_tokenizer(str(folder)), "tok_encode": lambda text: [1, 2]}
        token = EVALUATED.set(SimpleNamespace(**(given | host)))
        try:
            lead, problem = _lead(record, "Name a river.")
        finally:
            EVALUATED.reset(token)
        return lead.text, problem

    said = "lm_eval asks otherwise than the model was trained: it divides a prompt into other tokens"
    assert found() == ("", said)
    nothing = ("", None)
    assert [nothing] * 4 == [
        found(tokenizer=None),
        found(tok_encode=None),
        found(tokenized_requests=False),
        found(inexact),
    ]


def test_the_command_asks_and_judges_a_trained_model(tmp_path: Path) -> None:
    """No flag names the template: a model that was trained with plain is asked so, and judged, by one command."""
    for name in ("trl", "accelerate", "peft"):
        pytest.importorskip(name)
    from longismore.train._run import train
    from tiny_models import make_tiny_llama

    rows = [{"instruction": f"Say {number}.", "input": "", "output": f"It is {number}."} for number in range(16)]
    (tmp_path / "pool.json").write_text(json.dumps(rows), encoding="utf-8")
    base, folder = make_tiny_llama(tmp_path / "base"), tmp_path / "tuned"
    train(load_preset("tiny-cpu", {"max_steps": 2}), open_data(tmp_path / "pool.json"), str(base), folder)
    home = tmp_path / "home"
    home.mkdir()
    left_out = ("LONGISMORE_", "OPENAI_", "XDG_", "HF_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environment |= {"HOME": str(home), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    judge = ["judge=lexical"] if not version("lm_eval").startswith("0.4.12") else ['{"judge": "lexical"}']
    command = [sys.executable, "-m", "longismore", "eval", "--model", "hf", "--tasks", "longismore_mini"]
    command += ["--model_args", f"pretrained={folder},dtype=float32", "--device", "cpu", "--limit", "6"]
    command += ["--gen_kwargs", "max_gen_toks=8", "--output_path", "out", "--log_samples", "--metadata", *judge]
    process = subprocess.run(
        command, env=environment, cwd=home, capture_output=True, text=True, timeout=200, check=False
    )
    assert process.returncode == 0, process.stderr[-4000:]
    plain = load_template("plain")
    sentence = f"tuned is asked with the template of its training: plain ({plain.digest}), from {folder / RECORD}"
    assert process.stderr.count(sentence) == 1
    [path] = home.glob("out/*/samples_longismore_mini_*.jsonl")
    samples = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    asked = [sample["arguments"]["gen_args_0"]["arg_0"] for sample in samples]
    assert asked == [plain.prompt(each.instruction, each.input) for each in MINI]
    assert [sample["doc"]["prompt"] for sample in samples] == [each.prompt for each in MINI]
    [results] = home.glob("out/*/results_*.json")
    told = json.loads(results.read_text(encoding="utf-8"))
    assert told["configs"]["longismore_mini"]["metadata"][NOTE]["digest"] == plain.digest
    assert "win_rate,none" in told["results"]["longismore_mini"]
    [run] = home.glob("out/*/*/run.json")
    described = json.loads(run.read_text(encoding="utf-8"))
    assert described["status"] == "done"
    assert described["candidate_template"]["name"] == "plain"
