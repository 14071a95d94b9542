"""The two texts of a row whose losses make its IFD: the answer after its prompt, and the answer by itself.

Where the answer begins is counted as the published scripts count it: by the tokens of what stands before it, encoded
by itself. An answer occurs last at the end of its text, however often it is repeated in the prompt; an empty one
occurs nowhere, and is never encoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.selectors._scorer import Skipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.instructions import Row
    from longismore.instructions._templates import Template
    from longismore.selectors._models.causal_lm import CausalLM

__all__ = [
    "EMPTY",
    "EXCEEDS",
    "NO_ANSWER_TOKEN",
    "NO_LOSS",
    "NO_PROMPT_LOSS",
    "PROMPT_FILLS",
    "Layout",
    "Texts",
    "prompt_of",
    "prompt_tokens",
    "texts_of",
]

EMPTY = "empty response"
PROMPT_FILLS = "prompt fills max_length"
NO_ANSWER_TOKEN = "no answer token within max_length"  # noqa: S105  no password
EXCEEDS = "prompt and answer exceed max_length"
NO_LOSS = "no token of the answer has a loss"
NO_PROMPT_LOSS = "no token of the prompt has a loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the two texts are cut."""

    max_length: int
    """Of prompt and answer, in tokens."""
    prefixed: bool
    """Whether the answer by itself has the template's response prefix before it, as in Cherry."""
    direct_extra: int | None
    """The answer by itself, with what stands before it, may have so many tokens more than max_length leaves after the
    prompt; ``None``: as many as stand before it, so that both texts are cut at the same token of the answer, or 1 if it
    has no prefix."""

    def more(self, before: int) -> int:
        """That number, where *before* tokens stand before the answer."""
        if self.direct_extra is not None:
            return self.direct_extra
        return before if self.prefixed else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Token ids of both texts, and where the answer begins in each."""

    whole: list[int]
    whole_start: int
    direct: list[int]
    direct_start: int
    prompt_tokens: int
    is_joined: bool
    """Whether a token of the whole text spans the end of the prompt and the beginning of the answer, or spaces there
    were dropped: the answer begins at that token or beside it then."""


def prompt_of(row: Row, template: Template) -> str:
    """What stands before the first answer of a row."""
    return template.prompt(row.instruction, row.input, row.system)


def prompt_tokens(lm: CausalLM, template: Template, rows: Sequence[Row], max_length: int) -> list[list[int]]:
    """Token ids of the prompts, cut to *max_length*."""
    found = _encode(lm, [prompt_of(row, template) for row in rows], template)
    return [ids[:max_length] for ids in found]


def texts_of(lm: CausalLM, template: Template, rows: Sequence[Row], layout: Layout) -> list[Texts | Skipped]:
    """Both texts of each row, or why it has none."""
    results: list[Texts | Skipped] = [Skipped(EMPTY)] * len(rows)
    answered = [index for index, row in enumerate(rows) if row.response.strip()]
    prompts = [prompt_of(rows[index], template) for index in answered]
    answers = [rows[index].response for index in answered]
    before = template.start + (template.response_prefix if layout.prefixed else "")
    tokens = zip(
        answered,
        _encode(lm, prompts, template),
        _encode(lm, [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)], template),
        _encode(lm, [before + answer for answer in answers], template),
        strict=True,
    )
    direct_start = len(_encode(lm, [before], template)[0]) if before or not template.is_complete else 0
    for index, prompt, whole, direct in tokens:
        results[index] = _cut(lm, layout, prompt=prompt, whole=whole, direct=direct, direct_start=direct_start)
    return results


def _cut(
    lm: CausalLM, layout: Layout, *, prompt: list[int], whole: list[int], direct: list[int], direct_start: int
) -> Texts | Skipped:
    start = len(prompt)
    room = layout.max_length - min(start, layout.max_length)
    extra = layout.more(direct_start)
    most = min(room + extra, lm.positions or room + extra)
    texts = Texts(
        whole=whole[: layout.max_length],
        whole_start=start,
        direct=direct[:most],
        direct_start=direct_start,
        prompt_tokens=start,
        is_joined=whole[:start] != prompt,
    )
    if room == 0:
        return Skipped(PROMPT_FILLS)
    direct_tokens, whole_tokens = len(texts.direct) - direct_start, len(texts.whole) - start
    if direct_tokens <= 0 or whole_tokens <= 0:
        return Skipped(NO_ANSWER_TOKEN)
    if layout.prefixed and direct_tokens > room:
        return Skipped(EXCEEDS)
    if len(texts.direct) <= max(direct_start, 1) or len(texts.whole) <= max(start, 1):
        return Skipped(NO_LOSS)
    return texts


def _encode(lm: CausalLM, texts: Sequence[str], template: Template) -> list[list[int]]:
    """Token ids; what the tokenizer puts at the end of every text is left off, since an answer goes on there."""
    found = lm.encode(texts, special=not template.is_complete)
    tail = 0 if template.is_complete else _tail(lm)
    return [ids[: len(ids) - tail] for ids in found] if tail else found


def _tail(lm: CausalLM) -> int:
    bare, framed = lm.encode(["a"], special=False)[0], lm.encode(["a"])[0]
    first = next((place for place in range(len(framed)) if framed[place : place + len(bare)] == bare), 0)
    return len(framed) - len(bare) - first
