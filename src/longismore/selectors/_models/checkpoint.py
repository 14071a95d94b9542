"""Where a model's files are, and what tells it from every other model."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from longismore._optional import require
from longismore.errors import UsageError

__all__ = ["checkpoint_sha256", "find_model", "saved_dtype"]

_WEIGHTS = frozenset({".safetensors", ".bin", ".pt", ".pth"})
_OF_A_MODEL = _WEIGHTS | {".json", ".jinja", ".model", ".txt", ".tiktoken", ".py"}
"""Files that say what a model computes: weights, configuration, tokenizer, chat template."""
_HUB_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)?", flags=re.ASCII)
_TEXTS = ("*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken")
_SMALL_BYTES = 64 << 20
_SAMPLE_BYTES, _STEP_BYTES = 16 << 10, 4 << 20
"""Of a larger file so much is read in every so many bytes: training changes whole matrices."""


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
    if not any(file.suffix in _WEIGHTS for file in folder.iterdir()):
        wanted = ", ".join(f"*{suffix}" for suffix in sorted(_WEIGHTS))
        raise UsageError(f'model "{model}": {folder} has a config.json, but no weights ({wanted})')
    return folder


@functools.cache
def _from_hub(model: str) -> Path:
    hub = require("huggingface_hub", extra="hf")
    fetch = functools.partial(hub.snapshot_download, model)
    try:
        folder = Path(fetch(allow_patterns=[*_TEXTS, "*.safetensors"]))
        if not any(file.suffix in _WEIGHTS for file in folder.iterdir()):
            folder = Path(fetch(allow_patterns=[*_TEXTS, "*.bin"]))
    except Exception as error:  # of the hub's client, requests, httpx, the file system: they have no base in common
        problem = " ".join(str(error).split())[:300]
        raise UsageError(
            f'model "{model}": there is no such folder, and no model of that id can be had from the Hugging Face Hub '
            f"or its cache: {problem}"
        ) from error
    return folder


def checkpoint_sha256(folder: Path) -> str:
    """Hash of the model in *folder*, wherever it lies, so that scores of another one are never taken for its own.

    It covers names, sizes and contents of the files that say what the model computes; of files of 64 MiB and more,
    16 KiB in every 4 MiB and the last 16 KiB.
    """
    files = [file for file in sorted(folder.iterdir()) if file.suffix in _OF_A_MODEL and file.is_file()]
    return _sha256(tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files))


@functools.lru_cache(maxsize=16)
def _sha256(files: tuple[tuple[Path, int, int], ...]) -> str:
    found = hashlib.sha256()
    for file, size, _ in files:
        found.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as stream:
            if size < _SMALL_BYTES:
                found.update(stream.read())
                continue
            for place in (*range(0, size, _STEP_BYTES), size - _SAMPLE_BYTES):
                stream.seek(place)
                found.update(stream.read(_SAMPLE_BYTES))
    return found.hexdigest()


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
