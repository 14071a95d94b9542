"""Running a study: cell after cell, match after match, each stage once; then the results of whatever is there.

What another process is making is left to it at first, so that several processes share a study; at the end it is waited
for.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore._jsonl import write_json, write_text
from longismore.errors import BusyError, CostLimitError, DataError, JudgeRejectedError, MissingDependencyError
from longismore.reports import DEFAULT_PRIOR
from longismore.reports.study import StudyResults, Trouble, study_markdown, study_page, write_study_figure
from longismore.study._cells import chosen_cells, matches_of
from longismore.study._results import collect_results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from longismore.reports import LengthPrior
    from longismore.study._cells import Cell, Match
    from longismore.study._pipeline import Pipeline

__all__ = ["StudyRun", "run_study", "write_results"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRun:
    """What a run has come to."""

    results: StudyResults
    files: tuple[Path, ...]
    """``results.json``, ``report.md``, ``report.html``, ``study.png``."""

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What failed."""
        return self.results.troubles


def run_study(
    pipeline: Pipeline,
    *,
    only: Sequence[str] = (),
    prior: LengthPrior = DEFAULT_PRIOR,
    draws: int = 1000,
    on_cell: Callable[[str, int, int], None] | None = None,
) -> StudyRun:
    """Do what is not done yet, one cell after the other, and aggregate what is there.

    A cell that fails is noted, and the others go on. Matches are judged as soon as both their cells have answers.

    Args:
        pipeline: The study with all that it needs.
        only: Names of cells, with ``*`` for anything: only these, with what their selection depends on, and the
            matches in which they are the candidate. All where none is given.
        prior: Of the length slope.
        draws: Of the resampling behind length-controlled intervals.
        on_cell: Called before each cell with its name, its number from 1 and how many there are.

    Raises:
        UnknownNameError: No cell has such a name.
        DataError: The output cannot be written.
        MissingDependencyError: A stage needs a package that is not installed.
    """
    cells = chosen_cells(pipeline.cells, only)
    matches = [match for match in matches_of(pipeline.study, pipeline.cells) if not only or match.candidate in cells]
    troubles: list[Trouble] = []
    judging = _Matches(pipeline, matches, cells, troubles)
    elsewhere = []
    for number, cell in enumerate(cells, start=1):
        if on_cell is not None:
            on_cell(cell.name, number, len(cells))
        try:
            judging.go_on_with(cell, is_made=_made(pipeline, cell, troubles, wait=False))
        except BusyError as error:
            logger.info("%s comes later: %s", cell.name, error)
            elsewhere.append(cell)
    for cell in elsewhere:
        judging.go_on_with(cell, is_made=_made(pipeline, cell, troubles, wait=True))
    judging.end()
    results = collect_results(pipeline, prior=prior, troubles=troubles, draws=draws)
    return StudyRun(results=results, files=tuple(write_results(results, pipeline.output)))


def _made(pipeline: Pipeline, cell: Cell, troubles: list[Trouble], *, wait: bool) -> bool:
    """Select, train and generate; whether it all went well.

    Raises:
        BusyError: Another process is at it, and it is not to be waited for.
    """
    for word, stage in (("selecting", "selected"), ("training", "trained"), ("answering", "answered")):
        try:
            getattr(pipeline, stage)(cell, make=True, wait=wait)
        except MissingDependencyError:
            raise  # no cell would do any better
        except Exception as error:  # one cell must not stop the others; the error is shown at the end
            if isinstance(error, BusyError) and not wait:
                raise
            _note(troubles, cell.name, word, error)
            return False
    return True


def _note(troubles: list[Trouble], name: str, stage: str, error: Exception) -> None:
    told = " ".join(str(error).split())[:1000] or type(error).__name__
    logger.error("%s failed while %s: %s", name, stage, told)
    logger.debug("", exc_info=error)
    troubles.append(Trouble(name=name, stage=stage, error=told))


class _Matches:
    """The matches of a run; each is tried once, and none after the judge cannot go on at all."""

    def __init__(
        self, pipeline: Pipeline, matches: Sequence[Match], cells: Iterable[Cell], troubles: list[Trouble]
    ) -> None:
        self._pipeline = pipeline
        self._left = list(matches)
        self._coming = set(cells)
        self._troubles = troubles
        self._stopped = False

    def go_on_with(self, cell: Cell, *, is_made: bool) -> None:
        """Judge the matches of a cell against those that came before; give them all up if it could not be made."""
        self._coming.remove(cell)
        own = [each for each in self._left if cell in {each.candidate, each.reference}]
        if is_made:
            self._judge([each for each in own if not self._coming & {each.candidate, each.reference}], wait=False)
        else:
            self._left = [each for each in self._left if each not in own]

    def end(self) -> None:
        """Judge what is left as far as both sides have answers, and wait for what another process judges."""
        self._judge(list(self._left), wait=True)

    def _judge(self, matches: Sequence[Match], *, wait: bool) -> None:
        for match in matches:
            if self._stopped:
                return
            try:
                if self._pipeline.judged(match, make=True, wait=wait) is not None:
                    self._left.remove(match)
            except BusyError:
                continue
            except Exception as error:  # noqa: BLE001  as for cells
                self._left.remove(match)
                _note(self._troubles, match.name, "judging", error)
                self._stopped = isinstance(error, CostLimitError | JudgeRejectedError)


def write_results(results: StudyResults, folder: Path) -> Iterator[Path]:
    """Write ``results.json``, ``report.md``, ``report.html``, and the picture where matplotlib is installed.

    Raises:
        DataError: They cannot be written.
    """
    try:
        write_json(folder / "results.json", results.to_dict())
        write_text(folder / "report.md", study_markdown(results))
        write_text(folder / "report.html", study_page(results))
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror}; name another --output") from error
    yield from (folder / name for name in ("results.json", "report.md", "report.html"))
    if any(row.estimate.rates.n for row in results.rows):
        try:
            write_study_figure(results, folder / "study.png")
        except MissingDependencyError as error:
            logger.info("no picture was drawn: %s", error)
        else:
            yield folder / "study.png"
