"""Keep Python's garbage collector from looking at a hundred thousand records again and again."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["few_collections"]

_FEW = (50_000, 20, 50)
"""Python's own thresholds are 700 or 2,000, 10 and 10."""


@contextmanager
def few_collections() -> Iterator[None]:
    """Collect rarely while many objects are made that all stay; a third of the time on large runs."""
    before = gc.get_threshold()
    gc.set_threshold(*(max(few, usual) if usual else usual for few, usual in zip(_FEW, before, strict=True)))
    try:
        yield
    finally:
        gc.set_threshold(*before)
