"""The report of MT-Bench: mean scores of each turn and category, and who won against whom, with intervals.

The means and win rates are the numbers of FastChat's ``show_result``. What that leaves out stands beside them: how far
the questions let them vary, the rows that have no score, those that are repeated, and whether two models differ on the
same turns.

Source: Zheng et al., Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena, https://arxiv.org/abs/2306.05685
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from longismore.reports._figure.file import write_figure
from longismore.reports._mtbench.documents import CAPTION, grids_latex, grids_markdown, mtbench_csv
from longismore.reports._mtbench.figure import MOST_DRAWN, check_radar, draw_radar, radar_height
from longismore.reports._mtbench.grid import Grid, rate_grids, score_grids
from longismore.reports._mtbench.rates import ModelRate, compare_models
from longismore.reports._mtbench.records import Grade, TurnComparison, Winner
from longismore.reports._mtbench.scores import Mean, ModelScore, ScoreDifference, score_differences, score_models
from longismore.reports._mtbench.table import grid_tables
from longismore.reports._mtbench.words import difference_sentence, fingerprint_notes, rate_notes, score_notes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "CAPTION",
    "MOST_DRAWN",
    "Grade",
    "Grid",
    "Mean",
    "ModelRate",
    "ModelScore",
    "ScoreDifference",
    "TurnComparison",
    "Winner",
    "check_radar",
    "compare_models",
    "difference_sentence",
    "fingerprint_notes",
    "grid_tables",
    "grids_latex",
    "grids_markdown",
    "mtbench_csv",
    "rate_grids",
    "rate_notes",
    "score_differences",
    "score_grids",
    "score_models",
    "score_notes",
    "write_radar",
]


def write_radar(scores: Sequence[ModelScore] | Sequence[ModelRate], path: Path, *, title: Sequence[str]) -> None:
    """Draw the categories into a file whose ending says the format; its folder is made.

    Args:
        scores: What `score_models` or `compare_models` gave.
        path: Ends in ``.png``, ``.svg`` or ``.pdf``.
        title: Lines above the picture.

    Raises:
        ConfigError: The ending is no format.
        DataError: Fewer than three categories have scores, or the file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    check_radar(scores)
    write_figure(partial(draw_radar, scores=scores, title=title), height=radar_height(scores), path=path)
