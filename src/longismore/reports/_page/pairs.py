"""The pairs on the page: all of them as data for its script, and the first few as they are for readers without one.

The data is JSON in an element that no browser runs; ``<`` is written as an escape there, so that no text can end the
element. The script puts every text into the page as text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from longismore.records import Outcome
from longismore.reports._escape import html_text, name_text
from longismore.reports._page.frame import section
from longismore.reports._page.texts import Texts
from longismore.reports._page.views import make_views

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longismore.reports._page.entry import Entry
    from longismore.reports._page.views import Said, View

__all__ = ["pairs_section"]

_STATIC = 10
"""Pairs that stand in the page itself."""
_START = 160
"""Characters of the prompt on the closed line."""
_MOST = 50_000
"""Pairs in one page."""
_ORDERS = ("reference first", "candidate first")
_VERDICTS = (*(outcome.value for outcome in Outcome), "not judged")
_LENGTHS = {
    "": "any",
    "longer": "candidate longer",
    "longer2": "at least 2x as long",
    "shorter": "candidate shorter",
    "shorter2": "at most half as long",
    "similar": "within 10%",
}
_PAGER = (
    '<div id="pager" class="pager" hidden><button type="button">previous</button><span></span>'
    '<button type="button">next</button></div>'
)
_SORTS = {"most": "most different", "least": "most alike", "file": "as in the files"}


def pairs_section(entries: Sequence[Entry]) -> str:
    """Show all pairs, closed, with search and filters; say what is cut or left out."""
    every = make_views(entries)
    if not every:
        return ""
    views = every[:_MOST]
    texts = Texts()
    rows = _Rows(texts, views)
    data = {"pairs": [rows.row(view) for view in views], **rows.names()}
    cap = texts.cap()
    data["texts"] = texts.shown(cap)
    first = sorted(views, key=lambda view: -abs(view.difference))[:_STATIC]
    rest = len(views) - len(first)
    missing = f"Search, filters and the other {rest} pairs need" if rest else "Search and filters need"
    largest = f"; below are the {len(first)} pairs with the largest length difference" if rest else ""
    parts = [
        f'<p class="soft">{_counted(len(every), len(views))}</p>',
        f'<p id="unscripted">{missing} JavaScript{largest}.</p>',
        _filters(rows),
        f'<p id="pair-count" class="soft" role="status"></p><div id="pair-list">{_static(first, cap)}</div>',
        _PAGER,
        f'<script type="application/json" id="pair-data">{_embedded(data)}</script>',
    ]
    return section("pairs", "The pairs", parts)


def _counted(every: int, shown: int) -> str:
    left_out = f" The first {shown} are here." if shown < every else ""
    return (
        f"{every} {'pair' if every == 1 else 'pairs'}.{left_out} Each mark is the verdict on the candidate; where the "
        "two orders differ, both follow in brackets, reference first."
        '<span class="printed"> Only opened pairs are printed.</span>'
    )


def _embedded(data: dict[str, Any]) -> str:
    """Write JSON that no text inside can end: neither ``</script>`` nor ``<!--`` is possible without ``<``."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


class _Rows:
    """Pairs as the script reads them: names and texts are numbers in the lists beside."""

    def __init__(self, texts: Texts, views: Iterable[View]) -> None:
        self._texts = texts
        views = list(views)
        self.testsets = _numbered(view.testset for view in views)
        self.models = _numbered((view.models, view.reference, view.candidate) for view in views)
        self.judges = _numbered(said.judge for view in views for said in view.said)

    def names(self) -> dict[str, Any]:
        """Give the lists, as they may be shown."""
        return {
            "testsets": [name_text(name) for name in self.testsets],
            "models": [[reference, candidate] for _, reference, candidate in self.models],
            "judges": list(self.judges),
        }

    def row(self, view: View) -> dict[str, Any]:
        """Give one pair."""
        return {
            "set": self.testsets[view.testset],
            "models": self.models[view.models, view.reference, view.candidate],
            "name": view.name,
            "prompt": self._texts.add(view.prompt),
            "answers": [self._texts.add(answer) for answer in view.answers],
            "chars": view.chars,
            "said": [self._said(said) for said in view.said],
        }

    def _said(self, said: Said) -> list[Any]:
        calls = [None if call is None else [call.said, call.scores, self._texts.add(call.completion)]
                 for call in said.calls]  # fmt: skip
        return [self.judges[said.judge], said.outcome or "not judged", said.shown, *calls]


def _numbered(names: Iterable[Any]) -> dict[Any, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _filters(rows: _Rows) -> str:
    """Offer what can be chosen; hidden until the script has made it work."""
    selects = [
        _select("testset", "test set", _all(name_text(name) for name in rows.testsets)),
        _select("models", "models", _all(models for models, *_ in rows.models)),
        _select("judge", "judge", _all(rows.judges)),
    ]
    differ = {"": "any", "orders": "orders differ", "reversed": "orders are reversed"}
    differ |= {"judges": "judges differ"} if len(rows.judges) > 1 else {}
    return (
        '<div id="filters" class="filters" role="search" aria-label="pairs" hidden><label class="search">search'
        '<input type="search" placeholder="prompt, answers, judge\'s words"></label>'
        + "".join(selects)
        + _select("verdict", "verdict", {"": "any"} | {name: name for name in _VERDICTS}, least=0)
        + _select("length", "length", _LENGTHS, least=0)
        + _select("differ", "disagreement", differ, least=0)
        + _select("sort", "sorted by length", _SORTS, least=0)
        + "</div>"
    )


def _all(names: Iterable[str]) -> dict[str, str]:
    return {"": "all"} | {str(number): name for number, name in enumerate(names)}


def _select(name: str, label: str, options: dict[str, str], *, least: int = 2) -> str:
    """Offer a choice; nothing where there is less than that to choose from."""
    if len(options) <= least:
        return ""
    inside = "".join(f'<option value="{value}">{html_text(text)}</option>' for value, text in options.items())
    return f'<label>{label}<select id="{name}">{inside}</select></label>'


def _static(views: Sequence[View], cap: int) -> str:
    return "".join(_pair(view, cap) for view in views)


def _pair(view: View, cap: int) -> str:
    start = name_text(view.prompt[:_START], _START)
    sides = "".join(
        f"<div><h3>{side}: <bdi>{html_text(model)}</bdi>, {chars} characters</h3>{_text(answer, cap)}</div>"
        for side, model, chars, answer in zip(
            ("reference", "candidate"), (view.reference, view.candidate), view.chars, view.answers, strict=True
        )
    )
    several = len(view.said) > 1
    return (
        f'<details class="pair"><summary><span class="name"><bdi>{html_text(view.name)}</bdi></span>'
        f'<span class="start"><bdi>{html_text(start)}</bdi></span><span class="difference">{view.difference:+d} chars'
        f'</span><span class="chips">{"".join(_chip(said, several=several) for said in view.said)}</span></summary>'
        f"<h3>prompt</h3>{_text(view.prompt, cap)}"
        f'<div class="sides">{sides}</div>{"".join(_completions(said, cap) for said in view.said)}</details>'
    )


def _chip(said: Said, *, several: bool) -> str:
    by = f'<span class="by"><bdi>{html_text(said.judge)}</bdi></span>' if several else ""
    return f'{by}<span class="chip {said.outcome or "none"}">{said.shown}</span>'


def _completions(said: Said, cap: int) -> str:
    return "".join(
        f'<details class="call"><summary><bdi>{html_text(said.judge)}</bdi>, {order}: {call.said}{call.scores}'
        f"</summary>{_text(call.completion, cap, none='no text')}</details>"
        for order, call in zip(_ORDERS, said.calls, strict=True)
        if call is not None
    )


def _text(text: str | None, cap: int, *, none: str = "the files keep no text") -> str:
    """Show *text* as it is, with the direction of its own script."""
    if text is None or not text.strip():
        said = none if text is None else "only white space" if text else "empty"
        return f'<p class="nothing">({said})</p>'
    cut = len(text) - cap
    more = f'<p class="soft">{cut} more characters are in the files.</p>' if cut > 0 else ""
    shown = html_text(text[:cap])
    start = "\n" if shown.startswith("\n") else ""  # HTML drops the first one
    return f'<pre dir="auto">{start}{shown}</pre>{more}'
