"""What was judged, for the calls that analyse it: files, run folders, results of other calls, or rows in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from longismore._jsonl import write_json, write_jsonl
from longismore.api._compared import Compared
from longismore.api._given import rows_in
from longismore.errors import ConfigError, SchemaError
from longismore.judged import read_judged
from longismore.judges import is_annotations
from longismore.records import Judged

__all__ = ["JudgedSource", "judged_in"]

_OneSource: TypeAlias = str | Path | Compared | Judged
JudgedSource: TypeAlias = _OneSource | Sequence[_OneSource] | Sequence[Mapping[str, Any]]
"""Run folders, judgments.jsonl, samples of lm_eval, annotations.json, or the same as values or as rows."""


def judged_in(source: JudgedSource) -> list[Judged]:
    """Give what was judged; files are read together, as their commands read them.

    Args:
        source: One, several, or the rows of a ``judgments.jsonl`` or ``annotations.json``.

    Raises:
        ConfigError: It is none of these.
        DataError: A file or a row cannot be used.
    """
    is_one = isinstance(source, str | Mapping) or not isinstance(source, Iterable)
    given: Sequence[Any] = [source] if is_one else list(rows_in(source, "what was judged"))
    if given and all(isinstance(each, Mapping) for each in given):
        return _rows(given)
    unknown = [each for each in given if not isinstance(each, str | Path | Compared | Judged)]
    if unknown or not given:
        found = f"found {type(unknown[0]).__name__}" if unknown else "found nothing"
        raise ConfigError(
            "what was judged is given as paths (run folders, judgments.jsonl, annotations.json), as the results of "
            f"longismore.compare or longismore.judge, or as rows of such a file; {found}"
        )
    paths = [each for each in given if isinstance(each, str | Path)]
    values = [each.judged if isinstance(each, Compared) else each for each in given if not isinstance(each, str | Path)]
    return [*read_judged(paths), *values]


def _rows(rows: Sequence[Mapping[str, Any]]) -> list[Judged]:
    with TemporaryDirectory(prefix="longismore-") as folder:
        plain = [dict(row) for row in rows]
        try:
            if is_annotations(plain):
                path = Path(folder, "annotations.json")
                write_json(path, plain)
            else:
                path = Path(folder, "judgments.jsonl")
                write_jsonl(path, plain)
        except TypeError as error:
            raise ConfigError(f"the rows in memory are not as a file of judgments has them: {error}") from error
        try:
            found = read_judged([path])
        except SchemaError as error:
            raise SchemaError(error.where.replace(str(path), "rows in memory"), error.problem) from error
    return [replace(each, files=()) for each in found]
