"""What is asked: instruction test sets with stable ids, and the answers that models gave to them.

A test set is a module of this package; other packages add theirs by the entry-point group
``longismore.testsets``. Nothing of the five public sets is contained here: they are fetched from their pinned
public address, with a checksum, and cached (:mod:`longismore.testsets._source`).
"""

from __future__ import annotations

from longismore.registry import Registry
from longismore.testsets._outputs import OutputsFile, match_outputs, outputs_of, read_outputs
from longismore.testsets._source import folder_in
from longismore.testsets._testset import TestSet

__all__ = ["TESTSETS", "OutputsFile", "TestSet", "folder_in", "match_outputs", "outputs_of", "read_outputs"]

TESTSETS: Registry[TestSet] = Registry("test set", __name__)
