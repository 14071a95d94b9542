"""Quote untrusted text for a judge.

Each text stands between two lines with a code that is a hash of the call's own contents. The same call renders
the same text, and no answer can contain the code, so none can close its quotation or pose as an instruction.
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from longismore.records import Order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.records import Pair

__all__ = ["code_of", "prompt_text", "quote", "sendable", "shown_texts", "with_code"]

_CODE_LENGTH = 12


@cache
def prompt_text(name: str) -> str:
    """Instructions of ours for judges, with ``@CODE@`` where the code of the call will stand."""
    return files("longismore.judges").joinpath(f"prompts/{name}.txt").read_text(encoding="utf-8")


@lru_cache(maxsize=64)
def _around_code(prompt: str) -> tuple[str, ...]:
    return tuple(prompt.strip().split("@CODE@"))


def with_code(prompt: str, code: str) -> str:
    """Instructions with the code of a call in the place of ``@CODE@``."""
    return code.join(_around_code(prompt))


def shown_texts(pair: Pair, order: Order) -> dict[str, str]:
    """The texts of a call by title, as they are shown: the instruction, then the answers in *order*."""
    first, second = sendable(pair.reference.output), sendable(pair.candidate.output)
    if order is Order.CANDIDATE_FIRST:
        first, second = second, first
    return {"instruction": sendable(pair.prompt), "answer 1": first, "answer 2": second}


def quote(texts: Mapping[str, str], code: str) -> str:
    """Every text between its two lines; texts are joined, never formatted: a brace in them is only a character."""
    return "\n\n".join([f"BEGIN {title} {code}\n" + text + f"\nEND {title} {code}" for title, text in texts.items()])


def sendable(text: str) -> str:
    """The text without lone surrogates, which no request can carry; each becomes a question mark."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def code_of(texts: Sequence[str]) -> str:
    """A code that none of *texts* contains; one more round of hashing where chance or malice put it there."""
    # With their lengths, so that no text can pass for two.
    joined = "".join([f"{len(text)}:{text}" for text in texts])
    digest = hashlib.sha256(joined.encode(errors="surrogatepass"))
    folded = joined.lower()
    while digest.hexdigest()[:_CODE_LENGTH] in folded:
        digest = hashlib.sha256(digest.digest())
    return digest.hexdigest()[:_CODE_LENGTH]
