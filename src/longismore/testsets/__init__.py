"""What is asked: instruction test sets with stable ids, and the answers that models gave to them.

A test set is a module of this package; other packages add theirs by the entry-point group
``longismore.testsets``. Nothing of the five public sets is contained here: they are fetched from their pinned
public address, with a checksum, and cached (:mod:`longismore.testsets._source`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.registry import Registry
from longismore.testsets._outputs import OutputsFile, match_outputs, outputs_of, read_outputs
from longismore.testsets._source import folder_in
from longismore.testsets._testset import TestSet

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "FIVE",
    "TESTSETS",
    "OutputsFile",
    "TestSet",
    "expand_names",
    "folder_in",
    "match_outputs",
    "outputs_of",
    "read_outputs",
]

FIVE = ("koala", "lima", "sinstruct", "vicuna", "wizardlm")
"""The sets of Long Is More, 1,030 instructions: what ``all`` means where test sets are named."""

TESTSETS: Registry[TestSet] = Registry("test set", __name__)


def expand_names(names: Iterable[str]) -> list[str]:
    """Each name once, in their order; ``all`` stands for :data:`FIVE`."""
    return list(dict.fromkeys(each for name in names for each in (FIVE if name == "all" else (name,))))
