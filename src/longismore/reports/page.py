"""The report: one HTML page that loads nothing, to be read on any screen and printed.

It answers the question first, then shows what the answer rests on: rates of every test set, what length does to
them, what the order does to them, how far judges agree, what was not judged, how to repeat it, and all pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._page.bars import bars, forest, forest_rows
from longismore.reports._page.curve import curve_figure
from longismore.reports._page.entry import by_rate, make_entries, short_name
from longismore.reports._page.frame import document, figure, figures, section
from longismore.reports._page.head import answer, contents, head, overview_table, sentences, subtitle_of, title_of
from longismore.reports._page.judges import agreement_figures
from longismore.reports._page.length import length_figure
from longismore.reports._page.numbers import numbers_table
from longismore.reports._page.pairs import pairs_section
from longismore.reports._page.ratings import ratings_tables
from longismore.reports._page.repeat import method_section, repeat_section
from longismore.reports._page.swap import swap_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judged
    from longismore.reports._page.entry import Entry
    from longismore.reports.winrate import Results

__all__ = ["report_page"]


def report_page(
    judged: Sequence[Judged],
    results: Sequence[Results],
    *,
    title: str | None = None,
    command: Sequence[str] | None = None,
) -> str:
    """Write the page.

    Args:
        judged: What the judges said; one or more.
        results: What `summarize` gave for the verdicts of each, in the same order.
        title: Of the page; default: the models that are compared.
        command: The command line that makes the page.

    Raises:
        DataError: There are not as many results as comparisons.
    """
    entries = make_entries(judged, results)
    shown = title_of(entries, title)
    body = [head(shown, subtitle_of(entries, title))]
    body += _one(entries[0]) if len(entries) == 1 else _several(entries)
    body += [method_section(), repeat_section(entries, command), pairs_section(entries)]
    return document(shown, body)


def _one(entry: Entry) -> list[str]:
    return [answer(entry), section("result", "What the answer rests on", _rests_on(entry))]


def _several(entries: Sequence[Entry]) -> list[str]:
    agreement = agreement_figures(entries)
    overview = [
        figure(
            forest_rows([(short_name(entry, entries), entry.rates) for entry in by_rate(entries)]),
            "Raw and length-controlled win rates",
            "All pairs of each comparison, with 95% intervals; the dashed line is 50%.",
            wide=True,
        ),
        overview_table(entries),
    ]
    links = [("overview", "all comparisons")]
    links += [("judges", "agreement of the judges")] if agreement else []
    links += [(f"comparison-{entry.number}", short_name(entry, entries)) for entry in entries]
    links += [("method", "method"), ("repeat", "how to repeat"), ("pairs", "the pairs")]
    return [
        sentences(entries),
        contents(links),
        section("overview", "All comparisons", [*overview, *ratings_tables(entries)]),
        section("judges", "Do the judges agree?", [figures(agreement)] if agreement else []),
        *(
            section(f"comparison-{entry.number}", entry.title, [answer(entry), *_rests_on(entry)], mark="comparison")
            for entry in entries
        ),
    ]


def _rests_on(entry: Entry) -> list[str]:
    if not entry.rates.n:
        return [numbers_table(entry)]
    verdicts = entry.judged.verdicts
    drawn = [
        figure(
            bars(entry.results),
            "Wins, ties and losses of the candidate",
            "The dot is the win rate, a tie counting half, with its 95% interval; the dashed line is 50%.",
            wide=True,
        ),
        figure(
            forest(entry.results),
            "Raw and length-controlled win rates",
            "How much of the win rate is left when both answers are equally long; lines are 95% intervals.",
            wide=True,
        ),
        curve_figure(entry.rates),
        length_figure(verdicts, entry.rates),
        swap_figure(verdicts),
    ]
    return [figures(drawn), numbers_table(entry)]
