"""Texts as tokens: a prompt always the same ones, with an answer after it and without.

A prompt is encoded by itself, as generation encodes it, and so are the tokens of its answer: those that follow the
prompt's where both are encoded as one text. Where a token of that text spans the border, the prompt keeps its tokens,
and the answer is encoded after another character, with which it shares no token. So no token of a prompt ever has a
loss, and none of an answer's characters is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longismore.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_tokenizer", "encode", "encode_answers", "padding_id"]

_ANCHORS = ("\n", ":", "x", ".")
"""Whatever comes after one of these in a text, tokens of its own begin there, in one of the four cases at least."""


def check_tokenizer(tokenizer: Any, *, append_eos: bool) -> None:
    """Find out whether answers can be ended and rows be padded.

    Args:
        tokenizer: Of the model.
        append_eos: Whether answers end with its end-of-text token.

    Raises:
        UsageError: They cannot.
    """
    if append_eos and _end_id(tokenizer) is None:
        raise UsageError(
            f"the tokenizer has no end-of-text token (eos_token is {tokenizer.eos_token!r}), so the model would never "
            'learn where an answer ends; name one of its tokens as "eos_token" in tokenizer_config.json, '
            "or set append_eos=false"
        )
    padding_id(tokenizer)
    text = "a"
    framed, bare = encode(tokenizer, [text], special=True)[0], encode(tokenizer, [text], special=False)[0]
    if framed[-len(bare) :] != bare:
        raise UsageError(
            f"the tokenizer ends every text with {tokenizer.decode(framed[-1:])!r}, so a prompt would be closed before "
            'its answer; set "add_eos_token": false in tokenizer_config.json'
        )


def padding_id(tokenizer: Any) -> int:
    """The token that fills up rows: the tokenizer's own, else its end-of-text token.

    What is padding follows from the length of a row, never from its tokens: an answer's end has its loss and is seen,
    whatever token padding is made of.

    Raises:
        UsageError: It has neither.
    """
    found = tokenizer.pad_token_id
    if found is None:
        found = _end_id(tokenizer)
    if found is None:
        raise UsageError(
            "the tokenizer has neither a padding token nor an end-of-text token; name one of its tokens as "
            '"pad_token" in tokenizer_config.json (the one for unknown text is a bad choice: real text may hold it)'
        )
    return int(found)


def _end_id(tokenizer: Any) -> int | None:
    found = tokenizer.eos_token_id
    if found is None or (found == tokenizer.unk_token_id and tokenizer.eos_token != tokenizer.unk_token):
        return None  # the second: the token is named, but the vocabulary does not have it
    return int(found)


def encode(tokenizer: Any, texts: Sequence[str], *, special: bool) -> list[list[int]]:
    """Token ids of each text, of any length; with what the tokenizer puts around every text if *special*."""
    if not texts:
        return []
    found = tokenizer(
        list(texts), add_special_tokens=special, return_attention_mask=False, truncation=False, verbose=False
    )
    ids: list[list[int]] = found["input_ids"]
    return ids


def encode_answers(
    tokenizer: Any, prompts: Sequence[str], answers: Sequence[str], *, special: bool
) -> list[tuple[list[int], list[int]]]:
    """The tokens of prompts and of their answers.

    Args:
        tokenizer: Of the model.
        prompts: What stands before the answers.
        answers: As many.
        special: Whether the tokenizer puts its own tokens before a prompt.
    """
    alone = encode(tokenizer, prompts, special=special)
    whole = encode(
        tokenizer, [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)], special=special
    )
    return [
        (before, ids[len(before) :] if ids[: len(before)] == before else _after_a_border(tokenizer, answer))
        for before, ids, answer in zip(alone, whole, answers, strict=True)
    ]


def _after_a_border(tokenizer: Any, text: str) -> list[int]:
    for anchor in _ANCHORS:
        before, ids = encode(tokenizer, [anchor, anchor + text], special=False)
        if ids[: len(before)] == before:
            return ids[len(before) :]
    return encode(tokenizer, [text], special=False)[0]
