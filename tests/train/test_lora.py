"""Adapters: what is trained, what is saved, and what becomes of it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")
from longismore.train import _run  # noqa: E402
from longismore.train._machine import Machine, lacks  # noqa: E402
from longismore.train.settings import load_preset  # noqa: E402
from tiny_models import make_tiny_llama  # noqa: E402  it needs torch
from training_runs import one_thread, run, weights, write_rows  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # PEFT's own
LORA = {"lora_rank": 4, "lora_alpha": 16, "lora_dropout": 0.1, "learning_rate": 0.02, "max_steps": 4, "batch_size": 4}
LORA |= {"global_batch_size": 4}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model."""
    return make_tiny_llama(tmp_path_factory.mktemp("model"), scale=3.0)


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """A file of rows."""
    return write_rows(tmp_path / "pool.json", 16)


def logits(network: Any) -> Any:
    """Of some text."""
    with torch.no_grad():
        return network.eval()(torch.arange(5, 45)[None]).logits


@pytest.mark.parametrize("targets", ["none", "q_proj,v_proj"])
def test_the_saved_model_answers_as_the_adapter_does(targets: str, model: Path, pool: Path, tmp_path: Path) -> None:
    """The model in the folder is the base model with the adapter added; the adapter stands beside it."""
    out = tmp_path / "out"
    run(model, pool, out, lora_targets=targets, **LORA)
    base = transformers.AutoModelForCausalLM.from_pretrained(model)
    plain = logits(base)
    adapted = logits(peft.PeftModel.from_pretrained(base, out / "adapter"))
    merged = logits(transformers.AutoModelForCausalLM.from_pretrained(out))
    torch.testing.assert_close(merged, adapted, atol=1e-5, rtol=0)
    assert float((merged - plain).abs().max()) > 0.1
    adapter = weights(out / "adapter")
    names = {name.split(".")[-3] for name in adapter}
    every = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert names == (every if targets == "none" else {"q_proj", "v_proj"})
    before, after = weights(model), weights(out)
    changed = {name.split(".")[-2] for name in before if not torch.equal(before[name], after[name])}
    assert changed == names


def test_frozen_weights_are_held_in_the_precision(
    model: Path, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bf16 the base model is held in 16 bits and the adapter in 32; the model is saved as it was, in 32."""
    made: list[Any] = []
    make = _run.make_trainer

    def watched(*given: Any, **named: Any) -> Any:
        trainer = make(*given, **named)
        made.append({each.requires_grad: each.dtype for each in trainer.model.parameters()})
        return trainer

    monkeypatch.setattr(_run, "make_trainer", watched)
    run(model, pool, tmp_path / "out", precision="bf16", **LORA)
    assert made == [{False: torch.bfloat16, True: torch.float32}]
    assert {weight.dtype for weight in weights(tmp_path / "out").values()} == {torch.float32}
    run(model, pool, tmp_path / "all", precision="bf16", max_steps=1)
    assert made[1:] == [{True: torch.float32}]


def test_recomputed_activations(model: Path, pool: Path, tmp_path: Path) -> None:
    """Gradient checkpointing changes no loss under an adapter either, with noise and dropout."""
    plain = run(model, pool, tmp_path / "plain", neftune_alpha=5, **LORA)
    checked = run(model, pool, tmp_path / "checked", neftune_alpha=5, gradient_checkpointing=True, **LORA)
    assert checked.losses == plain.losses


def test_quantized_weights_need_a_package_and_a_gpu(model: Path, pool: Path, tmp_path: Path) -> None:
    """Before anything is loaded it is said what is missing, and how to get it or do without."""
    settings = load_preset("tiny-cpu", {"quantization": "nf4", **LORA})
    gpu = Machine(device="cuda", has_bf16=True, name="a GPU", memory_bytes=None)
    if find_spec("bitsandbytes") is None:
        (told,) = lacks(settings, gpu)
        assert told == (
            'quantization=nf4 needs the package "bitsandbytes", which is not installed; do: pip install '
            '"longismore[qlora]"'
        )
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="quantization=nf4 needs an NVIDIA GPU"):
            run(model, pool, tmp_path / "out", quantization="nf4", **LORA)


def test_layers_that_are_not_there(model: Path, pool: Path, tmp_path: Path) -> None:
    """Names of layers that the model does not have are an error before the first step."""
    with pytest.raises(ConfigError, match="no linear layer named c_attn"):
        run(model, pool, tmp_path / "out", lora_targets="c_attn", **LORA)
