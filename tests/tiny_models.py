"""A tiny causal language model with random weights and a tokenizer, made with a seed in a folder."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

_SCRIPT = Path(__file__).parents[1] / "scripts" / "make_tiny_model.py"


def make_tiny_llama(
    folder: Path, *, seed: int = 0, scale: float = 1.0, head: float = 1.0, bos: bool = True, **config: Any
) -> Path:
    """Save a Llama of about 0.1 million parameters in *folder*.

    Args:
        folder: Where it is saved.
        seed: Of the random weights.
        scale: Multiplies every weight matrix but the output layer's: hidden states depend more on the text.
        head: Multiplies the output layer: losses differ more.
        bos: Whether the tokenizer puts its first token before every text.
        config: Changes of the configuration, e.g. ``hidden_size=32``.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer(bos=bos)
    settings = {
        "vocab_size": len(tokenizer),
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(LlamaConfig(**(settings | config)))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2:
                weight.mul_(head if name.startswith("lm_head") else scale)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tokenizer(*, bos: bool = True) -> Any:
    """The byte-level BPE tokenizer of ``scripts/make_tiny_model.py``, with or without a token before every text."""
    from tokenizers import processors

    script = _script()
    tokenizer = script.make_tokenizer(_texts())
    if bos:
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{script.BOS} $A", special_tokens=[(script.BOS, tokenizer.bos_token_id)]
        )
    return tokenizer


@functools.cache
def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_tiny_model", _SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def _texts() -> tuple[str, ...]:
    return tuple(_script().packaged_texts())
