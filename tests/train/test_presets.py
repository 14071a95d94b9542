from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import longismore.train
from longismore.train._arguments import launch_file, lora_config, quantization_config, training_arguments
from longismore.train._machine import Machine, decided
from longismore.train.settings import PRESETS, TrainSettings, load_preset, read_preset

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(longismore.train.__file__).parent
CPU = Machine(device="cpu", has_bf16=False, name="processor", memory_bytes=None)
GPU = Machine(device="cuda", has_bf16=True, name="a GPU", memory_bytes=None, gpus=1)

# Of the scripts and papers, as read from them; alpha is that of NEFTune.
PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "long-is-more-llama2-7b": {
        "learning_rate": 1e-5,
        "epochs": 15,
        "global_batch_size": 128,
        "max_length": 2048,
        "neftune_alpha": 15,
        "neftune_reference_length": 2048,
        "schedule": "linear",
        "warmup_ratio": 0,
        "weight_decay": 0.1,
        "adam_beta2": 0.95,
        "template": "vicuna",
        "loss_on": "response",
        "gradient_checkpointing": True,
        "parallel": "fsdp2",
    },
    "long-is-more-llama2-13b": {"learning_rate": 1e-5, "epochs": 15, "neftune_alpha": 3, "weight_decay": 0.1},
    "long-is-more-mistral-7b": {"learning_rate": 2e-6, "epochs": 15, "neftune_alpha": 3, "max_length": 2048},
    "alpagasus-7b": {
        "learning_rate": 2e-5,
        "epochs": 3,
        "global_batch_size": 128,
        "batch_size": 4,
        "max_length": 512,
        "schedule": "cosine",
        "warmup_ratio": 0.03,
        "weight_decay": 0,
        "neftune_alpha": None,
        "template": "alpaca",
    },
    "alpagasus-13b": {"learning_rate": 1e-5, "epochs": 5, "global_batch_size": 128, "batch_size": 2},
    "chasing-random": {
        "learning_rate": 2e-5,
        "epochs": 3,
        "global_batch_size": 128,
        "batch_unit": "sequences",
        "batching": "pack",
        "max_length": 512,
        "loss_on": "full",
        "append_eos": True,
        "schedule": "linear",
        "warmup_ratio": 0.03,
    },
    "cherry": {"learning_rate": 2e-5, "epochs": 3, "max_length": 512, "warmup_ratio": 0.03, "template": "alpaca"},
    "deita-mistral": {
        "learning_rate": 2e-5,
        "epochs": 6,
        "global_batch_size": 512,
        "warmup_ratio": 0.1,
        "schedule": "cosine",
        "max_length": 2048,
        "template": "vicuna",
        "parallel": "zero2",
    },
    "alpagasus2-qlora": {
        "lora_rank": 8,
        "lora_alpha": 32,
        "lora_dropout": 0.05,
        "lora_targets": ("q_proj", "v_proj"),
        "quantization": "nf4",
        "max_length": 256,
        "append_eos": False,
        "loss_on": "full",
    },
    "tiny-cpu": {"precision": "fp32", "parallel": "none", "lora_rank": None},
}


def test_every_preset_is_compared_with_what_was_published() -> None:
    """The table above has every preset, and no other."""
    assert sorted(PUBLISHED) == list(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_the_published_values(name: str) -> None:
    """A preset has the values of the script that it follows."""
    settings = load_preset(name)
    assert {key: getattr(settings, key) for key in PUBLISHED[name]} == PUBLISHED[name]


@pytest.mark.parametrize("name", PRESETS)
def test_every_value_stands_in_the_file_with_its_source(name: str) -> None:
    """No setting is left to a default, and a comment behind each says where the value comes from."""
    text = (FOLDER / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    found = re.findall(r"^  (\w+): (.+?)  +# (.+)$", text.partition("\nsettings:\n")[2], flags=re.MULTILINE)
    assert [key for key, _, _ in found] == [field.name for field in fields(TrainSettings) if field.name != "preset"]
    assert all(source.strip() for _, _, source in found)
    assert [line for line in text.splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("name", PRESETS)
def test_numbers_of_files_are_numbers(name: str) -> None:
    """YAML takes 1e-5 for text; no preset has a number that is read as such."""
    texts = {key for key, value in read_preset(name).values.items() if isinstance(value, str)}
    words = {"template", "loss_on", "overlong", "batching", "batch_unit", "schedule", "optimizer"}
    assert texts <= words | {"quantization", "precision", "attention", "parallel"}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_say_what_they_follow(name: str) -> None:
    """Base model, source and, where there is one to differ from, the known deviations are there."""
    preset = read_preset(name)
    assert preset.summary
    assert preset.base_model
    assert preset.source
    assert bool(preset.deviations) == (name != "tiny-cpu")


@pytest.mark.parametrize("machine", [CPU, GPU], ids=["cpu", "gpu"])
@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_arguments_of_the_installed_trainer(name: str, machine: Machine, tmp_path: Path) -> None:
    """TRL and Transformers take every preset without an unknown key, and the values arrive unchanged."""
    pytest.importorskip("trl")
    settings = decided(load_preset(name), machine)
    if settings.parallel in {"zero2", "zero3"}:
        settings = replace(settings, parallel="none")  # DeepSpeed is another package
    found = training_arguments(settings, tmp_path, accumulation=4, device="cpu")
    assert found.per_device_train_batch_size == settings.batch_size
    assert found.gradient_accumulation_steps == 4
    assert found.num_train_epochs == settings.epochs
    assert found.learning_rate == settings.learning_rate
    assert found.lr_scheduler_type.value == settings.schedule
    assert found.get_warmup_steps(1000) == round(1000 * settings.warmup_ratio)
    assert (found.weight_decay, found.adam_beta1, found.adam_beta2) == (
        settings.weight_decay,
        settings.adam_beta1,
        settings.adam_beta2,
    )
    assert found.optim.value == settings.optimizer
    assert found.max_grad_norm == settings.max_grad_norm
    assert found.seed == settings.seed
    assert found.bf16 == (machine is GPU and name != "tiny-cpu")
    assert found.save_strategy.value == ("epoch" if settings.save_steps is None else "steps")
    checkpointing = getattr(found, "activation_checkpointing", None) or found.gradient_checkpointing
    if settings.parallel == "fsdp2":
        assert found.fsdp
        assert found.fsdp_config["activation_checkpointing"] == settings.gradient_checkpointing
        assert not checkpointing
    else:
        assert bool(checkpointing) == settings.gradient_checkpointing


def test_the_trainer_leaves_to_us_what_is_ours(tmp_path: Path) -> None:
    """Cutting, packing, noise and shuffling of the library are off: our own code does them."""
    pytest.importorskip("trl")
    settings = decided(load_preset("long-is-more-llama2-7b", {"parallel": "none"}), CPU)
    found = training_arguments(settings, tmp_path, accumulation=1, device="cpu")
    assert found.max_length is None
    assert not found.packing
    assert not found.padding_free
    assert found.neftune_noise_alpha is None
    assert found.dataset_kwargs == {"skip_prepare_dataset": True}
    assert not found.remove_unused_columns
    assert found.report_to in ([], "none")


def test_adapters_are_those_of_peft() -> None:
    """Rank, alpha, dropout and targets reach PEFT; without a rank there is no adapter."""
    pytest.importorskip("peft")
    found = lora_config(load_preset("alpagasus2-qlora"))
    assert (found.r, found.lora_alpha, found.lora_dropout) == (8, 32, 0.05)
    assert found.target_modules == {"q_proj", "v_proj"}
    everywhere = lora_config(load_preset("alpagasus2-qlora", {"lora_targets": "none"}))
    assert everywhere.target_modules == "all-linear"
    assert lora_config(load_preset("tiny-cpu")) is None


def test_weights_are_held_in_4_bits() -> None:
    """The frozen weights are in NF4 with double quantization, computed in the run's precision."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    found = quantization_config(decided(load_preset("alpagasus2-qlora"), GPU))
    assert found.load_in_4bit
    assert (found.bnb_4bit_quant_type, found.bnb_4bit_use_double_quant) == ("nf4", True)
    assert found.bnb_4bit_compute_dtype == torch.bfloat16
    assert quantization_config(load_preset("tiny-cpu")) is None


@pytest.mark.parametrize("name", ["fsdp2", "none", "zero2", "zero3"])
def test_launch_files_are_those_of_accelerate(name: str) -> None:
    """Accelerate reads each configuration without an unknown key, for 4 GPUs of one machine."""
    config_args = pytest.importorskip("accelerate.commands.config.config_args")
    found = config_args.ClusterConfig.from_yaml_file(launch_file(f"{name}.yaml"))
    assert found.num_processes == 4
    assert str(found.distributed_type.value) == ("FSDP" if name == "fsdp2" else "MULTI_GPU")
    assert found.mixed_precision == "no"
    if name == "fsdp2":
        assert found.fsdp_config["fsdp_version"] == 2


@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_files_leave_the_settings_to_the_trainer(stage: int) -> None:
    """The files name the stage, and take batch sizes, precision and clipping from the training arguments."""
    found = json.loads(Path(launch_file(f"zero{stage}.json")).read_text(encoding="utf-8"))
    assert found["zero_optimization"]["stage"] == stage
    for key in ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps"):
        assert found[key] == "auto"
    assert found["gradient_clipping"] == "auto"
    assert found["bf16"] == {"enabled": "auto"}
    assert "optimizer" not in found
    assert "scheduler" not in found


@pytest.mark.parametrize("parallel", ["zero2", "zero3"])
def test_deepspeed_takes_the_files(parallel: str, tmp_path: Path) -> None:
    """Where DeepSpeed is installed, the Trainer fills in its configuration."""
    pytest.importorskip("trl")
    pytest.importorskip("deepspeed")
    settings = decided(load_preset("deita-mistral", {"parallel": parallel}), CPU)
    found = training_arguments(settings, tmp_path, accumulation=4, device="cpu")
    assert found.hf_deepspeed_config.config["zero_optimization"]["stage"] == int(parallel[-1])
