"""Answers as users of alpaca_eval hand them over: paths, frames, lists, functions that give these.

Files of JSON are read by our own readers: pandas makes numbers of answers that are numbers, and alpaca_eval stops at
them when it counts characters, after everything was judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import ConfigError, DataError
from longismore.harness._alpaca_import import alpaca_module
from longismore.testsets import read_outputs
from longismore.testsets._formats import parse_output
from longismore.testsets._row import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import ModelOutput

__all__ = ["as_frame", "outputs_of"]

_TEXTS = ("instruction", "input", "output", "generator", "dataset", "id")


def outputs_of(source: object, label: str) -> tuple[ModelOutput, ...]:
    """The answers in *source*.

    Args:
        source: A path, rows, a frame, or a function that gives them, as alpaca_eval takes them.
        label: What alpaca_eval calls it, for messages: ``"model_outputs"`` or ``"reference_outputs"``.

    Raises:
        ConfigError: The function fails.
        DataError: There are no answers, or one of them cannot be used; the message has its row.
    """
    if isinstance(source, str | Path) and "*" not in str(source) and Path(source).suffix in {".json", ".jsonl"}:
        return read_outputs(source).outputs
    is_empty = isinstance(source, list | tuple) and not source  # at which alpaca_eval stops
    frame: Any = [] if is_empty else _loaded(source, label)
    if len(frame) == 0:
        raise DataError(f"{label}: there are no answers")
    return tuple(
        parse_output(Row(_fields(record, str(number)), f"{label}: row {number}"), folder="")
        for number, record in enumerate(frame.to_dict("records"), start=1)
    )


def as_frame(outputs: Sequence[ModelOutput]) -> Any:
    """The answers as alpaca_eval's functions take them; each row knows its number in the file as its id."""
    pandas = require("pandas", extra="alpaca")
    optional = [name for name in ("input", "generator", "dataset") if any(getattr(each, name) for each in outputs)]
    rows = [
        {name: getattr(each, name) for name in ("instruction", "output", *optional)} | {"id": each.id or str(number)}
        for number, each in enumerate(outputs, start=1)
    ]
    return pandas.DataFrame(rows, dtype=object)


def _loaded(source: object, label: str) -> Any:
    try:
        return alpaca_module("utils").load_or_convert_to_dataframe(source)
    except Exception as error:
        if not callable(source):
            raise
        raise ConfigError(
            f"{label}: {getattr(source, '__name__', source)} gives no answers: {error!r:.300}; alpaca_eval fetches its "
            f"own from a hub, with a script that newer versions of datasets refuse: give a file, --{label} FILE"
        ) from error


def _fields(record: Mapping[str, Any], number: str) -> dict[str, Any]:
    fields = {name: _plain(record[name]) for name in _TEXTS if name in record}
    return fields | {"id": fields.get("id") or number}


def _plain(value: Any) -> Any:
    """What pandas has made of a text: a number again a text, what it calls missing ``None``."""
    if isinstance(value, str | list | Mapping):
        return value
    return None if value is None or require("pandas", extra="alpaca").isna(value) else str(value)
