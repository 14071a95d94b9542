"""Scores and win rates of MT-Bench as CSV, Markdown and LaTeX.

CSV has every number at full precision, a row for each model and part: both turns, each turn, each category. Markdown
and LaTeX are for people, with two decimals; in LaTeX the intervals stand below the numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longismore.reports._csv import csv_text, flat
from longismore.reports._escape import markdown_text
from longismore.reports._latex import latex_text
from longismore.reports._mtbench.rates import ModelRate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from longismore.reports._mtbench.grid import Cell, Grid
    from longismore.reports._mtbench.scores import Mean, ModelScore

__all__ = ["CAPTION", "grids_latex", "grids_markdown", "mtbench_csv"]

CAPTION = (
    "Means over all rows that the judge scored, as in FastChat, with 95% intervals clustered by question. Rows without "
    "a score or verdict enter no mean. In win rates a tie, and a turn on which the two orders differ, counts half."
)
_PARTS = ("first", "second")


def mtbench_csv(scores: Sequence[ModelScore] | Sequence[ModelRate]) -> str:
    """Write one row for each model and part; texts that a spreadsheet would run have an apostrophe in front.

    The column ``scope`` is ``both``, ``turn`` or ``category``, and ``part`` says which. Rates are 0..1. What is said of
    a model as a whole stands in its row ``both``.

    Args:
        scores: What `score_models` or `compare_models` gave.
    """
    return csv_text([row for score in scores for row in _csv_rows(score)])


def _csv_rows(score: ModelScore | ModelRate) -> Iterator[Mapping[str, Any]]:
    named = {"judge": score.judge, "model": score.model}
    whole: Mean
    if isinstance(score, ModelRate):
        named |= {"baseline": score.baseline or ""}
        whole, taken = score.adjusted, {"adjusted", "consistency"}
    else:
        whole, taken = score.both, {"both"}
    facts = {
        name: "; ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in score.to_dict().items()
        if name not in taken | {"categories", "first", "second", "n", *named}
    }
    if isinstance(score, ModelRate):
        facts |= {"consistency": score.consistency.mean, "consistency_ci": score.consistency.mean_ci}
    yield named | {"scope": "both", "part": ""} | dict(flat(whole.to_dict() | facts))
    for number, name in enumerate(_PARTS, 1):
        yield named | {"scope": "turn", "part": number} | dict(flat(getattr(score, name).to_dict()))
    for name, mean in score.categories.items():
        yield named | {"scope": "category", "part": name} | dict(flat(mean.to_dict()))


def grids_markdown(grids: Sequence[Grid], sentences: Sequence[str]) -> str:
    """Write GitHub-flavoured Markdown: a title and a table each, then a list of sentences and what the numbers mean.

    Args:
        grids: What `score_grids` or `rate_grids` gave.
        sentences: Differences and notes.
    """
    parts = []
    for grid in grids:
        lines = [["model", *map(markdown_text, grid.heads)], ["---", *["---:"] * len(grid.heads)]]
        lines += [[markdown_text(name), *map(_inline, cells)] for name, cells in grid.rows]
        parts.append(f"{markdown_text(grid.title)}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines))
    if sentences:
        parts.append("".join(f"- {markdown_text(sentence)}\n" for sentence in sentences))
    return "\n".join([*parts, f"{markdown_text(CAPTION)}\n"])


def _inline(cell: Cell) -> str:
    return f"{cell.value} ({cell.interval})" if cell.interval else cell.value


def grids_latex(grids: Sequence[Grid]) -> str:
    """Write tables for a paper, with the package booktabs; each is a ``tabular`` of one ``table*``.

    Args:
        grids: What `score_grids` or `rate_grids` gave.
    """
    lines = [
        "% needs \\usepackage{booktabs}; names with letters beyond Latin need LuaLaTeX or XeLaTeX",
        r"\begin{table*}[htbp]",
        r"\centering\small\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{latex_text(CAPTION)}}}",
        r"\label{tab:longismore-mt-bench}",
    ]
    for grid in grids:
        lines += [
            rf"\emph{{{latex_text(grid.title)}}}\par\smallskip",
            rf"\begin{{tabular}}{{@{{}}l{'r' * len(grid.heads)}@{{}}}}",
            r"\toprule",
            _latex_row(["model", *grid.heads]),
            r"\midrule",
        ]
        for name, cells in grid.rows:
            lines.append(_latex_row([name, *(cell.value for cell in cells)]))
            if any(cell.interval for cell in cells):
                lines.append(_latex_row(["", *(cell.interval for cell in cells)], size=r"\scriptsize "))
        lines += [r"\bottomrule", r"\end{tabular}\par\medskip"]
    return "".join(f"{line}\n" for line in [*lines, r"\end{table*}"])


def _latex_row(cells: Sequence[str], *, size: str = "") -> str:
    return " & ".join(f"{{{size if cell else ''}{latex_text(cell)}}}" for cell in cells) + r" \\"
