"""What alpaca_eval leaves in ``<output>/<annotator>/``: ``leaderboard.csv`` and ``annotations.json``.

The win rate is taken from the annotations where they are there, since they give an interval that is clustered by
instruction, and from the leaderboard elsewhere. The leaderboard's ``lc_standard_error`` is the spread of the
instructions' difficulty and no sampling error, so no interval is made of it.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from longismore._jsonl import read_json, read_text
from longismore.collecting._reading import NORMAL, Read, Without, checksum, file_time, normal_interval, number_of
from longismore.collecting._walk import ALPACA
from longismore.errors import SchemaError
from longismore.judges import combine, is_annotations, read_annotations
from longismore.reports import cluster_key, mean_interval
from longismore.reports.collection import Number, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from longismore.records import Judgment

__all__ = ["read_alpaca_folder"]

_BENCHMARK = "alpaca_eval"
_CLUSTERED = "clustered by instruction"
_AGREE = 1e-3
"""Of two files that say the same: 0.1 points."""
_TEXT = {"mode", "longismore_length_verdict"}
_ERRORS = {"standard_error", "lc_standard_error", "longismore_standard_error"}
_LIMITS = {"longismore_lc_low", "longismore_lc_high"}
_MAIN = ("win_rate", "length_controlled_winrate", "longismore_lc_win_rate")
_PERCENT = {
    "win_rate",
    "discrete_win_rate",
    "length_controlled_winrate",
    "longismore_lc_win_rate",
    "longismore_length_prior_weight",
    "longismore_swap_consistency",
}


@dataclass(frozen=True, slots=True)
class _Annotated:
    """What the annotations of one model against one reference say."""

    reference: str
    win_rate: float | None
    interval: tuple[float, float] | None
    n: int
    instructions: str | None
    answers: str | None
    cost_usd: float | None
    mean_chars: float


def read_alpaca_folder(folder: Path) -> Read:
    """Read both files, or the one that is there.

    Raises:
        DataError: A file cannot be read.
        SchemaError: A file is not what alpaca_eval writes.
    """
    board, annotations = folder / "leaderboard.csv", folder / "annotations.json"
    annotator = folder.absolute().name  # "." has no name
    read = Read()
    annotated = _annotated(annotations) if annotations.is_file() else {}
    rows = _rows(board, read) if board.is_file() else {}
    for model in {**rows, **annotated}:
        said = annotated.get(model)
        source = Source(
            path=str(board if model in rows else annotations),
            kind=ALPACA,
            created=file_time(board if model in rows else annotations),
            is_paid=True,
            cost_usd=None if said is None else said.cost_usd,
        )
        read.numbers += _numbers(model, rows.get(model, {}), said, read, annotator=annotator, source=source)
    return read


def _rows(path: Path, read: Read) -> dict[str, Mapping[str, str]]:
    """The lines of a leaderboard by the model's name, which stands in the first column; of several the last one."""
    try:
        lines = list(csv.reader(io.StringIO(read_text(path)), strict=True))
    except csv.Error as error:
        raise SchemaError(str(path), f"not CSV: {error}") from error
    if not lines or "win_rate" not in lines[0]:
        raise SchemaError(f"{path}:1", 'a column "win_rate" was expected, as alpaca_eval writes it')
    head, *body = lines
    for number, line in enumerate(body, start=2):
        if len(line) != len(head):
            raise SchemaError(f"{path}:{number}", f"{len(head)} columns were expected, found {len(line)}")
    read.notes += [
        f"{path}: {name} has {count} lines, of which the last one is taken"
        for name, count in Counter(line[0] for line in body).items()
        if count > 1
    ]
    return {line[0]: dict(zip(head[1:], line[1:], strict=True)) for line in body}


def _annotated(path: Path) -> dict[str, _Annotated]:
    if not is_annotations(read_json(path)):
        raise SchemaError(str(path), "a list of annotations was expected, as alpaca_eval writes it")
    judgments, one_order = read_annotations(path)
    models: dict[str, list[Judgment]] = {}
    for judgment in judgments:
        models.setdefault(judgment.candidate.model, []).append(judgment)
    return {model: _summed(members, one_order=one_order) for model, members in models.items()}


def _summed(judgments: Sequence[Judgment], *, one_order: bool) -> _Annotated:
    from longismore.comparison import pair_of

    pairs = list(dict.fromkeys(pair_of(judgment) for judgment in judgments))
    judged = [verdict for verdict in combine(pairs, judgments, one_order=one_order) if verdict.outcome is not None]
    shares = [fmean(share for share in verdict.preferences if share is not None) for verdict in judged]
    costs = [judgment.cost_usd for judgment in judgments]
    return _Annotated(
        reference=" and ".join(sorted({pair.reference.model for pair in pairs})),
        win_rate=fmean(shares) if shares else None,
        interval=mean_interval(shares, [cluster_key(verdict.prompt) for verdict in judged]) if shares else None,
        n=len(shares),
        instructions=checksum((pair.prompt, "") for pair in pairs),
        answers=checksum((pair.prompt, pair.reference.output) for pair in pairs),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        mean_chars=fmean(len(pair.candidate.output) for pair in pairs),
    )


def _numbers(
    model: str, row: Mapping[str, str], said: _Annotated | None, read: Read, *, annotator: str, source: Source
) -> Iterator[Number]:
    values = {name: _value(text) for name, text in row.items() if name not in _TEXT}
    if said is not None:
        _check(model, values, said, read, source)
        values |= {"win_rate": None if said.win_rate is None else 100 * said.win_rate, "n_total": said.n}
        values.setdefault("avg_length", said.mean_chars)
    n = values.get("n_total")
    for name, value in values.items():
        if name in _ERRORS | _LIMITS:
            continue
        if value is None:
            if row.get(name) != "" or name == "win_rate":
                read.without_value.append(Without(model, f"{_BENCHMARK}/{name}"))
            continue
        is_rate = name in _PERCENT
        rate = value / 100 if is_rate else value
        interval, kind = _interval(name, rate, values, said)
        yield Number(
            model=model,
            benchmark=_BENCHMARK,
            metric=name,
            value=rate,
            source=source,
            interval=interval,
            interval_kind=kind,
            n=None if n is None else int(n),
            is_rate=is_rate,
            is_shown=name in _MAIN,
            settings={"judge": annotator} | ({} if said is None else {"reference": said.reference}),
            versions={
                "instructions": None if said is None else said.instructions,
                "reference answers": None if said is None else said.answers,
            },
        )


def _check(model: str, values: Mapping[str, float | None], said: _Annotated, read: Read, source: Source) -> None:
    """Say so where the two files of a folder contradict each other."""
    on_board = values.get("win_rate")
    if on_board is not None and said.win_rate is not None and abs(on_board / 100 - said.win_rate) > _AGREE:
        read.notes.append(
            f"{source.path}: the win rate of {model} is {on_board:.2f}% there and {100 * said.win_rate:.2f}% in the "
            "annotations.json beside it, which is taken"
        )


def _interval(
    name: str, rate: float, values: Mapping[str, float | None], said: _Annotated | None
) -> tuple[tuple[float, float] | None, str | None]:
    if name == "win_rate" and said is not None:
        return said.interval, _CLUSTERED
    if name == "longismore_lc_win_rate":
        low, high = values.get("longismore_lc_low"), values.get("longismore_lc_high")
        return (
            ((low / 100, high / 100), "refits on resampled prompts")
            if low is not None and high is not None
            else (None, None)
        )
    error = values.get("standard_error") if name == "win_rate" else None
    found = normal_interval(rate, error / 100 if error else None, is_rate=True)
    return found, None if found is None else NORMAL


def _value(text: str) -> float | None:
    try:
        return number_of(float(text))
    except ValueError:
        return None
