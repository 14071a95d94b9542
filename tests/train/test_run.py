"""Trainings of a tiny model, from settings and rows to a folder with a model in it."""

from __future__ import annotations

import json
import logging
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from longismore._lock import alone
from longismore.errors import BusyError, ConfigError, UsageError
from longismore.instructions import open_data
from longismore.train import PRESETS, load_preset, train

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
transformers = pytest.importorskip("transformers")
from longismore.train import _run  # noqa: E402
from longismore.train._encode import encode_rows  # noqa: E402
from longismore.train._model import model_digest  # noqa: E402
from longismore.train._record import read_record  # noqa: E402
from longismore.train._watch import Watch  # noqa: E402
from tiny_models import make_tiny_llama  # noqa: E402  it needs torch
from training_runs import one_thread, rows, run, weights, write_rows  # noqa: E402

ONE_STEP = {"max_steps": 1, "optimizer": "sgd", "learning_rate": 1.0, "schedule": "constant", "warmup_ratio": 0}
WAYS = {
    "padded, at once": {"batching": "pad", "batch_size": 12, "global_batch_size": 12},
    "padded to a length, in batches": {"batching": "pad", "pad_to": 256, "batch_size": 4, "global_batch_size": 12},
    "row by row": {"batching": "pad", "batch_size": 1, "global_batch_size": 12},
    "grouped": {"batching": "group", "batch_size": 5, "global_batch_size": 15},
    "packed": {"batching": "pack", "batch_size": 1, "global_batch_size": 12},
    "packed, two packs at a time": {"batching": "pack", "batch_size": 2, "global_batch_size": 12},
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model whose losses differ much from token to token, and with what stands before."""
    return make_tiny_llama(tmp_path_factory.mktemp("model"), scale=4.0, head=4.0)


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """A file of rows."""
    return write_rows(tmp_path / "pool.json", 12)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What reaches the model, call by call."""
    found: list[dict[str, Any]] = []
    load = _run.load_network

    def watched(*given: Any, **named: Any) -> Any:
        network = load(*given, **named)
        network.register_forward_pre_hook(lambda _, __, inputs: found.append(dict(inputs)), with_kwargs=True)
        return network

    monkeypatch.setattr(_run, "load_network", watched)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_only_answers_and_their_end_carry_loss(
    way: str, model: Path, pool: Path, tmp_path: Path, read: list[dict[str, Any]]
) -> None:
    """The labels that reach the model are each row's answer and the end-of-text token, once in an epoch."""
    run(model, pool, tmp_path / "out", max_length=256, **{**ONE_STEP, **WAYS[way]})
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    answers = []
    for inputs in read:
        for ids, labels in zip(inputs["input_ids"].tolist(), inputs["labels"].tolist(), strict=True):
            assert all(label in {-100, token} for token, label in zip(ids, labels, strict=True))
            text = tokenizer.decode([-1 if label == -100 else label for label in labels if label != -100])
            answers += [f"{answer}{tokenizer.eos_token}" for answer in text.split(tokenizer.eos_token)[:-1]]
    assert sorted(answers) == sorted(f"{row['output']}{tokenizer.eos_token}" for row in rows(12))


@pytest.fixture(scope="module")
def by_hand(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[float, dict[str, Any]]:
    """The loss, and the weights after a step of gradient descent, of Transformers alone, row by row."""
    pool = write_rows(tmp_path_factory.mktemp("data") / "pool.json", 12)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    encoded = encode_rows(open_data(pool).rows(), tokenizer, load_preset("tiny-cpu"))
    network = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    total = torch.zeros(())
    for example in encoded.examples:
        ids = torch.tensor(example.input_ids, dtype=torch.long)[None]
        losses = torch.nn.functional.cross_entropy(network(ids).logits[0, :-1], ids[0, 1:], reduction="none")
        total = total + losses[torch.tensor(example.loss[1:])].sum()
    loss = total / encoded.loss_tokens
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    assert norm > 0
    return float(loss.detach()), {name: (each - each.grad).detach() for name, each in network.named_parameters()}


@pytest.mark.parametrize("way", WAYS)
def test_the_loss_is_the_mean_over_the_tokens_of_a_step(
    way: str, model: Path, pool: Path, tmp_path: Path, by_hand: tuple[float, dict[str, Any]]
) -> None:
    """Padded, grouped or packed, in one batch or in many: the same loss and the same step as row by row by hand."""
    result = run(model, pool, tmp_path / "out", max_length=256, **{**ONE_STEP, **WAYS[way]})
    loss, expected = by_hand
    assert result.losses == ((1, pytest.approx(loss, abs=1e-6, rel=0)),)
    found = weights(tmp_path / "out")
    assert set(found) == set(expected)
    assert max(float((found[name] - expected[name]).abs().max()) for name in found) < 1e-6


def test_the_loss_falls_on_real_data(data: Path, model: Path, tmp_path: Path) -> None:
    """On a slice of a published selection, the tiny preset makes an ordinary model folder and the loss goes down."""
    source = json.loads((data / "pools" / "filtered_alpaca_1k_score.json").read_text(encoding="utf-8"))
    pool = tmp_path / "slice.json"
    pool.write_text(json.dumps(source[:96]), encoding="utf-8")
    told: list[tuple[int, int, float | None]] = []
    settings = load_preset("tiny-cpu", {"epochs": 2, "logging_steps": 4})
    output = tmp_path / "out"
    result = train(settings, open_data(pool), str(model), output, on_progress=lambda *each: told.append(each))
    assert result.steps == 24
    assert result.losses[-1][1] < result.losses[0][1] - 0.3
    assert [step for step, _ in result.losses] == [1, 4, 8, 12, 16, 20, 24]
    assert told[0] == (0, 24, None)
    assert told[-1] == (24, 24, result.losses[-1][1])
    assert [json.loads(line)["step"] for line in (output / "training_log.jsonl").read_text().splitlines()] == [
        step for step, _ in result.losses
    ]
    network = transformers.AutoModelForCausalLM.from_pretrained(output)
    tokenizer = transformers.AutoTokenizer.from_pretrained(output)
    assert network.config.use_cache
    assert network.config.architectures == ["LlamaForCausalLM"]
    assert network.generation_config.eos_token_id == tokenizer.eos_token_id
    assert not network.generation_config.do_sample
    asked = tokenizer.apply_chat_template([{"role": "user", "content": "Why?"}], add_generation_prompt=True)
    assert len(asked["input_ids"]) > 5
    record = read_record(output)
    assert record is not None
    assert (record.examples, record.steps, record.final_loss) == (96, 24, result.losses[-1][1])
    assert result.tokens == 2 * record.tokens


def test_tokens_of_a_part_of_an_epoch(model: Path, pool: Path, tmp_path: Path, read: list[dict[str, Any]]) -> None:
    """The tokens of a run are those that reached the model, padding left out."""
    result = run(model, pool, tmp_path / "out", max_steps=4, batch_size=2, global_batch_size=4, batching="pad")
    assert result.steps == 4
    assert result.tokens == sum(int(inputs["attention_mask"].sum()) for inputs in read)


def test_a_model_that_is_there_is_not_trained_again(model: Path, pool: Path, tmp_path: Path) -> None:
    """The same command a second time changes nothing; begun anew it makes the same model once more."""
    first = run(model, pool, tmp_path / "out", max_steps=2)
    before = (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns
    again = run(model, pool, tmp_path / "out", max_steps=2)
    assert (again.was_finished, again.losses) == (True, first.losses)
    assert (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns == before
    anew = run(model, pool, tmp_path / "out", max_steps=2, resume=False)
    assert (anew.was_finished, anew.losses) == (False, first.losses)
    with pytest.raises(ConfigError, match=r"learning_rate was 0\.001, is 0\.5"):
        run(model, pool, tmp_path / "out", max_steps=2, learning_rate=0.5)


def test_checkpoints_that_stay(model: Path, pool: Path, tmp_path: Path) -> None:
    """The newest ones stay, as many as are asked for."""
    run(model, pool, tmp_path / "out", max_steps=5, save_steps=1, keep_checkpoints=2)
    found = sorted(path.name for path in (tmp_path / "out" / "checkpoints").glob("checkpoint-*"))
    assert found == ["checkpoint-4", "checkpoint-5"]


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains(preset: str, model: Path, pool: Path, tmp_path: Path) -> None:
    """The settings of every preset, but for what needs a GPU or another package, make two steps of a tiny model."""
    changes = {"precision": "fp32", "quantization": "none", "parallel": "none", "liger": "false", "attention": "sdpa"}
    changes |= {"optimizer": "adamw_torch", "max_steps": 2, "batch_size": 2, "global_batch_size": 4}
    changes |= {"logging_steps": 1, "report_to": "none"}
    if load_preset(preset).template in {"alpaca", "vicuna"}:  # their texts are read from packages
        changes["template"] = "plain"
    result = train(load_preset(preset, changes), open_data(pool), str(model), tmp_path / "out")
    assert [step for step, _ in result.losses] == [1, 2]
    record = read_record(tmp_path / "out")
    assert record is not None
    assert record.preset == preset


def test_a_loss_that_is_no_number(model: Path, pool: Path, tmp_path: Path) -> None:
    """The step is named, and no model is written."""
    broken = tmp_path / "broken"
    network = transformers.AutoModelForCausalLM.from_pretrained(model)
    with torch.no_grad():
        network.model.layers[0].mlp.up_proj.weight[0, 0] = float("nan")
    network.save_pretrained(broken)
    transformers.AutoTokenizer.from_pretrained(model).save_pretrained(broken)
    with pytest.raises(UsageError, match=r"the loss of step 1 is nan: .*learning_rate \(it is 0\.001\)"):
        run(broken, pool, tmp_path / "out")
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_a_loss_that_explodes(model: Path, pool: Path, tmp_path: Path) -> None:
    """Steps before the one that fails are saved, and the folder has no model."""
    with pytest.raises(UsageError, match=r"of step \d+ is"):
        run(model, pool, tmp_path / "out", learning_rate=1e30, save_steps=1, optimizer="sgd", warmup_ratio=0, epochs=9)
    assert list((tmp_path / "out" / "checkpoints").glob("checkpoint-*"))
    assert not (tmp_path / "out" / "longismore_training.json").exists()


def test_a_gradient_that_is_no_number() -> None:
    """Where the loss is a number and a gradient is not, weights are not changed."""
    layer = torch.nn.Linear(2, 2)
    layer.weight.grad, layer.bias.grad = torch.zeros(2, 2), torch.tensor([0.0, float("inf")])
    state = transformers.TrainerState(global_step=6)
    args = transformers.TrainingArguments(use_cpu=True)
    with pytest.raises(UsageError, match="a gradient of step 7 is not finite"):
        Watch(None, None, None).on_pre_optimizer_step(args, state, None, model=layer)  # type: ignore[arg-type]


def test_a_folder_with_other_files(model: Path, pool: Path, tmp_path: Path) -> None:
    """A folder of something else is not written into, unless that is asked for."""
    output = tmp_path / "out"
    output.mkdir()
    (output / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match=r"has other files: thesis\.tex; .*--fresh"):
        run(model, pool, output, max_steps=1)
    run(model, pool, output, max_steps=1, resume=False)
    assert (output / "thesis.tex").read_text() == "mine"


def test_the_model_of_something_else_is_not_overwritten(model: Path, pool: Path, tmp_path: Path) -> None:
    """Neither the model that is trained nor another one is lost, whatever is asked for."""
    base = tmp_path / "base"
    shutil.copytree(model, base)
    with pytest.raises(ConfigError, match="is the model that is trained"):
        run(base, pool, base, resume=False)
    with pytest.raises(ConfigError, match=r"has a model that longismore did not train: model\.safetensors"):
        run(model, pool, base, resume=False)
    assert sorted(path.name for path in base.iterdir()) == sorted(path.name for path in model.iterdir())


def test_one_process_trains_in_a_folder(model: Path, pool: Path, tmp_path: Path) -> None:
    """A second one is told before it loads or removes anything, and also if it would begin anew."""
    output = tmp_path / "out"
    run(model, pool, output, max_steps=2, save_steps=1)
    with alone(output / "checkpoints" / ".lock", wait=False):
        before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
        for resume in (True, False):
            with pytest.raises(BusyError, match="out/checkpoints: another process is at work there"):
                run(model, pool, output, resume=resume, max_steps=2)
        assert before == {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert run(model, pool, output, resume=False, max_steps=2).resumed_from is None


def test_the_last_losses_are_logged(model: Path, pool: Path, tmp_path: Path) -> None:
    """Also where the number of steps is no multiple of logging_steps."""
    result = run(model, pool, tmp_path / "out", max_steps=7, logging_steps=5)
    assert [1, 5, 7] == [step for step, _ in result.losses]


def test_another_tokenizer_is_another_model(model: Path, tmp_path: Path) -> None:
    """It makes other tokens of the same rows; the name of the folder does not matter."""
    for name in ("one", "two"):
        shutil.copytree(model, tmp_path / name)
    assert model_digest(str(tmp_path / "one")) == model_digest(str(tmp_path / "two"))
    (tmp_path / "two" / "chat_template.jinja").write_text("{{ messages }}")
    assert model_digest(str(tmp_path / "one")) != model_digest(str(tmp_path / "two"))


def test_a_folder_that_cannot_be_written_to(model: Path, pool: Path, tmp_path: Path) -> None:
    """It is said before anything is loaded."""
    (tmp_path / "file").write_text("a file")
    with pytest.raises(UsageError, match=r"output .*file/out: cannot be written to: Not a directory"):
        run(model, pool, tmp_path / "file" / "out")


def test_too_little_room(model: Path, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first step it is said how much is free and how much is needed."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(ConfigError, match=r"0\.0 GB are free, checkpoints and model need about .* GB more; make room"):
        run(model, pool, tmp_path / "out")


def test_a_model_that_is_missing(pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is named."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match="no-such-model"):
        run(tmp_path / "no-such-model", pool, tmp_path / "out")


def test_a_tokenizer_without_an_end(model: Path, pool: Path, tmp_path: Path) -> None:
    """A model that would never learn where an answer ends is not trained."""
    folder = tmp_path / "endless"
    shutil.copytree(model, folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.eos_token = None
    tokenizer.save_pretrained(folder)
    with pytest.raises(UsageError, match="no end-of-text token"):
        run(folder, pool, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_tokenizer_of_another_model(pool: Path, tmp_path: Path) -> None:
    """Tokens that the model does not know are found before they reach it."""
    small = make_tiny_llama(tmp_path / "small", vocab_size=300)
    with pytest.raises(ConfigError, match=r"the tokenizer gives token \d+, and the model knows 300 tokens"):
        run(small, pool, tmp_path / "out")


def test_half_precision_on_a_processor(model: Path, pool: Path, tmp_path: Path) -> None:
    """In bf16 the loss is nearly the same, and the weights are saved in the type that they had."""
    exact = run(model, pool, tmp_path / "fp32", max_steps=2)
    result = run(model, pool, tmp_path / "bf16", max_steps=2, precision="bf16")
    assert result.losses != exact.losses
    assert result.losses[0][1] == pytest.approx(exact.losses[0][1], rel=0.02)
    assert {weight.dtype for weight in weights(tmp_path / "bf16").values()} == {torch.float32}
    small = tmp_path / "small"
    transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16).save_pretrained(small)
    transformers.AutoTokenizer.from_pretrained(model).save_pretrained(small)
    run(small, pool, tmp_path / "half", max_steps=2)
    assert {weight.dtype for weight in weights(tmp_path / "half").values()} == {torch.bfloat16}
    assert transformers.AutoConfig.from_pretrained(tmp_path / "half").dtype == torch.bfloat16


def test_weights_that_are_tied(pool: Path, tmp_path: Path) -> None:
    """A model whose output layer is its embedding is saved as such."""
    tied = make_tiny_llama(tmp_path / "tied", tie_word_embeddings=True)
    run(tied, pool, tmp_path / "out", max_steps=1)
    assert set(weights(tmp_path / "out")) == set(weights(tied))


def test_recomputed_activations(model: Path, pool: Path, tmp_path: Path) -> None:
    """Gradient checkpointing changes memory, and no loss."""
    plain = run(model, pool, tmp_path / "plain", max_steps=2)
    assert run(model, pool, tmp_path / "checked", max_steps=2, gradient_checkpointing=True).losses == plain.losses


def test_it_is_silent(
    model: Path, pool: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is printed; what happens is logged."""
    capfd.readouterr()
    with caplog.at_level(logging.INFO, "longismore"):
        run(model, pool, tmp_path / "out", max_steps=1)
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "")
    assert f"loading {model}" in caplog.text


def test_nobody_is_told(model: Path, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent to anybody about a run."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("trl.trainer.base_trainer.send_telemetry", lambda *_, **__: pytest.fail("told"))
    run(model, pool, tmp_path / "out", max_steps=1)
