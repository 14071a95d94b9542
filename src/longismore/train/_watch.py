"""What is looked at while a model is trained: the order of the epochs, gradients, losses, progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import UsageError

if TYPE_CHECKING:
    from longismore.train._batching import EpochBatches
    from longismore.train._training_log import TrainingLog

__all__ = ["NothingLeftError", "OnProgress", "Watch", "no_number"]

OnProgress = Callable[[int, int, float | None], None]
"""Called after a step: steps done, steps wanted, the last loss that was logged."""

_LOGGED = ("loss", "learning_rate", "grad_norm", "epoch")


class NothingLeftError(Exception):
    """All steps are done: the checkpoint that was loaded is the last one."""


class Watch:
    """What is added to ``transformers.TrainerCallback``.

    Args:
        batches: Are told which epoch it is.
        log: Gets the losses.
        on_progress: Is called after every step.
    """

    def __init__(self, batches: EpochBatches, log: TrainingLog, on_progress: OnProgress | None) -> None:
        self._batches = batches
        self._log = log
        self._on_progress = on_progress
        self._loss: float | None = None

    def on_train_begin(self, args: Any, state: Any, _: Any, **__: Any) -> None:
        """The model is there, and a checkpoint is loaded."""
        if state.is_world_process_zero:
            self._log.begin(state.global_step)
        if state.global_step >= state.max_steps:
            raise NothingLeftError
        state.logging_steps, state.save_steps = args.logging_steps, args.save_steps  # not those of the checkpoint
        self._tell(state)

    def on_epoch_begin(self, _: Any, state: Any, __: Any, **___: Any) -> None:
        """An epoch begins, or goes on."""
        self._batches.set_epoch(int(state.epoch or 0))

    def on_pre_optimizer_step(self, args: Any, state: Any, _: Any, *, model: Any, **__: Any) -> None:
        """Gradients are there, and are clipped."""
        if not _is_finite(model):
            raise UsageError(no_number(f"a gradient of step {state.global_step + 1} is not finite", args))

    def on_step_end(self, _: Any, state: Any, control: Any, **__: Any) -> None:
        """Weights are changed; losses since the last multiple of ``logging_steps`` are logged at the end, too."""
        if state.global_step >= state.max_steps:
            control.should_log = True
        self._tell(state)

    def on_log(self, _: Any, state: Any, __: Any, *, logs: dict[str, Any], **___: Any) -> None:
        """Losses since the last time are known; or, at the end, sums that are of no use here."""
        if "loss" not in logs:
            return
        self._loss = logs["loss"]
        if state.is_world_process_zero:
            self._log.add(state.global_step, {name: logs[name] for name in _LOGGED if name in logs})
        self._tell(state)

    def _tell(self, state: Any) -> None:
        if self._on_progress is not None and state.is_world_process_zero:
            self._on_progress(state.global_step, state.max_steps, self._loss)


def no_number(what: str, args: Any) -> str:
    """The message for a loss or a gradient that is infinite or not a number.

    Args:
        what: Which one, of which step.
        args: The trainer's arguments.
    """
    return (
        f"{what}: the weights would be lost; checkpoints of former steps are as they were. Set a smaller learning_rate "
        f"(it is {args.learning_rate:g}), a larger warmup_ratio, a smaller max_grad_norm, or precision=fp32"
    )


def _is_finite(model: Any) -> bool:
    """Whether all gradients of this process are numbers."""
    torch = require("torch", extra="train")
    found = [weight.grad for weight in model.parameters() if weight.grad is not None]
    local = [each.to_local() if hasattr(each, "to_local") else each for each in found]
    norms = [torch.linalg.vector_norm(each, dtype=torch.float32) for each in local]
    return not norms or bool(torch.isfinite(torch.stack(norms)).all())
