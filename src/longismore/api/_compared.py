"""What came out of judging pairs, as `compare` and `judge` give it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.api._shown import Shown
from longismore.records import Judged
from longismore.reports import name_text, results_table
from longismore.reports._facts import note_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.table import Table

    from longismore.comparison import Comparison
    from longismore.judges import Judge
    from longismore.records import Pair
    from longismore.reports import Rates, Results

__all__ = ["Compared", "comparison_html"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Compared(Shown):
    """One candidate against one reference, judged."""

    judged: Judged
    """What the judge said; `summarize`, `audit` and `gate` take it."""
    results: Results
    """Rates over all pairs and for each test set."""
    folder: Path | None
    """The run folder, where one was made."""
    usage: Mapping[str, object]
    """What the judge's calls of this process have taken: calls, tokens, US$."""

    @classmethod
    def of(cls, comparison: Comparison, pairs: Sequence[Pair], judge: Judge, run: Mapping[str, Any]) -> Compared:
        """Put together what is known of a comparison that was just made."""
        judged = Judged(
            judge=judge.name,
            fingerprint=judge.fingerprint,
            reference=pairs[0].reference.model,
            candidate=pairs[0].candidate.model,
            verdicts=tuple(comparison.verdicts),
            judgments=tuple(comparison.judgments),
            run=run,
            files=() if comparison.folder is None else (str(comparison.folder / "judgments.jsonl"),),
        )
        return cls(judged=judged, results=comparison.results, folder=comparison.folder, usage=judge.usage.to_dict())

    @property
    def rates(self) -> Rates:
        """The rates over all pairs."""
        return self.results.pooled

    def headline(self) -> str:
        """Say who was compared, by whom, and the answer."""
        judged = self.judged
        said = self.rates.length_verdict or "no result"
        names = f"{name_text(judged.candidate)} against {name_text(judged.reference)}, judged by"
        return f"{names} {name_text(judged.judge)}: {said}"

    def to_dict(self) -> dict[str, Any]:
        """Give names, run folder, usage and all rates as JSON knows them."""
        return {
            "judge": self.judged.judge,
            "fingerprint": self.judged.fingerprint,
            "reference": self.judged.reference,
            "candidate": self.judged.candidate,
            "folder": None if self.folder is None else str(self.folder),
            "usage": dict(self.usage),
            **self.results.to_dict(),
        }

    def __rich__(self) -> Table:
        judged = self.judged
        names = {"reference": judged.reference, "candidate": judged.candidate, "judge": judged.judge}
        return results_table(self.results, **names, note=note_of(judged.run))

    def _html(self) -> list[str]:
        return comparison_html(self.judged, self.results)


def comparison_html(judged: Judged, results: Results) -> list[str]:
    """Answer the question, and show the rates as a table and as pictures."""
    # Imported here: what shows nothing needs none of it.
    from longismore.api._fragment import heading
    from longismore.reports._page.bars import bars, forest
    from longismore.reports._page.entry import make_entries
    from longismore.reports._page.frame import figure, figures, table
    from longismore.reports._page.head import answer
    from longismore.reports._words import named_rates
    from longismore.reports.tables import RATE_HEADS, rate_cells

    (entry,) = make_entries([judged], [results])
    parts = [heading(entry.models, f"judged by {entry.judge}"), answer(entry)]
    if entry.rates.n:
        parts.append(
            figures(
                [
                    figure(bars(results), "Wins, ties and losses of the candidate", "", wide=True),
                    figure(forest(results), "Raw and length-controlled win rates", "", wide=True),
                ]
            )
        )
    rows = [rate_cells(name, rates) for name, rates in named_rates(results)]
    return [*parts, table("Rates, with 95% intervals", RATE_HEADS, [("", rows)])]
