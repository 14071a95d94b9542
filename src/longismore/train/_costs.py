"""What a run takes: floating-point operations and memory, by formulas that a person can check.

Operations, of which a multiplication with addition is two (M: weights of the linear layers and the output layer, T:
tokens, L: layers, W: width of the queries, s: tokens of a row, A: weights of the adapters):

- all weights trained:  6 M T          = 2 forward, 2 for the gradients of activations, 2 for those of weights
- LoRA:                 4 M T + 6 A T  = no gradients of frozen weights
- attention:            6 L W sum(s^2) = 12 L W s a token, of which a causal model needs half

Activations kept for the backward pass, a token and decoder layer, in bytes (h: hidden width, k: width of the keys, m:
width of the feed-forward layer), counted on a Llama: ``32 h + 8 k + 16 m`` in fp32, ``30 h + 4 k + 8 m`` in bf16; with
gradient checkpointing ``4 h``, and one layer in full.

Source: Kaplan et al., Scaling Laws for Neural Language Models (arXiv 2001.08361), section 2.1, for 6 N T.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longismore.train._model_size import ModelSize
    from longismore.train.settings import TrainSettings

__all__ = ["Memory", "Operations", "estimate_memory", "squares_of", "training_operations"]

_FP32, _BF16 = 4, 2
_NF4 = 0.516
"""Bytes a weight: 4 bits, and the constants of blocks of 64 weights, themselves quantized (QLoRA, section 3)."""
_STATES = {
    "adafactor": 0.0,
    "adamw_bnb_8bit": 2.0,
    "adamw_torch": 8.0,
    "adamw_torch_fused": 8.0,
    "paged_adamw_32bit": 8.0,
    "paged_adamw_8bit": 2.0,
    "sgd": 0.0,
}
"""Bytes of the optimizer a trained weight; Adafactor's rows and columns are next to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Floating-point operations of training."""

    linear: float
    attention: float

    @property
    def total(self) -> float:
        """All."""
        return self.linear + self.attention


def training_operations(
    size: ModelSize, settings: TrainSettings, *, tokens: int, squares: int, recomputed: bool = False
) -> Operations:
    """What forward and backward passes take.

    Args:
        size: Of the model.
        settings: Whether adapters are trained.
        tokens: How many go through the model.
        squares: The sum of the squares of the rows' lengths.
        recomputed: Whether a further forward pass, which gradient checkpointing makes, is counted.
    """
    adapters = _adapters(size, settings)
    again = 2 if recomputed and settings.gradient_checkpointing else 0
    passes = (6 if adapters is None else 4) + again
    linear = float(passes * size.multiplied * tokens + 6 * (adapters or 0) * tokens)
    return Operations(linear=linear, attention=float((6 + again) * size.layers * size.attention * squares))


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes on each device."""

    weights: float
    copies: float
    """Of weights, in 16 bits for the forward pass, or of gradients where processes add them up."""
    gradients: float
    optimizer: float
    activations: float
    """At most: those of the largest batch."""

    @property
    def total(self) -> float:
        """All, without what CUDA and the libraries take for themselves."""
        return self.weights + self.copies + self.gradients + self.optimizer + self.activations


def estimate_memory(size: ModelSize, settings: TrainSettings, *, positions: int, processes: int = 1) -> Memory:
    """What a device holds at most.

    Args:
        size: Of the model.
        settings: With every ``auto`` decided.
        positions: Of the largest batch on one device, padding and all.
        processes: How many devices there are.
    """
    adapters = _adapters(size, settings)
    trained = size.parameters if adapters is None else adapters
    shares_weights = processes if settings.parallel in {"fsdp2", "zero3"} else 1
    shares_rest = processes if settings.parallel != "none" else 1
    compute = _BF16 if settings.precision == "bf16" else _FP32
    weights = float(_FP32 * trained)
    copies = 0.0
    if adapters is None and settings.precision == "bf16":
        if settings.parallel in {"zero2", "zero3"}:  # bf16 weights; those in fp32 belong to the optimizer
            weights /= shares_rest
            copies = _BF16 * size.parameters / shares_weights
        elif settings.parallel == "fsdp2":  # one layer, and the embeddings, are there as a whole
            weights /= shares_weights
            copies = _BF16 * (size.multiplied - size.output_weights) / max(size.layers, 1) + _BF16 * _outer(size)
        else:
            copies = float(_BF16 * size.multiplied)
    else:
        weights /= shares_weights
    if adapters is not None:
        weights += _frozen(size, settings, compute) / shares_weights
    if settings.parallel == "none" and processes > 1:
        copies += _FP32 * trained  # the buckets in which processes add up gradients
    return Memory(
        weights=weights,
        copies=copies,
        gradients=_FP32 * trained / shares_rest,
        optimizer=_STATES[settings.optimizer] * trained / shares_rest,
        activations=float(_activations(size, settings) * positions),
    )


def squares_of(lengths: Iterable[int]) -> int:
    """The sum of the squares."""
    return sum(length * length for length in lengths)


def _adapters(size: ModelSize, settings: TrainSettings) -> int | None:
    return None if settings.lora_rank is None else size.adapter_parameters(settings.lora_rank, settings.lora_targets)


def _outer(size: ModelSize) -> int:
    """Weights outside the decoder layers."""
    return size.parameters - sum(one.weights for one in size.linear)


def _frozen(size: ModelSize, settings: TrainSettings, compute: int) -> float:
    if settings.quantization is None:
        return float(compute * size.parameters)
    return _NF4 * sum(one.weights for one in size.linear) + compute * _outer(size)


def _activations(size: ModelSize, settings: TrainSettings) -> int:
    """Bytes a position."""
    h, k, m = size.hidden, size.key_value, size.intermediate
    layer = 30 * h + 4 * k + 8 * m if settings.precision == "bf16" else 32 * h + 8 * k + 16 * m
    return 4 * h * size.layers + layer if settings.gradient_checkpointing else layer * size.layers
