"""How many optimizer steps a run takes, and how many batches each of them takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.errors import ConfigError

if TYPE_CHECKING:
    from longismore.train.settings import TrainSettings

__all__ = ["Steps", "count_steps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The course of a run."""

    batches: int
    """Batches of an epoch on each device."""
    accumulation: int
    """Batches on each device whose gradients make one step."""
    per_epoch: int
    """Optimizer steps; the last one may be of fewer batches."""
    total: int
    warmup: int


def count_steps(settings: TrainSettings, *, rows: int, sequences: int, processes: int = 1) -> Steps:
    """Count batches and optimizer steps.

    Args:
        settings: With the batching decided.
        rows: How many are trained on.
        sequences: Rows, or packs where they are packed.
        processes: How many devices share the work.

    Raises:
        ConfigError: Nothing is left to train on, or the devices cannot share a step evenly.
    """
    if not rows or not sequences:
        raise ConfigError("no row is left to train on; the reasons why rows were dropped say why")
    at_once = settings.batch_size * processes
    batches = math.ceil(sequences / at_once)
    if settings.batching == "pack" and settings.batch_unit == "rows":
        # As many steps as without packing, as far as whole batches go; a step of fewer rows is the smaller evil.
        accumulation = max(1, math.floor(settings.global_batch_size * sequences / rows / at_once + 0.5))
    elif settings.global_batch_size % at_once:
        raise ConfigError(
            f"global_batch_size={settings.global_batch_size} cannot be shared by {processes} devices with "
            f"batch_size={settings.batch_size}: it is no multiple of {at_once}; "
            "set another batch_size or global_batch_size"
        )
    else:
        accumulation = settings.global_batch_size // at_once
    per_epoch = math.ceil(batches / accumulation)
    total = settings.max_steps or math.ceil(settings.epochs * per_epoch)
    return Steps(
        batches=batches,
        accumulation=accumulation,
        per_epoch=per_epoch,
        total=total,
        warmup=math.ceil(settings.warmup_ratio * total),
    )
