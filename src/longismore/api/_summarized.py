"""What verdicts mean, as `summarize` gives it back and as its command prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.api._compared import comparison_html
from longismore.api._shown import Shown
from longismore.reports import name_text, printable, results_table
from longismore.reports._facts import note_of
from longismore.reports._words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Group, RenderableType

    from longismore.records import Judged
    from longismore.reports import PairedComparison, Ratings, Results

__all__ = ["Summarized"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Summarized(Shown):
    """Rates of one comparison or of several, with what links them."""

    judged: Sequence[Judged]
    results: Sequence[Results]
    """Of each comparison."""
    paired: Sequence[PairedComparison]
    """Candidates of one judge and reference, two by two."""
    ratings: Sequence[Ratings]
    """Of each judge that compared more than two models."""
    official: Sequence[Mapping[str, float] | None]
    """alpaca_eval's own length control of each comparison, where it was asked for."""

    def headline(self) -> str:
        """Say what was summarized, and of a single comparison its answer."""
        if len(self.judged) > 1:
            judges = len({each.judge for each in self.judged})
            return f"{len(self.judged)} comparisons by {counted(judges, 'judge')}"
        only = self.judged[0]
        said = self.results[0].pooled.length_verdict or "no result"
        return f"{name_text(only.candidate)} against {name_text(only.reference)}: {said}"

    def to_dict(self) -> dict[str, Any]:
        """Give one comparison as ``compare --json`` does, with its names; several as a list of them."""
        comparisons = [
            {
                "judge": each.judge,
                "fingerprint": each.fingerprint,
                "reference": each.reference,
                "candidate": each.candidate,
                "files": list(each.files),
            }
            | ({} if official is None else {"official": dict(official)})
            | results.to_dict()
            for each, results, official in zip(self.judged, self.results, self.official, strict=True)
        ]
        if len(comparisons) == 1:
            return comparisons[0]
        return {
            "comparisons": comparisons,
            "paired": [each.to_dict() for each in self.paired],
            "ratings": [each.to_dict() for each in self.ratings],
        }

    def __rich__(self) -> Group:
        from rich.console import Group

        return Group(*self._parts())

    def _parts(self) -> Iterator[RenderableType]:
        from rich.text import Text

        for each, results, official in zip(self.judged, self.results, self.official, strict=True):
            names = {"reference": each.reference, "candidate": each.candidate, "judge": each.judge}
            yield results_table(results, **names, note=note_of(each.run))
            if official is not None:
                yield Text(_official(official))
            yield Text()
        for heading, sentences in self._said():
            yield Text(heading, style="bold")
            for sentence in sentences:
                yield Text(printable(f"- {sentence}"))

    def _said(self) -> Iterator[tuple[str, list[str]]]:
        """What is said of several comparisons together, below its heading."""
        if self.paired:
            yield "Candidates in pairs", [sentence for each in self.paired for sentence in each.sentences()]
        if self.ratings:
            yield "Ratings", [sentence for each in self.ratings for sentence in each.sentences()]

    def _html(self) -> list[str]:
        # Imported here: what shows nothing needs none of it.
        from longismore.api._fragment import heading, listed

        official = [_official(each) for each in self.official if each is not None]
        if len(self.judged) == 1:
            return [*comparison_html(self.judged[0], self.results[0]), listed(official)]
        parts = [heading(self.headline()), *self._overview(), listed(official)]
        for title, sentences in self._said():
            parts += [heading(title), listed(sentences)]
        return parts

    def _overview(self) -> list[str]:
        from longismore.reports._page.bars import forest_rows
        from longismore.reports._page.entry import by_rate, make_entries, short_name
        from longismore.reports._page.frame import figure, figures
        from longismore.reports._page.head import overview_table, sentences

        entries = make_entries(self.judged, self.results)
        picture = forest_rows([(short_name(entry, entries), entry.rates) for entry in by_rate(entries)])
        drawn = figure(picture, "Raw and length-controlled win rates, with 95% intervals", "", wide=True)
        return [sentences(entries), figures([drawn]), overview_table(entries)]


def _official(found: Mapping[str, float]) -> str:
    shown, raw = f"{found['length_controlled_winrate']:.2f}%", f"{found['win_rate']:.2f}%"
    return f"note: alpaca_eval's own length_controlled_v1: {shown} (its raw win rate: {raw})"
