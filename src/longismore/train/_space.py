"""Whether a folder can take what a training writes, before the first step."""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING

from longismore.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.train._model_size import ModelSize
    from longismore.train._steps import Steps
    from longismore.train.settings import TrainSettings

__all__ = ["bytes_needed", "check_space", "make_folder"]

_STATES = {"sgd": 0, "adafactor": 1, "adamw_bnb_8bit": 2, "paged_adamw_8bit": 2}
"""Bytes of an optimizer's states for each trained weight; 8 where nothing is said: two numbers of Adam."""
_WEIGHT = 4
"""Bytes of a trained weight."""


def make_folder(folder: Path) -> None:
    """Make a folder that can be written to.

    Raises:
        UsageError: It cannot be.
    """
    probe = folder / ".longismore_probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise UsageError(f"output {folder}: cannot be written to: {error.strerror or error}") from error


def bytes_needed(settings: TrainSettings, size: ModelSize, steps: Steps, *, weight_bytes: int) -> int:
    """How much a run writes at most at a time: its checkpoints and the model.

    Args:
        settings: With every ``auto`` decided.
        size: Of the model.
        steps: Of the run.
        weight_bytes: Of a weight of the saved model.
    """
    is_whole = settings.lora_rank is None
    trained = size.parameters if is_whole else size.adapter_parameters(settings.lora_rank or 0, settings.lora_targets)
    copies = 2 if settings.parallel == "fsdp2" else 1  # it saves one for itself
    one = trained * (_WEIGHT * copies + _STATES.get(settings.optimizer, 8))
    # The oldest one goes when the newest one is there.
    checkpoints = min(settings.keep_checkpoints + 1, math.ceil(steps.total / (settings.save_steps or steps.per_epoch)))
    return checkpoints * one + size.parameters * weight_bytes + (0 if is_whole else trained * _WEIGHT)


def check_space(folder: Path, needed: int, settings: TrainSettings) -> None:
    """Find out whether there is room; what an earlier part of the run has written is counted as room.

    Raises:
        ConfigError: There is too little.
    """
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if free + there < needed:
        fewer = "" if settings.keep_checkpoints == 1 else ", set keep_checkpoints=1"
        raise ConfigError(
            f"output {folder}: {_gigabytes(free)} are free, checkpoints and model need about "
            f"{_gigabytes(needed - there)} more; make room{fewer}, or choose another folder"
        )


def _gigabytes(count: int) -> str:
    return f"{max(count, 0) / 1e9:,.1f} GB"
