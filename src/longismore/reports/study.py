"""Does a selection beat random? The results of a study: rows with answers, a table, a picture, a page.

A study trains models on selections and on random draws of the same size and lets a judge compare their answers. Here
stands everything that is computed from the verdicts, and how it is shown; who selects, trains, answers and judges is
none of this room's business.

Source: Diddee & Ippolito, Chasing Random, https://arxiv.org/abs/2410.15225, for comparing with several random draws.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from longismore.reports._figure.file import write_figure
from longismore.reports._study.figure import draw_study, study_height
from longismore.reports._study.page import study_page
from longismore.reports._study.rates import Estimate, MatchRate, MatchVerdicts, estimate_runs
from longismore.reports._study.rows import (
    Floor,
    Overlap,
    SelectionCost,
    StudyResults,
    StudyRow,
    Trouble,
    conclude,
)
from longismore.reports._study.table import study_markdown, study_table

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Estimate",
    "Floor",
    "MatchRate",
    "MatchVerdicts",
    "Overlap",
    "SelectionCost",
    "StudyResults",
    "StudyRow",
    "Trouble",
    "conclude",
    "estimate_runs",
    "study_markdown",
    "study_page",
    "study_table",
    "write_study_figure",
]


def write_study_figure(results: StudyResults, path: Path) -> None:
    """Draw all strategies against random into a file whose ending says the format.

    Raises:
        ConfigError: The ending is no format.
        DataError: The file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    write_figure(partial(draw_study, results=results), height=study_height(results), path=path)
