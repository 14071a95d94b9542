"""Read which of two answers a judge chose, from its text or from the probabilities of its letter.

What published completions look like: ``Output (a)``, ``Output (b) is better.`` and ``Output (b) (Note: ...)`` of
LLMBar, ``1``, ``2`` and ``Tie`` of PandaLM, ``[[A]]`` of MT-Bench, and also empty texts, refusals and ``Neither``.
A letter is read only where it is the whole verdict: "A good answer would ..." begins with an article.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CHOICE_PARSER_VERSION", "parse_choice", "read_letter_probability"]

CHOICE_PARSER_VERSION = 1
"""Goes up when the same text or probabilities are read differently; part of every judge's fingerprint."""

_PREFERENCES = {"a": 1.0, "1": 1.0, "b": 0.0, "2": 0.0, "c": 0.5, "tie": 0.5, "equal": 0.5}
# In characters: a verdict is short, and so are its reasons. Beyond, a regular expression would only lose time.
_LONGEST_VERDICT = 200
_LONGEST_TEXT = 100_000

_NOUN = r"(?i:output|answer|response|assistant|option|choice)\s+"
_NAMED = rf"{_NOUN}(?:[(\[][ABCabc12][)\]]|[ABC12])"
# "1." and "1)" begin a list.
_LETTER = r"(?:\[\[[ABC]\]\]|[(\[][ABCabc][)\]]|[ABC]|[12](?![.)]))"
# ASCII: without case a dotless i would count as an i.
_EQUAL = r"(?ai:(?:it(?:['\u2019]s|\s+is)\s+)?(?:a\s+)?(?:tie|equal))"
# "The answer is C" may be the solution of the task that the two answers are about.
_TITLE = (
    r"(?i:(?:my\s+|the\s+)?(?:final\s+)?"
    r"(?:answer[*_`]*\s*[:=]|(?:verdict|choice|decision|winner|better\s+(?:answer|output|response))[*_`]*(?:\s*[:=]|\s+is\b:?))"
    r"[\s*_`]*)"
)
_BETTER = r"[*_`]*\s+is\s+(?:the\s+)?better\b"
_THAN = rf"(?:\s+(?:answer|output|response|one))?(?:\s+than\s+(?:{_NAMED}|{_LETTER}))?"
_VERDICT = re.compile(
    rf"[\s*_`]*(?P<title>{_TITLE})?(?P<label>{_EQUAL}|(?P<named>{_NAMED})|{_LETTER})(?P<better>{_BETTER}{_THAN})?"
    r"[*_`]*[.!)]?[\s*_`]*"
)
# "Neither A nor B is better" says nothing of B.
_SAID_BETTER = re.compile(rf"(?<!or )(?<!\w)(?P<label>{_NOUN}(?:[(\[][ABab12][)\]]|[AB12])|\([ABab]\)|[AB]){_BETTER}")
_AROUND_TOKENS = " \t\n\r\v\f\xa0ĠĊ▁"
"""White space, and how byte-level and SentencePiece vocabularies write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """A line that is a verdict and nothing else."""

    preference: float
    explicit: bool
    """It says that it is the verdict, and no cut text or heading looks like it."""
    named: bool
    """It names an answer, ``Answer A``, as a heading would."""


def parse_choice(text: str) -> float | None:
    """1 if the answer shown first was chosen, 0 if the second, 0.5 if they are equal, else ``None``.

    ``A`` and ``1`` are the first answer, ``B`` and ``2`` the second, ``C``, ``Tie`` and ``Equal`` neither. The verdict
    is the first line, or the last one if it says that it is the verdict: ``Answer: A``, ``[[A]]``, ``A is better.``
    Above other lines ``Answer A`` may be a heading and is not read; nothing is read from a text that also says
    otherwise.

    Example:
        >>> parse_choice("Output (b) is better."), parse_choice("[[C]]"), parse_choice("A or B, it depends.")
        (0.0, 0.5, None)
    """
    if len(text) > _LONGEST_TEXT:
        return None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    verdicts = [_verdict(line) for line in lines]
    first, last = verdicts[0], verdicts[-1]
    opens = first is not None and (first.explicit or not first.named or len(lines) == 1)
    if not opens and (last is None or not last.explicit):
        return None
    said = {verdict.preference for verdict in verdicts if verdict}
    said |= {_preference(found["label"]) for line in lines for found in _SAID_BETTER.finditer(line)}
    return said.pop() if len(said) == 1 else None


def _verdict(line: str) -> _Verdict | None:
    found = _VERDICT.match(line[:_LONGEST_VERDICT])
    if not found:
        return None
    note = line[found.end() :]
    preference = _preference(found["label"])
    is_equal_better = found["better"] and preference not in {0.0, 1.0}
    if is_equal_better or (note and not note.lower().startswith("(note")):
        return None
    return _Verdict(
        preference=preference,
        explicit=bool(found["title"] or found["better"] or note or found["label"].startswith("[[")),
        named=bool(found["named"]),
    )


def _preference(label: str) -> float:
    return _PREFERENCES[label.rsplit(maxsplit=1)[-1].strip("([])").lower()]


def read_letter_probability(top: Mapping[str, float], first: str = "A", second: str = "B") -> float | None:
    """The probability of the letter *first* among the two letters, 0 to 1, or ``None`` if neither is listed.

    Tokens are compared after white space and its marks in vocabularies (``Ġ``, ``Ċ``, ``▁``) are stripped; upper and
    lower case differ. The spellings of a letter ("A", " A") add up. Services list only the most probable tokens: a
    letter that is missing is less probable than all of these and counts as 0, so that the result is 1 or 0 where only
    one letter is listed.

    Args:
        top: Natural logarithms of the probabilities of one generated token, by token. Minus infinity is a
            probability of 0; not a number and plus infinity are no logarithms of probabilities and are passed over.
        first: The letter of the answer shown first.
        second: The letter of the other answer.

    Raises:
        ConfigError: The two letters are the same.

    Example:
        >>> read_letter_probability({"A": -0.7, "The": -1.2, "B": -0.7}), read_letter_probability({"The": -0.1})
        (0.5, None)
    """
    if first == second:
        raise ConfigError(f"the letters of the two answers must differ, both are {first!r}")
    letters = ((token.strip(_AROUND_TOKENS), value) for token, value in top.items())
    listed = [(letter, value) for letter, value in letters if letter in {first, second} and value < math.inf]
    # Relative to the greatest, so that two improbable letters do not both become 0.
    greatest = max((value for _, value in listed), default=-math.inf)
    if greatest == -math.inf:
        return None
    masses = {first: 0.0, second: 0.0}
    for letter, value in listed:
        masses[letter] += math.exp(value - greatest)
    return masses[first] / (masses[first] + masses[second])
