from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from longismore.train.settings import PRESETS
from tiny_models import make_tiny_llama

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = [
    {
        "instruction": f"Say the number {number} in words, and why it is liked.",
        "input": "",
        "output": f"It is {number}. " * (1 + number % 5),
    }
    for number in range(24)
]


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Some rows of instruction data."""
    path = tmp_path / "pool.json"
    path.write_text(json.dumps(ROWS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    return make_tiny_llama(tmp_path_factory.mktemp("model"))


def test_every_preset_is_listed_with_its_source(command: Callable[..., Any]) -> None:
    """The list has each preset's values, source and known deviations; as JSON it has all values."""
    ended = command("train", "--list")
    assert ended.code == 0
    for name in PRESETS:
        assert f"{name}: " in ended.out
    assert "training/scripts/train_llama2_7b.sh; arXiv 2402.04833" in ended.out
    assert "learning_rate=1e-05 schedule=linear" in ended.out
    assert "neftune_alpha=15" in ended.out
    told = json.loads(command("train", "--list", "--json").out)["presets"]
    assert list(told) == list(PRESETS)
    assert told["alpagasus-7b"]["settings"]["global_batch_size"] == 128
    assert told["alpagasus-7b"]["deviations"]


def test_what_is_missing_is_named_at_once(command: Callable[..., Any]) -> None:
    """Without arguments, every one that is wanted is named, with what to write."""
    ended = command("train", "--set", "seed", "--set", "epochs=1", "--set", "epochs=2", "--gpus", 2)
    assert ended.code == 2
    for problem in (
        '--set must be KEY=VALUE, found "seed"',
        "--set epochs is given twice",
        "no preset was given; choose one: --preset alpagasus-13b | ",
        "no data was given",
        "no model was given",
        "no output was given",
        "--gpus is for --dry-run",
    ):
        assert problem in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--preset", "tiny-gpu"), 'unknown preset "tiny-gpu"; did you mean tiny-cpu'),
        (("--preset", "tiny-cpu", "--set", "epoch=3"), '"epoch" is no setting of training; did you mean epochs?'),
        (("--preset", "tiny-cpu", "--set", "epochs=zero"), 'epochs must be a number above 0, found "zero"'),
        (("--preset", "tiny-cpu", "--set", "quantization=nf4"), "quantization=nf4 without lora_rank"),
        (("--preset", "tiny-cpu", "--plot", "loss.gif"), 'a figure cannot be written as ".gif"'),
        (("--preset", "tiny-cpu", "--output", "pool.json"), "--output pool.json is a file; a folder is wanted"),
    ],
)
def test_wrong_settings_end_it_before_anything_is_loaded(
    arguments: tuple[str, ...], message: str, command: Callable[..., Any], pool: Path
) -> None:
    """A wrong argument is an error with a remedy, though there is not even a model."""
    ended = command("train", "--data", pool, "--model", "nowhere", "--output", "trained", *arguments)
    assert ended.code == 2
    assert message in ended.err
    assert not (pool.parent / "trained").exists()


def test_a_dry_run_says_what_it_would_take(command: Callable[..., Any], pool: Path, model: Path) -> None:
    """Rows, tokens, steps, padding, memory and operations are printed, and nothing is written."""
    ended = command("train", "--preset", "tiny-cpu", "--data", pool, "--model", model, "--dry-run")
    assert ended.code == 0, ended.err
    assert "Data: 24 of 24 rows are trained on" in ended.out
    assert "Steps: 3, of which 1 to warm up; 3 to read all rows, once" in ended.out
    assert "a step has one batch of at most 8 rows" in ended.out
    assert "* group" in ended.out
    assert "pad to max_length" in ended.out
    assert "Operations: 6 M T + 6 L W S = " in ended.out
    assert "142,320 of 142,320 parameters are trained" in ended.out
    assert ended.out.endswith("Estimates; nothing was trained.\n")
    assert sorted(path.name for path in pool.parent.iterdir()) == ["pool.json"]


def test_a_dry_run_for_several_gpus(command: Callable[..., Any], pool: Path, model: Path) -> None:
    """A run on GPUs can be planned without one: what each of them holds, and the command that starts it."""
    arguments = ["--preset", "long-is-more-llama2-7b", "--set", "template=plain", "--data", pool, "--model", model]
    ended = command("train", *arguments, "--dry-run", "--gpus", 4)
    assert ended.code == 0, ended.err
    assert "Memory of each device: " in ended.out
    assert "divided by fsdp2 among 4 devices" in ended.out
    assert "* pack" in ended.out
    assert "launch/fsdp2.yaml --num_processes 4 -m longismore train --preset long-is-more-llama2-7b" in ended.out
    assert "--gpus" not in ended.out
    told = json.loads(command("train", *arguments, "--dry-run", "--gpus=4", "--json").out)
    assert (told["processes"], told["settings"]["batching"], told["lacks"]) == (4, "pack", [])
    assert told["command"].startswith("accelerate launch --config_file ")
    assert "--gpus" not in told["command"]


def test_a_dry_run_names_what_this_machine_lacks(command: Callable[..., Any], pool: Path, model: Path) -> None:
    """The plan of a run that needs a GPU says so where there is none."""
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    arguments = ["--preset", "alpagasus2-qlora", "--set", "template=plain", "--data", pool, "--model", model]
    ended = command("train", *arguments, "--dry-run")
    assert ended.code == 0, ended.err
    assert "This machine cannot run it: quantization=nf4 needs an NVIDIA GPU" in ended.out
    assert "4 M T + 6 A T + 6 L W S" in ended.out


def test_a_divided_model_needs_a_launcher(
    command: Callable[..., Any], pool: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process cannot divide a model: the command that starts several is printed, to be copied."""
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    arguments = ["--preset", "alpagasus-7b", "--set", "template=plain", "--data", pool, "--model", model]
    ended = command("train", *arguments, "--output", "my model")
    assert ended.code == 2
    assert "parallel=fsdp2 divides the model among processes, and this is one; start them:" in ended.err
    assert "accelerate launch --config_file " in ended.err
    assert "--output 'my model'" in ended.err
    assert "--set parallel=none" in ended.err
    assert not (pool.parent / "my model").exists()


@pytest.mark.parametrize("what", ["data", "model"])
def test_missing_files_are_named(what: str, command: Callable[..., Any], pool: Path, model: Path) -> None:
    """Data or a model that is not there is an error that names it."""
    data, folder = (pool.parent / "nowhere.json", model) if what == "data" else (pool, pool.parent / "nowhere")
    ended = command("train", "--preset", "tiny-cpu", "--data", data, "--model", folder, "--dry-run")
    assert ended.code == 2
    assert "nowhere" in ended.err


@pytest.mark.slow
def test_a_model_is_trained_and_its_loss_drawn(command: Callable[..., Any], pool: Path, model: Path) -> None:
    """The command leaves a model, says how the loss went, and draws it."""
    pytest.importorskip("trl")
    pytest.importorskip("matplotlib")
    arguments = ["--preset", "tiny-cpu", "--data", pool, "--model", model, "--set", "logging_steps=1"]
    ended = command("train", *arguments, "--output", "trained", "--plot", "loss.png")
    assert ended.code == 0, ended.err
    assert "trained: trained on " in ended.out
    assert ", 3 steps, " in ended.out
    assert "at step 3" in ended.out
    assert (pool.parent / "trained" / "model.safetensors").is_file()
    assert (pool.parent / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert "was trained already on " in command("train", *arguments, "--output", "trained").out
    told = json.loads(command("train", *arguments, "--output", "trained", "--fresh", "--json").out)
    assert told["folder"].endswith("trained")
    assert not told["was_finished"]
    assert [step for step, _ in told["losses"]] == [1, 2, 3]
