"""The report page: what it answers, what stands in it for one run and for several, and that it loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import DataError
from longismore.records import Judged, Outcome
from longismore.reports import summarize
from longismore.reports._page.style import STYLE
from longismore.reports.page import report_page
from page_reader import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longismore.records import Verdict
    from longismore.reports import Results


def judged(verdicts: Sequence[Verdict], **fields: Any) -> Judged:
    """What one judge said, without the texts."""
    known: dict[str, Any] = {"judge": "gpt-4", "fingerprint": "f" * 64, "reference": "alpaca", "candidate": "cherry"}
    return Judged(verdicts=tuple(verdicts), **(known | fields))


def page_of(*given: Judged, **options: Any) -> Page:
    """The page of some comparisons, with their own results."""
    return Page(report_page(given, [summarize(each.verdicts, draws=50) for each in given], **options))


@pytest.fixture(name="verdicts", scope="module")
def _verdicts(make: Callable[..., Verdict]) -> list[Verdict]:
    """60 pairs of two sets; the candidate is longer and wins two of three, and each order says so."""
    shares = [(1.0, 1.0), (1.0, 1.0), (0.0, 0.0), (0.5, 1.0), (1.0, 0.0), (0.5, 0.5)]
    return [
        make(
            *shares[number % 6],
            chars=(100 + number % 7, 130 - 5 * (number % 11)),
            testset=("koala", "lima")[number % 2],
        )
        for number in range(60)
    ]


@pytest.fixture(name="page", scope="module")
def _page(verdicts: list[Verdict]) -> Page:
    return page_of(judged(verdicts))


# --- one comparison


def test_the_head_says_who_and_answers(page: Page, verdicts: list[Verdict]) -> None:
    """Title, judge, the answer with its reason, and raw beside length-controlled, as the results have them."""
    rates = summarize(verdicts, draws=50).pooled
    assert "cherry against alpaca" in page.texts_in("h1")
    assert "judged by gpt-4" in page.texts_in("p")
    assert str(rates.length_verdict).capitalize() in page.texts_in("strong")
    assert rates.length_reason in page.texts_in("span")
    assert {f"{100 * (rates.win_rate or 0):.1f}%", f"{100 * (rates.lc_win_rate or 0):.1f}%"} <= set(page.texts_in("b"))


def test_every_figure_is_there_and_says_what_it_shows(page: Page) -> None:
    """Bars, forest plot, sensitivity curve, length and order: pictures have the role of one and a description."""
    titles = page.texts_in("strong")
    for title in (
        "Wins, ties and losses of the candidate",
        "Raw and length-controlled win rates",
        "What if the judge liked length more, or less?",
        "Does the longer answer win?",
        "Does the order matter?",
    ):
        assert title in titles
    pictures = [attributes for tag, attributes in page.attributes if tag == "svg" and "role" in attributes]
    assert 3 + 3 + 1 + 1 == len(pictures)
    assert all(each["role"] == "img" and each["aria-label"] for each in pictures)


def test_tables_say_what_rows_and_columns_are(page: Page) -> None:
    """Every heading of a table has a scope, and every table a caption."""
    headings = [attributes for tag, attributes in page.attributes if tag == "th"]
    assert {"row", "col", "rowgroup", "colgroup"} == {each.get("scope") for each in headings}
    counts = [sum(tag == name for tag, _ in page.elements) for name in ("table", "caption")]
    assert [2, 2] == counts


def test_numbers_stand_for_all_sets_the_pooled_one_first(page: Page, verdicts: list[Verdict]) -> None:
    """One column a set after the pooled one; counts of what was not judged stand there although they are 0."""
    heads = page.texts_in("th")
    start = heads.index("measure")
    assert ["measure", "pooled", "koala", "lima", "Result"] == heads[start : start + 5]
    rates = summarize(verdicts).pooled
    cells = page.texts_in("td")
    assert f"{rates.wins} / {rates.ties} / {rates.losses}" in cells
    for row in ("calls unparsed", "calls refused", "calls failed", "partial: one order could be read"):
        assert row in heads


def test_nothing_comes_from_outside_and_nothing_else_can_run(page: Page) -> None:
    """The policy forbids everything but the page's own style and script, by hash; there is no address in the page."""
    (policy,) = [attributes["content"] for _, attributes in page.attributes if "http-equiv" in attributes]
    assert str(policy).startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (text,) = page.texts_in(tag)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in str(policy)
    names = {name for _, attributes in page.elements for name in attributes}
    assert set() == {name for name in names if name.startswith("on")} | (names & {"src", "style", "action", "srcset"})
    assert all(str(link).startswith("#") for link in page.values("href"))
    assert "http" not in page.html.replace("http-equiv", "")
    assert re.search(r"url\(|@import|@font-face", STYLE) is None


def test_one_order_only_is_said_and_no_order_is_drawn(verdicts: list[Verdict]) -> None:
    """A judge that saw one order has no figure and no row of swapped orders."""
    one = [replace(each, preferences=(each.preferences[0], None), statuses=(each.statuses[0], None), one_order=True,
                   outcome=None) for each in verdicts]  # fmt: skip
    page = page_of(judged([replace(each, outcome=known.outcome) for each, known in zip(one, verdicts, strict=True)]))
    assert "Does the order matter?" not in page.texts_in("strong")
    assert "kept in both orders, %" not in page.texts_in("th")
    assert "nothing is known of the other" in page.texts_in("span")


def test_a_run_without_a_verdict_has_a_page(make: Callable[..., Verdict]) -> None:
    """Nothing was judged: the page says so, counts it, and draws nothing; also without a single pair."""
    for verdicts in ([make(1.0, None), make(None, None)], []):
        page = page_of(judged(verdicts))
        assert "No result" in page.texts_in("strong")
        assert "svg" not in {tag for tag, _ in page.elements}
        assert "None" not in page.html
        assert "calls failed" in page.texts_in("th")


def test_several_runs_without_a_verdict_have_a_page(make: Callable[..., Verdict]) -> None:
    """No picture without a number, and no figure without a picture; each run is in the table all the same."""
    page = page_of(*(judged([make(None, 1.0)], judge=judge) for judge in ("harsh", "mild")))
    assert "Raw and length-controlled win rates" not in page.texts_in("strong")
    assert 2 == page.texts_in("td").count("no result")


def test_equal_lengths_and_a_single_pair_are_drawn(make: Callable[..., Verdict]) -> None:
    """Where no answer is longer than the other, or there is one pair, the page has no figure of lengths."""
    for verdicts in ([make(1.0, 1.0) for _ in range(5)], [make(1.0, 1.0, chars=(10, 40))]):
        page = page_of(judged(verdicts))
        assert "Does the longer answer win?" not in page.texts_in("strong")
        assert "Does the order matter?" in page.texts_in("strong")


def test_what_is_known_of_a_run_stands_below(verdicts: list[Verdict]) -> None:
    """With run.json its facts and command; without it judge, fingerprint and files; and the command of the page."""
    run = {"name": "a-run", "command": ["longismore", "compare", "two words"], "versions": {"longismore": "0.1.0"}}
    page = page_of(
        judged(verdicts, run=run, files=("runs/a/judgments.jsonl",)), command=["longismore", "report", "a b"]
    )
    assert "longismore compare 'two words'" in page.texts_in("pre")
    assert "longismore report 'a b'" in page.texts_in("pre")
    assert {"longismore 0.1.0", "runs/a/judgments.jsonl"} <= set(page.texts_in("dd"))
    assert "judged by gpt-4 \N{MIDDLE DOT} a-run" in page.texts_in("p")
    assert f"gpt-4, fingerprint {'f' * 64}" in page_of(judged(verdicts)).texts_in("dd")


def test_a_title_may_be_given(verdicts: list[Verdict]) -> None:
    """It stands in the place of the models, which then follow below."""
    page = page_of(judged(verdicts), title="Appendix C")
    assert "Appendix C" in page.texts_in("title")
    assert "cherry against alpaca, judged by gpt-4" in page.texts_in("p")


def test_the_same_input_gives_the_same_page(verdicts: list[Verdict]) -> None:
    """No date, no path of this machine and no order of a set enters the page."""
    assert page_of(judged(verdicts)).html == page_of(judged(verdicts)).html


# --- several comparisons


@pytest.fixture(name="contrary", scope="module")
def _contrary(verdicts: list[Verdict]) -> list[Verdict]:
    """The same pairs by a judge who says the opposite of every third."""
    return [
        replace(each, preferences=(0.0, 0.0), outcome=Outcome.LOSE) if number % 3 == 0 else each
        for number, each in enumerate(verdicts)
    ]


def test_several_judges_stand_side_by_side(verdicts: list[Verdict], contrary: list[Verdict]) -> None:
    """An overview sorted by length-controlled rate, links to each, a matrix of agreement with numbers in its cells."""
    page = page_of(judged(contrary, judge="harsh"), judged(verdicts))
    assert "judged by harsh, gpt-4" in page.texts_in("p")
    assert ["gpt-4", "harsh"] == [text.removesuffix(": ") for text in page.texts_in("li") if text.endswith(": ")]
    links = {str(link).removeprefix("#") for link in page.values("href")}
    assert {"overview", "judges", "comparison-1", "comparison-2", "pairs"} <= links <= page.values("id")
    same = sum(one.outcome == other.outcome for one, other in zip(verdicts, contrary, strict=True))
    assert f"{100 * same / 60:.1f}%" in page.texts_in("b")
    assert 2 == sum(text.startswith("\N{GREEK SMALL LETTER KAPPA} ") for text in page.texts_in("span"))


def test_settings_of_one_judge_are_told_apart(verdicts: list[Verdict]) -> None:
    """Two fingerprints under one name: the beginning of each stands behind it."""
    page = page_of(judged(verdicts), judged(verdicts, fingerprint="abcdef0123"), judged(verdicts, fingerprint=None))
    assert (
        "judged by gpt-4 (ffffffff\N{HORIZONTAL ELLIPSIS}), gpt-4 (abcdef01\N{HORIZONTAL ELLIPSIS}), "
        in (page.texts_in("p")[0])
    )


def test_several_candidates_are_rated(verdicts: list[Verdict], contrary: list[Verdict]) -> None:
    """More than two models: a table of ratings, the reference fixed at 1000; no matrix of agreement."""
    page = page_of(judged(verdicts), judged(contrary, candidate="weak"))
    assert "2 models against alpaca" in page.texts_in("h1")
    (caption,) = [text for text in page.texts_in("span") if text.startswith("Ratings by gpt-4")]
    assert "alpaca is fixed at 1000" in caption
    assert "judges" not in page.values("id")


def test_models_without_a_link_have_no_ratings(
    verdicts: list[Verdict], contrary: list[Verdict], caplog: pytest.LogCaptureFixture
) -> None:
    """Two comparisons that share no model are shown, and a warning says why nothing rates them together."""
    page = page_of(judged(verdicts), judged(contrary, candidate="weak", reference="other"))
    assert not [text for text in page.texts_in("span") if text.startswith("Ratings")]
    assert "the page has no ratings by gpt-4" in caplog.text
    assert "2 models against 2 references" in page.texts_in("h1")


def test_each_comparison_needs_its_results(verdicts: list[Verdict]) -> None:
    """Two comparisons and one result cannot be shown."""
    results: list[Results] = [summarize(verdicts, draws=50)]
    with pytest.raises(DataError, match="2 comparisons with 1 results"):
        report_page([judged(verdicts), judged(verdicts, judge="b")], results)


# --- what people see


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _mixed(one: str, other: str, share: float) -> str:
    """What ``color-mix`` makes of two colours: the darkest shade of a heat map."""
    channels = [[int(colour[start : start + 2], 16) for start in (1, 3, 5)] for colour in (one, other)]
    mixed = [round(share * first + (1 - share) * second) for first, second in zip(*channels, strict=True)]
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _schemes() -> list[dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,8})", block)) for block in blocks]
    return [
        {
            name: "#" + "".join(2 * each for each in colour[1:]) if len(colour) == 4 else colour
            for name, colour in one.items()
        }
        for one in found
    ]


@pytest.mark.parametrize("scheme", _schemes(), ids=["light", "dark", "print"])
def test_text_can_be_read_in_every_scheme(scheme: dict[str, str]) -> None:
    """WCAG AA: 4.5 for text on paper, on panels and on bars, 3 for what is drawn, also beside each other in grey."""
    for name in ("text", "soft", "alert"):
        assert _contrast(scheme[name], scheme["paper"]) >= 4.5, name
        assert _contrast(scheme[name], scheme["panel"]) >= 4.5, name
    for name in ("win", "tie", "lose"):
        assert _contrast(scheme[f"on-{name}"], scheme[name]) >= 4.5, name
    for name in ("mark", "raw", "lc", "tip"):
        assert _contrast(scheme[name], scheme["paper"]) >= 3, name
    assert _contrast(scheme["text"], _mixed(scheme["heat"], scheme["paper"], 0.54)) >= 4.5
    assert _contrast(scheme["win"], scheme["tie"]) >= 1.25
    assert _contrast(scheme["tie"], scheme["lose"]) >= 1.25
