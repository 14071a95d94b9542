"""The model that is trained: its weights in the type in which they are trained, and what becomes of its settings."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._checkpoint import checkpoint_sha256
from longismore._optional import require
from longismore.errors import UsageError
from longismore.train._arguments import quantization_config

if TYPE_CHECKING:
    from longismore.train._record import RecordedTemplate
    from longismore.train.settings import TrainSettings

__all__ = ["generation_config", "load_network", "model_digest", "name_special_tokens", "saved_dtype"]

logger = logging.getLogger(__name__)


def load_network(model: str, settings: TrainSettings, *, dtype: Any = None, place: Any = None) -> Any:
    """Load a causal language model to be trained.

    Weights that are trained are held in fp32, whatever the precision of the forward pass; those that an adapter leaves
    as they are, in that precision.

    Args:
        model: A folder, or an id of the Hugging Face Hub.
        settings: With every ``auto`` decided.
        dtype: Another one than that of the settings.
        place: Where quantized weights go, as they cannot be moved later.

    Raises:
        UsageError: There is no such model, or it cannot be loaded in this way.
    """
    torch = require("torch", extra="train")
    transformers = require("transformers", extra="train")
    is_frozen = settings.lora_rank is not None
    own = torch.bfloat16 if is_frozen and settings.precision == "bf16" else torch.float32
    found = {} if settings.quantization is None else {"quantization_config": quantization_config(settings)}
    if found and place is not None:
        found["device_map"] = {"": place}
    logger.info("loading %s", model)
    try:
        network = transformers.AutoModelForCausalLM.from_pretrained(
            model, dtype=dtype or own, attn_implementation=settings.attention, **found
        )
    except Exception as error:  # of Transformers, safetensors, bitsandbytes: they have no base in common
        told = " ".join(str(error).split())[:300]
        raise UsageError(f'model "{model}": cannot be loaded to be trained: {told}') from error
    # What published models say of sampling is often refused when it is saved again.
    network.generation_config = transformers.GenerationConfig()
    return network


def generation_config(tokenizer: Any, template: RecordedTemplate) -> Any:
    """What ends a text, and nothing of how it is sampled.

    Args:
        tokenizer: Of the model.
        template: Of the training.

    Returns:
        A ``transformers.GenerationConfig``.
    """
    transformers = require("transformers", extra="train")
    ends = [tokenizer.convert_tokens_to_ids(token) for token in template.ends]
    if tokenizer.eos_token_id is not None and tokenizer.eos_token_id not in ends:
        ends.append(tokenizer.eos_token_id)
    return transformers.GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=(ends if len(ends) > 1 else ends[0]) if ends else None,
        pad_token_id=tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
    )


def name_special_tokens(network: Any, tokenizer: Any, template: RecordedTemplate) -> None:
    """Let the model's configuration say what its tokenizer says of the tokens that begin, end and fill up a text."""
    network.generation_config = generation_config(tokenizer, template)
    config = network.config.get_text_config()
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        if (found := getattr(tokenizer, name)) is not None:
            setattr(config, name, found)


def saved_dtype(model: str) -> Any:
    """The type in which a model's weights are saved; fp32 where its configuration does not say.

    Args:
        model: A folder, or an id of the Hugging Face Hub.
    """
    torch = require("torch", extra="train")
    transformers = require("transformers", extra="train")
    found = transformers.AutoConfig.from_pretrained(model).dtype
    found = getattr(torch, found.removeprefix("torch."), None) if isinstance(found, str) else found
    return torch.float32 if found is None else found


def model_digest(model: str) -> str:
    """Tell models, with their tokenizers, apart without reading all of their weights.

    Args:
        model: A folder, or an id of the Hugging Face Hub.
    """
    if Path(model).is_dir():
        return checkpoint_sha256(Path(model))[:16]
    config = require("transformers", extra="train").AutoConfig.from_pretrained(model)
    return hashlib.sha256(f"{model} {getattr(config, '_commit_hash', None)}".encode()).hexdigest()[:16]
