"""The head of the page: who against whom by whom, the answer, the figures that carry it, and what to beware of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._escape import html_text, name_text
from longismore.reports._facts import note_of
from longismore.reports._page.entry import by_rate, short_name
from longismore.reports._page.frame import table
from longismore.reports._words import (
    BETTER_OR_LONGER,
    BY_THEMSELVES,
    LENGTH,
    explain,
    percent,
    percent_interval,
    percent_sentence,
    times,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.reports._page.entry import Entry
    from longismore.reports.winrate import Rates

__all__ = ["answer", "contents", "head", "overview_table", "sentences", "subtitle_of", "title_of"]

_KINDS = {"better": "win", "worse": "lose", "only longer": "tie", "cannot tell": "tie"}
"""What the answers look like."""
"""How the sentences begin that are no warnings: the first stands above them already."""


def head(title: str, subtitle: str) -> str:
    """Say what the page is about."""
    return f'<header><h1>{html_text(title)}</h1><p class="soft">{html_text(subtitle)}</p></header>'


def title_of(entries: Sequence[Entry], given: str | None) -> str:
    """Name the page: as it was given, or by the models that are compared."""
    return name_text(given or "") or _models(entries)


def _models(entries: Sequence[Entry]) -> str:
    models = list(dict.fromkeys(entry.models for entry in entries))
    if len(models) == 1:
        return models[0]
    references = list(dict.fromkeys(entry.reference for entry in entries))
    candidates = len({entry.candidate for entry in entries})
    return f"{candidates} models against {references[0] if len(references) == 1 else f'{len(references)} references'}"


def subtitle_of(entries: Sequence[Entry], title: str | None) -> str:
    """Say who judged, and of a page with a title of its own what."""
    judges = ", ".join(dict.fromkeys(entry.judge for entry in entries))
    models = f"{_models(entries)}, " if title else ""
    run = name_text(entries[0].judged.run.get("name") or "") if len(entries) == 1 else ""
    return f"{models}judged by {judges}" + (f" \N{MIDDLE DOT} {run}" if run else "")


def answer(entry: Entry) -> str:
    """Answer the question in a word and its reason, with the numbers below and the warnings after them."""
    rates = entry.rates
    result, *_ = explain(entry.results)
    verdict, kind = _verdict(rates), _KINDS.get(rates.length_verdict or "", "tie")
    reason = rates.length_reason or result
    notes = "".join(_note(sentence) for sentence in _notes(entry))
    return (
        f'<p class="answer {kind}"><strong>{html_text(verdict)}</strong> <span>{html_text(reason)}</span></p>'
        f"{_tiles(rates)}" + (f'<ul class="notes">{notes}</ul>' if notes else "")
    )


def _verdict(rates: Rates) -> str:
    return (rates.length_verdict or "no result").capitalize()


def _notes(entry: Entry) -> list[str]:
    """List what else there is to say: what length is worth, and what to beware of."""
    _, *sentences = explain(entry.results, note=note_of(entry.judged.run))
    return [sentence for sentence in sentences if not sentence.startswith(BETTER_OR_LONGER)]


def _note(sentence: str) -> str:
    kind = ' class="plain"' if sentence.startswith((LENGTH, BY_THEMSELVES)) else ""
    return f"<li{kind}>{html_text(sentence)}</li>"


def _tiles(rates: Rates) -> str:
    if not rates.n:
        return ""
    tiles = [
        ("length-controlled win rate", f"{percent(rates.lc_win_rate)}%", _limits(rates.lc_win_rate_ci)),
        ("raw win rate", f"{percent(rates.win_rate)}%", _limits(rates.win_rate_ci)),
        ("length of the answers", times(rates.length_ratio), "of the reference's characters"),
        _order(rates),
        ("pairs judged", str(rates.n), f"of {rates.pairs}, {rates.clusters} distinct prompts"),
    ]
    items = "".join(
        f"<div><dt>{html_text(name)}</dt><dd><b>{html_text(value)}</b> <span>{html_text(more)}</span></dd></div>"
        for name, value, more in tiles
    )
    return f'<dl class="tiles">{items}</dl>'


def _order(rates: Rates) -> tuple[str, str, str]:
    if rates.swap_consistency is None:
        return "order of the answers", "one", "nothing is known of the other"
    return "same verdict in both orders", f"{percent(rates.swap_consistency)}%", _limits(rates.swap_consistency_ci)


def _limits(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{percent(interval[0])}\N{EN DASH}{percent(interval[1])} (95%)"


def overview_table(entries: Sequence[Entry]) -> str:
    """Show one row a comparison, the best first, with its answer; what is the same in all rows is left out."""
    columns: list[tuple[str, Callable[[Entry], object]]] = [
        ("candidate", lambda entry: entry.candidate),
        ("reference", lambda entry: entry.reference),
        ("judge", lambda entry: entry.judge),
        ("answer", lambda entry: entry.rates.length_verdict or "no result"),
        ("LC win rate %", lambda entry: percent_interval(entry.rates.lc_win_rate, entry.rates.lc_win_rate_ci)),
        ("raw win rate %", lambda entry: percent_interval(entry.rates.win_rate, entry.rates.win_rate_ci)),
        ("chars ratio", lambda entry: times(entry.rates.length_ratio)),
        ("kept %", lambda entry: percent(entry.rates.swap_consistency)),
        ("pairs", lambda entry: entry.rates.n),
    ]
    names = [(name, value) for name, value in columns[:3] if len({value(entry) for entry in entries}) > 1]
    shown = [*(names or columns[:1]), *columns[3:]]
    rows = [[value(entry) for _, value in shown] for entry in by_rate(entries)]
    caption = "All comparisons, sorted by length-controlled (LC) win rate, with 95% intervals"
    return table(caption, [name for name, _ in shown], [("", rows)])


def contents(links: Sequence[tuple[str, str]]) -> str:
    """List the sections of a long page."""
    items = "".join(f'<li><a href="#{name}">{html_text(title)}</a></li>' for name, title in links)
    return f'<nav aria-label="contents"><ul>{items}</ul></nav>'


def sentences(entries: Sequence[Entry]) -> str:
    """Answer for every comparison in one sentence, the best first."""
    items = "".join(_sentence(short_name(entry, entries), entry.rates) for entry in by_rate(entries))
    return f'<ul class="answers">{items}</ul>'


def _sentence(name: str, rates: Rates) -> str:
    told = (
        f"raw {percent_sentence(rates.win_rate, rates.win_rate_ci)}, "
        f"length-controlled {percent_sentence(rates.lc_win_rate, rates.lc_win_rate_ci)}, "
        f"answers {times(rates.length_ratio)} as long"
    )
    return f"<li>{html_text(name)}: <strong>{html_text(_verdict(rates).lower())}</strong>; {html_text(told)}</li>"
