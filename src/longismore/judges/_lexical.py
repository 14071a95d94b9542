"""A transparent word-counting score for smoke runs.

This is a heuristic. It looks at words only, knows nothing about facts, arithmetic or whether a
program runs, and its stop words and filler phrases are English. Use it to try out a pipeline
without a model behind it, never to decide which of two models is better.

The score of an answer is::

    10 * (0.2 * coverage + 0.5 * density + 0.3 * substance) * (1 - 0.5 * waste)

``need``
    How many content words the prompt seems to ask for: 5 plus its own, 20 at most.
``coverage``
    The share of the prompt's content words that the answer takes up. A third of them is full
    marks, since a good answer need not repeat the whole question; so is a prompt without any.
``density``
    Distinct content words divided by all words of the answer (by ``need`` if it has fewer), so
    padding and repetition lower it.
``substance``
    Distinct content words that the prompt does not contain, divided by ``need``, never above 1.
    Past that point a longer answer gains nothing.
``waste``
    The share of the answer's words that stand in a sentence which carries a filler phrase, which
    repeats an earlier sentence, or which opens the answer by saying the prompt again.

Words are runs of letters and digits, compared without case by their first five characters (a
crude stem); scripts written without spaces count one word a character. Content words are those
that are not stop words. An answer without a single word scores 0.0.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MAX_SCORE: Final = 10.0
_COVERAGE_WEIGHT: Final = 0.2
_DENSITY_WEIGHT: Final = 0.5
_SUBSTANCE_WEIGHT: Final = 0.3
_WASTE_WEIGHT: Final = 0.5

_FULL_COVERAGE: Final = 1 / 3
_BASE_NEED: Final = 5
_MAX_NEED: Final = 20
_STEM_LENGTH: Final = 5
# Very short sentences and lines ("Yes.", "else:") recur in good answers too.
_MIN_REPEATED_WORDS: Final = 3
_RESTATED_SHARE: Final = 0.6

# Hiragana, katakana, CJK ideographs: written without spaces, so each character is a word.
_SPACELESS: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD: Final = re.compile(rf"[{_SPACELESS}]|[^\W_{_SPACELESS}]+")
# The three escapes are the full stop, exclamation and question mark of those scripts.
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s)|[\u3002\uff01\uff1f\n]")

_STOP_WORD_LIST: Final = """
    a about above after again all also am an and any are as at be because been before being below
    between both but by can could d did do does doing don down during each few for from further
    had has have having he her here hers him his how i if in into is it its just ll m may me might
    more most must my no nor not now of off on once only or other our ours out over own re s same
    shall she should so some such t than that the their theirs them then there these they this
    those through to too under until up us ve very was we were what when where which while who
    whom why will with would you your yours
"""
_STOP_WORDS: Final = frozenset(_STOP_WORD_LIST.split())

# Spelt as words joined by single spaces, the form in which a sentence is searched.
_FILLER_PHRASES: Final = (
    "as i mentioned",
    "as mentioned",
    "as you can see",
    "as you know",
    "at the end of the day",
    "do not hesitate",
    "don t hesitate",
    "feel free to",
    "great question",
    "good question",
    "happy to help",
    "here is a",
    "here is the",
    "hope that this",
    "hope this",
    "i would be happy",
    "in conclusion",
    "in order to",
    "in summary",
    "interesting question",
    "it depends on",
    "it goes without saying",
    "it is always",
    "it is essential",
    "it is important to",
    "it is worth noting",
    "it s important to",
    "it s worth noting",
    "keep in mind that",
    "let me know if",
    "needless to say",
    "of course",
    "please note that",
    "results may vary",
    "the fact that",
    "there are many",
    "to summarise",
    "to summarize",
    "when it comes to",
)
# Literal alternatives without a repeat, so the search stays linear.
_FILLER: Final = re.compile(rf"\b(?:{'|'.join(_FILLER_PHRASES)})\b")


def lexical_score(prompt: str, answer: str) -> float:
    """Rate an answer by the words it consists of.

    Args:
        prompt: The question or task as it was asked.
        answer: The text to rate.

    Returns:
        A score from 0.0 to 10.0, rounded to one decimal; 0.0 if the answer holds no word.
    """
    sentences = _sentences(answer)
    if not sentences:
        return 0.0
    asked = _content_stems(_words(prompt))
    said = _content_stems(word for sentence in sentences for word in sentence)
    length = sum(map(len, sentences))
    need = min(_MAX_NEED, _BASE_NEED + len(asked))
    merit = (
        _COVERAGE_WEIGHT * _coverage(asked, said)
        + _DENSITY_WEIGHT * len(said) / max(length, need)
        + _SUBSTANCE_WEIGHT * min(1.0, len(said - asked) / need)
    )
    waste = _wasted_words(sentences, asked) / length
    return round(_MAX_SCORE * merit * (1.0 - _WASTE_WEIGHT * waste), 1)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _sentences(text: str) -> list[list[str]]:
    """Split a text at sentence ends and line ends and drop the parts without a word."""
    parts = (_words(part) for part in _SENTENCE_END.split(text))
    return [words for words in parts if words]


def _content_stems(words: Iterable[str]) -> set[str]:
    return {word[:_STEM_LENGTH] for word in words if word not in _STOP_WORDS}


def _coverage(asked: set[str], said: set[str]) -> float:
    if not asked:
        return 1.0
    return min(1.0, len(asked & said) / len(asked) / _FULL_COVERAGE)


def _wasted_words(sentences: Sequence[list[str]], asked: set[str]) -> int:
    """Count the words in sentences that add nothing."""
    seen: set[str] = set()
    wasted = 0
    for position, words in enumerate(sentences):
        sentence = " ".join(words)
        repeated = sentence in seen and len(words) >= _MIN_REPEATED_WORDS
        # The only sentence of an answer is the answer itself, however close to the prompt.
        opening = position == 0 and len(sentences) > 1
        if repeated or _FILLER.search(sentence) or (opening and _restates(words, asked)):
            wasted += len(words)
        seen.add(sentence)
    return wasted


def _restates(words: list[str], asked: set[str]) -> bool:
    stems = _content_stems(words)
    return bool(stems) and len(stems & asked) / len(stems) >= _RESTATED_SHARE
