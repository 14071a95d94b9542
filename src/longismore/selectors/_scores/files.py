"""Parquet files whose names say what their bytes are: written whole or not at all, never changed, checked when read."""

from __future__ import annotations

import io
import mmap
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from longismore._jsonl import replacing
from longismore._optional import require
from longismore.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

__all__ = ["PREFIX", "SUFFIX", "check_bytes", "unreadable", "write_frame"]

PREFIX, SUFFIX = "part-", ".parquet"


def write_frame(folder: Path, frame: pl.DataFrame, label: str) -> Path:
    """Write a frame as ``part-LABEL-CHECKSUM.parquet``; it is on the disk when this returns.

    Raises:
        DataError: It cannot be written.
    """
    # No two processes can write different bytes to the same name.
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    path = folder / f"{PREFIX}{label}-{_checksum(buffer.getbuffer())}{SUFFIX}"
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        _to_disk(folder)
    except OSError as error:
        raise DataError(
            f"{folder}: the score store cannot be written: {error.strerror or error}; "
            "name another with --scores DIR or LONGISMORE_SCORES=DIR"
        ) from error
    return path


def check_bytes(path: Path) -> None:
    """See that a file holds what was written.

    Raises:
        DataError: It does not.
        OSError: It cannot be read at all.
    """
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise unreadable(path, "it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = _checksum(data)
    if found != path.stem.rpartition("-")[2]:
        raise unreadable(path, "its bytes are not those that were written")


def unreadable(path: Path, reason: Exception | str) -> DataError:
    """The error for a file that cannot be used, with what to do."""
    if isinstance(reason, Exception):
        reason = f"{type(reason).__name__}: {(str(reason).splitlines() or [''])[0][:200]}"
    return DataError(
        f"{path}: this part of the score store cannot be read ({reason}); delete it, and its rows are scored again"
    )


def _checksum(data: Any) -> str:
    digest: str = require("xxhash", extra="select").xxh3_64_hexdigest(data)
    return digest


def _to_disk(folder: Path) -> None:
    """A new name is on the disk when its folder is; where folders cannot be opened, the system sees to it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
