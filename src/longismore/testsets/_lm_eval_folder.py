"""Find the logged samples in an output folder of lm-eval: ``<model>/samples_<task>_<date>.jsonl``."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from longismore._jsonl import read_jsonl
from longismore.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["sample_files"]

logger = logging.getLogger(__name__)

# ISO 8601 with "-" for ":"; a task's name may itself hold underscores and digits.
_NAME = re.compile(r"samples_(?P<task>.+?)(?:_(?P<date>\d{4}-\d\d-\d\dT[\d.-]+))?\.jsonl")


def sample_files(folder: Path) -> list[Path]:
    """The newest samples of each task below *folder*.

    Where some of the tasks are longismore's own, the others are left out: their rows are not answers to a
    test set, and often no generated text at all.

    Raises:
        DataError: There are none, or they come from several models.
    """
    found = sorted(folder.rglob("samples_*.jsonl"))
    if not found:
        raise DataError(
            f"{folder}: no samples_*.jsonl in this folder or below; run lm_eval with --log_samples, "
            "or give the path of an outputs file"
        )
    models = sorted({str(path.parent) for path in found})
    if len(models) > 1:
        raise DataError(f"{folder}: samples of {len(models)} model folders: {', '.join(models)}; give the path of one")
    newest = _newest_of_each_task(found)
    chosen = [path for path in newest if _asks_a_test_set(path)] or newest
    if len(chosen) < len(found):
        left_out = sorted({path.name for path in found} - {path.name for path in chosen})
        logger.info("%s: older runs and tasks of other kinds are left out: %s", folder, ", ".join(left_out))
    return chosen


def _newest_of_each_task(paths: list[Path]) -> list[Path]:
    newest: dict[str, tuple[str, Path]] = {}
    for path in paths:
        name = _NAME.fullmatch(path.name)
        task, date = (name["task"], name["date"] or "") if name else (path.name, "")
        newest[task] = max(newest.get(task, (date, path)), (date, path))
    return [path for _, path in newest.values()]


def _asks_a_test_set(path: Path) -> bool:
    """Whether the first document says to which test set it belongs, as those of longismore's tasks do."""
    _, first = next(read_jsonl(path), (0, {}))
    doc = first.get("doc")
    return isinstance(doc, dict) and "testset" in doc
