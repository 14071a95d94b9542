"""Read two scores out of what a judge wrote, or say that there are none.

What 6,184 published reviews of GPT-4, GPT-3.5 and GPT-3.5-16k look like: nearly all open with a line such as
``8 7``, ``8 7.5`` or ``8.5 9``; some name the answers on lines of their own, ``Assistant 1: 8/10``. Scores run
from 0 to 10. Anything else is not read: a guess would turn prose into a verdict.
"""

from __future__ import annotations

import re

__all__ = ["PARSER_VERSION", "parse_score_pair"]

PARSER_VERSION = 1
"""Goes up when the same text is read differently; part of every judge's fingerprint."""

_NUMBER = r"(\d{1,2}(?:\.\d{1,3})?)(?:\s*/\s*10)?"
_FIRST_LINE = re.compile(rf"[\s*_`#(\[]*{_NUMBER}(?:\s*[,;|&]\s*|\s+(?:and\s+)?){_NUMBER}[\s*_`)\].]*")
_NAMED = re.compile(
    rf"[\s*_`#>-]*(?:assistant|answer|response)\s*#?\s*([12])\W{{0,7}}[\s:=*]{_NUMBER}[\s*_`.]*", re.IGNORECASE
)
_HIGHEST = 10.0
_LONGEST_LINE = 200


def parse_score_pair(text: str) -> tuple[float, float] | None:
    r"""The scores of the first and the second answer shown, each 0 to 10, or ``None``.

    The first line that is not blank decides if it holds exactly two scores; else lines that give one score each
    to answer 1 and answer 2, provided that there is exactly one of either.

    Example:
        >>> parse_score_pair("8 7.5\nThe first answer is more complete."), parse_score_pair("Both are good.")
        ((8.0, 7.5), None)
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    # A line of scores is short; a longer one is not worth a regular expression's time.
    if len(lines[0]) <= _LONGEST_LINE and (opening := _FIRST_LINE.fullmatch(lines[0])):
        return _in_range(float(opening[1]), float(opening[2]))
    named = [found for line in lines if len(line) <= _LONGEST_LINE and (found := _NAMED.fullmatch(line))]
    if sorted(found[1] for found in named) != ["1", "2"]:
        return None
    scores = {found[1]: float(found[2]) for found in named}
    return _in_range(scores["1"], scores["2"])


def _in_range(first: float, second: float) -> tuple[float, float] | None:
    return (first, second) if max(first, second) <= _HIGHEST else None
