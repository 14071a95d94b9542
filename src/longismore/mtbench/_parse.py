"""Read what a judge decided out of what it wrote, or say that nothing can be read.

The prompts ask for ``[[8]]`` or ``[[A]]``. FastChat takes the first rating that it finds, a number in single brackets
anywhere in the text in its place, and looks for A before B and C. Here all that is written in double brackets has to
agree, a rating in single brackets has to be called one (``Rating: [8]``), and it has to be from 1 to 10, as the prompts
say: everything else is not read. On the 326 published judgments of GPT-4 that we have, both give the same.
"""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["PARSER_VERSION", "in_scale", "parse_rating", "parse_verdict"]

PARSER_VERSION = 1
"""Goes up when the same text is read differently; part of the fingerprint of every judgment."""

_LOWEST, _HIGHEST = 1, 10
_NUMBER = r"[0-9]{1,3}(?:\.[0-9]{0,3})?"
_RATING = re.compile(rf"\[\[\s?({_NUMBER})\s?\]\]")
_CALLED = re.compile(rf"\b(?:rating|score)\b[\s:*_=]{{0,4}}\[({_NUMBER})\](?!\])", re.IGNORECASE)
_VERDICT = re.compile(r"\[\[([ABC])\]\]")
_VERDICTS: dict[str, Literal["A", "B", "tie"]] = {"A": "A", "B": "B", "C": "tie"}


def in_scale(score: float) -> bool:
    """Whether a score is one that the prompts allow; what is no number is none."""
    return _LOWEST <= score <= _HIGHEST


def parse_rating(text: str) -> float | None:
    """The rating, 1 to 10.

    Example:
        >>> parse_rating("It is thorough. Rating: [[8.5]]"), parse_rating("[[3]], or rather [[4]]"), parse_rating("8")
        (8.5, None, None)
    """
    found = {float(number) for number in _RATING.findall(text) or _CALLED.findall(text)}
    if len(found) != 1:
        return None
    score = found.pop()
    return score if in_scale(score) else None


def parse_verdict(text: str) -> Literal["A", "B", "tie"] | None:
    """Who is better, of the answers as they were shown.

    Example:
        >>> parse_verdict("Both fail. [[C]]"), parse_verdict("[[A]] if it counts, else [[B]]")
        ('tie', None)
    """
    found = set(_VERDICT.findall(text))
    return _VERDICTS[found.pop()] if len(found) == 1 else None
