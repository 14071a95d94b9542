"""Read two scores out of what a judge wrote, or say that there are none.

What published reviews of GPT-4, GPT-3.5 and GPT-3.5-16k look like: nearly all open with a line such as ``8 7``,
``8 7.5`` or ``8.5 9``. Some reason first and give the scores later, on lines that name the answers
(``Assistant 1: 8/10``, ``Assistant 1: 2 (wrong steps)``) or in a sentence of the first or the last line
(``The output tuple is (10, 1).``). Scores run from 0 to 10. Anything else is not read: a pair of numbers may be a
point, ``Assistant 1: 6`` the result of a sum, and a guess would turn prose into a verdict.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["PARSER_VERSION", "parse_score_pair"]

PARSER_VERSION = 2
"""Goes up when the same text is read differently; part of every judge's fingerprint."""

_HIGHEST = 10.0
# In characters: a line of scores is short, and so is a review. Beyond, a regular expression would only lose time.
_LONGEST_SCORES = 200
_LONGEST_REVIEW = 100_000

_DIGITS = r"\d{1,2}(?:\.\d{1,3})?"
_OUT_OF = r"(?:\s*/\s*10|\s+out\s+of\s+10)"
_SCORE = rf"({_DIGITS}){_OUT_OF}?"
_ANSWER = r"(?:assistant|answer|response)"

_FIRST_LINE = re.compile(rf"[\s*_`#(\[]*{_SCORE}(?:\s*[,;|&]\s*|\s+(?:and\s+)?){_SCORE}[\s*_`)\].]*")

# A remark starts with a letter: "8 - 3" is a sum and "8 (8 units)" its result.
_NAMED = re.compile(
    rf"[\s*_`#-]*{_ANSWER}\s*#?\s*(?P<name>[12])\W{{0,7}}[\s:=*](?P<score>{_DIGITS})(?P<out_of>{_OUT_OF})?"
    r"(?:[\s*_`.]*|[\s*_`]*(?:\(|[-\u2013\u2014]\s)\s*[^\W\d_].*)",
    re.IGNORECASE,
)
_WORD = r"(?:scores?|ratings?|marks?|my\s+evaluation)"
_HEADING = re.compile(rf"[\s*_`#]*(?:final\s+|overall\s+)?(?:{_WORD}|.*\b{_WORD}\b.*:)[\s*_`:]*", re.IGNORECASE)

_START = r"(?P<start>(?:^[\s*_`]*|(?<=[.!?])\s+)(?:(?:therefore|thus|hence|so|overall|in\s+conclusion),?\s+)?)?\b"
_END = r"(?:[.!](?=\s|$)|[\s*_`]*$)"
_OWNER = rf"{_ANSWER}\s+([12])(?:['\u2019]s(?:\s+(?:code|submission|solution|answer|response)){{0,2}})?"
_OF = r"(?:an?\s+(?:[a-z]+\s+){0,3}(?:score|rating)\s+of|an?|as|score\s+is)"
_HAS = rf"\s+(?:(?:receives|received|gets|deserves)\s+)?{_OF}\s+"
_IN_ORDER = rf"{_ANSWER}\s+1\s+and\s+(?:{_ANSWER}\s+)?2"
_EACH = re.compile(
    rf"{_START}(?:(?:I|we)\s+(?:(?:would|can|will)\s+)?(?:give|rate|assign)\s+)?"
    rf"{_OWNER}{_HAS}{_SCORE},?\s+(?:and|while)\s+{_OWNER}{_HAS}{_SCORE}{_END}",
    re.IGNORECASE,
)
_BOTH = re.compile(
    rf"{_START}(?:they\s+both|both\s+{_ANSWER}s)\s+(?:receive|get|deserve)\s+{_OF}\s+{_SCORE}{_END}", re.IGNORECASE
)
_LISTED = re.compile(
    rf"{_START}(?:(?:the|my)\s+(?:scores|ratings)(?:\s+(?:for|of)\s+{_IN_ORDER})?\s+are|(?:the\s+)?output\s+tuple\s+is)"
    rf"\s+\(?{_SCORE}(?:\s*,\s*|\s+and\s+){_SCORE}\)?(?:\s+for\s+{_IN_ORDER})?(?:,?\s+respectively)?{_END}",
    re.IGNORECASE,
)
_TUPLE = re.compile(rf"(?P<start>^)[\s*_`]*(?:output|scores):[\s*_`]*\({_SCORE},\s*{_SCORE}\)[\s*_`.]*$", re.IGNORECASE)


def parse_score_pair(text: str) -> tuple[float, float] | None:
    r"""The scores of the first and the second answer shown, each 0 to 10, or ``None``.

    The first line that is not blank decides if it holds exactly two scores. Else all statements of a score must
    agree, and there must be one for either answer. Lines that name an answer are statements if all are out of ten,
    if they open or close the text, or if a heading speaks of scores; a sentence is one in the first and the last
    line. What the judge quotes is none.

    Example:
        >>> parse_score_pair("8 7.5\nThe first answer is more complete."), parse_score_pair("Both are good.")
        ((8.0, 7.5), None)
        >>> parse_score_pair("The line ends in (10, 4).\n\nScores:\nAssistant 1: 9 (correct)\nAssistant 2: 2 (wrong)")
        (9.0, 2.0)
    """
    first = _first_line(text)
    if len(first) <= _LONGEST_SCORES and (opening := _FIRST_LINE.fullmatch(first)):
        return _in_range(float(opening[1]), float(opening[2]))
    if len(text) > _LONGEST_REVIEW:
        return None
    own = list(_own_lines([line for line in text.splitlines() if line.strip()]))
    sentences = [(number, found) for number, line in enumerate(own) for found in _sentences(line)]
    named = [(number, found) for number, line in enumerate(own) if (found := _NAMED.fullmatch(line))]
    if not _conclude(sentences, len(own)) and not _are_scores(named, own):
        return None
    said = {score for _, found in sentences for score in _both_scores(found)}
    scores = sorted(said | {(found["name"], float(found["score"])) for _, found in named})
    if [name for name, _ in scores] != ["1", "2"]:
        return None
    return _in_range(scores[0][1], scores[1][1])


def _first_line(text: str) -> str:
    """The first line that is not blank; where it is plain, the rest of the text is not looked at."""
    head = text[: _LONGEST_SCORES + 1].partition("\n")[0]
    if head.isascii() and head.isprintable() and head.strip():
        return head
    return next((line for line in text.splitlines() if line.strip()), "")


def _in_range(first: float, second: float) -> tuple[float, float] | None:
    return (first, second) if max(first, second) <= _HIGHEST else None


def _own_lines(lines: Sequence[str]) -> Iterator[str]:
    """The lines, but empty where they begin in quotation marks, code or a block quote."""
    fenced, straight, curly = False, 0, 0
    for line in lines:
        fence = line.lstrip().startswith("```")
        foreign = fenced or fence or straight % 2 or curly or line.lstrip().startswith(">")
        yield "" if foreign else line
        if fence:
            fenced = not fenced
        elif not fenced:
            straight += line.count('"')
            curly = max(0, curly + line.count("\u201c") - line.count("\u201d"))


def _sentences(line: str) -> Iterator[re.Match[str]]:
    """All that is said of both scores in one sentence, unless it is quoted."""
    for pattern in (_EACH, _BOTH, _LISTED, _TUPLE):
        for found in pattern.finditer(line):
            before = line[: found.start()]
            if before.count('"') % 2 == 0 and before.count("\u201c") <= before.count("\u201d"):
                yield found


def _both_scores(sentence: re.Match[str]) -> Iterator[tuple[str, float]]:
    """Name of the answer and score, for either answer."""
    _, *values = sentence.groups()
    if sentence.re is _EACH:
        yield from ((values[0], float(values[1])), (values[2], float(values[3])))
    else:
        yield from (("1", float(values[0])), ("2", float(values[-1])))


def _conclude(sentences: Sequence[tuple[int, re.Match[str]]], lines: int) -> bool:
    """Whether a sentence is a statement of its own in the first or the last line."""
    return any(number in {0, lines - 1} and found["start"] is not None for number, found in sentences)


def _are_scores(named: Sequence[tuple[int, re.Match[str]]], lines: Sequence[str]) -> bool:
    """Whether lines that name an answer and a number state scores, and not the results of a sum."""
    if not named:
        return False
    headings = (lines[number - 1] for number, _ in named if number)
    return (
        all(found["out_of"] for _, found in named)
        or named[0][0] == 0
        or named[-1][0] == len(lines) - 1
        or any(len(line) <= _LONGEST_SCORES and _HEADING.fullmatch(line) for line in headings)
    )
