"""The prompt protocol ``score_pair``: two answers, two scores on the first line.

The protocol is the one of AlpaGasus (https://arxiv.org/abs/2307.08701, section 4) and Long Is More
(https://arxiv.org/abs/2402.04833, section 2); the wording is our own. Answers are untrusted text: they stand
between lines with a code that is a hash of the call's own contents. The same call renders the same text, and
no answer can contain the code, so none can close its quotation or pose as an instruction to the judge.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from longismore.records import Order

if TYPE_CHECKING:
    from longismore.records import Pair

__all__ = ["PROMPT_VERSION", "prompt_text", "render"]

PROMPT_VERSION = 1
"""Goes up when the layout of :func:`render` changes; the text of the file is in the fingerprint by itself."""

_CODE_LENGTH = 12


@cache
def prompt_text() -> str:
    """The judge's instructions, with ``@CODE@`` where the code of the call will stand."""
    return files("longismore.judges").joinpath("prompts/score_pair.txt").read_text(encoding="utf-8")


def render(pair: Pair, order: Order) -> list[dict[str, str]]:
    """The chat messages of one call: a system message with the rules, a user message with the quoted texts."""
    first, second = _sendable(pair.reference.output), _sendable(pair.candidate.output)
    if order is Order.CANDIDATE_FIRST:
        first, second = second, first
    quoted = {"instruction": _sendable(pair.prompt), "answer 1": first, "answer 2": second}
    code = _code([pair.testset, pair.id, *quoted.values()])
    # Texts are joined, never formatted: a brace or a percent sign in an answer is only a character.
    user = "\n\n".join(f"BEGIN {title} {code}\n" + text + f"\nEND {title} {code}" for title, text in quoted.items())
    return [
        {"role": "system", "content": prompt_text().replace("@CODE@", code).strip()},
        {"role": "user", "content": user + "\n\nThe two marks on one line, then the reasons:"},
    ]


def _sendable(text: str) -> str:
    """The text without lone surrogates, which no request can carry; each becomes a question mark."""
    return text.encode(errors="replace").decode()


def _code(texts: list[str]) -> str:
    """A code that none of *texts* contains; one more round of hashing where chance or malice put it there."""
    digest = hashlib.sha256(json.dumps(texts).encode())
    while any(digest.hexdigest()[:_CODE_LENGTH] in text.lower() for text in texts):
        digest = hashlib.sha256(digest.digest())
    return digest.hexdigest()[:_CODE_LENGTH]
