"""``annotations.json`` and ``leaderboard.csv`` as alpaca_eval writes them, without alpaca_eval."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import longismore
from longismore._jsonl import write_json, write_text
from longismore.harness._alpaca_annotations import annotation_rows
from longismore.harness._alpaca_metric import leaderboard_values
from longismore.harness._alpaca_names import annotator_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from longismore.comparison import Comparison
    from longismore.harness._alpaca_pairs import JoinedOutputs

__all__ = ["made_now", "write_alpaca_files"]

_MODE = "community"
"""What alpaca_eval calls a model that nobody has verified."""


def made_now(*packages: str) -> dict[str, str]:
    """The columns that say with what and when annotations were made.

    Args:
        packages: Others with their versions, as alpaca_eval writes them: ``"alpaca_eval==0.6.6"``.
    """
    versions = " ".join([f"longismore=={longismore.__version__}", *packages])
    return {"preference_version": versions, "preference_date": datetime.now(UTC).isoformat(timespec="seconds")}


def write_alpaca_files(folder: Path, joined: JoinedOutputs, comparison: Comparison, *, spec: str) -> None:
    """Write both files into *folder*."""
    rows = annotation_rows(joined, comparison.verdicts, annotator=annotator_name(spec), made=made_now())
    write_json(folder / "annotations.json", rows)
    outputs = [pair.candidate.output for pair in joined.pairs]
    values = leaderboard_values(comparison.verdicts, comparison.results.pooled)
    first = {name: values.pop(name) for name in ("win_rate", "standard_error")}
    line = {**first, "mode": _MODE, "avg_length": sum(map(len, outputs)) // len(outputs), **values}
    names = sorted({pair.candidate.model for pair in joined.pairs})
    write_text(folder / "leaderboard.csv", _csv(names[0] if len(names) == 1 else "Current model", line))


def _csv(name: str, line: Mapping[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["", *line])
    writer.writerow([name, *("" if value is None or _is_nan(value) else value for value in line.values())])
    return text.getvalue()


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
