"""Read the better response out of what a model wrote, or say why there is none.

The format is that of Long Is More: ``[Better Answer]``, the response, ``[End]``. What published code does with it cuts
a response at the word "End", takes what was cut off in the middle for whole, and mixes up several responses; here only
the mark in brackets ends a response, and whatever is not certain is no response.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

from longismore._rating_text import without_thoughts

__all__ = ["EXTRACTION_VERSION", "MARKS", "Extraction", "extract_response", "has_mark"]

EXTRACTION_VERSION = 1
"""Goes up when the same text is read differently."""
MARKS = ("[Better Answer]", "[End]")
"""What stands before and after the better response."""

_NAME = r"(?:better|revised|improved)\s+(?:answer|response)"
_OPENING = rf"\[\s*{_NAME}{{code}}\s*\]"
_CLOSING = rf"\[\s*(?:/\s*|end\s+of\s+(?:the\s+)?){_NAME}{{code}}\s*\]|\[\s*end{{code}}\s*\]"
# A mark may be in bold type, a heading or code; what stands on one side of it then stands on the other too.
_DRESSED = r"(?:^\#{{1,6}}[ \t]*)?(?P<dress>[*_`]{{1,3}})?(?:{mark}):?(?(dress)(?P=dress)):?"


class Extraction(StrEnum):
    """How it went; the first two gave a response."""

    FOUND = "refined"
    WITHOUT_END = "refined, without an end mark"
    SAME = "refined to the same text"
    """Said by whoever knows the old response."""
    UNMARKED = "no better response marked"
    SEVERAL = "several better responses"
    CUT = "cut off at max_tokens"
    END_MISSING = "end mark missing"
    """And nobody knows whether the answer was cut off."""
    EMPTY = "better response empty"
    LEAKED = "quotation marks in the better response"


@lru_cache(maxsize=64)
def _patterns(code: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    suffix = rf"\s+{re.escape(code)}" if code else ""
    opening, closing = (
        re.compile(_DRESSED.format(mark=mark.replace("{code}", suffix)), re.IGNORECASE | re.MULTILINE)
        for mark in (_OPENING, _CLOSING)
    )
    return opening, closing


def has_mark(text: str) -> bool:
    """Whether a text contains anything that reads as one of the marks."""
    return "[" in text and any(pattern.search(text) for pattern in _patterns(""))


def extract_response(
    text: str, *, was_cut: bool | None, code: str, in_marks: bool = False
) -> tuple[Extraction, str | None, str]:
    """Find the better response in what a model wrote.

    Exactly one mark may open it. The first mark that closes it must be the last one, too. Without one, the response
    is the rest of the text if the answer is known to have ended by itself.

    Args:
        text: All that the model wrote; thoughts between ``<think>`` marks are passed over.
        was_cut: Whether it ended only because it was too long; ``None``: unknown.
        code: Of the quotations in what the model was shown; a response that repeats it has leaked them.
        in_marks: Whether the code stands in the marks, too: ``[Better Answer CODE]``.

    Returns:
        How it went, the better response or ``None``, and the critique before it.
    """
    opening, closing = _patterns(code if in_marks else "")
    own = without_thoughts(text)
    opened = list(opening.finditer(own))
    if len(opened) != 1:
        missing = Extraction.CUT if was_cut else Extraction.UNMARKED
        return (Extraction.SEVERAL if opened else missing), None, own.strip()
    critique = own[: opened[0].start()].rstrip(" \t\r\n*_`#")
    return (*_closed(own[opened[0].end() :], closing, was_cut=was_cut, code=code), critique)


def _closed(rest: str, closing: re.Pattern[str], *, was_cut: bool | None, code: str) -> tuple[Extraction, str | None]:
    """What stands between the mark that opens the response and the one that closes it."""
    closed = list(closing.finditer(rest))
    if any(rest[first.end() : second.start()].strip() for first, second in pairwise(closed)):
        return Extraction.SEVERAL, None
    if not closed and was_cut is not False:
        return (Extraction.CUT if was_cut else Extraction.END_MISSING), None
    response = _trimmed(rest[: closed[0].start()] if closed else rest)
    if not response or code in response:
        return (Extraction.LEAKED if response else Extraction.EMPTY), None
    return (Extraction.FOUND if closed else Extraction.WITHOUT_END), response


def _trimmed(text: str) -> str:
    """Without blank lines around it; the first line keeps its indentation where the mark stood on a line of its own."""
    lines = re.sub(r"\A[ \t]*(?:\r?\n[ \t]*)*\r?\n", "", text)
    return (text.strip() if lines == text else lines.rstrip()).strip("\r\n")
