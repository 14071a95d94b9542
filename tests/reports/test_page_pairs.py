"""The pairs on the report page: all of them are there, as they are, and no text leaves its place."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hostile import HOSTILE, UNPRINTABLE, run_named
from longismore.judges import combine
from longismore.records import Answer, Judged, Judgment, Order, Pair, Status
from longismore.reports import summarize
from longismore.reports._page import pairs as pairs_module
from longismore.reports._page.texts import Texts
from longismore.reports.page import report_page
from page_reader import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

CHARS = 20_000
"""Of one text on the page."""


def pair(number: int, text: str | None = None, *, testset: str = "koala") -> Pair:
    """A pair whose candidate is longer by its number."""
    return Pair(
        id=str(number),
        testset=testset,
        prompt=f"prompt {number}" if text is None else text,
        reference=Answer("base", "short" if text is None else text),
        candidate=Answer("tuned", "short" + number * "r" if text is None else text),
    )


def judgment(given: Pair, order: Order, preference: float | None, **fields: Any) -> Judgment:
    """What a judge said of one order."""
    known: dict[str, Any] = {
        "judge": "gpt-4",
        "fingerprint": "f" * 64,
        "status": Status.UNPARSED if preference is None else Status.JUDGED,
        "preference": preference,
        "completion": f"words on {given.id}, {order}",
    }
    texts = {name: getattr(given, name) for name in ("id", "testset", "prompt", "reference", "candidate")}
    return Judgment(**texts, order=order, **(known | fields))


def judged(pairs: Sequence[Pair], said: Sequence[tuple[float | None, float | None]], **fields: Any) -> Judged:
    """Everything that one judge said."""
    judgments = [
        judgment(each, order, preference, **fields)
        for each, both in zip(pairs, said, strict=True)
        for order, preference in zip(Order, both, strict=True)
    ]
    judge = fields.get("judge", "gpt-4")
    verdicts = tuple(combine(pairs, judgments))
    return Judged(judge=judge, fingerprint="f" * 64, reference="base", candidate="tuned", verdicts=verdicts,
                  judgments=tuple(judgments))  # fmt: skip


def page_of(*given: Judged) -> Page:
    """The page of some comparisons."""
    return Page(report_page(given, [summarize(each.verdicts, draws=20) for each in given]))


def test_all_pairs_are_data_and_the_ten_most_different_are_html() -> None:
    """1,030 pairs are in the data, in the order of the file; the static ones begin with the largest difference."""
    pairs = [pair(number) for number in range(1030)]
    page = page_of(judged(pairs, [(1.0, 1.0)] * 1030))
    assert [f"koala {number}" for number in range(1030)] == [each["name"] for each in page.data["pairs"]]
    shown = [text for text in page.texts_in("bdi") if re.fullmatch(r"koala \d+", text)]
    assert [f"koala {number}" for number in range(1029, 1019, -1)] == shown
    (note,) = [text for text in page.texts_in("p") if "JavaScript" in text]
    assert "the other 1020 pairs need JavaScript; below are the 10 pairs with the largest length difference" in note


def test_a_pair_has_its_texts_and_what_the_judge_said() -> None:
    """Both answers, both orders with scores and words, the lengths and the verdict, in the data and in the HTML."""
    given = pair(7)
    page = page_of(judged([given], [(1.0, None)], score_reference=7.0, score_candidate=8.5))
    data = page.data
    (row,) = data["pairs"]
    texts = data["texts"]
    assert ("koala 7", [5, 12]) == (row["name"], row["chars"])
    assert ("prompt 7", ["short", "shortrrrrrrr"]) == (texts[row["prompt"]], [texts[each] for each in row["answers"]])
    ((judge, outcome, shown, first, second),) = row["said"]
    assert ("gpt-4", "not judged", "not judged (win, unparsed)") == (data["judges"][judge], outcome, shown)
    assert ["win", ", scores: reference 7, candidate 8.5", "words on 7, reference_first"] == [
        *first[:2],
        texts[first[2]],
    ]
    assert "words on 7, candidate_first" == texts[second[2]]
    assert ["prompt 7", "short", "shortrrrrrrr", "words on 7, reference_first", "words on 7, candidate_first"] == (
        page.texts_in("pre")
    )
    assert "not judged (win, unparsed)" in page.texts_in("span")


@pytest.mark.parametrize(
    ("both", "shown"),
    [
        ((1.0, 1.0), "win"),
        ((0.25, 0.4), "lose"),
        ((0.5, 0.5), "tie"),
        ((0.5, 0.75), "win (tie, win)"),
        ((1.0, 0.0), "tie (win, lose)"),
        ((None, None), "not judged (unparsed, unparsed)"),
    ],
)
def test_the_verdict_says_where_the_orders_differ(both: tuple[float | None, float | None], shown: str) -> None:
    """Where both orders say the same, one word is enough."""
    assert shown == page_of(judged([pair(1)], [both])).data["pairs"][0]["said"][0][2]


def test_judges_of_the_same_answers_share_a_pair() -> None:
    """Two judges: one row with what both say, texts once; other answers of the same name are another row."""
    pairs = [pair(1), pair(2)]
    other = replace(pairs[1], candidate=Answer("tuned", "another answer"))
    page = page_of(
        judged(pairs, [(1.0, 1.0)] * 2), judged([pairs[0], other], [(0.0, 0.0)] * 2, judge="mild", completion="same")
    )
    said = [[each[:2] for each in row["said"]] for row in page.data["pairs"]]
    assert [[[0, "win"], [1, "lose"]], [[0, "win"]], [[1, "lose"]]] == said
    assert len(set(page.data["texts"])) == len(page.data["texts"])
    assert 1 == page.data["texts"].count("same")


def test_files_without_texts_have_rows_without_texts() -> None:
    """Verdicts alone: prompt, lengths and outcome are there, and the page says that the rest is not."""
    whole = judged([pair(1)], [(1.0, 0.0)])
    page = page_of(replace(whole, judgments=()))
    (row,) = page.data["pairs"]
    assert ([None, None], ["win", ", preference 1.00", None]) == (row["answers"], row["said"][0][3])
    assert 2 == page.texts_in("p").count("(the files keep no text)")
    assert 2 == page.texts_in("p").count("(no text)")


def test_a_call_that_was_recorded_twice_is_shown_once() -> None:
    """The first record makes the verdict, so its words are shown."""
    whole = judged([pair(1)], [(1.0, 1.0)])
    again = replace(whole.judgments[0], completion="later", preference=0.0)
    page = page_of(replace(whole, judgments=(*whole.judgments, again)))
    assert "later" not in page.data["texts"]


def test_an_order_that_was_not_asked_is_no_call() -> None:
    """A pair with one call has one, not an empty second one."""
    whole = judged([pair(1)], [(1.0, 1.0)])
    (verdict,) = whole.verdicts
    half = replace(verdict, statuses=(Status.JUDGED, None), preferences=(1.0, None), outcome=None)
    page = page_of(replace(whole, verdicts=(half,), judgments=whole.judgments[:1]))
    assert None is page.data["pairs"][0]["said"][0][4]
    assert 1 == sum(attributes.get("class") == "call" for _, attributes in page.attributes)


def test_choices_are_offered_where_there_is_a_choice() -> None:
    """One set, one judge: no choice of either; two of them: both, and judges that differ."""
    one = page_of(judged([pair(1)], [(1.0, 1.0)]))
    assert {"verdict", "length", "differ", "sort"} == {
        attributes["id"] for tag, attributes in one.attributes if tag == "select"
    }
    pairs = [pair(1), pair(2, testset="lima")]
    two = page_of(judged(pairs, [(1.0, 1.0)] * 2), judged(pairs, [(0.0, 0.0)] * 2, judge="mild"))
    assert {"testset", "judge"} <= two.values("id")
    assert {"koala", "lima", "mild", "judges differ"} <= set(two.texts_in("option"))


# --- what is cut


def test_an_endless_text_is_cut_and_the_cut_is_said() -> None:
    """The page shows 20,000 characters of one text and counts the others."""
    given = replace(pair(1), candidate=Answer("tuned", "x" * (CHARS + 5)))
    page = page_of(judged([given], [(1.0, 1.0)]))
    assert ["x" * CHARS, 5] in page.data["texts"]
    assert "x" * CHARS in page.texts_in("pre")
    assert "5 more characters are in the files." in page.texts_in("p")


def test_many_long_texts_are_cut_shorter() -> None:
    """What is too much for a page is cut at the same length, the longest that fits; short texts stay whole."""
    texts = Texts(budget=9_000)
    for letter in "abc":
        texts.add(letter * 5_000)
    texts.add("short")
    assert 2_000 == texts.cap()
    assert ["a" * 2_000, 3_000] == texts.shown(2_000)[0]
    assert "short" == texts.shown(2_000)[3]
    tiny = Texts(budget=10)
    tiny.add("x" * 501)
    assert 500 == tiny.cap()


def test_more_pairs_than_a_page_holds_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first are shown, and how many there are is said."""
    monkeypatch.setattr(pairs_module, "_MOST", 3)
    page = page_of(judged([pair(number) for number in range(5)], [(1.0, 1.0)] * 5))
    assert 3 == len(page.data["pairs"])
    assert "5 pairs. The first 3 are here." in " ".join(page.texts_in("p"))


# --- texts in bad faith


@pytest.fixture(name="hostile", scope="module")
def _hostile() -> Page:
    """A pair for each text, which is the prompt, both answers and what the judge says."""
    pairs = [pair(number, text) for number, text in enumerate(HOSTILE.values())]
    judgments = tuple(
        judgment(each, order, 1.0, completion=text)
        for each, text in zip(pairs, HOSTILE.values(), strict=True)
        for order in Order
    )
    verdicts = tuple(combine(pairs, judgments))
    whole = Judged(judge="gpt-4", fingerprint=None, reference="base", candidate="tuned", verdicts=verdicts,
                   judgments=judgments)  # fmt: skip
    return page_of(whole)


def shown(text: str) -> object:
    """What the data has of a text."""
    start = re.sub(UNPRINTABLE, "\ufffd", text[:CHARS].replace("\r\n", "\n"))
    return start if len(text) <= CHARS else [start, len(text) - CHARS]


def test_texts_arrive_as_they_are_and_as_text(hostile: Page) -> None:
    """Every text is in the data, whole or cut, with U+FFFD for what is no text; none ends the element it stands in."""
    texts = hostile.data["texts"]
    assert [shown(text) for text in dict.fromkeys(HOSTILE.values())] == texts
    for row, text in zip(hostile.data["pairs"], HOSTILE.values(), strict=True):
        assert shown(text) == texts[row["prompt"]] == texts[row["answers"][1]] == texts[row["said"][0][3][2]]
    assert [] == re.findall(UNPRINTABLE, hostile.html)
    assert hostile.html == hostile.html.encode().decode()
    (data,) = hostile.texts_in("script#pair-data")
    assert [] == re.findall("[<\u2028\u2029]", data)
    assert json.loads(data) == hostile.data


def test_texts_add_no_element(hostile: Page) -> None:
    """The page has the elements of one with harmless texts, two scripts among them."""
    harmless = [pair(number) for number in range(len(HOSTILE))]
    plain = page_of(judged(harmless, [(1.0, 1.0)] * len(harmless)))
    for page in (hostile, plain):
        assert 2 == sum(tag == "script" for tag, _ in page.elements)
    assert set(hostile.elements) <= set(plain.elements)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_names_are_only_text_with_several_comparisons(text: str) -> None:
    """Models, judges, sets, runs and files of such names, beside a harmless comparison, add no element."""
    pages = []
    for name in (text, "name"):
        run, (verdict,), (call,) = run_named(name)
        verdict = replace(verdict, prompt="Why?")
        both = [judged([pair(1)], [(1.0, 1.0)], judge="plain")]
        both.append(Judged(judge=name, fingerprint=name, reference=name, candidate=name, verdicts=(verdict,),
                           judgments=(call,), run=run, files=(name,)))  # fmt: skip
        results = [summarize(each.verdicts, draws=5) for each in both]
        pages.append(Page(report_page(both, results, title=name, command=[name])))
    ours, harmless = pages
    assert [] == re.findall(UNPRINTABLE, ours.html)
    assert set(ours.elements) <= set(harmless.elements)
    if text.strip():  # what has no name is left out
        assert harmless.elements == ours.elements
        for name in ("class", "id", "href", "title", "type", "dir", "value"):
            assert harmless.values(name) == ours.values(name)
