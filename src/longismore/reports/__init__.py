"""Everything computed from verdicts: rates with intervals, length control, tests, ratings, the gate, tables, pages.

Importing this package loads the standard library only; numpy, rich and matplotlib are imported when they are needed.
What an audit of judges is made of is in `longismore.reports.audit` and `longismore.reports.agreement`.
"""

from __future__ import annotations

from longismore.reports._escape import name_text, printable
from longismore.reports._interval import cluster_key, mean_interval, standard_error
from longismore.reports._tests import holm, mean_p_value
from longismore.reports._words import explain
from longismore.reports.bradley_terry import Rating, Ratings, bradley_terry
from longismore.reports.figures import draw_figures
from longismore.reports.gate import Decision, GateResult, GateRule, Look, Power
from longismore.reports.joint import summarize_together
from longismore.reports.length_control import DEFAULT_PRIOR, LengthControl, LengthPrior, control_length
from longismore.reports.paired import PairedComparison, PairedRates, compare_candidates
from longismore.reports.power import minimum_detectable_effect, pairs_needed, power_of
from longismore.reports.runpage import run_html, run_markdown
from longismore.reports.table import markdown_table, results_table
from longismore.reports.tables import csv_table, latex_table, markdown_report_table
from longismore.reports.winrate import Interval, Rates, Results, same_outcome, summarize

__all__ = [
    "DEFAULT_PRIOR",
    "Decision",
    "GateResult",
    "GateRule",
    "Interval",
    "LengthControl",
    "LengthPrior",
    "Look",
    "PairedComparison",
    "PairedRates",
    "Power",
    "Rates",
    "Rating",
    "Ratings",
    "Results",
    "bradley_terry",
    "cluster_key",
    "compare_candidates",
    "control_length",
    "csv_table",
    "draw_figures",
    "explain",
    "holm",
    "latex_table",
    "markdown_report_table",
    "markdown_table",
    "mean_interval",
    "mean_p_value",
    "minimum_detectable_effect",
    "name_text",
    "pairs_needed",
    "power_of",
    "printable",
    "results_table",
    "run_html",
    "run_markdown",
    "same_outcome",
    "standard_error",
    "summarize",
    "summarize_together",
]
