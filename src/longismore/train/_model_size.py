"""How large a model is, found out without its weights."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Linear", "ModelSize", "load_tokenizer", "model_size"]


@dataclass(frozen=True, slots=True)
class Linear:
    """Linear layers of one name, e.g. every ``q_proj``."""

    name: str
    inputs: int
    outputs: int
    count: int

    @property
    def weights(self) -> int:
        """Of all of them."""
        return self.inputs * self.outputs * self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSize:
    """Counts of a causal language model."""

    parameters: int
    linear: tuple[Linear, ...]
    """Of the decoder, without the output layer."""
    output_weights: int
    """Of the output layer, which may be those of the embedding."""
    layers: int
    hidden: int
    key_value: int
    """Width of keys, and of values: smaller than *hidden* where heads share them."""
    attention: int
    """Width of the queries: heads times their dimension."""
    intermediate: int
    vocabulary: int
    positions: int | None
    """The longest text that the model was made for, in tokens."""

    @property
    def multiplied(self) -> int:
        """Weights that every token is multiplied by: those of linear layers, the output layer counted."""
        return sum(one.weights for one in self.linear) + self.output_weights

    def adapter_parameters(self, rank: int, targets: Sequence[str] | None) -> int:
        """What LoRA trains: rank x (inputs + outputs) for each adapted layer.

        Args:
            rank: Of the adapters.
            targets: Names of linear layers; ``None``: all.

        Raises:
            ConfigError: The model has no layer of such a name.
        """
        names = {one.name for one in self.linear}
        if unknown := [target for target in targets or () if target not in names]:
            raise ConfigError(
                f"lora_targets: the model has no linear layer named {', '.join(unknown)}; "
                f"it has: {', '.join(sorted(names))}"
            )
        adapted = [one for one in self.linear if targets is None or one.name in targets]
        return sum(rank * (one.inputs + one.outputs) * one.count for one in adapted)


def model_size(model: str) -> ModelSize:
    """Measure a model by its configuration: the network is built without memory for its weights.

    Args:
        model: A folder, or an id of the Hugging Face Hub.

    Raises:
        UsageError: There is no such model, or it is no causal language model.
    """
    torch = require("torch", extra="train")
    transformers = require("transformers", extra="train")
    try:
        config = transformers.AutoConfig.from_pretrained(model)
        with torch.device("meta"):
            network = transformers.AutoModelForCausalLM.from_config(config)
    except Exception as error:  # of Transformers: they have no base in common
        told = " ".join(str(error).split())[:300]
        raise UsageError(f'model "{model}": its configuration cannot be used: {told}') from error
    return _measured(network, config.get_text_config())


def load_tokenizer(model: str) -> Any:
    """The tokenizer of a model.

    Args:
        model: A folder, or an id of the Hugging Face Hub.

    Raises:
        UsageError: There is none.
    """
    transformers = require("transformers", extra="train")
    try:
        return transformers.AutoTokenizer.from_pretrained(model)
    except Exception as error:  # of Transformers, tokenizers, SentencePiece: they have no base in common
        told = " ".join(str(error).split())[:300]
        raise UsageError(f'model "{model}": no tokenizer can be loaded: {told}') from error


def _measured(network: Any, config: Any) -> ModelSize:
    from transformers.pytorch_utils import Conv1D

    torch = require("torch", extra="train")
    output = network.get_output_embeddings()
    found: Counter[tuple[str, int, int]] = Counter()
    for name, module in network.named_modules():
        if module is output:
            continue
        if isinstance(module, torch.nn.Linear):
            found[name.rpartition(".")[2], module.in_features, module.out_features] += 1
        elif isinstance(module, Conv1D):  # of GPT-2: a linear layer with its matrix turned
            found[name.rpartition(".")[2], *module.weight.shape] += 1
    heads = int(config.num_attention_heads)
    width = int(getattr(config, "head_dim", None) or config.hidden_size // heads)
    positions = getattr(config, "max_position_embeddings", None)
    linear = tuple(Linear(name, inputs, outputs, count) for (name, inputs, outputs), count in found.items())
    return ModelSize(
        parameters=sum(weight.numel() for weight in network.parameters()),
        linear=linear,
        output_weights=0 if output is None else output.weight.numel(),
        layers=int(config.num_hidden_layers),
        hidden=int(config.hidden_size),
        key_value=width * int(getattr(config, "num_key_value_heads", None) or heads),
        attention=width * heads,
        intermediate=max((one.outputs for one in linear), default=int(config.hidden_size)),
        vocabulary=int(config.vocab_size),
        positions=positions if isinstance(positions, int) and positions > 0 else None,
    )
