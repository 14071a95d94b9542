"""A trained model as a folder that every tool of Hugging Face reads, the record of its training last of all."""

from __future__ import annotations

import copy
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.train._describe import set_chat_template
from longismore.train._model import generation_config, load_network, saved_dtype
from longismore.train._record import RECORD

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.train._record import RecordedTemplate
    from longismore.train.settings import TrainSettings

__all__ = ["ADAPTER", "remove_trained", "save_trained"]

ADAPTER = "adapter"
"""Name of the folder of a LoRA adapter."""

_OLD = ("*.safetensors", "*.safetensors.index.json", "pytorch_model*", RECORD)


def save_trained(
    trainer: Any, tokenizer: Any, *, template: RecordedTemplate, settings: TrainSettings, model: str, folder: Path
) -> None:
    """Save what a trainer has made, in the type of the weights that it began with; all processes call it.

    An adapter is added to the model that it belongs to, as that is on disk: not to its quantized weights.

    Args:
        trainer: After its last step.
        tokenizer: Of the model; it is changed to write the template.
        template: Of the training.
        settings: Of the training, with every ``auto`` decided.
        model: What was trained: a folder, or an id of the Hugging Face Hub.
        folder: Gets the model.
    """
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if not trainer.is_world_process_zero():
        return
    remove_trained(folder)
    network = trainer.accelerator.unwrap_model(trainer.model)
    dtype = _dtype(model, settings)
    if settings.lora_rank is None:
        base = require("transformers", extra="train").AutoConfig.from_pretrained(model)
        config = copy.deepcopy(network.config)
        config.architectures, config.use_cache = base.architectures, getattr(base, "use_cache", True)
    else:
        peft = require("peft", extra="train")
        _save_adapter(network, state, folder / ADAPTER)
        attention = "sdpa" if settings.attention == "flash_attention_2" else settings.attention
        base = load_network(model, replace(settings, quantization=None, attention=attention), dtype=dtype)
        network = peft.PeftModel.from_pretrained(base, folder / ADAPTER).merge_and_unload()
        config, state = network.config, network.state_dict()
    config.dtype = dtype
    network.generation_config = generation_config(tokenizer, template)
    network.save_pretrained(folder, state_dict=_cast(state, dtype))
    config.save_pretrained(folder)
    network.generation_config.save_pretrained(folder)
    set_chat_template(tokenizer, template)
    tokenizer.save_pretrained(folder)


def _save_adapter(network: Any, state: dict[str, Any], folder: Path) -> None:
    """As PEFT does, which saves nothing at all of a model that FSDP has wrapped to recompute activations."""
    weights = {name.replace(".default.", "."): weight.contiguous() for name, weight in state.items() if "lora_" in name}
    if not weights:
        raise AssertionError(sorted(state)[:5])
    folder.mkdir()
    require("safetensors.torch", extra="train").save_file(
        weights, folder / "adapter_model.safetensors", {"format": "pt"}
    )
    config = copy.deepcopy(network.peft_config["default"])
    config.inference_mode = True
    config.save_pretrained(folder)


def remove_trained(folder: Path) -> None:
    """Remove a model that was saved before, or a part of one."""
    for path in [path for pattern in _OLD for path in folder.glob(pattern)]:
        path.unlink()
    shutil.rmtree(folder / ADAPTER, ignore_errors=True)


def _dtype(model: str, settings: TrainSettings) -> Any:
    torch = require("torch", extra="train")
    found = saved_dtype(model)
    if found != torch.float16:
        return found
    # Weights that were trained with bf16's range may not work with that of fp16.
    return torch.bfloat16 if settings.precision == "bf16" else torch.float32


def _cast(state: dict[str, Any], dtype: Any) -> dict[str, Any]:
    """The weights in another type; those that share their memory still do."""
    known: dict[tuple[Any, ...], Any] = {}
    found = {}
    for name, weight in state.items():
        key = weight.data_ptr(), tuple(weight.shape), tuple(weight.stride())
        known[key] = known.get(key, weight.to(dtype) if weight.is_floating_point() else weight)
        found[name] = known[key]
    return found
