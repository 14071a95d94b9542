"""Settings that are right by themselves and wrong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["contradictions"]

_REPORTERS = (
    "azure_ml",
    "clearml",
    "codecarbon",
    "comet_ml",
    "dagshub",
    "dvclive",
    "flyte",
    "mlflow",
    "swanlab",
    "tensorboard",
    "trackio",
    "wandb",
)
_FULL_PRECISION_ONLY = "attention=flash_attention_2 needs 16 bits, precision=fp32 has 32; set one of them to auto"


def contradictions(values: Mapping[str, Any]) -> list[str]:
    """Everything that does not go together, one sentence each.

    Args:
        values: Every setting, each of the right type.
    """
    return [*_of_batches(values), *_of_adapters(values), *_of_the_schedule(values), *_of_the_machine(values)]


def _of_batches(values: Mapping[str, Any]) -> Iterator[str]:
    batching, pad_to = values["batching"], values["pad_to"]
    if pad_to is not None:
        if batching in {"group", "pack"}:
            yield f"pad_to={pad_to} pads every row alike, batching={batching} none; set batching=pad or pad_to=none"
        if pad_to < values["max_length"]:
            yield (
                f"pad_to={pad_to} is less than max_length={values['max_length']}: longer rows would not fit; "
                f"set pad_to={values['max_length']} or a smaller max_length"
            )
    size, whole = values["batch_size"], values["global_batch_size"]
    if batching == "pack" and values["batch_unit"] == "rows":
        return  # a step takes as many packs as hold the rows
    if whole % size:
        near = [multiple * size for multiple in (whole // size, whole // size + 1) if multiple]
        yield f"global_batch_size={whole} is no multiple of batch_size={size}; nearest: {' and '.join(map(str, near))}"


def _of_adapters(values: Mapping[str, Any]) -> Iterator[str]:
    rest = [name for name in ("lora_alpha", "lora_dropout", "lora_targets") if values[name] is not None]
    if values["lora_rank"] is None:
        if rest:
            yield f"{', '.join(rest)} without lora_rank: no adapter would be trained; set lora_rank, or them to none"
        if values["quantization"] is not None:
            yield f"quantization={values['quantization']} without lora_rank: they cannot be trained; set lora_rank"
    else:
        missing = [name for name in ("lora_alpha", "lora_dropout") if values[name] is None]
        if missing:
            yield f"lora_rank={values['lora_rank']} without {' and '.join(missing)}; set a value, e.g. {missing[0]}=..."
    if values["lora_targets"] is not None and not values["lora_targets"]:
        yield "lora_targets is an empty list; name modules, or set none for every linear layer"
    if values["neftune_alpha"] is None and values["neftune_reference_length"] is not None:
        yield (
            f"neftune_reference_length={values['neftune_reference_length']} without neftune_alpha: "
            "there is no noise to scale; set neftune_alpha, or neftune_reference_length=none"
        )


def _of_the_schedule(values: Mapping[str, Any]) -> Iterator[str]:
    if values["schedule"] == "constant" and values["warmup_ratio"]:
        yield (
            f"warmup_ratio={values['warmup_ratio']:g} has no effect with schedule=constant; "
            "set schedule=constant_with_warmup or warmup_ratio=0"
        )
    if not values["template"]:
        yield "template is empty; name one, e.g. plain, chat or a file"


def _of_the_machine(values: Mapping[str, Any]) -> Iterator[str]:
    if values["attention"] == "flash_attention_2" and values["precision"] == "fp32":
        yield _FULL_PRECISION_ONLY
    if values["quantization"] is not None and values["parallel"] in {"fsdp2", "zero3"}:
        yield (
            f"quantization={values['quantization']} cannot be divided by parallel={values['parallel']}; "
            "set parallel=none or zero2, or quantization=none"
        )
    unknown = [name for name in values["report_to"] if name not in _REPORTERS]
    if unknown:
        yield f"report_to names {', '.join(unknown)}; known: {', '.join(_REPORTERS)}, or none"
