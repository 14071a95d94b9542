from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore.judges._lexical import lexical_score

PROMPT = "How do I stop my bicycle chain from rusting over the winter?"
GOOD = (
    "Wipe the chain dry after every wet ride and add a drop of wet-weather oil to each roller. "
    "Once a month, scrub off road salt with degreaser, rinse, dry and lubricate again. "
    "Store the bicycle under a roof, because condensation starts rust within days."
)
WITHOUT_WORDS = ["", " ", "\n\t \r\n", "\u00a0\u2003", "...", "\ud800\x00", "\U0001f642"]
ODD_TEXTS = [
    "\ud800",
    "chain \udfff oil",
    "\x00",
    "rust\x00oil\x1b[0m",
    "e\u0301\u0316" * 50,
    "鎖を乾かして、油を差す。",
    "Вытирайте цепь насухо.",
    "امسح السلسلة",
    "ß" * 50,
]
HUGE_ANSWERS = {
    "one word repeated": "rust " * 400_000,
    "one endless word": "x" * 2_000_000,
    "sentence ends only": ". " * 1_000_000,
    "one word a line": "a\n" * 1_000_000,
    "filler phrases": "It is important to " * 110_000,
    "beginnings of filler phrases": "it is " * 350_000,
    "combining marks": "a" + "\u0301\u0316" * 1_000_000,
    "no spaces between words": "錆油" * 1_000_000,
}


@pytest.mark.parametrize("answer", WITHOUT_WORDS)
def test_answer_without_a_word_scores_zero(answer: str) -> None:
    """An answer that is empty, blank or without any letter or digit scores 0.0."""
    assert lexical_score(PROMPT, answer) == 0.0


def test_empty_prompt_still_rates_the_answer() -> None:
    """Without a prompt there is nothing to cover, but a full answer still scores above zero."""
    assert lexical_score("", GOOD) > 0.0


def test_documented_formula() -> None:
    """The score of an answer small enough to count by hand is that of the documented formula."""
    # Asked: bicycle, rust; need 5 + 2 = 7. Said: oil, stops, rust in four words, one of them asked.
    coverage, density, substance = 1.0, 3 / 7, 2 / 7
    expected = round(10 * (0.2 * coverage + 0.5 * density + 0.3 * substance), 1)
    assert expected == lexical_score("Why does a bicycle rust?", "The oil stops rust.")


def test_case_and_ending_do_not_matter() -> None:
    """Words are the same in capitals and with another ending after five letters."""
    assert lexical_score("bicycle", "BICYCLES") == lexical_score("bicycle", "bicycle")


def test_good_answer_beats_off_topic_answer() -> None:
    """An answer that takes up the words of the prompt beats an equally dense one that does not."""
    off_topic = "Whisk three eggs, fold in flour, pour batter, bake forty minutes, cool, slice."
    on_topic = "Wipe bicycle chain, stop winter rust: degrease, rinse, dry, oil, store indoors."
    assert lexical_score(PROMPT, on_topic) > lexical_score(PROMPT, off_topic)


@pytest.mark.parametrize("times", [2, 3, 10])
def test_repetition_lowers(times: int) -> None:
    """Saying the same sentences again scores lower than saying them once."""
    assert lexical_score(PROMPT, "\n".join([GOOD] * times)) < lexical_score(PROMPT, GOOD)


@pytest.mark.parametrize(
    "filler",
    ["I hope this helps!", "Please note that results may vary.", "Feel free to ask for more."],
)
def test_filler_lowers(filler: str) -> None:
    """A filler sentence after the answer scores lower than the answer alone."""
    assert lexical_score(PROMPT, f"{GOOD} {filler}") < lexical_score(PROMPT, GOOD)


def test_filler_counts_only_as_whole_words() -> None:
    """A word that merely begins like the end of a filler phrase is no filler."""
    with_filler = lexical_score("", "Mud, of course")
    assert with_filler < lexical_score("", "Mud, of courses")


def test_opening_with_the_prompt_lowers() -> None:
    """An answer that first says the prompt again scores lower than without that sentence."""
    restated = f"You want to stop your bicycle chain from rusting over the winter. {GOOD}"
    assert lexical_score(PROMPT, restated) < lexical_score(PROMPT, GOOD)


def test_length_alone_does_not_raise() -> None:
    """Past what the prompt needs, more new words of the same density raise nothing."""
    words = [f"{number:05d}" for number in range(1000)]
    assert lexical_score(PROMPT, " ".join(words[:50])) == lexical_score(PROMPT, " ".join(words))


def test_single_word_scores_below_full_answer() -> None:
    """An answer shorter than the prompt needs is not saved by its density."""
    assert lexical_score(PROMPT, "Oil") < lexical_score(PROMPT, GOOD)


def test_spaceless_script_counts_characters() -> None:
    """In a script without spaces the prompt is covered character by character."""
    assert lexical_score("自転車の鎖", "鎖を拭く") > lexical_score("自転車の鎖", "卵を焼く")


@pytest.mark.parametrize("answer", HUGE_ANSWERS.values(), ids=HUGE_ANSWERS.keys())
def test_two_megabytes_finish(answer: str) -> None:
    """An answer of two million characters is rated whatever its shape; a quadratic rule would take hours."""
    assert 0.0 <= lexical_score(PROMPT, answer) <= 10.0


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_text_does_not_raise(text: str) -> None:
    """Lone surrogates, NUL, marks and any script are rated, as prompt and as answer."""
    assert 0.0 <= lexical_score(text, text) <= 10.0


@given(
    prompt=st.text(st.characters(exclude_categories=())),
    answer=st.text(st.characters(exclude_categories=())),
)
def test_score_is_bounded_rounded_and_repeatable(prompt: str, answer: str) -> None:
    """Any two texts give the same score twice, from 0 to 10 with one decimal."""
    score = lexical_score(prompt, answer)
    assert 0.0 <= score <= 10.0
    assert score == round(score, 1)
    assert score == lexical_score(prompt, answer)
