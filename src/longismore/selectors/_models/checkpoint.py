"""Where a model's files are, and what tells it from every other model."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

from longismore import _checkpoint
from longismore._checkpoint import WEIGHTS, checkpoint_files
from longismore._optional import require
from longismore.errors import UsageError

__all__ = ["checkpoint_sha256", "find_model", "saved_dtype"]

_HUB_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)?", flags=re.ASCII)
_TEXTS = ("*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken")


def find_model(model: str) -> Path:
    """The folder of a model; one of the Hugging Face Hub is downloaded, unless its cache has it.

    Args:
        model: A folder, or an id of the hub, e.g. ``gpt2``.

    Raises:
        UsageError: There is no such model, or it is not whole.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if not _HUB_ID.fullmatch(model):
            raise UsageError(f'model "{model}": there is no such folder')
        folder = _from_hub(model)
    if not (folder / "config.json").is_file():
        adapter = (folder / "adapter_config.json").is_file()
        why = "it holds an adapter; merge it into its model first" if adapter else "there is no config.json in it"
        raise UsageError(f'model "{model}": the folder {folder} is no model: {why}')
    if not any(file.suffix in WEIGHTS for file in folder.iterdir()):
        wanted = ", ".join(f"*{suffix}" for suffix in sorted(WEIGHTS))
        raise UsageError(f'model "{model}": {folder} has a config.json, but no weights ({wanted})')
    return folder


@functools.cache
def _from_hub(model: str) -> Path:
    hub = require("huggingface_hub", extra="hf")
    fetch = functools.partial(hub.snapshot_download, model)
    try:
        folder = Path(fetch(allow_patterns=[*_TEXTS, "*.safetensors"]))
        if not any(file.suffix in WEIGHTS for file in folder.iterdir()):
            folder = Path(fetch(allow_patterns=[*_TEXTS, "*.bin"]))
    except Exception as error:  # of the hub's client, requests, httpx, the file system: they have no base in common
        problem = " ".join(str(error).split())[:300]
        raise UsageError(
            f'model "{model}": there is no such folder, and no model of that id can be had from the Hugging Face Hub '
            f"or its cache: {problem}"
        ) from error
    return folder


def checkpoint_sha256(folder: Path) -> str:
    """Hash of the model in *folder* (`longismore._checkpoint`), read again only where a file has changed."""
    stamps = ((file.name, file.stat()) for file in checkpoint_files(folder))
    return _sha256(folder, tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stamps))


@functools.lru_cache(maxsize=16)
def _sha256(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> str:  # noqa: ARG001  part of the cache's key
    return _checkpoint.checkpoint_sha256(folder)


def saved_dtype(folder: Path) -> str:
    """The number format that ``config.json`` names for the weights, e.g. ``bfloat16``; ``auto`` if it names none.

    Raises:
        UsageError: The file cannot be read.
    """
    path = folder / "config.json"
    try:
        config: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise UsageError(f"{path}: a JSON object is expected, found {type(config).__name__}")
    dtype = config.get("dtype") or config.get("torch_dtype")
    return str(dtype).removeprefix("torch.") if dtype else "auto"
