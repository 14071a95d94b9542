"""What happened to the verdicts when the answers changed places."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from longismore.records import Outcome
from longismore.reports._escape import html_text
from longismore.reports._page.frame import figure
from longismore.reports._words import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Verdict

__all__ = ["heat_cell", "swap_counts", "swap_figure"]

_EVEN = 0.5
_SHADES = 10


def swap_counts(verdicts: Sequence[Verdict]) -> dict[tuple[Outcome, Outcome], int]:
    """Count judged pairs by what the reference-first and the candidate-first call said of the candidate."""
    counts = Counter(
        (_said(first), _said(second))
        for first, second in (verdict.preferences for verdict in verdicts)
        if first is not None and second is not None
    )
    return {(first, second): counts[first, second] for first in Outcome for second in Outcome}


def _said(preference: float) -> Outcome:
    if preference == _EVEN:
        return Outcome.TIE
    return Outcome.WIN if preference > _EVEN else Outcome.LOSE


def heat_cell(shown: str, share: float, *, more: str = "", mark: str = "") -> str:
    """Give a cell whose shade goes with a share of 0..1; what it says stands in it."""
    shade = f"h{round(_SHADES * min(max(share, 0.0), 1.0))}"
    detail = f"<span>{html_text(more)}</span>" if more else ""
    return f'<td class="heat {shade}{mark and " " + mark}"><b>{html_text(shown)}</b>{detail}</td>'


def swap_figure(verdicts: Sequence[Verdict]) -> str:
    """Show how often each outcome of one order met each outcome of the other; nothing where one order was asked."""
    counts = swap_counts(verdicts)
    total = sum(counts.values())
    if not total:
        return ""
    top = max(counts.values())
    head = "".join(f'<th scope="col">{outcome}</th>' for outcome in Outcome)
    rows = "".join(
        f'<tr><th scope="row">{first}</th>'
        + "".join(_cell(counts[first, second], total, top, same=first is second) for second in Outcome)
        + "</tr>"
        for first in Outcome
    )
    picture = (
        '<div class="scroll"><table class="matrix"><caption>What the judge said of the candidate: rows with the '
        "reference shown first, columns with the candidate shown first</caption>"
        '<thead><tr><td></td><th colspan="3" scope="colgroup">candidate shown first</th></tr>'
        f'<tr><th scope="col">reference shown first</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
    explained = f'<p class="soft">{html_text(_caption(counts, total))}</p>'
    return figure(f'<div class="beside">{picture}{explained}</div>', "Does the order matter?", "", wide=True)


def _cell(count: int, total: int, top: int, *, same: bool) -> str:
    return heat_cell(str(count), count / top, more=f"{percent(count / total)}%", mark="same" if same else "")


def _caption(counts: dict[tuple[Outcome, Outcome], int], total: int) -> str:
    kept = sum(count for (first, second), count in counts.items() if first is second)
    first_shown, second_shown = counts[Outcome.LOSE, Outcome.WIN], counts[Outcome.WIN, Outcome.LOSE]
    return (
        f"In {kept} of {total} pairs ({percent(kept / total)}%, framed) both orders say the same. In {first_shown} "
        f"pairs the answer shown first won both times, in {second_shown} the one shown second: these are ties, and say "
        "more of the judge than of the answers."
    )
