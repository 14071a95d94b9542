"""A stage and its folder: what it was made of, and whether it came to its end.

``stage.json`` is written before the work begins and again when it is done. A folder whose fingerprint is another one
was made of other things: it is removed. One that is not done is gone on with. Who works in a folder holds a lock that
lies beside it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json, write_json
from longismore._lock import alone
from longismore.errors import DataError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

__all__ = ["Stage", "digest_of", "file_digest", "read_marker"]

_MARKER = "stage.json"


def digest_of(value: object) -> str:
    """Hash a value of JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(slots=True)
class Stage:
    """One stage of one cell or match.

    Args:
        folder: Where it lies.
        inputs: What decides its result, as JSON has it.
    """

    folder: Path
    inputs: Mapping[str, Any]
    _started: float = field(default=0.0, init=False)

    @property
    def fingerprint(self) -> str:
        """Hash of the inputs."""
        return digest_of(self.inputs)

    def found(self) -> dict[str, Any] | None:
        """What its marker says, if it is done, of the same inputs, and all its files are there as they were left."""
        marker = read_marker(self.folder)
        if marker is None or marker.get("status") != "done" or marker.get("fingerprint") != self.fingerprint:
            return None
        there = all(_size(self.folder / name) == size for name, size in marker["files"].items())
        return marker if there else None

    def made(self, make: Callable[[], dict[str, Any]], *, wait: bool) -> dict[str, Any]:
        """Make it, unless it is done, or was done by another process in the meantime.

        Args:
            make: Does the work in the folder, which is ready for it, and gives what :meth:`end` gives.
            wait: Whether to wait for another process that is at it.

        Returns:
            What its marker says then.

        Raises:
            BusyError: Another process is at it, and it is not to be waited for.
        """
        if (found := self.found()) is not None:
            return found
        with alone(self.folder.with_name(f".{self.folder.name}.lock"), wait=wait):
            if (found := self.found()) is not None:
                return found
            self.begin()
            try:
                return make()
            except Exception as error:
                self.fail(error)
                raise

    def begin(self) -> None:
        """Make the folder fit: empty where it was made of other things, as it is where the work was interrupted."""
        marker = read_marker(self.folder)
        if marker is not None and marker.get("fingerprint") != self.fingerprint:
            shutil.rmtree(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write("running")
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be written: {error.strerror}; name another --output") from error
        self._started = time.monotonic()

    def end(self, files: Iterable[Path], facts: Mapping[str, Any]) -> dict[str, Any]:
        """Mark it as done, and return what the marker says.

        Args:
            files: What others rely on; a stage whose files are gone or changed is not done.
            facts: What else is to be remembered.
        """
        sizes = {str(path.relative_to(self.folder)): _size(path) for path in files}
        seconds = round(time.monotonic() - self._started, 3)
        return self._write("done", files=sizes, seconds=seconds, **facts)

    def fail(self, error: BaseException) -> None:
        """Note why it did not come to its end; what it has so far stays."""
        with suppress(OSError):  # the disk may be full; the error itself is raised by whoever calls
            self._write("failed", error=f"{type(error).__name__}: {error}"[:2000])

    def _write(self, status: str, **more: Any) -> dict[str, Any]:
        marker = {
            "status": status,
            "fingerprint": self.fingerprint,
            "inputs": self.inputs,
            "at": datetime.now(UTC).isoformat(timespec="microseconds"),
            **more,
        }
        write_json(self.folder / _MARKER, marker)
        return json.loads(json.dumps(marker, default=str))  # type: ignore[no-any-return]


def read_marker(folder: Path) -> dict[str, Any] | None:
    """What the marker of a stage's folder says; ``None`` where there is none that can be read."""
    path = folder / _MARKER
    if not path.is_file():
        return None
    try:
        marker = read_json(path)
    except SchemaError:
        return {}
    return marker if isinstance(marker, dict) else {}


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
