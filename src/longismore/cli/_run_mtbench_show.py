"""What ``longismore mtbench show`` does, once its arguments are read."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from longismore._jsonl import write_text
from longismore.cli._mtbench_files import judgment_files, listed, refuse_inputs
from longismore.errors import ConfigError, DataError
from longismore.mtbench import read_comparisons, read_grades
from longismore.mtbench._layout import MODES
from longismore.reports import name_text, printable
from longismore.reports._figure.file import check_figure
from longismore.reports.mtbench import (
    check_radar,
    compare_models,
    difference_sentence,
    fingerprint_notes,
    grid_tables,
    grids_latex,
    grids_markdown,
    mtbench_csv,
    rate_grids,
    rate_notes,
    score_differences,
    score_grids,
    score_models,
    score_notes,
    write_radar,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from longismore.cli._mtbench_files import Kind
    from longismore.reports.mtbench import Grade, Grid, ModelRate, ModelScore, ScoreDifference, TurnComparison

__all__ = ["ShowRequest", "run_show"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRequest:
    """One call of the command."""

    paths: Sequence[Path]
    mode: str | None
    """``None``: as the files are."""
    baseline: str | None
    plot: Path | None
    csv: Path | None
    markdown: Path | None
    latex: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Everything that is shown."""

    mode: str
    files: Sequence[Path]
    scores: Sequence[ModelScore] | Sequence[ModelRate]
    differences: Sequence[ScoreDifference]
    baseline: str | None
    grids: Sequence[Grid]
    sentences: Sequence[str]
    """On differences."""
    notes: Sequence[str]

    @property
    def title(self) -> str:
        """What a picture of the categories is called."""
        judges = ", ".join(dict.fromkeys(name_text(score.judge, 30) for score in self.scores))
        if self.mode == "single":
            return f"MT-Bench by category, graded by {judges}"
        against = "each other" if self.baseline is None else name_text(self.baseline, 24)
        return f"MT-Bench by category: win rate % against {against}, judged by {judges}"

    def to_dict(self) -> dict[str, Any]:
        """Give what ``--json`` prints."""
        document: dict[str, Any] = {"mode": self.mode, "files": [str(path) for path in self.files]}
        if self.mode != "single":
            document["baseline"] = self.baseline
        document["models"] = [score.to_dict() for score in self.scores]
        if self.mode == "single":
            document["differences"] = [each.to_dict() for each in self.differences]
        return document | {"notes": list(self.notes)}


def run_show(request: ShowRequest, *, out: TextIO, as_json: bool) -> bool:
    """Read judgments, compute, write files, show.

    Returns:
        Whether any turn has a score, or was compared.

    Raises:
        UsageError: A file, or an option, will not do.
    """
    _check(request)
    kinds = judgment_files(request.paths)
    refuse_inputs((request.csv, request.markdown, request.latex, request.plot), kinds)
    mode = request.mode or _mode(request, kinds)
    files = [path for path, kind in kinds.items() if (kind == "single") == (mode == "single")]
    others = [path for path in kinds if path not in files]
    if not files:
        held, way = ("comparisons", "pairwise-all") if mode == "single" else ("scores", "single")
        raise DataError(f"{listed(others)}: has {held}, nothing for --mode {mode}; take --mode {way}")
    if others and request.mode is None:
        way = "pairwise-all" if mode == "single" else "single"
        logger.info("%s: not shown here; --mode %s does", listed(others), way)
    found = _scored(files) if mode == "single" else _compared(files, mode, request.baseline)
    _write(found, request)
    if as_json:
        out.write(json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n")
    else:
        _show(found, out)
    return any(score.overall.n for score in found.scores)


def _check(request: ShowRequest) -> None:
    problems = []
    if request.mode is not None and request.mode not in MODES:
        problems.append(f'--mode must be {", ".join(MODES)}, found "{request.mode}"')
    elif request.baseline is not None and request.mode not in {None, "pairwise-baseline"}:
        problems.append(f"--baseline is for --mode pairwise-baseline, not for {request.mode}")
    if problems:
        raise ConfigError(problems)
    if request.plot is not None:
        check_figure(request.plot)  # before the work, not after it


def _mode(request: ShowRequest, kinds: Mapping[Path, Kind]) -> str:
    if request.baseline is not None:
        return "pairwise-baseline"
    return "single" if "single" in kinds.values() else "pairwise-all"


def _scored(files: Sequence[Path]) -> _Found:
    grades: list[Grade] = [grade for path in files for grade in read_grades(path)]
    scores, differences = score_models(grades), score_differences(grades)
    several = len({each.judge for each in scores}) > 1
    return _Found(
        mode="single",
        files=files,
        scores=scores,
        differences=differences,
        baseline=None,
        grids=score_grids(scores),
        sentences=[difference_sentence(each, judge=several) for each in differences],
        notes=[*fingerprint_notes(grades), *score_notes(scores)],
    )


def _compared(files: Sequence[Path], mode: str, baseline: str | None) -> _Found:
    comparisons = [comparison for path in files for comparison in read_comparisons(path)]
    if mode == "pairwise-baseline" and baseline is None:
        baseline = _only_baseline(comparisons)
    rates = compare_models(comparisons, baseline=baseline)
    return _Found(
        mode=mode,
        files=files,
        scores=rates,
        differences=[],
        baseline=baseline,
        grids=rate_grids(rates),
        sentences=[],
        notes=[*fingerprint_notes(comparisons), *rate_notes(rates)],
    )


def _only_baseline(comparisons: Sequence[TurnComparison]) -> str:
    """The one model that is in every comparison."""
    pairs = [{comparison.model_1, comparison.model_2} for comparison in comparisons]
    shared = set.intersection(*pairs)
    if len(shared) == 1:
        return shared.pop()
    names = ", ".join(name_text(name) for name in sorted(set.union(*pairs)))
    raise ConfigError(f"--mode pairwise-baseline needs --baseline MODEL; models that were compared: {names}")


def _write(found: _Found, request: ShowRequest) -> None:
    if request.plot is not None:
        check_radar(found.scores)  # before anything is written
    texts: tuple[tuple[Path | None, Callable[[], str]], ...] = (
        (request.csv, lambda: mtbench_csv(found.scores)),
        (request.markdown, lambda: grids_markdown(found.grids, [*found.sentences, *found.notes])),
        (request.latex, lambda: grids_latex(found.grids)),
    )
    for path, make in texts:
        if path is not None:
            try:
                write_text(path, make())
            except OSError as error:
                raise DataError(f"{path}: cannot be written: {error.strerror}; name another place") from error
            logger.info("%s written", path)
    if request.plot is not None:
        write_radar(found.scores, request.plot, title=[found.title])
        logger.info("%s written", request.plot)


def _show(found: _Found, out: TextIO) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, highlight=False)
    for table in grid_tables(found.grids):
        console.print(table)
        console.print()
    for sentence in [*found.sentences, *(f"note: {note}" for note in found.notes)]:
        console.print(Text(printable(sentence)))
