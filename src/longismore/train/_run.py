"""Training, from settings and rows to a folder with a model in it.

What was begun is gone on with: a run that was killed, or that ran out of disk, ends with the weights that it would
have had.
"""

from __future__ import annotations

import logging
import shutil
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import ConfigError, UsageError
from longismore.train._arguments import lora_config, training_arguments
from longismore.train._batching import EpochBatches
from longismore.train._checkpoints import list_checkpoints
from longismore.train._collator import Collator
from longismore.train._describe import describe_training
from longismore.train._model import load_network, name_special_tokens
from longismore.train._neftune import Noise
from longismore.train._prepared import PreparedRun, prepared_run
from longismore.train._record import write_record
from longismore.train._save import save_trained
from longismore.train._tokens import padding_id
from longismore.train._trainer import Job, make_trainer
from longismore.train._watch import NothingLeftError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.instructions import InstructionData
    from longismore.train._checkpoints import Checkpoint
    from longismore.train._watch import OnProgress
    from longismore.train.settings import TrainSettings

__all__ = ["TrainResult", "train"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """What came out."""

    folder: Path
    """Of the model."""
    losses: tuple[tuple[int, float], ...]
    """Step, and the mean loss a token since the step before, in nats."""
    steps: int
    """Of the optimizer."""
    tokens: int
    """That were trained on, every epoch counted, without padding."""
    seconds: float
    """Of the training, without the time in which it did not run."""
    resumed_from: int | None
    """The step that it went on from; ``None``: it began at the beginning, or there was nothing left to do."""
    was_finished: bool
    """Whether there was nothing left to do."""


def train(
    settings: TrainSettings,
    data: InstructionData,
    model: str,
    output: str | Path,
    *,
    resume: bool = True,
    on_progress: OnProgress | None = None,
) -> TrainResult:
    """Fine-tune a model on instruction data.

    Under ``accelerate launch`` or ``torchrun`` every process calls it, and the first one writes.

    Args:
        settings: See :func:`longismore.train.load_preset`.
        data: The rows.
        model: What is trained: a folder, or an id of the Hugging Face Hub.
        output: Gets the model, with its record, its log and its checkpoints; a LoRA adapter is in ``adapter``.
        resume: Whether to go on with a run that was begun there; else its checkpoints and its model are removed.
        on_progress: Called after every step: steps done, steps wanted, the last loss that was logged.

    Raises:
        BusyError: Another process trains in that folder.
        ConfigError: A setting does not suit the model, the machine, or the run that was begun.
        DataError: The data cannot be read, or no row is left to train on.
        UsageError: The model cannot be loaded, a loss is no number, or a file cannot be written.
    """
    with prepared_run(settings, data, model, Path(output), resume=resume) as run, _quiet():
        return _train(run, on_progress)


def _train(run: PreparedRun, on_progress: OnProgress | None) -> TrainResult:
    if run.is_finished:
        logger.info("%s is trained already", run.folder)
        return _result(run, None, was_finished=True)
    checkpoint = _last_checkpoint(run)
    noise = _noise(run.settings)
    trainer = _trainer(run, noise, on_progress)
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint.path))
    except NothingLeftError:
        logger.info("all %s steps are done; the model is saved", run.steps.total)
    except require("torch", extra="train").OutOfMemoryError as error:
        raise UsageError(_too_large(run.settings, error)) from error
    finally:
        if noise is not None:
            noise.remove()
    _save(run, trainer)
    return _result(run, checkpoint, was_finished=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Transformers draws bars for files that are read and written, and warns of what PEFT asks it."""
    bars = require("transformers.utils.logging", extra="train")
    was_enabled = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        try:
            yield
        finally:
            if was_enabled:
                bars.enable_progress_bar()


def _result(run: PreparedRun, checkpoint: Checkpoint | None, *, was_finished: bool) -> TrainResult:
    return TrainResult(
        folder=run.folder,
        losses=run.log.losses(),
        steps=run.steps.total,
        tokens=run.tokens,
        seconds=run.log.last_seconds(),
        resumed_from=None if checkpoint is None else checkpoint.step,
        was_finished=was_finished,
    )


def _last_checkpoint(run: PreparedRun) -> Checkpoint | None:
    """The last whole one; those that were cut off are removed."""
    found = list_checkpoints(run.checkpoints)
    run.process.wait_for_everyone()  # none is removed before every process has seen it
    whole = next((each for each in found if each.is_whole), None)
    if run.process.is_main_process:
        for each in found:
            if not each.is_whole:
                logger.warning("%s was not written to its end: it is removed", each.path)
                shutil.rmtree(each.path)
        if whole is not None:
            logger.info("going on from step %s of %s: %s", whole.step, run.steps.total, whole.path)
    run.process.wait_for_everyone()
    return whole


def _trainer(run: PreparedRun, noise: Noise | None, on_progress: OnProgress | None) -> Any:
    settings = run.settings
    network = load_network(run.model, settings, place=run.process.device)
    name_special_tokens(network, run.tokenizer, run.template)
    arguments = training_arguments(
        settings, run.checkpoints, accumulation=run.steps.accumulation, device=run.machine.device
    )
    arguments.run_name = run.folder.resolve().name
    batches = EpochBatches(
        lengths=run.encoded.lengths,
        settings=settings,
        seed=settings.seed,
        rank=run.process.process_index,
        world_size=run.process.num_processes,
    )
    job = Job(
        examples=run.encoded.examples,
        batches=batches,
        collate=Collator(settings, padding_id(run.tokenizer)),
        noise=noise,
        checkpoints=run.checkpoints,
        keep=settings.keep_checkpoints,
        log=run.log,
        on_progress=on_progress,
    )
    adapter = lora_config(settings)
    trainer = make_trainer(job, network=network, tokenizer=run.tokenizer, arguments=arguments, adapter=adapter)
    if settings.parallel == "fsdp2" and not trainer.is_fsdp_enabled:  # accelerate passes over it without a word
        raise ConfigError(
            "parallel=fsdp2 divides a model among GPUs; on processors each process has a copy: set parallel=none"
        )
    return trainer


def _noise(settings: TrainSettings) -> Noise | None:
    if settings.neftune_alpha is None:
        return None
    return Noise(alpha=settings.neftune_alpha, reference_length=settings.neftune_reference_length, seed=settings.seed)


def _save(run: PreparedRun, trainer: Any) -> None:
    try:
        save_trained(
            trainer,
            run.tokenizer,
            template=run.template,
            settings=run.settings,
            model=run.model,
            folder=run.folder,
        )
        if run.process.is_main_process:
            record = describe_training(
                run.settings,
                template=run.template,
                model=run.model,
                data=run.data,
                encoded=run.encoded,
                losses=run.log.losses(),
                steps=run.steps.total,
                seconds=run.log.last_seconds(),
                device=run.machine.name,
            )
            write_record(run.folder, record)
    except UsageError:
        raise
    except Exception as error:  # of safetensors, PyTorch and the system: they have no base in common
        told = " ".join(str(error).split())[:300]
        raise UsageError(
            f"the trained model cannot be written to {run.folder}: {told}; its last checkpoint is whole: make room, "
            "and the same command writes the model"
        ) from error
    trainer.accelerator.wait_for_everyone()


def _too_large(settings: TrainSettings, error: Exception) -> str:
    told = " ".join(str(error).split())[:200]
    return (
        f"the device is out of memory: {told}; set batch_size=1 (it is {settings.batch_size}; a step has "
        "global_batch_size rows all the same), gradient_checkpointing=true, a smaller max_length, or parallel=fsdp2 on "
        "several devices"
    )
