"""Comparisons as a LaTeX table (package booktabs) that a paper can take in as it is.

Every name is untrusted: characters with a meaning in LaTeX are written out, and each cell stands in braces, because a
row that begins with ``[`` or ``*`` would be read as an argument of the line break before it. Letters beyond Latin are
kept, so LuaLaTeX or XeLaTeX is needed where names have them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from longismore.reports._escape import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Group", "latex_document", "latex_text"]

_WRITTEN = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # babel gives these a meaning in some languages
    '"': r"\char34{}",
    "`": r"\char96{}",
    "\N{EN DASH}": "--",
    "\N{MINUS SIGN}": "$-$",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{REPLACEMENT CHARACTER}": "?",
}
_LIGATURES = "-,'"
"""Two of them would become another character."""


class Group(NamedTuple):
    """The rows of one comparison."""

    title: str
    rows: Sequence[Sequence[str]]
    note: str


def latex_text(value: object) -> str:
    """Write *value* as text on one line."""
    line = " ".join(printable(value).split())
    return "".join(
        _WRITTEN.get(letter, letter) + ("{}" if letter in _LIGATURES and after in _LIGATURES else "")
        for letter, after in zip(line, f"{line[1:]} ", strict=False)
    )


def latex_document(heads: Sequence[str], groups: Sequence[Group], *, caption: str) -> str:
    """Write a table of groups of rows, each under its title, and their notes below.

    Args:
        heads: Of the columns.
        groups: Plain text, like *heads* and *caption*.
        caption: What stands above the table.
    """
    # The first column and the last two hold words.
    alignment = "l" + "r" * (len(heads) - 3) + "ll"
    lines = [
        "% needs \\usepackage{booktabs}; names with letters beyond Latin need LuaLaTeX or XeLaTeX",
        r"\begin{table}[htbp]",
        r"\centering\small",
        rf"\caption{{{latex_text(caption)}}}",
        r"\label{tab:longismore}",
        rf"\begin{{tabular}}{{@{{}}{alignment}@{{}}}}",
        r"\toprule",
        _row(heads),
    ]
    for group in groups:
        title = latex_text(group.title)
        lines += [r"\midrule", rf"\multicolumn{{{len(heads)}}}{{@{{}}l@{{}}}}{{\emph{{{title}}}}} \\", r"\addlinespace"]
        lines += [_row(row) for row in group.rows]
    notes = [rf"\emph{{{latex_text(group.title)}}}: {latex_text(group.note)}\par" for group in groups]
    lines += [r"\bottomrule", r"\end{tabular}", r"\par\smallskip"]
    lines += [r"\begin{minipage}{\linewidth}\footnotesize\raggedright", *notes, r"\end{minipage}", r"\end{table}"]
    return "".join(f"{line}\n" for line in lines)


def _row(cells: Sequence[str]) -> str:
    return " & ".join(f"{{{latex_text(cell)}}}" for cell in cells) + r" \\"
