"""What a machine makes of settings that leave the choice to it, and whether it has what they ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from longismore._optional import require
from longismore.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.train.settings import TrainSettings

__all__ = ["Machine", "decided", "lacks", "resolved", "this_machine"]

_PACKAGES = {
    "azure_ml": "azureml",
    "comet_ml": "comet_ml",
    "tensorboard": "tensorboard",
    "flyte": "flytekit",
}
"""Where an integration's package has another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a model is trained."""

    device: Literal["cuda", "mps", "cpu"]
    has_bf16: bool
    """Whether it computes in bf16 at full speed."""
    name: str
    """For people, e.g. of the GPU."""
    memory_bytes: int | None
    """Of one GPU; ``None``: unknown."""
    gpus: int = 0
    """How many there are."""


def this_machine() -> Machine:
    """The machine that this process runs on: its first GPU, or its processor."""
    torch = require("torch", extra="train")
    if torch.cuda.is_available():
        told = torch.cuda.get_device_properties(0)
        return Machine(
            device="cuda",
            has_bf16=torch.cuda.is_bf16_supported(including_emulation=False),
            name=str(told.name),
            memory_bytes=int(told.total_memory),
            gpus=int(torch.cuda.device_count()),
        )
    if torch.backends.mps.is_available():
        return Machine(device="mps", has_bf16=False, name="Apple GPU", memory_bytes=None)
    return Machine(device="cpu", has_bf16=False, name="processor", memory_bytes=None)


def resolved(settings: TrainSettings, machine: Machine) -> TrainSettings:
    """The settings with every ``auto`` decided, on a machine that has what they ask for.

    Args:
        settings: As given.
        machine: Where the model is trained.

    Raises:
        ConfigError: The machine lacks something, or a package is not installed; everything is named.
    """
    found = decided(settings, machine)
    if problems := lacks(found, machine):
        raise ConfigError(problems)
    return found


def decided(settings: TrainSettings, machine: Machine) -> TrainSettings:
    """The settings with every ``auto`` decided, whether or not the machine has what they ask for."""
    batching = settings.batching
    if batching == "auto" and settings.pad_to is not None:
        batching = "pad"
    elif batching == "auto":
        # Without a kernel that skips what a row may not see, packs cost more than they save: measured on a processor.
        batching = "pack" if machine.device == "cuda" and settings.attention != "eager" else "group"
    precision = settings.precision
    if precision == "auto":
        precision = "bf16" if machine.has_bf16 else "fp32"
    attention = settings.attention
    if attention == "auto":
        has_flash = machine.device == "cuda" and precision == "bf16" and find_spec("flash_attn") is not None
        attention = "flash_attention_2" if has_flash else "sdpa"
    return replace(settings, batching=batching, precision=precision, attention=attention)


def lacks(settings: TrainSettings, machine: Machine) -> list[str]:
    """What the machine, or its Python, does not have, one sentence each.

    Args:
        settings: With every ``auto`` decided.
        machine: The one that this process runs on.
    """
    return list(_problems(settings, machine))


def _problems(settings: TrainSettings, machine: Machine) -> Iterator[str]:
    if settings.attention == "flash_attention_2":
        if machine.device != "cuda":
            yield f"attention=flash_attention_2 needs an NVIDIA GPU, found: {machine.name}; set attention=sdpa"
        elif settings.precision == "fp32":
            yield "attention=flash_attention_2 needs 16 bits, this GPU has no bf16; set attention=sdpa"
        yield from _missing(
            "flash_attn", "attention=flash_attention_2", "do: pip install flash-attn; or attention=sdpa"
        )
    if settings.quantization is not None or settings.optimizer.startswith(("paged_", "adamw_bnb")):
        what = "quantization=nf4" if settings.quantization else f"optimizer={settings.optimizer}"
        if machine.device != "cuda":
            instead = "quantization=none" if settings.quantization else "optimizer=adamw_torch"
            yield f"{what} needs an NVIDIA GPU, found: {machine.name}; set {instead}"
        yield from _missing("bitsandbytes", what, 'do: pip install "longismore[qlora]"')
    if settings.liger:
        if machine.device != "cuda":
            yield f"liger=true needs a GPU, found: {machine.name}; set liger=false"
        yield from _missing("liger_kernel", "liger=true", "do: pip install liger-kernel; or liger=false")
    if settings.parallel in {"zero2", "zero3"}:
        yield from _missing(
            "deepspeed", f"parallel={settings.parallel}", "do: pip install deepspeed; or parallel=fsdp2"
        )
    for name in settings.report_to:
        package = _PACKAGES.get(name, name)
        yield from _missing(package, f"report_to={name}", f"do: pip install {package}; or report_to=none")


def _missing(package: str, what: str, remedy: str) -> Iterator[str]:
    if find_spec(package) is None:
        yield f'{what} needs the package "{package}", which is not installed; {remedy}'
