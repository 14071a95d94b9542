"""What tells one model in a folder from every other: a hash of the files that say what it computes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["WEIGHTS", "checkpoint_files", "checkpoint_sha256"]

WEIGHTS = frozenset({".safetensors", ".bin", ".pt", ".pth"})
"""What files of weights end in."""
_OF_A_MODEL = WEIGHTS | {".json", ".jinja", ".model", ".txt", ".tiktoken", ".py"}
"""Files that say what a model answers: weights, configuration, tokenizer, chat template."""
_SMALL_BYTES = 64 << 20
_SAMPLE_BYTES, _STEP_BYTES = 16 << 10, 4 << 20
"""Of a larger file so much is read in every so many bytes: training changes whole matrices."""


def checkpoint_files(folder: Path) -> list[Path]:
    """Those that say what the model in *folder* answers, by name."""
    return [file for file in sorted(folder.iterdir()) if file.suffix in _OF_A_MODEL and file.is_file()]


def checkpoint_sha256(folder: Path) -> str:
    """Hash of the model in *folder*, wherever it lies, so that another one in its place never reuses what it gave.

    It covers names, sizes and contents of :func:`checkpoint_files`; of files of 64 MiB and more, 16 KiB in every 4 MiB
    and the last 16 KiB.
    """
    found = hashlib.sha256()
    for file in checkpoint_files(folder):
        size = file.stat().st_size
        found.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as stream:
            if size < _SMALL_BYTES:
                found.update(stream.read())
                continue
            for place in (*range(0, size, _STEP_BYTES), size - _SAMPLE_BYTES):
                stream.seek(place)
                found.update(stream.read(_SAMPLE_BYTES))
    return found.hexdigest()
