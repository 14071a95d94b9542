"""How a model is trained: every setting explicit, from a preset, a file or a command line.

Nothing has a default of a library: what a preset does not say it does not have, so that another version of
Transformers or TRL cannot change a recipe.
"""

from __future__ import annotations

import typing
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from longismore.errors import ConfigError, near_names
from longismore.train._presets import PRESETS, Preset, read_preset
from longismore.train._setting_checks import contradictions
from longismore.train._setting_values import Bounds, in_words, read_value

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PRESETS", "Preset", "TrainSettings", "load_preset", "read_preset"]

_AT_LEAST_ONE, _POSITIVE, _NOT_NEGATIVE = Bounds(1), Bounds(0, above=True), Bounds(0)
_BELOW_ONE = Bounds(0, 1, below=True)
_BOUNDS = {
    "max_length": Bounds(2),
    "pad_to": Bounds(2),
    "batch_size": _AT_LEAST_ONE,
    "global_batch_size": _AT_LEAST_ONE,
    "epochs": _POSITIVE,
    "max_steps": _AT_LEAST_ONE,
    "learning_rate": _POSITIVE,
    "warmup_ratio": _BELOW_ONE,
    "weight_decay": _NOT_NEGATIVE,
    "adam_beta1": _BELOW_ONE,
    "adam_beta2": _BELOW_ONE,
    "max_grad_norm": _NOT_NEGATIVE,
    "neftune_alpha": _POSITIVE,
    "neftune_reference_length": _AT_LEAST_ONE,
    "lora_rank": _AT_LEAST_ONE,
    "lora_alpha": _POSITIVE,
    "lora_dropout": _BELOW_ONE,
    "seed": Bounds(0, 2**32 - 1),
    "save_steps": _AT_LEAST_ONE,
    "keep_checkpoints": _AT_LEAST_ONE,
    "logging_steps": _AT_LEAST_ONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Everything that decides what comes out of a training run, but the data and the model."""

    template: str
    """A name or file of :func:`longismore.instructions._templates.load_template`."""
    loss_on: Literal["response", "full"]
    """``response``: every answer and its end; ``full``: every token but a text's first."""
    max_length: int
    """Tokens of a row, or of a pack."""
    overlong: Literal["truncate", "drop", "error"]
    """What becomes of a longer row; one whose prompt alone is too long has no loss and is always dropped."""
    append_eos: bool
    """Whether an answer ends with the tokenizer's end-of-text token."""
    batching: Literal["auto", "pad", "group", "pack"]
    """How rows become batches. ``pad``: in random order, to the longest row of a batch or to *pad_to*; ``group``: rows
    of nearly equal length together; ``pack``: several rows in one sequence of *max_length* tokens, none of which sees
    another; ``auto``: ``pack`` on CUDA, ``group`` elsewhere, ``pad`` where *pad_to* is given."""
    pad_to: int | None
    """Pad every row to this many tokens, as scripts do that never look at lengths; ``None``: only as far as needed."""
    batch_size: int
    """Rows, or packs, of a device's forward pass."""
    global_batch_size: int
    """Rows, or packs, of an optimizer step, over all devices: see *batch_unit*."""
    batch_unit: Literal["rows", "sequences"]
    """What *global_batch_size* counts where rows are packed. ``rows``: a step takes as many packs as hold that many
    rows on average, so that packing leaves the number of steps about as it is; ``sequences``: that many packs."""
    epochs: float
    max_steps: int | None
    """Optimizer steps, whatever *epochs* says."""
    learning_rate: float
    schedule: Literal["constant", "constant_with_warmup", "cosine", "linear"]
    warmup_ratio: float
    """Share of the steps in which the learning rate rises."""
    weight_decay: float
    adam_beta1: float
    adam_beta2: float
    optimizer: Literal[
        "adafactor",
        "adamw_bnb_8bit",
        "adamw_torch",
        "adamw_torch_fused",
        "paged_adamw_32bit",
        "paged_adamw_8bit",
        "sgd",
    ]
    max_grad_norm: float
    """0: gradients are not clipped."""
    neftune_alpha: float | None
    """Noise on the embeddings while training; ``None``: none."""
    neftune_reference_length: int | None
    """L of the noise's scale alpha / sqrt(L * d); ``None``: each row's own length. Never that of the padding."""
    lora_rank: int | None
    """``None``: all weights are trained."""
    lora_alpha: float | None
    lora_dropout: float | None
    lora_targets: tuple[str, ...] | None
    """Modules with an adapter, e.g. ``q_proj``; ``None``: every linear layer but the output layer."""
    quantization: Literal["nf4"] | None
    """Of the frozen weights under LoRA."""
    precision: Literal["auto", "bf16", "fp32"]
    """Of the forward pass; ``auto``: bf16 on a GPU that has it, fp32 elsewhere. Weights that are trained stay in fp32,
    as do the optimizer's states; frozen ones are held in this precision."""
    gradient_checkpointing: bool
    liger: bool
    """Kernels of liger-kernel, on a GPU."""
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2"]
    parallel: Literal["none", "fsdp2", "zero2", "zero3"]
    """How a model is divided among several processes; ``none``: each has a copy."""
    seed: int
    save_steps: int | None
    """Optimizer steps from checkpoint to checkpoint; ``None``: one at the end of every epoch."""
    keep_checkpoints: int
    """How many of them stay, the newest ones."""
    logging_steps: int
    report_to: tuple[str, ...]
    """Where figures go while training: trackio, wandb, tensorboard or another integration of Transformers."""
    preset: str | None = None
    """Where the values came from, before some of them were overridden; decides nothing."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> TrainSettings:
        """Settings of a file: each of them, and no other.

        Args:
            values: By name; numbers, truth values and lists may be text, as a command line gives them.

        Raises:
            ConfigError: Settings are unknown, missing, wrong or contradict each other; all of them are named.
        """
        return cls._read(values, problems=[])

    @classmethod
    def _read(cls, values: Mapping[str, object], *, problems: list[str]) -> TrainSettings:
        hints, found = _hints(), {}
        for key, value in values.items():
            if key not in hints:
                problems.append(f'"{key}" is no setting of training{near_names(str(key), _NAMES_TO_SET)}')
                continue
            try:
                found[key] = read_value(value, hints[key], _BOUNDS.get(key))
            except ValueError as error:
                problems.append(f'{key} must be {error}, found "{_shown(value)}"')
        missing = [name for name in _NAMES_TO_SET if name not in values]
        problems += [f"{name} is missing; it must be {in_words(hints[name], _BOUNDS.get(name))}" for name in missing]
        if found.keys() >= set(_NAMES_TO_SET):
            problems += contradictions(found)
        if problems:
            raise ConfigError(problems)
        return cls(**found)  # type: ignore[arg-type]

    def to_mapping(self) -> dict[str, Any]:
        """The settings as JSON and YAML hold them; :meth:`from_mapping` reads them back."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def changed(self, values: Mapping[str, object]) -> TrainSettings:
        """The settings with other values.

        Args:
            values: As for :meth:`from_mapping`.

        Raises:
            ConfigError: A value will not do; all of them are named.
        """
        problems = []
        if "preset" in values:
            problems.append('"preset" says where settings came from, and is not set')
        return self._read({**self.to_mapping(), **values}, problems=problems)


def load_preset(name: str, overrides: Mapping[str, object] | None = None) -> TrainSettings:
    """The settings of a preset.

    Args:
        name: One of :data:`PRESETS`.
        overrides: Other values for some of them, e.g. as the command line gives them.

    Raises:
        UnknownNameError: There is no such preset.
        ConfigError: An override is unknown or wrong, or contradicts another setting; all of them are named.
    """
    settings = replace(TrainSettings.from_mapping(read_preset(name).values), preset=name)
    return settings.changed(overrides) if overrides else settings


@cache
def _hints() -> dict[str, Any]:
    return typing.get_type_hints(TrainSettings)


_NAMES_TO_SET = tuple(field.name for field in fields(TrainSettings) if field.name != "preset")


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
