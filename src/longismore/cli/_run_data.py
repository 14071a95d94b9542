"""What ``longismore data`` does, once its arguments are read."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from longismore.cli._progress import scoring_progress
from longismore.errors import ConfigError, DataError
from longismore.instructions import open_data
from longismore.reports._distribution.overlap import overlap_tables
from longismore.reports._distribution.table import distribution_tables
from longismore.reports._figure.file import check_figure, write_figure
from longismore.reports._figure.overlap import draw_overlap, overlap_height
from longismore.reports.distribution import describe, draw_lengths
from longismore.selectors import RowKeys, measure_of, overlap, row_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

__all__ = ["OverlapRequest", "StatsRequest", "run_overlap", "run_stats"]

logger = logging.getLogger(__name__)

_TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsRequest:
    """One call of ``longismore data stats``."""

    files: Sequence[Path]
    measure: str
    format: str
    plot: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapRequest:
    """One call of ``longismore data overlap``."""

    files: Sequence[Path]
    by: str
    unwrap: bool
    pool: Path | None
    plot: Path | None


def run_stats(request: StatsRequest, *, out: TextIO, as_json: bool) -> None:
    """Read, count, show.

    Raises:
        UsageError: A file, or an option, will not do.
    """
    if request.plot is not None:
        check_figure(request.plot)  # before the work, not after it
    measure = measure_of(request.measure)
    found = []
    for path, name in zip(request.files, _names(request.files), strict=True):
        data = open_data(path, format=request.format)
        with scoring_progress() as advance:
            found.append(describe(data, measure.count, name=name, unit=measure.name, on_progress=advance))
    if as_json:
        files = [
            {"path": str(path)} | description.to_dict() for path, description in zip(request.files, found, strict=True)
        ]
        _write(out, {"measure": request.measure, "files": files})
    else:
        _show(distribution_tables(found, width=_width(out)), out)
    if request.plot is not None:
        draw_lengths(found, request.plot)
        logger.info("%s written", request.plot)


def run_overlap(request: OverlapRequest, *, out: TextIO, as_json: bool) -> None:
    """Read, compare, show.

    Raises:
        UsageError: A file, or an option, will not do.
    """
    _check(request)
    read = [row_keys(open_data(path), by=request.by, unwrap=request.unwrap) for path in request.files]
    pool = None if request.pool is None else row_keys(open_data(request.pool), by=request.by, unwrap=request.unwrap)
    names = _names(request.files)
    inside = [each.keys if pool is None else each.keys & pool.keys for each in read]
    for path, each, keys in zip(request.files, read, inside, strict=True):
        if not keys and pool is not None:
            raise DataError(
                f"{path}: none of its {each.rows} rows is in {request.pool}; is it a selection of this data? "
                "--by instruction and --unwrap compare less strictly"
            )
    found = overlap(dict(zip(names, inside, strict=True)), pool=None if pool is None else len(pool.keys)).to_dict()
    files = {
        name: _file(path, each, keys, request)
        for name, path, each, keys in zip(names, request.files, read, inside, strict=True)
    }
    if as_json:
        _write(out, {"by": request.by, "unwrap": request.unwrap, "files": files} | found)
    else:
        _show(overlap_tables(found), out)
        out.writelines(f"{note}\n" for note in _notes(files, found, request))
    if request.plot is not None:
        draw = partial(draw_overlap, names=names, counts=found["counts"], what=request.by)
        write_figure(draw, height=overlap_height(names), path=request.plot)
        logger.info("%s written", request.plot)


def _check(request: OverlapRequest) -> None:
    problems = []
    if len(request.files) < _TWO:
        problems.append("one file overlaps nothing; name two or more")
    if request.by not in {"content", "instruction"}:
        problems.append(f'--by must be content or instruction, found "{request.by}"')
    if problems:
        raise ConfigError(problems)
    if request.plot is not None:
        check_figure(request.plot)


def _file(path: Path, read: RowKeys, keys: frozenset[str], request: OverlapRequest) -> dict[str, Any]:
    return {
        "path": str(path),
        "rows": read.rows,
        "distinct": len(read.keys),
        "outside_pool": None if request.pool is None else len(read.keys) - len(keys),
        "not_wrapped": read.not_wrapped if request.unwrap else None,
    }


def _notes(files: dict[str, dict[str, Any]], found: dict[str, Any], request: OverlapRequest) -> list[str]:
    """What the tables are not of."""
    from longismore.reports import name_text

    notes = []
    for name, each in files.items():
        said = [f"{name_text(name)}: {each['rows']} rows"]
        if each["distinct"] < each["rows"]:
            said.append(f"{each['distinct']} different")
        if each["outside_pool"]:
            said.append(
                f"{each['outside_pool']} of them not in {name_text(Path(str(request.pool)).name)}, left out here"
            )
        if 0 < (each["not_wrapped"] or 0) < each["rows"]:
            said.append(f"{each['not_wrapped']} in no template")
        if len(said) > 1:
            notes.append(", ".join(said))
    if request.unwrap and all(each["not_wrapped"] == each["rows"] for each in files.values()):
        notes.append("no instruction stands in a template: --unwrap changed nothing")
    if not any(pair["count"] for pair in found["pairs"]) and (request.by == "content" or not request.unwrap):
        notes.append("nothing is shared; --by instruction and --unwrap compare less strictly")
    return notes


def _names(paths: Sequence[Path]) -> list[str]:
    """Short names that tell the files apart."""
    stems = [path.stem for path in paths]
    names = stems if len(set(stems)) == len(stems) else [str(path) for path in paths]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError([f"{name} is named more than once" for name in repeated])
    return names


def _width(out: TextIO) -> int:
    from rich.console import Console

    return Console(file=out).width


def _show(tables: Sequence[Table], out: TextIO) -> None:
    from rich.console import Console

    console = Console(file=out, highlight=False)
    for table in tables:
        console.print(table)
        console.print()


def _write(out: TextIO, document: dict[str, Any]) -> None:
    out.write(json.dumps(document, indent=1, allow_nan=False) + "\n")
