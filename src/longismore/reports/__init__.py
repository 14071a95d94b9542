"""Everything computed from verdicts: rates with intervals, tables, and the pages of a run folder.

Importing this package loads the standard library only; rich is imported when a table is built.
"""

from __future__ import annotations

from longismore.reports._escape import name_text, printable
from longismore.reports._interval import cluster_key, standard_error
from longismore.reports._words import explain
from longismore.reports.runpage import run_html, run_markdown
from longismore.reports.table import markdown_table, results_table
from longismore.reports.winrate import Interval, Rates, Results, same_outcome, summarize

__all__ = [
    "Interval",
    "Rates",
    "Results",
    "cluster_key",
    "explain",
    "markdown_table",
    "name_text",
    "printable",
    "results_table",
    "run_html",
    "run_markdown",
    "same_outcome",
    "standard_error",
    "summarize",
]
