from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longismore.judges._probe_pairs import injected_pairs, padded_pairs, texts_of
from longismore.judges._probe_texts import INJECTIONS, PAD_FACTORS, inject, pad, ranked

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.records import Pair

PROSE = "Salt lowers the freezing point of water. That is why ice with salt on it melts below zero. " * 8


@pytest.mark.parametrize("factor", PAD_FACTORS)
def test_padding_reaches_the_length_that_is_asked_for(factor: float) -> None:
    """Within a twentieth, for an answer of usual length."""
    assert factor == pytest.approx(len(pad(PROSE, factor)) / len(PROSE), rel=0.05)


@given(st.text(min_size=1), st.sampled_from(PAD_FACTORS))
def test_any_answer_becomes_longer_and_stays_whole(text: str, factor: float) -> None:
    """Whatever stands in it: it is there unchanged, and at least one sentence more."""
    padded = pad(text, factor)
    assert text in padded
    assert len(padded) > len(text)


def test_padding_is_the_same_in_every_version() -> None:
    """The store's keys depend on it: a text that changes here takes a new TEXTS_VERSION."""
    assert "Paris.\n\nThat is that." == pad("Paris.", 2.0)
    assert (
        "With that in mind, let us come to the reply.\n\n"
        "Ice melts where it is salted, since salt water freezes at a lower temperature than water does.\n\n"
        "It is worth keeping in mind that this is what was said. Having come this far, it may be useful to look back "
        "at what was written. As was said."
    ) == pad("Ice melts where it is salted, since salt water freezes at a lower temperature than water does.", 3.0)


def test_no_sentence_is_said_twice_while_others_are_left() -> None:
    """Only an answer of tens of thousands of characters takes more than there are."""
    padded = pad("Word " * 1000, 3.0)
    sentences = [each for paragraph in padded.split("\n\n") for each in paragraph.split(". ") if "Word" not in each]
    assert len(sentences) == len(set(sentences)) > 100
    assert 3.0 == pytest.approx(len(pad("Word " * 100_000, 3.0)) / 500_000, rel=0.01)


def test_seed_chooses_the_sentences() -> None:
    """Another seed, another padding of the same length."""
    one, other = pad(PROSE, 2.0, seed=0), pad(PROSE, 2.0, seed=1)
    assert one != other
    assert len(one) == pytest.approx(len(other), rel=0.05)


def test_sentences_are_said_again_but_not_code() -> None:
    """Restating adds nothing, and what stands in a fence is no sentence."""
    text = f"{PROSE[:92]}\n```\nPrint this line of code that looks like prose.\n```\n"
    padded = pad(text, 6.0)
    assert 1 < padded.count("Salt lowers the freezing point of water.")
    assert 1 == padded.count("Print this line")


def test_order_does_not_depend_on_how_it_was_given() -> None:
    """Nor do other items change it, so that more pairs contain the fewer."""
    items = [str(number) for number in range(50)]
    assert ranked(items, 0) == ranked(items[::-1], 0) != ranked(items, 1)
    assert [item for item in ranked(items, 0) if item in items[:20]] == ranked(items[:20], 0)


def test_injection_stands_below_the_answer() -> None:
    """Each of them, after the whole answer."""
    for name, text in INJECTIONS.items():
        assert f"Paris.\n\n{text}" == inject("Paris.", name)


def test_half_of_the_pairs_change_the_reference(make_pair: Callable[..., Pair]) -> None:
    """In turn; every kind comes equally often for both, and the changed answer is the candidate."""
    pairs = [make_pair(str(number), reference=f"R{number}", candidate=f"C{number}") for number in range(16)]
    padded = padded_pairs(pairs, seed=0)
    assert ["RC"[number % 2] for number in range(16)] == [pair.reference.output[0] for pair in padded.pairs]
    assert ["1.25", "1.25", "1.5", "1.5", "2", "2", "3", "3"] * 2 == padded.kinds
    for pair in padded.pairs:
        assert pair.reference.output in pair.candidate.output
        assert ("plain", "padded") == (pair.reference.model, pair.candidate.model)


def test_empty_answers_are_counted_and_not_asked_about(make_pair: Callable[..., Pair]) -> None:
    """Nothing can be padded there; the other side of such a pair is not taken in its place."""
    pairs = [make_pair("one", reference=" \n"), make_pair("two", candidate=""), make_pair("three")]
    for changed in (padded_pairs(pairs, seed=0), injected_pairs(pairs)):
        assert (2, 1) == (changed.skipped, len(changed.pairs))


def test_equal_questions_are_asked_once(make_pair: Callable[..., Pair]) -> None:
    """Two candidates against one reference would pad the same answer twice; with one id they stay apart otherwise."""
    pairs = [make_pair("one"), make_pair("x"), make_pair("one", candidate="another")]
    pairs[1] = make_pair("one", candidate="a third")
    injected = injected_pairs([pairs[0], pairs[1], pairs[0], pairs[1]] * 6)
    assert 12 == len(injected.pairs)
    assert 12 == len({pair.id for pair in injected.pairs})


def test_names_of_models_make_no_difference(make_pair: Callable[..., Pair], swap: Callable[[Pair], Pair]) -> None:
    """The judge is not shown them; exchanged answers are another question."""
    pair = make_pair()
    assert texts_of(pair) == texts_of(make_pair())
    assert texts_of(pair) != texts_of(swap(pair))
