"""TRL's trainer, with what decides a run in our own hands: rows, batches, noise, checkpoints.

It is given rows that are tokenized, with their labels, and batches that are made; so no other version of a library can
move the loss to other tokens. The loss of a step is the mean over the loss tokens of all its rows, whatever batches and
processes they are spread over.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import UsageError
from longismore.train._checkpoints import checkpoint_path, keep_newest, list_checkpoints, mark_whole
from longismore.train._collator import Collator
from longismore.train._neftune import Noise, Span
from longismore.train._watch import OnProgress, Watch, no_number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longismore.train._batching import EpochBatches
    from longismore.train._encode import Encoded
    from longismore.train._training_log import TrainingLog

__all__ = ["Job", "make_trainer"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Job:
    """What is trained on, and who is told."""

    examples: Sequence[Encoded]
    batches: EpochBatches
    collate: Collator
    noise: Noise | None
    checkpoints: Path
    """Their folder."""
    keep: int
    """How many of them stay."""
    log: TrainingLog
    on_progress: OnProgress | None


def make_trainer(job: Job, *, network: Any, tokenizer: Any, arguments: Any, adapter: Any) -> Any:
    """A trainer that is ready to run.

    Args:
        job: What is trained on.
        network: The model.
        tokenizer: Of the model; it is saved beside every checkpoint.
        arguments: See :func:`longismore.train._arguments.training_arguments`.
        adapter: A ``peft.LoraConfig``, or ``None``.
    """
    transformers = require("transformers", extra="train")
    datasets = require("datasets", extra="train")
    _divide_in_full_precision(arguments)
    arguments.save_total_limit = None  # an old checkpoint goes when the new one is known to be whole, and not before
    trainer = _trainer_class()(
        job,
        model=network,
        args=arguments,
        train_dataset=datasets.Dataset.from_dict({"row": [example.row for example in job.examples]}),
        data_collator=_WithSpans(job.collate.settings, job.collate.pad_id),
        processing_class=tokenizer,
        peft_config=adapter,
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.add_callback(_watch_class()(job.batches, job.log, job.on_progress))
    if job.noise is not None:
        job.noise.attach(trainer.model)
    return trainer


def _divide_in_full_precision(arguments: Any) -> None:
    """Let FSDP add up gradients in fp32, and leave losses in it, where accelerate would round both to bf16."""
    plugin = getattr(arguments, "fsdp_plugin_args", None)
    if plugin and arguments.bf16:
        torch = require("torch", extra="train")
        plugin["mixed_precision_policy"] = require("torch.distributed.fsdp", extra="train").MixedPrecisionPolicy(
            param_dtype=torch.bfloat16, reduce_dtype=torch.float32
        )


class _WithSpans(Collator):
    """Says of a batch where its rows stand, as noise needs to know it."""

    def __call__(self, rows: Sequence[Encoded]) -> dict[str, Any]:
        batch = Collator.__call__(self, rows)
        sequences = self.packs(rows) if self.settings.batching == "pack" else [[row] for row in rows]
        spans = []
        for number, sequence in enumerate(sequences):
            start = 0
            for row in sequence:
                spans.append(Span(row.row, number, start, len(row)))
                start += len(row)
        return {**batch, "spans": spans}


class _OurTrainer:
    """What is added to ``trl.SFTTrainer``."""

    state: Any
    args: Any
    accelerator: Any
    data_collator: Any
    is_world_process_zero: Any

    def __init__(self, job: Job, **given: Any) -> None:
        self._job = job
        super().__init__(**given)
        # Whatever a model's own loss takes: TRL's divides by the number of loss tokens that it is told.
        self.model_accepts_loss_kwargs = True

    def get_train_dataloader(self) -> Any:
        """Our batches of our rows."""
        return require("torch", extra="train").utils.data.DataLoader(
            self._job.examples,
            batch_sampler=self._job.batches,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def training_step(self, model: Any, inputs: Any, *given: Any, **named: Any) -> Any:
        """Forward and backward, with noise; a loss that is no number ends the run."""
        spans = inputs.pop("spans")
        if self._job.noise is not None:
            self._job.noise.epoch, self._job.noise.spans = self._job.batches.epoch, spans
        loss = super().training_step(model, inputs, *given, **named)  # type: ignore[misc]
        if not loss.isfinite():
            raise UsageError(no_number(f"the loss of step {self.state.global_step + 1} is {float(loss)}", self.args))
        return loss

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step = self.state.global_step
        path = checkpoint_path(self._job.checkpoints, step)
        try:
            super()._save_checkpoint(model, trial)  # type: ignore[misc]
            self.accelerator.wait_for_everyone()
            if self.is_world_process_zero():
                mark_whole(path)
                keep_newest(self._job.checkpoints, self._job.keep)
        except Exception as error:  # of safetensors, PyTorch and the system: they have no base in common
            shutil.rmtree(path, ignore_errors=True)
            raise UsageError(_not_saved(self._job.checkpoints, step, error)) from error

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write none: a trained model gets ours."""

    def _send_telemetry(self) -> None:
        """Tell nobody who trains what."""


@cache
def _trainer_class() -> Any:
    return type("Trainer", (_OurTrainer, require("trl", extra="train").SFTTrainer), {})


@cache
def _watch_class() -> Any:
    return type("WatchCallback", (Watch, require("transformers", extra="train").TrainerCallback), {})


def _not_saved(folder: Path, step: int, error: Exception) -> str:
    told = " ".join(str(error).split())[:300]
    whole = next((each for each in list_checkpoints(folder) if each.is_whole), None)
    rest = (
        "there is no other checkpoint; make room and begin again"
        if whole is None
        else f"{whole.path} is whole; make room, and the same command goes on from its step {whole.step}"
    )
    return f"the checkpoint of step {step} cannot be written to {folder}: {told}; {rest}"
