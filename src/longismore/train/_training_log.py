"""``training_log.jsonl`` in a model's folder: a line for each logged step, in the order of the steps."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore._jsonl import dump_line, read_jsonl, write_jsonl
from longismore.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["LOG", "TrainingLog"]

LOG = "training_log.jsonl"
"""Name of the file."""


@dataclass(slots=True, eq=False)
class TrainingLog:
    """The file, and the clock of the run: it goes on where a run goes on."""

    path: Path
    _before: float = field(default=0.0, init=False)
    _began: float = field(default_factory=time.perf_counter, init=False)

    def begin(self, step: int) -> None:
        """Begin, or go on after *step*: what was logged after it is left out, as it comes again."""
        kept = [line for line in self._lines() if line["step"] <= step]
        write_jsonl(self.path, kept)
        self._before = kept[-1]["seconds"] if kept else 0.0
        self._began = time.perf_counter()

    def add(self, step: int, values: Mapping[str, Any]) -> None:
        """Write a line.

        Raises:
            UsageError: It cannot be written.
        """
        line = {"step": step, **values, "seconds": round(self.seconds, 3)}
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(dump_line(line) + "\n")
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be written: {error.strerror or error}") from error

    @property
    def seconds(self) -> float:
        """Since the beginning, without the time in which nothing ran."""
        return self._before + time.perf_counter() - self._began

    def losses(self) -> tuple[tuple[int, float], ...]:
        """Step and loss, where a loss was logged."""
        found = [(line["step"], line.get("loss")) for line in self._lines()]
        return tuple((step, loss) for step, loss in found if isinstance(loss, float) and math.isfinite(loss))

    def last_seconds(self) -> float:
        """Of the last line."""
        return max((line["seconds"] for line in self._lines()), default=0.0)

    def _lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        text = self.path.read_bytes()
        if text and not text.endswith(b"\n"):  # cut off when the process was killed
            self.path.write_bytes(text[: text.rfind(b"\n") + 1])
        return [line for _, line in read_jsonl(self.path)]
