"""A study's results in words, the same in the terminal, in Markdown and on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._escape import name_text
from longismore.reports._paired.words import p_text
from longismore.reports._words import number, percent, percent_sentence, times

if TYPE_CHECKING:
    from longismore.reports._study.rows import Floor, Overlap, SelectionCost, StudyResults, StudyRow

__all__ = [
    "caveats",
    "cost_text",
    "floor_sentence",
    "general_notes",
    "overlap_text",
    "row_name",
    "row_sentence",
    "shared_caveats",
    "verdict_text",
]

_EVEN = 0.5
_FEWEST, _ENOUGH = 2, 3
_UNJUDGED = 0.02
_LONGEST = 500
"""Characters of a message."""
_NO_OVERLAP = "lengths hardly overlap"
_DASH = "\N{EN DASH}"


def row_name(row: StudyRow, results: StudyResults) -> str:
    """Name a row by its strategy, and by what else tells it from the others."""
    parts = [name_text(row.strategy)]
    if len({one.budget for one in results.rows}) > 1:
        parts.append(f"{row.budget:,}")
    if len({one.data for one in results.rows}) > 1:
        parts.append(name_text(row.data))
    return ", ".join(parts)


def row_sentence(row: StudyRow) -> str:
    """Say what a row says in numbers."""
    rates = row.estimate.rates
    if not rates.n:
        return "no pair was judged"
    raw, controlled = (
        f"{word} {percent_sentence(rate, interval)}{'' if p is None else f', {p_text(p)} after Holm'}"
        for word, rate, interval, p in (
            ("raw", rates.win_rate, rates.win_rate_ci, row.p_value_holm),
            ("at equal length", rates.lc_win_rate, rates.lc_win_rate_ci, row.lc_p_value_holm),
        )
    )
    return f"{raw}; {controlled}; answers {times(rates.length_ratio)} as long as random's"


def verdict_text(row: StudyRow) -> str:
    """Give the answer, or say that there is none yet."""
    return row.answer if row.estimate.matches else "not judged yet"


def caveats(row: StudyRow) -> list[str]:
    """Say what to beware of in a row."""
    rates, said = row.estimate.rates, []
    if not rates.n:
        return []
    if row.estimate.trials < _FEWEST:
        said.append("one random trial: how far random selections lie apart is unknown, so nothing is claimed")
    if row.floor is not None:
        inside = _inside(row.floor, rates.win_rate, rates.lc_win_rate)
        if inside:
            said.append(inside)
    if len(row.estimate.matches) < row.wanted:
        said.append(f"{len(row.estimate.matches)} of {row.wanted} matches are done")
    if rates.unjudged is not None and rates.unjudged > _UNJUDGED:
        said.append(f"{rates.pairs - rates.n} of {rates.pairs} pairs are not judged and enter no rate")
    if rates.length_warning:
        said.append(_short(rates.length_warning))
    return said


def _short(warning: str) -> str:
    """Give what a warning says without the numbers of its row."""
    told = warning.partition(" (")[0].partition(":")[0]
    return f"{told}: little can be said at equal length" if told == _NO_OVERLAP else told


def shared_caveats(results: StudyResults) -> list[str]:
    """Say of all rows what to beware of, each thing once, with the rows that it concerns."""
    concerned: dict[str, list[str]] = {}
    for row in results.rows:
        for said in caveats(row):
            concerned.setdefault(said, []).append(row_name(row, results))
    everyone = len(results.rows)
    return [f"{'all' if len(names) == everyone > 1 else '; '.join(names)}: {said}" for said, names in concerned.items()]


def _inside(floor: Floor, raw: float | None, controlled: float | None) -> str:
    """Say which rates are no farther from 50 % than random from random."""
    found = [
        word
        for word, rate, edge in (("raw", raw, floor.raw), ("at equal length", controlled, floor.controlled))
        if rate is not None and edge is not None and abs(rate - _EVEN) <= edge
    ]
    if not found:
        return ""
    return f"{' and '.join(found)} no farther from 50% than one random trial from another"


def floor_sentence(floor: Floor) -> str:
    """Say how far random trials lie apart."""
    known = [match for match in floor.matches if match.win_rate is not None]
    if not known:
        return "no two random trials were judged against each other: how much chance alone does is unknown"
    raw = ", ".join(percent(match.win_rate) for match in known)
    controlled = ", ".join(percent(match.lc_win_rate) for match in known)
    return f"random against random: raw {raw}%; at equal length {controlled}%"


def general_notes(results: StudyResults) -> list[str]:
    """Say what holds for all rows."""
    notes = []
    if results.note:
        notes.append(name_text(results.note, _LONGEST))
    if results.trials < _ENOUGH:
        notes.append(
            f"{results.trials} random trials say little of how far random selections lie apart, and an interval may "
            "well be too narrow; three or more are better (trials: 3)"
        )
    if len(results.seeds) < _FEWEST:
        notes.append(
            "one training seed: the answers are about these models; how another training of the same rows would do is "
            "not known (seeds: [0, 1, 2])"
        )
    if results.waiting:
        notes.append(f"{len(results.waiting)} matches are not judged yet; the same command goes on with them")
    notes += [
        f"{name_text(trouble.name)} failed while {name_text(trouble.stage)}: {name_text(trouble.error, _LONGEST)}"
        for trouble in results.troubles
    ]
    return notes


def overlap_text(overlaps: tuple[Overlap, ...], other: str) -> str:
    """Give rows shared with another selection, and what two random draws would share."""
    found = next((overlap for overlap in overlaps if overlap.other == other), None)
    if found is None:
        return _DASH
    chance = "" if found.by_chance is None else f" ({number(found.by_chance, 1)} by chance)"
    shown = f"{found.count:g}" if float(found.count).is_integer() else f"{found.count:.1f}"
    return f"{shown}{chance}"


def cost_text(cost: SelectionCost | None) -> str:
    """Give what a selection took in a few words."""
    if cost is None:
        return _DASH
    parts = []
    if cost.scored or cost.from_store:
        stored = f", {cost.from_store:,} from the store" if cost.from_store else ""
        parts.append(f"{cost.scored or 0:,} scores{stored}")
    if cost.calls is None:
        parts.append("what its scores cost is unknown")
    elif cost.calls:
        price = "cost unknown" if cost.cost_usd is None else f"US$ {cost.cost_usd:,.2f}"
        parts.append(f"{cost.calls:,} calls, {price}")
    if cost.seconds is not None:
        parts.append(f"{cost.seconds:,.1f} s")
    return ", ".join(parts) or _DASH
