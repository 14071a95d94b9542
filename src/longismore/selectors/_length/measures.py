"""How long an answer is: the measures of length.

====================  ====================================================================================
``nltk_words``        tokens of NLTK's ``word_tokenize`` with untrained Punkt: Long Is More
``chars``             characters (Unicode code points): Chasing Random
``words``             what white space separates
``tokens:TOKENIZER``  tokens of a Hugging Face tokenizer, a folder or a name, without special tokens added
====================  ====================================================================================

An answer in several turns is as long as its turns together.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from longismore._optional import require
from longismore.errors import ConfigError
from longismore.selectors._length.nltk_words import NltkWords

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MEASURES", "Measure", "measure_of"]

MEASURES = ("nltk_words", "chars", "words", "tokens:TOKENIZER")
_TOKENIZER = "tokens:"


class Measure(Protocol):
    """Measures texts."""

    @property
    def name(self) -> str:
        """How users ask for it, e.g. ``chars``."""

    @property
    def version(self) -> str:
        """What else decides how long a text is, e.g. the version of a package or a tokenizer's checksum."""

    @property
    def bounded_by_size(self) -> bool:
        """Whether no text measures more than it has characters."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """The length of each text.

        Raises:
            DataError: A text cannot be measured.
        """

    def bounds(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The least and the greatest length that each text can have, both (n,); proven, and found faster.

        They are equal where a measure is as fast as any bounds could be.
        """


def measure_of(spec: str) -> Measure:
    """The measure of that name; a tokenizer is loaded when it is first needed.

    Raises:
        ConfigError: There is none.
    """
    for measure in (NltkWords(), _Chars(), _Words()):
        if measure.name == spec:
            return measure
    if spec.startswith(_TOKENIZER) and spec != _TOKENIZER:
        return _Tokens(spec.removeprefix(_TOKENIZER))
    raise ConfigError(f'measure must be one of {", ".join(MEASURES)} (a folder, or a name on the hub), found "{spec}"')


class _Exact:
    """A measure that is as fast as bounds could be."""

    __slots__ = ()

    def count(self, texts: Sequence[str]) -> list[int]:
        raise NotImplementedError

    def bounds(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        import numpy as np

        lengths = np.asarray(self.count(texts), dtype=np.int64)
        return lengths, lengths


@dataclass(frozen=True, slots=True)
class _Chars(_Exact):
    name: str = "chars"
    version: str = ""
    bounded_by_size: bool = True

    def count(self, texts: Sequence[str]) -> list[int]:
        return list(map(len, texts))


@dataclass(frozen=True, slots=True)
class _Words(_Exact):
    name: str = "words"
    version: str = ""
    bounded_by_size: bool = True

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


@dataclass(frozen=True, slots=True)
class _Tokens(_Exact):
    tokenizer: str
    bounded_by_size: bool = False
    """Bytes that a tokenizer does not know become tokens each, and some tokenizers write characters out."""

    @property
    def name(self) -> str:
        return _TOKENIZER + self.tokenizer

    @property
    def version(self) -> str:
        return _checksum(self.tokenizer)

    def count(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        # No tokenizer takes half of a surrogate pair, as cut-off emoji leave it in JSON.
        whole = [text if text.isascii() else text.encode(errors="replace").decode() for text in texts]
        encoded = _loaded(self.tokenizer)(whole, add_special_tokens=False, verbose=False)
        return list(map(len, encoded["input_ids"]))


@cache
def _loaded(name: str) -> Any:
    transformers = require("transformers", extra="hf")
    try:
        return transformers.AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise ConfigError(
            f'measure: the tokenizer "{name}" cannot be loaded: {reason}; '
            "give the folder of a tokenizer, or its name on the hub"
        ) from error


@cache
def _checksum(name: str) -> str:
    """Hash of everything that changes a tokenizer's tokens (16 hexadecimal digits)."""
    tokenizer = _loaded(name)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = backend.to_str() if backend is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    return hashlib.sha256(f"{type(tokenizer).__name__}\n{rules}".encode()).hexdigest()[:16]
