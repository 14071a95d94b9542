"""How many tokens NLTK's ``word_tokenize`` makes of a text, and two numbers between which that must lie.

``word_tokenize`` cuts a text into sentences (Punkt) and each sentence into words (``NLTKWordTokenizer``). Punkt is used
untrained, so no data of NLTK's are needed and none are loaded: this measure, and no other that was tried, reproduces
the published selection of Long Is More.

NLTK needs half a millisecond a text. The two bounds cost a hundredth of that, and settle most rows. Let a *run* be as
many letters and digits in a row as there are. NLTK joins nothing over white space and drops no other character, so each
of its tokens is made of characters of its own. It cuts beside characters that are neither letter nor digit; inside of a
run it cuts in two places only: before the ``n`` of ``n't``, and inside of contractions such as ``cannot``.

- At most: runs + other characters + contractions. A token with another character in it pays with that character, and
  no two tokens share one. The other tokens lie in runs: one in each, and one more for every contraction that is cut.
  (What ``n't`` leaves of its run is such a token; the ``n`` pays with its apostrophe.)
- At least: white space separates words; ``;@#$%&?!*"`` and brackets are tokens of their own wherever they stand; so is
  a comma or a colon, unless a digit follows it, or another comma or colon precedes it, which may take it along.

The contractions are read from the installed NLTK, and it is asked whether it isolates these characters. Where it has
other contractions, these count; where they cannot be read, each character may be a token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["NltkWords"]

_SPACE, _LETTER, _DIGIT, _OTHER, _JOINING, _ALONE = range(6)
_MAY_STAND_ALONE = ';@#$%&?!*"()[]{}<>'
_JOINING_CHARACTERS = ",:"
_CONTRACTION = re.compile(r"\(\?i\)(?:\\b| )\(('?[a-z]+)\)(?:\(\?#X\))?\(('?[a-z]+)\)(?:\\b|\(\?=\\s\))")
"""How NLTK writes a contraction: two groups, between which it cuts."""
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_LIKE_ASCII = frozenset("\u0130\u0131\u017f\u212a")
"""Letters that match i, s or k where upper and lower case are one: they must not be part of a run."""
_MOST_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class NltkWords:
    """Tokens of NLTK's ``word_tokenize`` with untrained Punkt: the measure of Long Is More."""

    name: str = "nltk_words"
    bounded_by_size: bool = True
    """A token has at least a character."""

    @property
    def version(self) -> str:
        """NLTK's, whose rules change now and then."""
        return f"nltk {require('nltk', extra='select').__version__}"

    def count(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text.

        Raises:
            DataError: NLTK has given up on a text, as it does after some seconds.
        """
        tokenize = require("nltk.tokenize", extra="select")
        # Punkt notes every word that it meets, so it is not kept.
        punkt, words = tokenize.PunktSentenceTokenizer(), tokenize.NLTKWordTokenizer()
        return [_count(text, punkt, words) for text in texts]

    def bounds(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The least and the greatest number of tokens that each text can have, both (n,)."""
        import numpy as np

        parts = [_part_bounds(part) for part in _parts(texts)]
        if not parts:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        return np.concatenate([least for least, _ in parts]), np.concatenate([most for _, most in parts])


def _count(text: str, punkt: Any, words: Any) -> int:
    try:
        return sum(len(words.tokenize(sentence)) for sentence in punkt.tokenize(text))
    except TimeoutError as error:
        raise DataError(
            f"nltk gave up on an answer of {len(text):,} characters, {text[:40]!r} ...; "
            "take its row out, or use measure=words or measure=chars"
        ) from error


def _parts(texts: Sequence[str]) -> Iterable[Sequence[str]]:
    """The texts, a few megabytes at once."""
    start = size = 0
    for end, text in enumerate(texts):
        size += len(text)
        if size > _MOST_BYTES:
            yield texts[start : end + 1]
            start, size = end + 1, 0
    if start < len(texts):
        yield texts[start:]


def _part_bounds(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    import numpy as np

    folded = [text if text.isascii() else _NOT_ASCII.sub(_fold, text) for text in texts]
    ends = np.cumsum(np.fromiter(map(len, folded), dtype=np.int64, count=len(folded)) + 1)
    data = ("\n".join(folded) + "\n").encode("ascii")
    rules = _rules()
    kind = np.frombuffer(data.translate(rules.kinds), dtype=np.uint8)  # (bytes,)
    in_run = (kind == _LETTER) | (kind == _DIGIT)
    begins = in_run.copy()
    begins[1:] &= ~in_run[:-1]
    most = _sums(begins | (kind >= _OTHER), ends)
    alone = kind == _ALONE
    joining = kind == _JOINING
    alone[:-1] |= joining[:-1] & (kind[1:] != _DIGIT)
    alone[1:] &= ~(joining[1:] & joining[:-1])
    plain = (kind != _SPACE) & ~alone
    begins = plain.copy()
    begins[1:] &= ~plain[:-1]
    least = _sums(begins | alone, ends)
    if rules.contractions is None:
        return least, np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    lower = data.lower()
    for contraction in rules.contractions:
        for place in _places(lower, contraction):
            most[np.searchsorted(ends, place, side="right")] += 1
    return least, most


def _sums(marks: NDArray[np.bool_], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many bytes of each text are marked (n,)."""
    import numpy as np

    sums: NDArray[np.int64] = np.diff(np.searchsorted(np.flatnonzero(marks), ends), prepend=0)
    return sums


def _places(data: bytes, part: bytes) -> Iterable[int]:
    place = data.find(part)
    while place >= 0:
        yield place
        place = data.find(part, place + 1)


def _fold(match: re.Match[str]) -> str:
    return "".join(map(_folded, match[0]))


@cache
def _folded(character: str) -> str:
    """What stands for a character beyond ASCII: a space, a letter, a digit (commas stay with it) or another one."""
    if character.isspace():
        return " "
    if character in _LIKE_ASCII or not character.isalnum():
        return "_"
    return "0" if character.isnumeric() else "a"


@dataclass(frozen=True, slots=True)
class _Rules:
    kinds: bytes
    """What each byte is."""
    contractions: tuple[bytes, ...] | None
    """Runs that NLTK cuts; ``None``: unknown."""


@cache
def _rules() -> _Rules:
    """The rules of the installed NLTK."""
    tokenize = require("nltk.tokenize", extra="select")
    destructive = require("nltk.tokenize.destructive", extra="select")
    words = tokenize.NLTKWordTokenizer()
    kinds = bytearray([_OTHER]) * 256
    for code in range(128):
        character = chr(code)
        if character.isspace():
            kinds[code] = _SPACE
        elif character.isalnum():
            kinds[code] = _DIGIT if character.isdigit() else _LETTER
        elif character in _MAY_STAND_ALONE and len(words.tokenize(f"a{character}a")) == 3:  # noqa: PLR2004  a, it and a
            kinds[code] = _ALONE
        elif character in _JOINING_CHARACTERS and len(words.tokenize(f"a{character}a")) == 3:  # noqa: PLR2004
            kinds[code] = _JOINING
    return _Rules(bytes(kinds), _contractions(destructive.MacIntyreContractions))


def _contractions(source: Any) -> tuple[bytes, ...] | None:
    """Runs that are cut inside, in lower case; a cut beside an apostrophe needs no mention."""
    found = []
    for name in ("CONTRACTIONS2", "CONTRACTIONS3"):
        for pattern in getattr(source, name, (None,)):
            match = _CONTRACTION.fullmatch(pattern) if isinstance(pattern, str) else None
            if match is None:
                return None
            if "'" not in match[1] + match[2]:
                found.append((match[1] + match[2]).encode())
    return tuple(found)
