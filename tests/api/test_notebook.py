"""What a notebook shows: escaped, closed, by itself, and without a trace in the rest of the page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import longismore
from hostile import HOSTILE, UNPRINTABLE
from longismore.api import Compared, Selected, Trained
from longismore.records import Answer, Judged, Judgment, Order, Outcome, Status, Verdict
from longismore.reports import summarize
from longismore.train import TrainResult
from page_reader import Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longismore.api._shown import Shown

SHORT = {name: text for name, text in HOSTILE.items() if len(text) < 10_000 and text.strip()}
ELEMENTS = {
    *("div", "style", "p", "strong", "span", "ul", "li", "i", "figure", "figcaption", "b", "dl", "dt", "dd"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "rect", "line", "circle", "path", "text"),
}


def judged(names: Sequence[str], *, seed: int = 0, model: str | None = None) -> Judged:
    """Eight pairs; the names are those of judge, reference, candidate and test set, and the note on the judge."""
    judge, reference, candidate, testset, note = names
    candidate = candidate if model is None else model
    verdicts, judgments = [], []
    for number in range(8):
        share = float((number + seed) % 3 > 0)
        fields: dict[str, Any] = {"id": str(number), "testset": testset, "prompt": f"{number}{note}"}
        verdicts.append(
            Verdict(
                **fields,
                reference_chars=40,
                candidate_chars=30 + 7 * number,
                statuses=(Status.JUDGED, Status.JUDGED),
                preferences=(share, share),
                outcome=Outcome.WIN if share else Outcome.LOSE,
            )
        )
        judgments += [
            Judgment(
                **fields,
                reference=Answer(reference, "a"),
                candidate=Answer(candidate, "b"),
                order=order,
                judge=judge,
                fingerprint="f" * 64,
                status=Status.JUDGED,
                preference=share,
            )
            for order in Order
        ]
    return Judged(
        judge=judge,
        fingerprint="f" * 64,
        reference=reference,
        candidate=candidate,
        verdicts=tuple(verdicts),
        judgments=tuple(judgments),
        run={"judge": {"name": judge, "note": note}},
    )


def everything(names: Sequence[str]) -> Iterator[Shown]:
    """One result of each kind, with these five names."""
    one = judged(names)
    yield Compared(judged=one, results=summarize(one.verdicts, draws=100), folder=None, usage={})
    yield longismore.summarize(one, draws=100)
    others = [judged(names, seed=1, model=f"2{names[2]}"), replace(one, judge=f"3{names[0]}", fingerprint=None)]
    yield longismore.summarize([one, *others], draws=100)
    yield longismore.audit([one, others[1]], draws=100)
    yield longismore.gate(judged=one)
    path = Path("x" + names[0].replace("/", "").replace("\x00", ""))
    manifest: dict[str, Any] = {"strategy": names[1], "selected": 1, "rows": 3, "facts": {}}
    manifest |= {"dropped": {names[2]: 2}, "parameters": {names[3]: names[4]}}
    yield Selected(manifest=manifest, output=path, was_done=True)
    losses: dict[str, Any] = {"losses": ((1, 2.0), (2, 1.0)), "steps": 2, "tokens": 3, "seconds": 1.0}
    yield Trained(result=TrainResult(folder=path, **losses, resumed_from=None, was_finished=False))


@pytest.fixture(scope="module", name="plain")
def _plain() -> list[Shown]:
    """One of each, with names as they should be."""
    return list(everything(("judge", "reference", "candidate", "set", "note")))


def test_html_is_whole_and_loads_nothing(plain: list[Shown]) -> None:
    """Every element is closed; there is no script, no address, no name that could meet another one's."""
    for shown in plain:
        page = Page(shown._repr_html_())
        names = {tag for tag, _ in page.elements}
        attributes = {name for _, given in page.elements for name in given}
        assert names <= ELEMENTS, names - ELEMENTS
        assert set() == attributes & {"id", "href", "src", "style", "onload", "onclick"}
        assert "url(" not in page.html
        assert "@import" not in page.html


def test_each_kind_has_a_table_and_a_picture(plain: list[Shown]) -> None:
    """HTML has both, below a first line that says what it is."""
    for shown in plain:
        names = [tag for tag, _ in Page(shown._repr_html_()).elements]
        assert "table" in names, repr(shown)
        assert "svg" in names, repr(shown)


@pytest.mark.parametrize("start", range(0, len(SHORT), 5))
def test_hostile_names_stay_names(start: int, plain: list[Shown]) -> None:
    """Whatever models, judges, test sets and reasons are called, the page has the elements of any other."""
    texts = [*SHORT.values(), *SHORT.values()][start : start + 5]
    for shown, usual in zip(everything(texts), plain, strict=True):
        page, other = Page(shown._repr_html_()), Page(usual._repr_html_())
        assert [name for name, _ in other.elements] == [name for name, _ in page.elements], texts
        assert re.search(UNPRINTABLE, page.html) is None
        assert re.search(UNPRINTABLE, repr(shown) + str(shown).replace("\n", "")) is None


def test_programs_for_formulas_pass_over_it(plain: list[Shown]) -> None:
    """US$ and names with dollar signs are no formulas."""
    for shown in plain:
        assert shown._repr_html_().startswith('<div class="longismore mathjax_ignore tex2jax_ignore">\n<style>')


HOST = """<!doctype html><html><head><meta charset="utf-8"><style>
.jp-RenderedHTMLCommon { font: 13px serif; color: #777 }
.jp-RenderedHTMLCommon table { table-layout: fixed; margin: 0 auto; border: 1px solid red; width: 100px }
.jp-RenderedHTMLCommon tbody tr:nth-child(odd) { background: #ff0 } .jp-RenderedHTMLCommon td { max-width: 20px }
.jp-RenderedHTMLCommon dl dt { float: left; width: 20%; font-weight: bold } p { margin: 3em }
</style></head><body@THEME@><div class="jp-RenderedHTMLCommon"><p id="own">own</p><table id="mine">
<tr><th>own</th><td>1</td></tr></table><svg class="chart"><text class="title">own</text></svg>@SHOWN@</div></body>
</html>
"""
STYLES = """['own', 'mine'].concat(['.title']).map(name => {
  const found = getComputedStyle(document.getElementById(name) || document.querySelector(name));
  return [found.color, found.fontSize, found.margin, found.fill, found.borderTopWidth, found.display];
})"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 480])
@pytest.mark.parametrize("theme", ["", ' data-jp-theme-light="false"', ' class="vscode-dark"'])
def test_a_notebook_and_its_results_leave_each_other_alone(
    browser: Any, plain: list[Shown], tmp_path: Path, theme: str, width: int
) -> None:
    """The host's own elements look as before, what is shown keeps its form and stands out from its ground."""
    shown = "".join(each._repr_html_() for each in plain)
    page = browser.new_page(viewport={"width": width, "height": 900})
    styles = []
    for name, inside in (("without", ""), ("with", shown)):
        path = tmp_path / f"{name}.html"
        path.write_text(HOST.replace("@THEME@", theme).replace("@SHOWN@", inside), encoding="utf-8")
        page.goto(path.as_uri())
        styles.append(page.evaluate(STYLES))
    assert styles[0] == styles[1]
    grounds = page.evaluate(
        "[...document.querySelectorAll('.longismore')].map(e => [getComputedStyle(e).backgroundColor, "
        "getComputedStyle(e).color])"
    )
    dark = ["rgb(20, 24, 28)", "rgb(228, 232, 236)"]
    assert [dark if theme else ["rgb(255, 255, 255)", "rgb(28, 33, 38)"]] * len(plain) == grounds
    assert {"none"} == set(
        page.evaluate("[...document.querySelectorAll('.longismore dt')].map(e => getComputedStyle(e).float)")
    )
    wide = "e => e.getBoundingClientRect().right > document.querySelector('.longismore').getBoundingClientRect().right"
    assert 0 == page.evaluate(f"[...document.querySelectorAll('.longismore > *')].filter({wide}).length")
    yellow = "[...document.querySelectorAll('.longismore tr')].map(e => getComputedStyle(e).backgroundColor)"
    assert {"rgba(0, 0, 0, 0)"} == set(page.evaluate(yellow))
    page.close()
