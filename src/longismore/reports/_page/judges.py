"""How far several judges of the same pairs agree, as a matrix of numbers whose shade goes with the agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._escape import html_text
from longismore.reports._page.frame import figure
from longismore.reports._page.swap import heat_cell
from longismore.reports._words import number, percent, percent_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longismore.reports._page.entry import Entry
    from longismore.reports.agreement import PairAgreement

__all__ = ["agreement_figures"]


def agreement_figures(entries: Sequence[Entry]) -> list[str]:
    """Draw one matrix for all judges of the same two models; nothing where each has one judge."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.judged.reference, entry.judged.candidate), []).append(entry)
    return [_matrix(group) for group in groups.values() if len(group) > 1]


def _matrix(entries: Sequence[Entry]) -> str:
    # Imported here: it needs numpy, and most pages have one judge.
    from longismore.reports.agreement import pair_agreement

    found = {
        (one.number, other.number): pair_agreement(one.judged.verdicts, other.judged.verdicts)
        for place, one in enumerate(entries)
        for other in entries[place + 1 :]
    }
    head = "".join(f'<th scope="col">{html_text(entry.judge)}</th>' for entry in entries)
    rows = "".join(
        f'<tr><th scope="row">{html_text(one.judge)}</th>{"".join(_cell(one, other, found) for other in entries)}</tr>'
        for one in entries
    )
    picture = (
        '<div class="scroll"><table class="matrix"><caption>Share of pairs with the same outcome; below it Cohen\'s '
        f"kappa</caption><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    explained = f'<p class="soft">{html_text(_caption(entries, found))}</p>'
    title = f"Agreement of the judges on {entries[0].models}"
    return figure(f'<div class="beside">{picture}{explained}</div>', title, "", wide=True)


def _cell(one: Entry, other: Entry, found: Mapping[tuple[int, int], PairAgreement]) -> str:
    if one is other:
        return "<td>\N{EN DASH}</td>"
    agreement = found.get((one.number, other.number)) or found[other.number, one.number]
    if agreement.agreement is None:
        return heat_cell("no shared pair", 0.0)
    kappa = f"\N{GREEK SMALL LETTER KAPPA} {number(agreement.cohen_kappa, 2)}".replace("-", "\N{MINUS SIGN}")
    return heat_cell(f"{percent(agreement.agreement)}%", agreement.agreement, more=kappa)


def _caption(entries: Sequence[Entry], found: Mapping[tuple[int, int], PairAgreement]) -> str:
    names = {entry.number: entry.judge for entry in entries}
    said = [
        f"{names[one]} and {names[other]}: {percent_interval(each.agreement, each.agreement_ci)}% of {each.n} pairs, "
        f"{percent_interval(each.agreement_decided, each.agreement_decided_ci)}% of the {each.n_decided} that neither "
        f"calls a tie, Krippendorff's alpha {_coefficient(each.krippendorff_alpha, each.krippendorff_alpha_ci)}"
        for (one, other), each in found.items()
        if each.n
    ]
    return "; ".join(_sentences(said)) + "."


def _sentences(said: Iterable[str]) -> list[str]:
    return list(said) or ["no pair was judged by two of them"]


def _coefficient(value: float | None, interval: tuple[float, float] | None) -> str:
    shown = number(value, 2)
    if interval is not None:
        shown += f" ({number(interval[0], 2)} to {number(interval[1], 2)})"
    return shown.replace("-", "\N{MINUS SIGN}")
