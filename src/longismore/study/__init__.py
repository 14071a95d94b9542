"""Does a selection beat random? Studies: select, train, generate, judge, for every strategy, budget, data set and seed.

This package stands above the rooms: it knows selectors, recipes, judges and reports, which do not know each other.
"""

from __future__ import annotations

from longismore.study._cells import Cell, Match, cells_of, chosen_cells, matches_of
from longismore.study._file import DataSet, Study, read_study
from longismore.study._judging import Judging
from longismore.study._pipeline import Pipeline
from longismore.study._plan import StudyPlan, plan_study
from longismore.study._results import collect_results
from longismore.study._run import StudyRun, run_study
from longismore.study._selecting import Selecting
from longismore.study._strategy import Strategy
from longismore.study._work import LocalWork, TrainJob, Work

__all__ = [
    "Cell",
    "DataSet",
    "Judging",
    "LocalWork",
    "Match",
    "Pipeline",
    "Selecting",
    "Strategy",
    "Study",
    "StudyPlan",
    "StudyRun",
    "TrainJob",
    "Work",
    "cells_of",
    "chosen_cells",
    "collect_results",
    "matches_of",
    "plan_study",
    "read_study",
    "run_study",
]
