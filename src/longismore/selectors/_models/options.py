"""How a model can be loaded on this machine, and whether it can, before anything is."""

from __future__ import annotations

from typing import Any

from longismore._optional import require
from longismore.errors import ConfigError, UsageError
from longismore.selectors._models.checkpoint import find_model

__all__ = ["DEVICES", "DTYPES", "check", "known_device", "known_dtype", "one_line", "positions_of"]

DTYPES = ("auto", "float32", "bfloat16", "float16")
DEVICES = ("auto", "cuda", "mps", "cpu")


def check(model: str, *, dtype: str = "auto", device: str = "auto", max_length: int | None = None) -> None:
    """Find out, without loading the weights, whether a model can be used.

    Args:
        model: A folder, or an id of the Hugging Face Hub.
        dtype: As for :func:`load`.
        device: As for :func:`load`.
        max_length: Of the texts that it shall read, in tokens.

    Raises:
        ConfigError: *dtype* or *device* cannot be had, or the model was made for shorter texts.
        UsageError: There is no such model.
    """
    transformers = require("transformers", extra="hf")
    known_device(device)
    known_dtype(dtype)
    folder = find_model(model)
    try:
        config = transformers.AutoConfig.from_pretrained(str(folder))
    except Exception as error:  # of Transformers: they have no base in common
        raise UsageError(f'model "{model}": {folder}/config.json cannot be used: {one_line(error)}') from error
    positions = positions_of(config)
    if max_length is not None and positions is not None and max_length > positions:
        raise ConfigError(
            f'max_length {max_length} is more than the {positions} tokens that model "{model}" was made for'
        )


def positions_of(config: Any) -> int | None:
    found = getattr(config.get_text_config(), "max_position_embeddings", None)
    return found if isinstance(found, int) and found > 0 else None


def known_dtype(name: str) -> None:
    if name not in DTYPES:
        raise ConfigError(f'dtype "{name}" is not known; allowed: {", ".join(DTYPES)}')


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def known_device(name: str) -> str:
    torch = require("torch", extra="hf")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(each for each in ("cuda", "mps", "cpu") if there[each])
    kind = name.partition(":")[0]
    if kind not in there:
        raise ConfigError(f'device "{name}" is not known; allowed: {", ".join(DEVICES)}, cuda:NUMBER')
    if not there[kind]:
        found = ", ".join(each for each, is_there in there.items() if is_there)
        raise ConfigError(f'device "{name}": this machine has none that PyTorch can use; it has: {found}')
    return name
