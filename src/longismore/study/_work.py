"""Who trains and who answers: the two stages that need a model.

They are behind a protocol, so that another machine's training can take their place.
"""

from __future__ import annotations

import gc
import logging
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from longismore.errors import UsageError
from longismore.instructions import open_data
from longismore.train._arguments import launch_file
from longismore.train._machine import this_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from longismore.records import Answer, Example
    from longismore.train.settings import TrainSettings

__all__ = ["LocalWork", "TrainJob", "Work", "launch_words"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """A model to be trained."""

    settings: TrainSettings
    preset: str
    overrides: Mapping[str, Any]
    """Of the preset; the seed is among them."""
    data: Sequence[Path]
    format: str
    model: str
    output: Path

    def command(self) -> list[str]:
        """The same as ``longismore`` is given it, without the program's name."""
        sets = [f"{name}={_as_text(value)}" for name, value in self.overrides.items()]
        found = ["train", "--preset", self.preset, *(word for each in sets for word in ("--set", each))]
        found += [word for path in self.data for word in ("--data", str(path))]
        found += ["--format", self.format] if self.format != "auto" else []
        return [*found, "--model", self.model, "--output", str(self.output)]


def _as_text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


class Work(Protocol):
    """What a study lets others do."""

    def model_digest(self, model: str) -> str:
        """What tells the model that is trained from others."""

    def train(self, job: TrainJob) -> Mapping[str, Any]:
        """Train, or go on with what was begun in *job*'s output.

        Returns:
            What is to be remembered, e.g. ``tokens``, ``steps`` and ``losses``.
        """

    def generate(
        self, model: Path, examples: Sequence[Example], *, max_new_tokens: int, checkpoint: Path
    ) -> Mapping[tuple[str, str], Answer]:
        """The model's answers by test set and id, greedily; goes on with those that *checkpoint* has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalWork:
    """Training and answering on this machine."""

    on_training: Callable[[int, int, float | None], None] | None = None
    """Steps done and wanted, and the last loss."""
    on_answers: Callable[[int, int], None] | None = None
    _digests: dict[str, str] = field(default_factory=dict, init=False)

    def model_digest(self, model: str) -> str:
        """Of its files, or of its revision where it is one of the hub."""
        from longismore.train._model import model_digest

        if model not in self._digests:
            self._digests[model] = model_digest(model)
        return self._digests[model]

    def train(self, job: TrainJob) -> Mapping[str, Any]:
        """In this process; a model that is divided, or a machine of several GPUs, has a process for each."""
        gpus = this_machine().gpus
        if job.settings.parallel != "none" or gpus > 1:
            return _launch(job, gpus)
        from longismore.train._run import train

        data = open_data(list(job.data), format=job.format)
        result = train(job.settings, data, job.model, job.output, on_progress=self.on_training)
        _free()
        _remove_checkpoints(job.output)
        return {name: value for name, value in asdict(result).items() if name != "folder"}

    def generate(
        self, model: Path, examples: Sequence[Example], *, max_new_tokens: int, checkpoint: Path
    ) -> Mapping[tuple[str, str], Answer]:
        """On the first device that there is."""
        from longismore.train._generate import generate

        answers = generate(
            model, examples, max_new_tokens=max_new_tokens, checkpoint=checkpoint, on_progress=self.on_answers
        )
        _free()
        return answers


def launch_words(settings: TrainSettings, processes: int) -> list[str]:
    """What stands before ``-m longismore`` where several processes train."""
    config = launch_file(f"{settings.parallel}.yaml")
    return ["accelerate", "launch", "--config_file", config, "--num_processes", str(processes), "-m", "longismore"]


def _launch(job: TrainJob, gpus: int) -> Mapping[str, Any]:
    if not gpus:
        raise UsageError(
            f"parallel={job.settings.parallel} divides the model among GPUs, and this machine has none; run the study "
            "where they are, or say train: {parallel: none}"
        )
    from longismore.train._record import read_record

    command = [sys.executable, "-m", "accelerate.commands.accelerate_cli", *launch_words(job.settings, gpus)[1:]]
    logger.info("training in %d processes", gpus)
    ended = subprocess.run([*command, *job.command()], check=False, stdout=sys.stderr)
    record = read_record(job.output) if ended.returncode == 0 else None
    if record is None:
        raise UsageError(f"training ended with status {ended.returncode}; what it said stands above")
    _remove_checkpoints(job.output)
    return {"steps": record.steps, "tokens": record.tokens, "final_loss": record.final_loss, "losses": []}


def _remove_checkpoints(folder: Path) -> None:
    """A model that is saved needs them no more, and a study has many models."""
    from longismore.train._checkpoints import CHECKPOINTS, list_checkpoints

    for checkpoint in list_checkpoints(folder / CHECKPOINTS):
        shutil.rmtree(checkpoint.path)


def _free() -> None:
    """Give back what a model took of a GPU, which the next one needs."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
