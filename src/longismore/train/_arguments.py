"""Settings in the words of the libraries: TRL, PEFT and bitsandbytes.

Whatever our code does itself (template, tokens, loss mask, cutting, batches, noise) is switched off there, so that no
other version of a library can change it.
"""

from __future__ import annotations

from dataclasses import fields
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from longismore._optional import require

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.train.settings import TrainSettings

__all__ = ["launch_file", "lora_config", "quantization_config", "training_arguments"]

_EPSILON = 1e-8
"""Of Adam: the default of every version of PyTorch and Transformers, and no script of ours has another."""
_FSDP2 = {"version": 2, "auto_wrap_policy": "TRANSFORMER_BASED_WRAP", "reshard_after_forward": True}


def training_arguments(settings: TrainSettings, output: Path, *, accumulation: int, device: str) -> Any:
    """The arguments of TRL's trainer, for a model that is loaded and rows that are tokenized already.

    Args:
        settings: With every ``auto`` decided, see :func:`longismore.train._machine.resolved`.
        output: Gets the checkpoints.
        accumulation: Batches of a step on each device, see :func:`longismore.train._steps.count_steps`.
        device: ``cuda``, ``mps`` or ``cpu``.

    Returns:
        A ``trl.SFTConfig``.
    """
    trl = require("trl", extra="train")
    return trl.SFTConfig(
        output_dir=str(output),
        # Batches and steps
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=accumulation,
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        dataloader_drop_last=False,
        dataloader_pin_memory=device == "cuda",
        average_tokens_across_devices=True,
        # The optimizer
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup_ratio,  # below 1: a share of the steps
        weight_decay=settings.weight_decay,
        adam_beta1=settings.adam_beta1,
        adam_beta2=settings.adam_beta2,
        adam_epsilon=_EPSILON,
        optim=settings.optimizer,
        max_grad_norm=settings.max_grad_norm,
        # What our own code does
        max_length=None,
        packing=False,
        padding_free=False,
        neftune_noise_alpha=None,
        shuffle_dataset=False,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        completion_only_loss=False,
        assistant_only_loss=False,
        loss_type="nll",
        # The machine
        use_cpu=device == "cpu",
        bf16=settings.precision == "bf16",
        fp16=False,
        use_liger_kernel=settings.liger,
        use_cache=False,
        ddp_find_unused_parameters=False,
        seed=settings.seed,
        data_seed=settings.seed,
        **_memory(settings, trl.SFTConfig),
        # What is kept
        save_strategy="epoch" if settings.save_steps is None else "steps",
        save_steps=settings.save_steps or 500,
        save_total_limit=settings.keep_checkpoints,
        save_only_model=False,
        logging_strategy="steps",
        logging_steps=settings.logging_steps,
        logging_first_step=True,
        logging_nan_inf_filter=False,  # a loss that is no number is shown as such
        report_to=list(settings.report_to) or "none",
        disable_tqdm=True,
        eval_strategy="no",
        push_to_hub=False,
    )


def _memory(settings: TrainSettings, kind: Any) -> dict[str, Any]:
    """How activations are kept, and how the model is divided."""
    known = {field.name for field in fields(kind)}
    # Transformers 5.23 has a new name, and warns of the old one.
    name = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    if settings.parallel == "fsdp2":
        # Its own way of recomputing activations comes once, not twice.
        config = {**_FSDP2, "activation_checkpointing": settings.gradient_checkpointing}
        return {"fsdp": True, "fsdp_config": config, name: False}
    found: dict[str, Any] = {name: settings.gradient_checkpointing}
    if settings.gradient_checkpointing:
        needs_old_way = settings.parallel == "zero3" and settings.lora_rank is not None
        found[f"{name}_kwargs"] = {"use_reentrant": needs_old_way}
    if settings.parallel != "none":
        found["deepspeed"] = launch_file(f"{settings.parallel}.json")
    return found


def launch_file(name: str) -> str:
    """Where a configuration of ``longismore/train/launch`` lies."""
    return str(files("longismore.train").joinpath("launch", name))


def lora_config(settings: TrainSettings) -> Any:
    """The adapter, as PEFT has it.

    Returns:
        A ``peft.LoraConfig``; ``None``: all weights are trained.
    """
    if settings.lora_rank is None:
        return None
    peft = require("peft", extra="train")
    return peft.LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules="all-linear" if settings.lora_targets is None else list(settings.lora_targets),
        bias="none",
        use_rslora=False,
        init_lora_weights=True,
        task_type="CAUSAL_LM",
    )


def quantization_config(settings: TrainSettings) -> Any:
    """How frozen weights are held.

    Args:
        settings: With the precision decided.

    Returns:
        A ``transformers.BitsAndBytesConfig``; ``None``: as they are.
    """
    if settings.quantization is None:
        return None
    transformers = require("transformers", extra="train")
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=settings.quantization,
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype="bfloat16" if settings.precision == "bf16" else "float32",
    )
