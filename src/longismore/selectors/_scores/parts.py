"""The parts of one scorer's scores.

Processes that do not know each other may write at once, also from several machines: nothing is locked. A reader that
finds that a part has gone, because another process has compacted it, begins again. A part's name holds the time of
its oldest rows and the checksum of its bytes.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import DataError
from longismore.selectors._scores.files import PREFIX, SUFFIX, check_bytes, unreadable, write_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl

__all__ = ["ScoreParts"]

_MOST_PARTS = 64
"""So many small parts are made into one."""
_SMALL_BYTES = 8 * 2**20
_OLD_S = 24 * 3600
"""A temporary file of this age belongs to nobody any more."""
_TRIES = 100
_PAUSE_S = 0.02


class ScoreParts:
    """The parts in one folder.

    Args:
        folder: Made when something is added.
        columns: The scorer's numbers, see :attr:`RowScorer.columns`.
        compacts: Whether adding may now and then make one part of many.
    """

    def __init__(self, folder: Path, columns: Mapping[str, str], *, compacts: bool = True) -> None:
        self.folder = folder
        self.schema = _schema(columns)
        self._compacts = compacts
        self._small: int | None = None
        """How many small parts there are, as far as this process knows."""

    def paths(self) -> list[Path]:
        """All parts, the oldest first.

        Raises:
            DataError: The folder cannot be read.
        """
        try:
            paths = sorted(self.folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unreadable(self.folder, error) from error
        return [path for path in paths if path.name.startswith(PREFIX) and path.name.endswith(SUFFIX)]

    def read(self, keys: pl.Series | None = None, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """One line a key; where there are several, the oldest one without an error, or else the oldest.

        Args:
            keys: Only these are wanted.
            columns: Only these are wanted, ``key`` and ``error`` among them.

        Raises:
            DataError: A part cannot be read; the message names it.
        """
        polars = require("polars", extra="select")
        for _ in range(_TRIES):
            paths = self._listed()
            if not paths:
                return polars.DataFrame(schema=self.schema).select(columns or list(self.schema))
            try:
                return self._read(paths, keys, columns)
            except (polars.exceptions.PolarsError, OSError) as error:
                # A part that another process has just made a part of a larger one is no trouble.
                if all(path.exists() for path in paths):
                    raise self._blamed(paths, error) from error
                time.sleep(_PAUSE_S)
        raise DataError(f"{self.folder}: the score store changes all the time; repeat the command")

    def has_scores(self) -> bool:
        """Whether any row has a score, and not only a reason why it has none."""
        polars = require("polars", extra="select")
        failed = polars.any_horizontal(polars.col("skipped", "error").is_not_null())
        for path in self._listed():
            with suppress(polars.exceptions.PolarsError, OSError):  # told by whoever needs this part's rows
                states = polars.scan_parquet(path, schema=self.schema, glob=False)
                if states.filter(~failed).select("key").head(1).collect().height:
                    return True
        return False

    def add(self, frame: pl.DataFrame) -> None:
        """Keep some rows; they are on the disk when this returns.

        Raises:
            DataError: They cannot be written.
        """
        frame = frame.select(list(self.schema)).unique(subset="key", keep="first", maintain_order=True)
        write_frame(self.folder, frame, f"{time.time_ns():016x}")
        if self._compacts:
            self._compact_now_and_then()

    def compact(self) -> None:
        """Make one part of neighbouring small ones, where there are many.

        The new part is written before the old ones go, and has the place of the first of them: whenever this process
        dies, and whoever reads or compacts at the same time, every row is there, at worst twice.
        """
        polars = require("polars", extra="select")
        runs = self._small_runs()
        if sum(map(len, runs)) < _MOST_PARTS:
            return
        for paths in runs:
            if len(paths) < 2:  # noqa: PLR2004  one part is one part
                continue
            try:
                frame = self._read(paths, None, None)
            except (polars.exceptions.PolarsError, OSError):
                return  # another process has been quicker
            made = write_frame(self.folder, frame, paths[0].name.split("-")[1])
            for path in set(paths) - {made}:
                with suppress(OSError):
                    path.unlink()

    def _compact_now_and_then(self) -> None:
        if self._small is None:
            self._sweep()
            self._small = sum(map(len, self._small_runs()))
        else:
            self._small += 1
        if self._small >= _MOST_PARTS:
            self.compact()
            self._small = sum(map(len, self._small_runs()))

    def _small_runs(self) -> list[list[Path]]:
        """Small parts between which there is no large one."""
        runs: list[list[Path]] = [[]]
        for path in self.paths():
            if _size(path) <= _SMALL_BYTES:
                runs[-1].append(path)
            elif runs[-1]:
                runs.append([])
        return runs

    def _listed(self) -> list[Path]:
        """The parts, listed until two lists agree: a list made while another process compacts may have a gap."""
        paths = self.paths()
        while (again := self.paths()) != paths:
            paths = again
        return paths

    def _read(self, paths: Sequence[Path], keys: pl.Series | None, columns: Sequence[str] | None) -> pl.DataFrame:
        polars = require("polars", extra="select")
        if columns is None:  # a key that was damaged is only scored again; a number would be believed
            for path in paths:
                check_bytes(path)
        lines = polars.scan_parquet(paths, schema=self.schema, include_file_paths="part", glob=False)
        if columns is not None:
            lines = lines.select(*columns, "part")
        if keys is not None:
            lines = lines.join(polars.LazyFrame({"key": keys}), on="key", how="semi")
        frame: pl.DataFrame = lines.collect()
        if frame["key"].n_unique() < frame.height:
            failed = polars.col("error").is_not_null()
            frame = frame.sort(failed, "part").unique(subset="key", keep="first", maintain_order=True)
        return frame.drop("part")

    def _blamed(self, paths: Sequence[Path], error: Exception) -> DataError:
        """The error that names the part that cannot be read."""
        polars = require("polars", extra="select")
        for path in paths:
            try:
                polars.scan_parquet(path, schema=self.schema, glob=False).collect()
            except (polars.exceptions.PolarsError, OSError) as found:
                return unreadable(path, found)
        return unreadable(self.folder, error)

    def _sweep(self) -> None:
        """Delete what processes left that were killed while they wrote."""
        for path in self.folder.glob(f".{PREFIX}*.tmp"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _OLD_S:
                    path.unlink()


def _schema(columns: Mapping[str, str]) -> dict[str, Any]:
    polars = require("polars", extra="select")
    types = {"float": polars.Float64, "integer": polars.Int64, "vector": polars.List(polars.Float32)}
    if set(columns.values()) - set(types) or {"key", "part", "row", "skipped", "error"} & set(columns):
        raise ValueError(f"columns must be float, integer or vector, and none named like the store's own: {columns}")
    kinds = {name: types[kind] for name, kind in columns.items()}
    return {"key": polars.String, **kinds, "skipped": polars.String, "error": polars.String}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
