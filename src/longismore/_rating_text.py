"""Read one rating out of what a model wrote of a response, or say that there is none.

Ratings run from 0 to 5, as those of AlpaGasus do. Nothing is clipped or rescaled, and no number is taken because it
happens to stand there: published parsers that did so read ``4.0`` as 0, ``10`` as 10 and ``Score: 4.5`` as an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HIGHEST_RATING", "RATING_PARSER_VERSION", "parse_rating", "without_thoughts"]

HIGHEST_RATING = 5.0
RATING_PARSER_VERSION = 2
"""Goes up when the same text is read differently."""

# In characters: beyond, a line states no rating, and a regular expression would only lose time.
_LONGEST_LINE = 300
_LONGEST_TEXT = 100_000

_MARKS = r"[\s*_`#()\[\]>]*"
_NUMBER = r"(?P<number>(?:0|[1-9][0-9]?)(?:\.[0-9]{1,6})?)"
_OUT_OF = r"(?:\s*/\s*5(?:\.0)?|\s+out\s+of\s+(?:5(?:\.0)?|five))"
_UNIT = r"(?:\s*(?:stars?|points?))?"
# A remark starts with a letter: "5 - 3" is a sum. It names no other scale: "4 (out of 10)".
_ABOVE = r"\b(?:[6-9]|[1-9][0-9]{1,2}|ten|hundred)\b"
_OTHER_SCALE = (
    rf"(?:out\s+of\s+(?:an?\s+)?(?:possible\s+)?{_ABOVE}"
    rf"|on\s+(?:an?|the)\s+(?:[0-9]\s*(?:-|to)\s*)?{_ABOVE}[\s-]+(?:point|scale)"
    rf"|on\s+(?:an?|the)\s+scale\b[^.)]{{0,30}}?{_ABOVE})"
)
_REMARK = rf"(?:[\s*_`]*(?:\(|[-\u2013\u2014]\s|:\s|,\s)\s*(?!{_OTHER_SCALE})[^\W\d_].*)?"
_VALUE = rf"{_NUMBER}(?P<out_of>{_OUT_OF})?{_UNIT}(?![0-9%])"

_BARE = re.compile(rf"{_MARKS}{_VALUE}(?:{_MARKS}\.?{_MARKS}|{_REMARK})", re.IGNORECASE)
_NAMES = r"\b(?:score|rating|mark|grade|accuracy|helpfulness)\b"
_LABELLED = re.compile(
    rf"{_MARKS}-?{_MARKS}(?P<label>[^\d:=]{{1,80}}?)[\s*_`)\]]*[:=]{_MARKS}{_VALUE}(?:{_MARKS}\.?{_MARKS}|{_REMARK})",
    re.IGNORECASE,
)
# No digit, end of a sentence or quotation mark may stand between who rates and the rating.
_BETWEEN = r"[^0-9.!?;\"\u201c\u201d]{0,100}?"
_SAID = re.compile(
    r"(?:\b(?:I|we)(?:\s+(?:would|will|can|do)|['\u2019]d)?(?:\s+\w+ly)?\s+(?:rate|give|score|assign|award|grade)\b"
    r"|\b(?:response|answer|it)\s+(?:\w+ly\s+)?(?:deserves|receives|gets|earns|merits)\b"
    rf"|{_NAMES}{_BETWEEN}\b(?:is|of|as)\b"
    r"|^[\s*_`]*(?:overall|in\s+(?:conclusion|sum(?:mary)?))\b)"
    rf"{_BETWEEN}(?<![0-9.,/-]){_VALUE}(?!\s*/|\s*[-\u2013]\s*[0-9]|\s+to\s+[0-9]|\s+or\s+[0-9]|\s+out\s+of|\.[0-9]|,\s*[0-9])"
    r"[\s*_`)\]]*(?:[.!,;](?=\s|$)|$|(?=\s(?:for|because|since|as|on|in|and|stars?|points?)\b))",
    re.IGNORECASE,
)


def parse_rating(text: str, dimension: str = "") -> float | None:
    r"""The rating that *text* states, 0 to 5, or ``None``.

    The first line that is not blank decides if it holds one number and nothing else (``4.5``, ``**4.5**``, ``4.5/5``,
    ``4 out of 5``, ``4.5 - it is right``). Else whatever states a rating must agree: every line that names a rating
    before a colon (``Score: 4.5``, ``Accuracy: 4.5/5``), and every sentence of the first and the last line that says
    who rates (``I would rate it 4 out of 5.``); where lines disagree, those that name *dimension* count. Quoted text
    states nothing. A number above 5, another scale (``8/10``) and a decimal comma, which may be two numbers, are not
    read.

    Args:
        text: All that the model wrote; thoughts between ``<think>`` marks are passed over.
        dimension: What was rated, e.g. ``accuracy``.

    Example:
        >>> parse_rating("4.5\nAll of it is right."), parse_rating("Score: 4.5/5"), parse_rating("10")
        (4.5, 4.5, None)
        >>> parse_rating("A good answer. I would rate it 4 out of 5."), parse_rating("4 or 5")
        (4.0, None)
    """
    text = without_thoughts(text)
    if len(text) > _LONGEST_TEXT:
        return None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    if found := _fullmatch(_BARE, lines[0]):
        return _in_range(found)
    own = list(_own_lines(lines))
    labelled = list(_labelled(own, dimension))
    named = [found for found in labelled if dimension and dimension.casefold() in found["label"].casefold()]
    said = [found for line in dict.fromkeys((own[0], own[-1])) for found in _said(line)]
    for statements in ([*labelled, *said], named):
        ratings = {_in_range(found) for found in statements}
        if len(ratings) == 1:
            return ratings.pop()
    return None


def without_thoughts(text: str) -> str:
    """What a model says after it has thought aloud between ``<think>`` and ``</think>``; nothing if it never ended."""
    if not text.lstrip().startswith("<think>"):
        return text
    return text.partition("</think>")[2]


def _fullmatch(pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
    return pattern.fullmatch(line) if len(line) <= _LONGEST_LINE else None


def _in_range(found: re.Match[str]) -> float | None:
    rating = float(found["number"])
    return rating if rating <= HIGHEST_RATING else None


def _own_lines(lines: list[str]) -> Iterator[str]:
    """The lines, but empty where they are code or a block quote."""
    fenced = False
    for line in lines:
        fence = line.startswith("```")
        yield "" if fence or fenced or line.startswith(">") else line
        fenced ^= fence


def _labelled(lines: list[str], dimension: str) -> Iterator[re.Match[str]]:
    """Lines that name a rating: by a usual word, or by the dimension."""
    for line in lines:
        found = _fullmatch(_LABELLED, line)
        if found is None:
            continue
        label = found["label"]
        if re.search(_NAMES, label, re.IGNORECASE) or (dimension and dimension.casefold() in label.casefold()):
            yield found


def _said(line: str) -> Iterator[re.Match[str]]:
    """Sentences of a line that state a rating, unless they are quoted."""
    if len(line) > _LONGEST_TEXT // 10:
        return
    for found in _SAID.finditer(line):
        before = line[: found.start()]
        if before.count('"') % 2 == 0 and before.count("\u201c") <= before.count("\u201d"):
            yield found
