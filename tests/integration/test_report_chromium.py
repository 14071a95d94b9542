"""The report in a real browser: published GPT-4 and GPT-3.5 reviews of two test sets, opened from a file."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from hostile import HOSTILE
from longismore.comparison import pair_of
from longismore.judges import REVIEW_FORMATS, ReviewNames, combine
from longismore.records import Answer, Judged, Judgment, Order, Outcome, Pair, Status
from longismore.reports import summarize
from longismore.reports.page import report_page
from longismore.testsets import TESTSETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from longismore.records import Verdict

pytestmark = pytest.mark.slow

SIZES = pytest.mark.parametrize("width", [1280, 390])
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
WATCH = "window.broken = []; document.addEventListener('securitypolicyviolation', (e) => broken.push(e.blockedURI))"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Opened:
    """A page in the browser, with everything that went wrong in it."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        if options.get("java_script_enabled", True):
            self.page.add_init_script(WATCH)
        self.page.goto(path.as_uri())
        self.address = path.as_uri()

    def is_quiet(self) -> bool:
        """Whether nothing was said, nothing but the file was asked for, and the policy was kept."""
        assert [] == self.said
        assert [self.address] == self.asked
        assert [] == self.page.evaluate("broken")
        return True

    def count(self) -> int:
        """How many pairs are found."""
        found, _, every, _ = self.page.inner_text("#pair-count").split()
        assert 398 == int(every)
        return int(found)

    def choose(self, **values: str) -> int:
        """Set filters, all others to nothing; how many pairs are found."""
        for name in ("testset", "judge", "verdict", "length", "differ"):
            self.page.select_option(f"#{name}", values.get(name, ""))
        self.search(values.get("text", ""))
        return self.count()

    def search(self, text: str) -> None:
        """Type into the box; Enter makes the list follow at once."""
        self.page.fill("#filters input", text)
        self.page.press("#filters input", "Enter")


@pytest.fixture(name="opened")
def _opened(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Open pages, and close them at the end of the test."""
    pages: list[Opened] = []

    def make(path: Path, **options: Any) -> Opened:
        pages.append(Opened(browser, path, **options))
        return pages[-1]

    yield make
    for page in pages:
        page.context.close()


def judged_of(judgments: Sequence[Judgment]) -> Judged:
    """Everything that one judge said."""
    pairs = list({(each.testset, each.id): pair_of(each) for each in judgments}.values())
    first = judgments[0]
    return Judged(
        judge=first.judge,
        fingerprint=first.fingerprint,
        reference=first.reference.model,
        candidate=first.candidate.model,
        verdicts=tuple(combine(pairs, judgments)),
        judgments=tuple(judgments),
    )


@cache
def cherry_reviews(data: Path) -> tuple[list[Judged], str]:
    """What both judges say of Koala and WizardLM, and the page of it."""
    names = ReviewNames(reference="alpaca-7b", candidate="cherry-5%-7b")
    judged = []
    for judge in ("gpt4", "gpt3.5"):
        judgments: list[Judgment] = []
        for testset in ("koala", "wizardlm"):
            examples = TESTSETS.get(testset).load(data / "testsets")
            file = data / "reviews" / "cherry_5per_vs_alpaca" / f"{testset}_wrap_reviews_{judge}.json"
            judgments += REVIEW_FORMATS["cherry"]([file], examples, names)
        judged.append(judged_of(judgments))
    return judged, report_page(judged, [summarize(each.verdicts, draws=200) for each in judged])


@pytest.fixture(name="reviews")
def _reviews(data: Path) -> list[Judged]:
    """What both judges say."""
    return cherry_reviews(data)[0]


@pytest.fixture(name="report")
def _report(data: Path, tmp_path: Path) -> Path:
    """The page on disk."""
    path = tmp_path / "report.html"
    path.write_text(cherry_reviews(data)[1], encoding="utf-8")
    return path


# --- the page opens


@SIZES
@SCHEMES
def test_the_page_opens_without_a_sound(opened: Callable[..., Opened], report: Path, width: int, scheme: str) -> None:
    """No message, no error, no request but the file, no breach of its policy, and nothing wider than the screen."""
    shown = opened(report, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert shown.is_quiet()
    assert 0 == shown.page.evaluate(OVERFLOW)
    for picture in shown.page.locator("svg[role=img]").all():
        box = picture.bounding_box()
        assert box["width"] > 90
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    dark = shown.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 28)"
    assert (scheme == "dark") == dark


@SCHEMES
def test_print_is_light_and_without_controls(opened: Callable[..., Opened], report: Path, scheme: str) -> None:
    """On paper the page is white; search, links and closed pairs are gone, figures, tables and opened pairs stay."""
    shown = opened(report, viewport={"width": 700, "height": 1000}, color_scheme=scheme)
    page = shown.page
    page.locator(".pair > summary").first.click()
    page.locator(".pair pre").first.wait_for()
    page.emulate_media(media="print", color_scheme=scheme)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("#filters").is_visible()
    assert not page.locator("nav").is_visible()
    assert 1 == sum(pair.is_visible() for pair in page.locator(".pair").all())
    assert page.locator(".figure").first.is_visible()
    assert page.locator(".pair[open] pre").first.is_visible()
    assert page.evaluate(OVERFLOW) <= 0
    assert len(page.pdf(format="A4")) > 20_000
    assert shown.is_quiet()


def test_without_javascript_everything_but_search_is_there(opened: Callable[..., Opened], report: Path) -> None:
    """Figures, tables and the ten pairs that differ most in length; a note says what is missing."""
    page = opened(report, java_script_enabled=False).page
    assert page.get_by_text("the other 388 pairs need JavaScript").is_visible()
    assert 10 == page.locator(".pair").count()
    assert not page.locator("#filters").is_visible()
    assert page.locator(".chart").first.is_visible()
    page.locator(".pair > summary").first.click()
    assert page.locator(".pair pre").first.is_visible()


# --- the pairs


def reversed_orders(verdict: Verdict) -> bool:
    """A win in one order and a loss in the other."""
    return set(verdict.preferences) == {0.0, 1.0}


def test_filters_find_what_the_verdicts_say(opened: Callable[..., Opened], report: Path, reviews: list[Judged]) -> None:
    """By set, judge, verdict, length and disagreement, alone and together, as many pairs as counted by hand."""
    shown = opened(report)
    strong, weak = (each.verdicts for each in reviews)
    lengths = [(each.reference_chars, each.candidate_chars) for each in strong]
    assert 398 == shown.count()
    assert 180 == shown.choose(testset="0")
    assert sum(each.outcome is Outcome.WIN for each in strong) == shown.choose(judge="0", verdict="win")
    assert sum(
        Outcome.LOSE in {one.outcome, other.outcome} for one, other in zip(strong, weak, strict=True)
    ) == shown.choose(verdict="lose")
    assert 0 == shown.choose(verdict="not judged")
    assert sum(two > one for one, two in lengths) == shown.choose(length="longer")
    assert sum(two < one for one, two in lengths) == shown.choose(length="shorter")
    assert sum(two > one and two >= 2 * one for one, two in lengths) == shown.choose(length="longer2")
    assert sum(two < one and 2 * two <= one for one, two in lengths) == shown.choose(length="shorter2")
    assert sum(abs(two - one) <= 0.1 * max(one, two) for one, two in lengths) == shown.choose(length="similar")
    assert sum(map(reversed_orders, weak)) == shown.choose(judge="1", differ="reversed")
    assert sum(each.preferences[0] != each.preferences[1] for each in strong) == shown.choose(
        judge="0", differ="orders"
    )
    assert sum(one.outcome is not other.outcome for one, other in zip(strong, weak, strict=True)) == shown.choose(
        differ="judges"
    )
    assert sum(
        each.testset == "wizardlm" and each.outcome is Outcome.TIE and each.candidate_chars > each.reference_chars
        for each in strong
    ) == shown.choose(testset="1", judge="0", verdict="tie", length="longer")
    assert shown.is_quiet()


def test_search_finds_words_of_prompts_answers_and_judges(
    opened: Callable[..., Opened], report: Path, reviews: list[Judged]
) -> None:
    """As many pairs as have the word in any of their texts, whatever its case; none for nonsense; all for nothing."""
    shown = opened(report)
    texts: dict[tuple[str, str], str] = {}
    for call in (call for each in reviews for call in each.judgments):
        words = (call.id, call.prompt, call.reference.output, call.candidate.output, call.completion or "")
        key = (call.testset, call.id)
        texts[key] = "\n".join([texts.get(key, ""), *words]).lower()
    for word in ("Python", "assistant 2", "haiku", "<", '"'):
        assert sum(word.lower() in text for text in texts.values()) == shown.choose(text=word), word
    assert 0 == shown.choose(text="no text has this")
    assert 398 == shown.choose()


def test_pages_of_25_in_the_order_that_was_chosen(
    opened: Callable[..., Opened], report: Path, reviews: list[Judged]
) -> None:
    """398 pairs are 16 pages; the first has the largest differences of length, as text on the line."""
    shown = opened(report)
    page = shown.page
    apart = sorted((abs(each.candidate_chars - each.reference_chars) for each in reviews[0].verdicts), reverse=True)

    def differences() -> list[int]:
        found = page.locator(".difference").all_inner_texts()
        return [abs(int(text.removesuffix(" chars").replace("\N{MINUS SIGN}", "-"))) for text in found]

    assert apart[:25] == differences()
    assert page.locator("#pager button").first.is_disabled()
    for number in range(2, 17):
        page.locator("#pager button").last.click()
        assert f"page {number} of 16" == page.inner_text("#pager span")
    assert apart[-23:] == differences()
    assert page.locator("#pager button").last.is_disabled()
    page.select_option("#sort", "least")
    assert sorted(apart)[:25] == differences()
    page.select_option("#sort", "file")
    assert reviews[0].verdicts[0].id == page.inner_text(".pair .name").split()[-1]


def test_a_pair_opens_with_its_texts_also_by_keyboard(
    opened: Callable[..., Opened], report: Path, reviews: list[Judged]
) -> None:
    """What was searched for stays while a pair is opened; all texts and the judges' words are as they were recorded."""
    shown = opened(report)
    page = shown.page
    calls = [call for each in reviews for call in each.judgments if call.id == reviews[0].verdicts[7].id]
    shown.search(calls[0].prompt[:60])
    page.locator(".pair > summary").first.focus()
    page.keyboard.press("Enter")
    page.locator(".pair[open] pre").first.wait_for()
    words = [call.completion for call in calls]
    wanted = [calls[0].prompt, calls[0].reference.output, calls[0].candidate.output, *words]
    assert [text.replace("\r\n", "\n") for text in map(str, wanted)] == page.locator(
        ".pair[open] pre"
    ).all_text_contents()
    page.locator(".call > summary").first.click()
    assert page.locator(".call pre").first.is_visible()
    assert shown.count() >= 1


def test_a_click_after_typing_opens_the_pair(opened: Callable[..., Opened], report: Path) -> None:
    """The list follows the typing without Enter, and is not made anew when the box is left by a click."""
    shown = opened(report)
    page = shown.page
    page.fill("#filters input", "python")
    page.locator("#pair-count").get_by_text("398 of 398 pairs").wait_for(state="hidden")
    page.locator(".pair > summary").nth(1).click()
    page.locator(".pair").nth(1).locator("pre").first.wait_for()
    assert page.locator(".pair").nth(1).get_attribute("open") is not None


# --- texts in bad faith


@pytest.fixture(name="hostile")
def _hostile(tmp_path: Path) -> Path:
    """A page whose models, sets, prompts, answers and completions are the texts in bad faith."""
    judgments = [
        Judgment(
            **{name: getattr(pair, name) for name in ("id", "testset", "prompt", "reference", "candidate")},
            order=order,
            judge=f"judge {name}",
            fingerprint="f",
            status=Status.JUDGED,
            preference=1.0,
            completion=text,
        )
        for name, text in HOSTILE.items()
        for pair in [
            Pair(id=name, testset=text[:50], prompt=text, reference=Answer("a", text), candidate=Answer("b", text))
        ]
        for order in Order
    ]
    judged = judged_of(judgments)
    path = tmp_path / "hostile.html"
    path.write_text(report_page([judged], [summarize(judged.verdicts, draws=5)], title=HOSTILE["script"]), "utf-8")
    return path


@SIZES
def test_texts_in_bad_faith_do_nothing(opened: Callable[..., Opened], hostile: Path, width: int) -> None:
    """Every pair is opened: no script runs, nothing is loaded, nothing moves; the screen is not left."""
    shown = opened(hostile, viewport={"width": width, "height": 900})
    page = shown.page
    before = page.evaluate("document.querySelectorAll('script, style, iframe, img, object, link, base').length")
    while True:
        page.evaluate("document.querySelectorAll('.pair').forEach((pair) => { pair.open = true; })")
        page.locator(".pair[open] .call").last.wait_for()
        page.evaluate("document.querySelectorAll('.call').forEach((call) => { call.open = true; })")
        assert page.evaluate(OVERFLOW) <= 0
        if page.locator("#pager button").last.is_disabled():
            break
        page.locator("#pager button").last.click()
    assert before == page.evaluate("document.querySelectorAll('script, style, iframe, img, object, link, base').length")
    assert shown.is_quiet()
