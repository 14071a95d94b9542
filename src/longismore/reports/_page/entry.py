"""What one comparison is called on the page, and what its judge said of each pair."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.errors import DataError
from longismore.reports._escape import name_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged
    from longismore.reports.winrate import Rates, Results

__all__ = ["Entry", "by_rate", "make_entries", "short_name"]

_FINGERPRINT = 8
"""Characters that tell two settings of one judge apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One candidate against one reference by one judge, with its results; names are printable lines."""

    number: int
    """From 1, in the order in which they were given."""
    judged: Judged
    results: Results
    judge: str
    reference: str
    candidate: str

    @property
    def rates(self) -> Rates:
        """The pooled rates."""
        return self.results.pooled

    @property
    def models(self) -> str:
        """Who against whom."""
        return f"{self.candidate} against {self.reference}"

    @property
    def title(self) -> str:
        """Who against whom, and by whom."""
        return f"{self.models}, judged by {self.judge}"


def make_entries(judged: Sequence[Judged], results: Sequence[Results]) -> list[Entry]:
    """Name what is shown.

    Args:
        judged: What the judges said.
        results: What `summarize` gave for each, in the same order.

    Raises:
        DataError: The two differ in length.
    """
    if len(judged) != len(results):
        raise DataError(f"{len(judged)} comparisons with {len(results)} results: each comparison needs its own")
    settings = Counter(name for name, _ in {(each.judge, each.fingerprint) for each in judged})
    return [
        Entry(
            number=number,
            judged=each,
            results=result,
            judge=_judge(each, several=settings[each.judge] > 1),
            reference=name_text(each.reference) or "the reference",
            candidate=name_text(each.candidate) or "the candidate",
        )
        for number, (each, result) in enumerate(zip(judged, results, strict=True), start=1)
    ]


def _judge(judged: Judged, *, several: bool) -> str:
    name = name_text(judged.judge) or "an unnamed judge"
    if not several:
        return name
    return f"{name} ({name_text(judged.fingerprint or 'unknown settings', _FINGERPRINT)})"


def short_name(entry: Entry, entries: Sequence[Entry]) -> str:
    """Name a comparison by what tells it from the others."""
    one_pair = len({each.models for each in entries}) == 1
    if one_pair:
        return entry.judge
    one_judge = len({each.judge for each in entries}) == 1
    name = entry.candidate if len({each.reference for each in entries}) == 1 else entry.models
    return name if one_judge else f"{name}, by {entry.judge}"


def by_rate(entries: Sequence[Entry]) -> list[Entry]:
    """Sort by length-controlled win rate, the best first; those without a rate come last."""
    return sorted(entries, key=lambda entry: (entry.rates.lc_win_rate is None, -(entry.rates.lc_win_rate or 0.0)))
