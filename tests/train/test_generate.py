"""Answers of a trained model: asked with the tokens of its training, alike in every batch, and kept as they come."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError, DataError, SchemaError, UsageError
from longismore.instructions import Row, Turn
from longismore.instructions._templates import TextTemplate
from longismore.testsets import TESTSETS, match_outputs, read_outputs
from longismore.train._answers_file import AnswersFile
from longismore.train._ask import prompt_of
from longismore.train._encode import encode_prompts
from longismore.train._record import RECORD
from longismore.train.settings import load_preset
from trained_models import make_trained, record_of

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from longismore.train._generate import _Run, generate  # noqa: E402  it is of use with torch only
from longismore.train._trained import Trained, load_trained  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINI = TESTSETS.get("mini").load()
SIXTEEN = MINI[:16]
PLACES = [(example.testset, example.id) for example in SIXTEEN]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums depend on how they are divided among threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model that was trained with the template plain."""
    return make_trained(tmp_path_factory.mktemp("model") / "tuned")


@pytest.fixture(scope="module")
def model(folder: Path) -> Trained:
    """The same, loaded."""
    return load_trained(folder, device="cpu", dtype="float32")


def tokens_of(model: Trained, **options: Any) -> dict[tuple[str, str], str]:
    """What it answers, in at most 24 tokens."""
    found = generate(model, SIXTEEN, **({"max_new_tokens": 24} | options))
    assert {answer.model for answer in found.values()} == {"tuned"}
    return {place: answer.output for place, answer in found.items()}


@pytest.mark.parametrize("template", ["plain", "none", "chat"])
def test_prompts_have_the_tokens_of_the_training(tmp_path: Path, template: str) -> None:
    """What reaches the model is what stood before the answer of a row with that instruction and input."""
    loaded = load_trained(make_trained(tmp_path / "tuned", template))
    assert any(example.input for example in MINI)
    rows = [Row(number=0, place="x", turns=(Turn(each.instruction, ""),), input=each.input) for each in MINI]
    settings = load_preset("tiny-cpu", {"template": template})
    seen: list[list[int]] = []
    true_generate = loaded.model.generate

    def spying(**options: Any) -> Any:
        pairs = zip(options["input_ids"], options["attention_mask"], strict=True)
        seen.extend(ids[mask.bool()].tolist() for ids, mask in pairs)
        return true_generate(**options)

    loaded.model.generate = spying
    generate(loaded, MINI, max_new_tokens=1)
    assert sorted(seen) == sorted(encode_prompts(rows, loaded.tokenizer, settings))


def test_an_input_without_a_form_is_part_of_the_instruction() -> None:
    """A template that was trained without inputs gets the bare prompt of the test set as its instruction."""
    example = next(example for example in MINI if example.input)
    form = TextTemplate(name="short", without_input="Q: {instruction}\nA:", with_input=None)
    assert prompt_of(form, example) == f"Q: {example.prompt}\nA:"
    assert prompt_of(form, example, "Be brief.") == f"Be brief.\n\nQ: {example.prompt}\nA:"


def test_sixteen_at_a_time_answer_as_one_by_one(model: Trained) -> None:
    """Greedy answers in float32 do not depend on the batch; and they differ from prompt to prompt."""
    alone = tokens_of(model, batch_size=1)
    assert list(alone) == PLACES
    assert tokens_of(model, batch_size=16) == tokens_of(model, batch_size=5) == tokens_of(model) == alone
    assert len(set(alone.values())) > 8


def test_samples_do_not_depend_on_the_batch(model: Trained) -> None:
    """A sample is decided by seed and instruction; another seed gives another one."""
    alone = tokens_of(model, batch_size=1, temperature=1.0)
    assert tokens_of(model, batch_size=7, temperature=1.0) == alone
    assert tokens_of(model, temperature=1.0, seed=1) != alone != tokens_of(model)


def test_samples_follow_the_distribution(model: Trained) -> None:
    """The first tokens of many samples are as frequent as the model's softmax says."""
    examples = [replace(SIXTEEN[0], id=str(number)) for number in range(2000)]
    [prompt] = model.prompts(examples[:1])
    with torch.inference_mode():
        wanted = (model.model(torch.tensor([prompt])).logits[0, -1].float() / 2).softmax(-1)
    token = int(wanted.argmax())
    text = model.text([token])
    same = {each for each in range(len(wanted)) if model.text([each]) == text}
    share = float(sum(wanted[each] for each in same))
    found = generate(model, examples, max_new_tokens=1, temperature=2.0, batch_size=500)
    count = sum(answer.output == text for answer in found.values())
    assert abs(count - 2000 * share) < 4 * (2000 * share * (1 - share)) ** 0.5


def test_an_answer_stops_at_its_end(model: Trained, tmp_path: Path) -> None:
    """What follows the token that ends an answer is no part of it; other answers go on to the limit."""
    [prompt] = model.prompts(SIXTEEN[:1])
    with torch.inference_mode():
        row = model.model.generate(torch.tensor([prompt]), max_new_tokens=24, do_sample=False)[
            0, len(prompt) :
        ].tolist()
    place = next(place for place, token in enumerate(row) if place > 3 and token not in row[:place])
    ending = replace(model, ends=frozenset({row[place]}))
    answers = generate(ending, SIXTEEN[:1], max_new_tokens=24, checkpoint=tmp_path / "answers.jsonl")
    assert [answer.output for answer in answers.values()] == [model.tokenizer.decode(row[:place])]
    line = json.loads((tmp_path / "answers.jsonl").read_text(encoding="utf-8"))
    assert (line["tokens"], line["finished"]) == (place + 1, True)
    generate(replace(model, ends=frozenset()), SIXTEEN[:1], max_new_tokens=24, checkpoint=tmp_path / "open.jsonl")
    line = json.loads((tmp_path / "open.jsonl").read_text(encoding="utf-8"))
    assert (line["tokens"], line["finished"]) == (24, False)


def test_every_end_that_was_trained_ends_an_answer(tmp_path: Path) -> None:
    """The token that a chat template closes an answer with, the end-of-text token, and those of the model."""
    chat = "{% for m in messages %}{{ m['role'] + ' ' + m['content'] + '<|pad|>' }}{% endfor %}"
    folder = make_trained(tmp_path / "tuned", "chat", chat_template=chat)
    (folder / "generation_config.json").write_text('{"eos_token_id": [7, 8]}', encoding="utf-8")
    loaded = load_trained(folder)
    ids = loaded.tokenizer.convert_tokens_to_ids
    assert loaded.ends == {ids("<|pad|>"), ids("<|end|>"), 7, 8}


def test_what_the_template_writes_around_an_answer_is_no_part_of_it(model: Trained) -> None:
    """A blank between prompt and answer, and what stands before the end, are taken away."""
    form = replace(model.form, gap=" ", end="\n<|end|>", end_token="<|end|>")  # noqa: S106  no password
    ids = model.tokenizer(" A river.\n", add_special_tokens=False)["input_ids"]
    assert replace(model, form=form).text(ids) == "A river."


def test_settings_of_the_folder_change_no_answer(folder: Path, tmp_path: Path, model: Trained) -> None:
    """Penalties and sampling in generation_config.json are not ours."""
    other = tmp_path / "tuned"
    other.mkdir()
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    told = {"do_sample": True, "temperature": 5.0, "repetition_penalty": 9.0, "max_length": 5}
    (other / "generation_config.json").write_text(json.dumps(told), encoding="utf-8")
    assert tokens_of(load_trained(other)) == tokens_of(model)


def test_prompts_without_room_are_counted(model: Trained) -> None:
    """Nothing is generated where some answer could not be as long as allowed; the message says what would do."""
    lengths = [len(prompt) for prompt in model.prompts(SIXTEEN)]
    limit = 2048 - sorted(lengths)[-3]
    worst = SIXTEEN[lengths.index(max(lengths))].id
    said = (
        rf"3 of 16 prompts leave no room for an answer of {limit + 1} tokens in the 2048 .* {worst} of mini, has "
        rf"{max(lengths)}; set max_new_tokens={2048 - max(lengths)} or less"
    )
    with pytest.raises(UsageError, match=said):
        generate(model, SIXTEEN, max_new_tokens=limit + 1)
    with pytest.raises(UsageError, match="take a model with a longer context"):
        generate(replace(model, limit=10), SIXTEEN)


def test_a_batch_that_does_not_fit_is_halved(
    model: Trained, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Out of memory costs nothing but time; a single prompt that does not fit is an error."""
    expected = tokens_of(model)
    true_generate, sizes = model.model.generate, []

    def generate_a_few(**options: Any) -> Any:
        sizes.append(len(options["input_ids"]))
        if sizes[-1] > 3:
            raise torch.OutOfMemoryError("no memory")
        return true_generate(**options)

    monkeypatch.setattr(model.model, "generate", generate_a_few)
    assert tokens_of(model) == expected
    assert sizes == [16, 8, 4, 2, 2, 2, 2, 2, 2, 2, 2]
    assert "16 prompts at a time do not fit into memory; taking 8" in caplog.text

    def generate_nothing(**options: Any) -> Any:
        raise torch.OutOfMemoryError("no memory")

    monkeypatch.setattr(model.model, "generate", generate_nothing)
    with pytest.raises(UsageError, match=r"an answer of 24 tokens to a prompt of \d+ does not fit into memory"):
        tokens_of(model)


def test_a_gpu_takes_as_many_prompts_as_its_memory_holds(model: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and values of 2 layers, 4 heads of 12 numbers, 4 bytes each: 768 bytes a token; 70 % of what is free."""
    config = model.model.config
    assert (config.num_hidden_layers, config.num_key_value_heads, config.hidden_size) == (2, 4, 48)
    network = SimpleNamespace(device=torch.device("cuda:0"), dtype=torch.float32, config=config)
    free = 768 * 1124 * 10 / 0.7
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(free) + 1, 0))
    run = _Run(replace(model, model=network), 1024, "auto", 0.0, 0)
    assert [run._size(longest) for longest in (100, 1224, 100_000)] == [10, 5, 1]
    run.most = 4
    assert run._size(100) == 4
    run.most = 256
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(1e12), 0))
    assert run._size(100) == 256


PROGRAM = """
import os, signal, sys
import torch
torch.set_num_threads(1)
from longismore.testsets import TESTSETS
from longismore.train._generate import generate

def stop(done, total):
    if done >= 8:
        os.kill(os.getpid(), signal.SIGKILL)

folder, checkpoint = sys.argv[1:]
generate(folder, TESTSETS.get("mini").load()[:16], max_new_tokens=24, batch_size=4, checkpoint=checkpoint,
         device="cpu", dtype="float32", on_progress=stop)
"""


@pytest.mark.slow
def test_after_kill_nothing_is_generated_again(folder: Path, model: Trained, tmp_path: Path) -> None:
    """After kill -9 what is answered stays, but for a line that was cut off; the same call goes on and ends alike."""
    path = tmp_path / "answers.jsonl"
    command = [sys.executable, "-c", PROGRAM, str(folder), str(path)]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=os.environ)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    before = path.read_bytes()
    assert before.count(b"\n") == 8
    path.write_bytes(before + before[:100])
    asked: list[int] = []
    true_generate = model.model.generate

    def counting(**options: Any) -> Any:
        asked.append(len(options["input_ids"]))
        return true_generate(**options)

    model.model.generate = counting
    progress: list[tuple[int, int]] = []
    try:
        found = tokens_of(
            model, batch_size=4, checkpoint=path, on_progress=lambda done, total: progress.append((done, total))
        )
    finally:
        model.model.generate = true_generate
    assert found == tokens_of(model)
    assert (asked, progress) == ([4, 4], [(8, 16), (12, 16), (16, 16)])
    assert path.read_bytes().startswith(before)
    places = [(line["dataset"], line["id"]) for line in map(json.loads, path.read_text(encoding="utf-8").splitlines())]
    assert sorted(places) == sorted(PLACES)


def test_the_file_of_answers_is_one_for_every_reader(model: Trained, tmp_path: Path) -> None:
    """What was saved is a file of answers with texts, ids and the model's name; a second call asks nothing."""
    path = tmp_path / "new" / "answers.jsonl"
    found = generate(model, SIXTEEN, max_new_tokens=4, checkpoint=path)
    outputs = read_outputs(str(path))
    assert outputs.model == "tuned"
    assert match_outputs(SIXTEEN, outputs, role="reference") == found
    silent = replace(model, model=None)  # it would fail, were it asked
    assert generate(silent, SIXTEEN, max_new_tokens=4, checkpoint=path) == found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_tokens": 5}, "was made with max_new_tokens 4 (now 5); take another file, or delete this one"),
        ({"max_new_tokens": 4, "temperature": 1.0}, "was made with temperature 0.0 (now 1.0), seed None (now 0);"),
    ],
)
def test_answers_of_other_settings_are_refused(
    model: Trained, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    """A file is gone on with only where the rest would be like what is there."""
    path = tmp_path / "answers.jsonl"
    generate(model, SIXTEEN[:2], max_new_tokens=4, checkpoint=path)
    with pytest.raises(UsageError, match=re.escape(f"{path}:1: {message}")):
        generate(model, SIXTEEN[:2], checkpoint=path, **options)


def test_answers_of_another_training_are_refused(model: Trained, folder: Path, tmp_path: Path) -> None:
    """A model that was trained again in the same place is another one."""
    path = tmp_path / "answers.jsonl"
    generate(model, SIXTEEN[:2], max_new_tokens=4, checkpoint=path)
    record = (folder / RECORD).read_bytes()
    (folder / RECORD).write_bytes(record.replace(b'"final_loss": 1.25', b'"final_loss": 1.75'))
    try:
        with pytest.raises(UsageError, match="was made with model "):
            generate(folder, SIXTEEN[:2], max_new_tokens=4, checkpoint=path)
    finally:
        (folder / RECORD).write_bytes(record)


def test_broken_files_of_answers_are_named(tmp_path: Path) -> None:
    """Other lines, and answers to what is another instruction by now, are errors; others are passed over."""
    path = tmp_path / "answers.jsonl"
    file = AnswersFile(path, {"model": "a"})
    path.write_text('{"id": "mini_0"}\n', encoding="utf-8")
    with pytest.raises(SchemaError, match=r"answers\.jsonl:1: no line of a generation"):
        file.read(MINI)
    line = {name: getattr(MINI[0], name) for name in ("id", "instruction", "input")}
    line |= {"dataset": "mini", "output": "x", "generator": "y"}
    path.write_text(json.dumps(line) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"was made with model None \(now a\)"):
        file.read(MINI)
    path.write_text(json.dumps(line | {"made_with": {"model": "a", "more": 1}}) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match="was made with other settings"):
        file.read(MINI)
    path.write_text(json.dumps(line | {"made_with": {"model": "a"}}) + "\n", encoding="utf-8")
    assert file.read(MINI[1:]) == {}
    with pytest.raises(DataError, match="mini_0 of mini is another instruction now"):
        file.read([replace(MINI[0], input="more")])
    with pytest.raises(DataError, match="answers cannot be written"):
        AnswersFile(path / "below.jsonl", {}).add([])


def test_a_model_of_others_needs_a_template(folder: Path, tmp_path: Path, model: Trained) -> None:
    """Without a record the caller names the template; with one, another name is taken and said."""
    other = tmp_path / "tuned"
    other.mkdir()
    for path in folder.iterdir():
        if path.name != RECORD:
            (other / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UsageError, match=rf"has no {RECORD}, so that nothing says which template"):
        generate(other, SIXTEEN)
    assert tokens_of(load_trained(other, template="plain")) == tokens_of(model)


def test_another_template_than_the_recorded_one_is_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The caller decides, and the log tells."""
    assert load_trained(folder, template="none").template.name == "none"
    assert f"{folder} was trained with template plain; asked with none" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens must be at least 1, found 0"),
        ({"batch_size": 0}, 'batch_size must be "auto" or at least 1, found 0'),
        ({"temperature": -1.0}, "temperature must be at least 0, found -1"),
        ({"dtype": "int8"}, 'dtype "int8" is not known; allowed: auto, float32'),
        ({"device": "tpu"}, 'device "tpu" is not known; allowed: auto, cuda, mps, cpu, cuda:NUMBER'),
    ],
)
def test_settings_that_cannot_be_had_are_named(folder: Path, options: dict[str, Any], message: str) -> None:
    """Before anything is loaded."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        generate(folder, SIXTEEN, **options)


def test_a_folder_that_is_no_model_is_named(folder: Path, tmp_path: Path) -> None:
    """Neither a missing folder nor one without a tokenizer or weights is a model."""
    from longismore.train._record import write_record

    with pytest.raises(UsageError, match="there is no such folder"):
        generate(tmp_path / "absent", SIXTEEN)
    write_record(tmp_path, record_of())
    with pytest.raises(UsageError, match="no tokenizer can be loaded"):
        generate(tmp_path, SIXTEEN)
    for path in folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UsageError, match="cannot be loaded onto cpu"):
        generate(tmp_path, SIXTEEN, device="cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_device_is_named(folder: Path) -> None:
    """The message says which devices there are."""
    with pytest.raises(ConfigError, match=r'device "cuda": this machine has none that PyTorch can use; it has: .*cpu'):
        load_trained(folder, device="cuda")
