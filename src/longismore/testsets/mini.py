"""mini: 40 instructions written for this project, shipped with it; for first steps, tests and demonstrations.

Too small and too easy to say anything about a model.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from longismore.testsets import TESTSETS
from longismore.testsets._published import make_example, read_examples

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.records import Example
    from longismore.testsets._row import Row

__all__ = ["MINI", "MiniSet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniSet:
    """The set that is always at hand."""

    name: str = "mini"
    version: int = 1
    size: int = 40
    licence: str = "Apache-2.0"
    source: str = "written for longismore, shipped with it"

    @property
    def sha256(self) -> str:
        """Checksum of the packaged file."""
        data = files("longismore.testsets").joinpath("data", "mini.jsonl").read_bytes()
        return hashlib.sha256(data).hexdigest()

    def load(self, folder: Path | None = None) -> list[Example]:  # noqa: ARG002 - nothing is fetched
        """All examples; see :class:`longismore.testsets.TestSet`. They never come from *folder*."""
        with as_file(files("longismore.testsets").joinpath("data", "mini.jsonl")) as path:
            return read_examples(path, _parse, size=self.size)

    def is_at_hand(self, folder: Path | None = None) -> bool:  # noqa: ARG002
        """Always."""
        return True


def _parse(row: Row) -> Example:
    return make_example(
        "mini",
        row.text("id"),
        row.text("instruction"),
        input=row.text("input"),
        category=row.text("category"),
    )


MINI = MiniSet()

TESTSETS.register("mini", MINI)
