from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from longismore.errors import ConfigError, UsageError
from longismore.train._costs import estimate_memory, training_operations
from longismore.train._encode import Encoded, EncodedData
from longismore.train._machine import Machine, decided, lacks, resolved
from longismore.train._model_size import Linear, ModelSize, load_tokenizer, model_size
from longismore.train._plan import PUBLISHED, plan
from longismore.train._steps import count_steps
from longismore.train.settings import load_preset
from tiny_models import make_tiny_llama

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longismore.train.settings import TrainSettings

CPU = Machine(device="cpu", has_bf16=False, name="processor", memory_bytes=None)
GPU = Machine(device="cuda", has_bf16=True, name="a GPU", memory_bytes=80_000_000_000, gpus=1)
SEVEN_B = ModelSize(
    parameters=6_738_415_616,
    linear=(
        *(Linear(name, 4096, 4096, 32) for name in ("q_proj", "k_proj", "v_proj", "o_proj")),
        Linear("gate_proj", 4096, 11008, 32),
        Linear("up_proj", 4096, 11008, 32),
        Linear("down_proj", 11008, 4096, 32),
    ),
    output_weights=32000 * 4096,
    layers=32,
    hidden=4096,
    key_value=4096,
    attention=4096,
    intermediate=11008,
    vocabulary=32000,
    positions=4096,
)
"""Llama-2-7B."""


def tiny(**overrides: str) -> TrainSettings:
    """The settings for a tiny model, changed, on a processor."""
    return decided(load_preset("tiny-cpu", overrides), CPU)


def rows_of(lengths: Sequence[int]) -> EncodedData:
    """Rows of these lengths, the second half of each with loss."""
    examples = [
        Encoded(np.ones(length, dtype=np.int32), np.arange(length) >= length // 2, number)
        for number, length in enumerate(lengths)
    ]
    return EncodedData(
        examples=examples,
        rows=len(lengths) + 2,
        dropped={"empty response": 2},
        truncated=1,
        tokens=sum(lengths),
        loss_tokens=sum(int(example.loss.sum()) for example in examples),
    )


@pytest.mark.parametrize(
    ("overrides", "rows", "sequences", "processes", "expected"),
    [
        ({}, 100, 100, 1, (13, 1, 13, 13, 1)),  # 12 full batches of 8, and one of 4; 3% of 13 steps are begun
        ({"global_batch_size": "32", "epochs": "3"}, 100, 100, 1, (13, 4, 4, 12, 1)),
        ({"global_batch_size": "32"}, 100, 100, 4, (4, 1, 4, 4, 1)),
        ({"epochs": "0.5", "warmup_ratio": "0"}, 100, 100, 1, (13, 1, 13, 7, 0)),
        ({"max_steps": "50"}, 100, 100, 1, (13, 1, 13, 50, 2)),
        # 1,000 rows in 205 packs: 128 rows are in 26.24 packs, 13.12 batches of 2
        ({"batching": "pack", "batch_size": "2", "global_batch_size": "128"}, 1000, 205, 1, (103, 13, 8, 8, 1)),
        # 128 packs a step
        (
            {"batching": "pack", "batch_unit": "sequences", "batch_size": "2", "global_batch_size": "128"},
            1000,
            205,
            1,
            (103, 64, 2, 2, 1),
        ),
    ],
)
def test_steps_by_hand(
    overrides: dict[str, str], rows: int, sequences: int, processes: int, expected: tuple[int, ...]
) -> None:
    """Batches, batches of a step, steps of an epoch and of the run, and the warm-up are those counted by hand."""
    found = count_steps(tiny(**overrides), rows=rows, sequences=sequences, processes=processes)
    assert expected == (found.batches, found.accumulation, found.per_epoch, found.total, found.warmup)


def test_a_step_is_shared_evenly() -> None:
    """Three devices cannot share a step of 32 rows, 8 at a time each."""
    with pytest.raises(ConfigError, match=r"global_batch_size=32 cannot be shared by 3 devices .* no multiple of 24"):
        count_steps(tiny(global_batch_size="32"), rows=100, sequences=100, processes=3)


def test_nothing_to_train_on() -> None:
    """Without a row there is no run."""
    with pytest.raises(ConfigError, match="no row is left to train on"):
        count_steps(tiny(), rows=0, sequences=0)


def test_operations_of_training_all_weights_by_hand() -> None:
    """6 M T with M = 6,607,077,376 weights, and 6 L W S for two rows of 100 tokens."""
    found = training_operations(SEVEN_B, tiny(), tokens=200, squares=20_000)
    assert SEVEN_B.multiplied == 6_607_077_376
    assert found.linear == 6 * 6_607_077_376 * 200
    assert found.attention == 6 * 32 * 4096 * 20_000


def test_operations_of_adapters_by_hand() -> None:
    """Frozen weights have no gradients: 4 M T, and 6 A T for rank 8 on queries and values, 32 x 2 x 8 x 8,192."""
    settings = load_preset("alpagasus2-qlora")
    found = training_operations(SEVEN_B, settings, tokens=10, squares=0)
    assert SEVEN_B.adapter_parameters(8, ("q_proj", "v_proj")) == 4_194_304
    assert found.linear == (4 * 6_607_077_376 + 6 * 4_194_304) * 10
    again = training_operations(SEVEN_B, settings, tokens=10, squares=0, recomputed=True)
    assert again.linear - found.linear == 2 * 6_607_077_376 * 10


def test_memory_of_training_all_weights_by_hand() -> None:
    """Weights, gradients and AdamW take 4, 4 and 8 bytes a parameter, by 4 where FSDP2 divides them among 4."""
    settings = decided(load_preset("long-is-more-llama2-7b", {"template": "plain"}), GPU)
    alone = estimate_memory(SEVEN_B, replace(settings, parallel="none"), positions=4096)
    assert (alone.weights, alone.gradients, alone.optimizer) == (
        4 * 6_738_415_616,
        4 * 6_738_415_616,
        8 * 6_738_415_616,
    )
    assert alone.copies == 2 * 6_607_077_376  # bf16 weights for the forward pass
    shared = estimate_memory(SEVEN_B, settings, positions=4096, processes=4)
    assert (shared.weights, shared.gradients, shared.optimizer) == (
        alone.weights / 4,
        alone.gradients / 4,
        alone.optimizer / 4,
    )
    layer = 30 * 4096 + 4 * 4096 + 8 * 11008
    assert shared.activations == (4 * 4096 * 32 + layer) * 4096
    without = estimate_memory(SEVEN_B, replace(settings, gradient_checkpointing=False), positions=4096)
    assert without.activations == layer * 32 * 4096


@pytest.mark.parametrize(("parallel", "copies"), [("zero2", 2 * 6_738_415_616), ("zero3", 6_738_415_616 / 2)])
def test_memory_of_deepspeed_by_hand(parallel: str, copies: float) -> None:
    """DeepSpeed divides weights in fp32, gradients and states; stage 3 the weights in bf16 too."""
    settings = decided(load_preset("deita-mistral", {"parallel": parallel}), GPU)
    found = estimate_memory(SEVEN_B, settings, positions=1, processes=4)
    assert (found.weights, found.gradients, found.optimizer, found.copies) == (
        6_738_415_616,
        6_738_415_616,
        2 * 6_738_415_616,
        copies,
    )


def test_memory_of_4_bit_weights_by_hand() -> None:
    """Linear layers take 0.516 bytes a weight, the rest two; gradients and states are those of the adapter."""
    found = estimate_memory(SEVEN_B, decided(load_preset("alpagasus2-qlora"), GPU), positions=1)
    inside = SEVEN_B.multiplied - SEVEN_B.output_weights
    assert found.weights == pytest.approx(0.516 * inside + 2 * (6_738_415_616 - inside) + 4 * 4_194_304)
    assert (found.gradients, found.optimizer) == (4 * 4_194_304, 8 * 4_194_304)


def test_processes_that_add_up_gradients_hold_them_twice() -> None:
    """Copies of a model on several devices exchange gradients through buckets of their size."""
    found = estimate_memory(SEVEN_B, tiny(), positions=1, processes=2)
    assert found.copies == 4 * 6_738_415_616
    assert found.gradients == 4 * 6_738_415_616


def test_a_plan_by_hand() -> None:
    """Four rows of 10, 20, 30 and 40 tokens, two at a time: grouped they take 20 + 20 + 40 + 40 positions."""
    settings = load_preset("tiny-cpu", {"batch_size": "2", "global_batch_size": "2", "max_length": "50", "epochs": "3"})
    found = plan(settings, rows_of([10, 40, 20, 30]), SEVEN_B, machine=CPU)
    assert (found.rows, found.examples, found.dropped, found.truncated) == (6, 4, {"empty response": 2}, 1)
    assert (found.tokens, found.loss_tokens, found.longest) == (100, 50, 40)
    assert found.settings.batching == "group"
    assert found.positions["group"] == 120
    assert found.positions[PUBLISHED] == 200
    assert found.positions["pack"] == 100  # 40 + 10 and 30 + 20 are 50 each
    assert found.waste["group"] == pytest.approx(1 / 6)
    assert found.waste[PUBLISHED] == 0.5
    assert found.largest_batch == 80
    assert (found.steps.per_epoch, found.steps.total, found.passes) == (2, 6, 3)
    assert (found.run_tokens, found.run_squares) == (300, 3 * (100 + 400 + 900 + 1600))
    assert found.useful.linear == 6 * SEVEN_B.multiplied * 300
    assert found.computed.linear == 6 * SEVEN_B.multiplied * 360
    assert found.fits is None
    assert json.loads(json.dumps(found.to_mapping()))["waste"]["group"] == pytest.approx(1 / 6)


def test_a_plan_that_pads_to_a_length() -> None:
    """Padded to 60 tokens each, four rows take 240 positions."""
    settings = load_preset(
        "tiny-cpu", {"batch_size": "2", "global_batch_size": "2", "max_length": "50", "pad_to": "60"}
    )
    found = plan(settings, rows_of([10, 40, 20, 30]), SEVEN_B, machine=CPU)
    assert found.settings.batching == "pad"
    assert found.positions["pad"] == 240
    assert found.largest_batch == 120


def test_a_plan_of_packs_on_a_gpu() -> None:
    """Packs that flash attention reads without a mask compute the rows and nothing else."""
    settings = load_preset("chasing-random", {"max_length": "50", "global_batch_size": "2"})
    flash = replace(settings, attention="flash_attention_2")
    found = plan(flash, rows_of([10, 40, 20, 30]), SEVEN_B, machine=GPU)
    assert found.computed == found.useful
    assert found.steps.total == 3
    masked = plan(replace(settings, attention="sdpa"), rows_of([10, 40, 20, 30]), SEVEN_B, machine=GPU)
    assert masked.computed.linear == found.useful.linear
    assert masked.computed.attention == 6 * 32 * 4096 * 3 * 2 * (50**2 + 50**2)  # of whole packs, both halves
    assert found.fits is False


def test_a_longer_text_than_the_model_knows_is_refused() -> None:
    """A model for 4,096 tokens is not trained on longer rows."""
    with pytest.raises(ConfigError, match="max_length=5000 is more than the 4096 tokens that the model was made for"):
        plan(tiny(max_length="5000"), rows_of([10]), SEVEN_B, machine=CPU)


def test_an_adapter_of_layers_that_are_not_there_is_refused() -> None:
    """Names of another architecture are answered with the model's own."""
    settings = load_preset("alpagasus2-qlora", {"lora_targets": "q_proj,c_attn"})
    with pytest.raises(ConfigError, match=r"no linear layer named c_attn; it has: down_proj, gate_proj"):
        plan(settings, rows_of([10]), SEVEN_B, machine=GPU)


@pytest.mark.parametrize(
    ("overrides", "machine", "batching", "precision"),
    [
        ({}, CPU, "group", "fp32"),
        ({}, GPU, "pack", "bf16"),
        ({"attention": "eager"}, GPU, "group", "bf16"),
        ({"pad_to": "2048"}, GPU, "pad", "bf16"),
        ({"batching": "pad", "precision": "fp32"}, GPU, "pad", "fp32"),
        ({}, replace(GPU, has_bf16=False), "pack", "fp32"),
    ],
)
def test_the_machine_decides_what_is_left_to_it(
    overrides: dict[str, str], machine: Machine, batching: str, precision: str
) -> None:
    """Packs on CUDA, groups on a processor, bf16 where a GPU has it; what is given stays."""
    found = decided(load_preset("long-is-more-llama2-7b", overrides), machine)
    assert (found.batching, found.precision) == (batching, precision)
    assert found.attention in {"sdpa", "eager", "flash_attention_2"}


def test_what_a_machine_lacks_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing GPU and missing packages are one error, before anything is loaded."""
    monkeypatch.setattr("longismore.train._machine.find_spec", lambda _: None)
    settings = load_preset("alpagasus2-qlora", {"liger": "true", "report_to": "wandb,comet_ml", "parallel": "zero2"})
    with pytest.raises(ConfigError) as caught:
        resolved(settings, CPU)
    text = "\n".join(caught.value.problems)
    assert "quantization=nf4 needs an NVIDIA GPU, found: processor; set quantization=none" in text
    assert 'needs the package "bitsandbytes", which is not installed; do: pip install "longismore[qlora]"' in text
    assert "liger=true needs a GPU" in text
    assert 'parallel=zero2 needs the package "deepspeed"' in text
    assert 'report_to=wandb needs the package "wandb"' in text
    assert 'report_to=comet_ml needs the package "comet_ml"' in text
    flash = decided(load_preset("tiny-cpu", {"attention": "flash_attention_2", "precision": "bf16"}), CPU)
    assert "attention=flash_attention_2 needs an NVIDIA GPU, found: processor; set attention=sdpa" in lacks(flash, CPU)
    paged = load_preset("tiny-cpu", {"optimizer": "paged_adamw_32bit"})
    assert "optimizer=paged_adamw_32bit needs an NVIDIA GPU" in lacks(paged, CPU)[0]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    return make_tiny_llama(tmp_path_factory.mktemp("model"))


def load(model: Path) -> Any:
    """The network, to be trained."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(model, attn_implementation="eager").train()


def test_a_model_is_measured_without_its_weights(model: Path) -> None:
    """The counts are those of the loaded network, though only the configuration is read."""
    (model / "model.safetensors").rename(model / "elsewhere")
    try:
        found = model_size(str(model))
    finally:
        (model / "elsewhere").rename(model / "model.safetensors")
    network = load(model)
    assert found.parameters == network.num_parameters()
    assert (found.layers, found.hidden, found.intermediate, found.positions) == (2, 48, 96, 2048)
    assert {one.name for one in found.linear} == {
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    }


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # of PEFT, to Transformers
def test_adapters_are_counted_as_peft_makes_them(model: Path) -> None:
    """The number of trained parameters is PEFT's own, with named layers and with all."""
    peft = pytest.importorskip("peft")
    size = model_size(str(model))
    for targets in (["q_proj", "down_proj"], None):
        config = peft.LoraConfig(r=4, target_modules=targets or "all-linear", task_type="CAUSAL_LM")
        trained, _ = peft.get_peft_model(load(model), config).get_nb_trainable_parameters()
        assert trained == size.adapter_parameters(4, targets)


def test_operations_are_those_that_are_computed(model: Path) -> None:
    """PyTorch's own counter finds 6 M T, and in attention twice what a causal model needs."""
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        load(model)(input_ids=torch.ones(2, 64, dtype=torch.long), use_cache=False).logits.sum().backward()
    counted = {str(name): count for name, count in counter.get_flop_counts()["Global"].items()}
    found = training_operations(model_size(str(model)), tiny(), tokens=128, squares=2 * 64**2)
    assert counted["aten.mm"] == found.linear
    assert counted["aten.bmm"] == 2 * found.attention


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_activations_are_those_that_are_kept(precision: str, tmp_path: Path) -> None:
    """What autograd keeps of each further layer is the formula's, to 2%."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from transformers import LlamaConfig, LlamaForCausalLM

    def kept(layers: int) -> int:
        config = LlamaConfig(
            vocab_size=100,
            hidden_size=64,
            intermediate_size=256,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
        )
        network = LlamaForCausalLM(config).train()
        config.save_pretrained(tmp_path)
        known = {tensor.untyped_storage().data_ptr() for tensor in (*network.parameters(), *network.buffers())}
        found, alive = {}, []

        def keep(tensor: Any) -> Any:
            alive.append(tensor)  # so that no address is used twice
            if tensor.untyped_storage().data_ptr() not in known:
                found[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with hooks, torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            network.model(input_ids=torch.ones(1, 512, dtype=torch.long), use_cache=False)
        weights = sum(one.weights for one in model_size(str(tmp_path)).linear)
        return sum(found.values()) - (2 * weights if precision == "bf16" else 0)  # copies are counted apart

    measured = (kept(3) - kept(2)) / 512
    one, two = (ModelSize(**{**_fields(model_size(str(tmp_path))), "layers": layers}) for layers in (1, 2))
    settings = tiny(precision=precision)
    estimated = (
        estimate_memory(two, settings, positions=1).activations
        - estimate_memory(one, settings, positions=1).activations
    )
    assert estimated == pytest.approx(measured, rel=0.02)


def _fields(size: ModelSize) -> dict[str, Any]:
    return {name: getattr(size, name) for name in ModelSize.__dataclass_fields__}


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    """A folder without a model is an error that names it."""
    pytest.importorskip("transformers")
    with pytest.raises(UsageError, match="its configuration cannot be used"):
        model_size(str(tmp_path))
    with pytest.raises(UsageError, match="no tokenizer can be loaded"):
        load_tokenizer(str(tmp_path))
