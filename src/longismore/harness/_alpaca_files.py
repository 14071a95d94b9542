"""``annotations.json`` and ``leaderboard.csv`` as alpaca_eval writes them, without alpaca_eval."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import longismore
from longismore._annotator_names import annotator_name
from longismore._jsonl import write_json, write_text
from longismore.harness._alpaca_annotations import annotation_rows
from longismore.harness._alpaca_metric import leaderboard_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore._joined_outputs import JoinedOutputs
    from longismore.api import Compared
    from longismore.records import Verdict
    from longismore.reports import Rates

__all__ = ["made_now", "write_alpaca_files", "write_annotations"]

_MODE = "community"
"""What alpaca_eval calls a model that nobody has verified."""
_OFFICIAL = ("length_controlled_winrate", "lc_standard_error")


def made_now(*packages: str) -> dict[str, str]:
    """The columns that say with what and when annotations were made.

    Args:
        packages: Others with their versions, as alpaca_eval writes them: ``"alpaca_eval==0.6.6"``.
    """
    versions = " ".join([f"longismore=={longismore.__version__}", *packages])
    return {"preference_version": versions, "preference_date": datetime.now(UTC).isoformat(timespec="seconds")}


def write_alpaca_files(folder: Path, joined: JoinedOutputs, compared: Compared, *, spec: str) -> None:
    """Write both files of a comparison into *folder*."""
    verdicts, models = compared.judged.verdicts, {pair.candidate.model for pair in joined.pairs}
    rows = annotation_rows(joined, verdicts, annotator=annotator_name(spec), made=made_now())
    name = models.pop() if len(models) == 1 else "Current model"
    write_annotations(folder, rows, verdicts, compared.results.pooled, model=name)


def write_annotations(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    verdicts: Sequence[Verdict],
    rates: Rates,
    *,
    model: str,
    official: Mapping[str, float] | None = None,
) -> None:
    """Write ``annotations.json`` and ``leaderboard.csv``.

    Args:
        folder: Is made where it is not there.
        rows: Of the annotations.
        verdicts: The same as verdicts.
        rates: Of these verdicts.
        model: What the candidate is called.
        official: alpaca_eval's own figures at equal length, where they are known.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "annotations.json", rows)
    values = leaderboard_values(verdicts, rates)
    first = {name: values.pop(name) for name in ("win_rate", "standard_error")}
    lengths = [verdict.candidate_chars for verdict in verdicts]
    theirs = {name: official[name] for name in _OFFICIAL if name in official} if official else {}
    line = {**first, "mode": _MODE, "avg_length": sum(lengths) // len(lengths), **theirs, **values}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["", *line])
    writer.writerow([model, *("" if _is_unknown(value) else value for value in line.values())])
    write_text(folder / "leaderboard.csv", text.getvalue())


def _is_unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
