"""Whether a training needs processes that a launcher starts, and with which command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from longismore.errors import UsageError
from longismore.train._arguments import launch_file
from longismore.train._machine import this_machine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.train import TrainSettings

__all__ = ["check_launch", "launch_command"]

_USUAL_GPUS = 4


def check_launch(settings: TrainSettings, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Refuse what one process cannot do: a model is divided among processes that a launcher starts.

    Args:
        settings: Of the training.
        arguments: Of ``longismore`` for the same training.
        environ: Says whether a launcher has started this process.

    Raises:
        UsageError: Several processes are needed; the message has the command.
    """
    if "WORLD_SIZE" in environ:
        return
    gpus = this_machine().gpus
    if settings.parallel != "none":
        command = launch_command(settings, gpus or _USUAL_GPUS, arguments)
        raise UsageError(
            f"parallel={settings.parallel} divides the model among processes, and this is one; start them:\n{command}\n"
            "or train in one process: --set parallel=none"
        )
    if gpus > 1:
        raise UsageError(
            f"one process would see {gpus} GPUs and use one; start one for each:\n"
            f"{launch_command(settings, gpus, arguments)}\n"
            "or show it one: export CUDA_VISIBLE_DEVICES=0"
        )


def launch_command(settings: TrainSettings, processes: int, arguments: Sequence[str]) -> str:
    """The command that starts so many processes for a training."""
    config = launch_file(f"{settings.parallel}.yaml")
    launcher = ["accelerate", "launch", "--config_file", config, "--num_processes", str(processes)]
    own, skip = [], False
    for each in arguments:
        if not skip and each != "--dry-run" and not each.startswith("--gpus"):
            own.append(each)
        skip = each == "--gpus"  # its value is the next one
    return shlex.join([*launcher, "-m", "longismore", *own])
