"""Scores on disk: what a model has computed for a row is never computed again.

One folder a scorer and its settings, with Parquet files in it; the key of a row is the hash of its content. So a
second budget costs nothing, other data with the same rows neither, and a run that was killed goes on where it was.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_json, write_json
from longismore.errors import DataError, SchemaError
from longismore.selectors._scorer import fingerprint
from longismore.selectors._scores.parts import ScoreParts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from longismore.selectors._scorer import RowScorer

__all__ = ["ScoreStore", "StoredScores", "default_scores_path"]

_ABOUT = "scorer.json"
_STATE = ("key", "skipped", "error")


def default_scores_path(environ: Mapping[str, str]) -> Path:
    """Where scores are kept unless a path is given: ``LONGISMORE_SCORES``, or a part of the user's cache folder."""
    import platformdirs  # only needed where no path is given

    if environ.get("LONGISMORE_SCORES"):
        return Path(environ["LONGISMORE_SCORES"])
    return Path(platformdirs.user_cache_dir("longismore", appauthor=False)) / "scores"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScores:
    """What a store has of one scorer."""

    name: str
    fingerprint: str
    settings: Mapping[str, Any]
    folder: Path
    rows: int
    """With a score, skipped or failed; rows of equal content are one."""
    skipped: int
    errors: int
    parts: int
    size_bytes: int


class ScoreStore:
    """The scores of all scorers.

    Several processes may write at once. Where two have scored the same row, the older score counts.

    Args:
        folder: Made when something is added.
        compacts: Whether adding may now and then make one file of many small ones.
    """

    def __init__(self, folder: str | Path, *, compacts: bool = True) -> None:
        self.folder = Path(folder).absolute()
        self._compacts = compacts
        self._parts: dict[int, tuple[RowScorer, ScoreParts]] = {}
        """By the scorer's identity, since its settings may take a while."""

    def folder_of(self, scorer: RowScorer) -> Path:
        """Where the scores of *scorer* with just these settings are."""
        return self._of(scorer).folder

    def known(self, scorer: RowScorer, keys: pl.Series | None = None) -> pl.DataFrame:
        """The scores of all rows, or of those with these keys.

        Returns:
            One line a key: ``key``, the scorer's columns, ``skipped`` and ``error``.

        Raises:
            DataError: A file cannot be read, or is damaged; the message names it.
        """
        return self._of(scorer).read(keys)

    def states(self, scorer: RowScorer, keys: pl.Series | None = None) -> pl.DataFrame:
        """The same without the numbers: ``key``, ``skipped`` and ``error``."""
        return self._of(scorer).read(keys, _STATE)

    def has_scores(self, scorer: RowScorer) -> bool:
        """Whether any row has a score, and not only a reason why it has none."""
        return self._of(scorer).has_scores()

    def prepare(self, scorer: RowScorer) -> None:
        """Make the scorer's folder, and write down what the scorer is.

        Raises:
            DataError: It cannot be written.
        """
        path = self.folder_of(scorer) / _ABOUT
        if path.exists():
            return
        from longismore import __version__

        about = {
            "name": scorer.name,
            "fingerprint": fingerprint(scorer),
            "columns": dict(scorer.columns),
            "settings": dict(scorer.settings),
            "longismore": __version__,
        }
        try:
            write_json(path, about)
        except OSError as error:
            raise DataError(
                f"{path.parent}: the score store cannot be written: {error.strerror or error}; "
                "name another with --scores DIR or LONGISMORE_SCORES=DIR"
            ) from error

    def add(self, scorer: RowScorer, frame: pl.DataFrame) -> None:
        """Keep the scores of some rows; they are on the disk when this returns.

        Args:
            scorer: Whose they are.
            frame: As :meth:`known` returns it.

        Raises:
            DataError: They cannot be written.
        """
        parts = self._of(scorer)
        self.prepare(scorer)
        parts.add(frame)

    def compact(self, scorer: RowScorer) -> None:
        """Make one file of many small ones, where there are many; adding does it now and then by itself."""
        self._of(scorer).compact()

    def summary(self) -> list[StoredScores]:
        """What is in the store, by name and fingerprint.

        Raises:
            DataError: A file cannot be read.
        """
        return [_summed_up(path.parent) for path in sorted(self.folder.glob(f"*/{_ABOUT}"))]

    def _of(self, scorer: RowScorer) -> ScoreParts:
        if id(scorer) not in self._parts:
            name = re.sub(r"[^\w.-]+", "-", scorer.name)
            folder = self.folder / f"{name}-{fingerprint(scorer)}"
            self._parts[id(scorer)] = scorer, ScoreParts(folder, scorer.columns, compacts=self._compacts)
        return self._parts[id(scorer)][1]


def _summed_up(folder: Path) -> StoredScores:
    about = read_json(folder / _ABOUT)
    try:
        name, fingerprint, columns, settings = (about[name] for name in ("name", "fingerprint", "columns", "settings"))
        parts = ScoreParts(folder, columns)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise SchemaError(
            str(folder / _ABOUT), f"does not describe a scorer; delete it: the next run writes it again ({error!r})"
        ) from error
    states = parts.read(columns=_STATE)
    return StoredScores(
        name=name,
        fingerprint=fingerprint,
        settings=settings,
        folder=folder,
        rows=states.height,
        skipped=int(states["skipped"].count()),
        errors=int(states["error"].count()),
        parts=len(parts.paths()),
        size_bytes=_bytes_of(folder.rglob("*")),
    )


def _bytes_of(paths: Iterable[Path]) -> int:
    total = 0
    for path in paths:
        with suppress(OSError):  # another process may compact
            total += path.stat().st_size
    return total
