"""One batch through a causal language model, and what is read off it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.selectors._models.prefix import cache_of, prefix_states

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from longismore.selectors._models.causal_lm import CausalLM

__all__ = ["batches_by_length", "ends", "head", "in_batches", "means", "token_losses", "try_out"]

logger = logging.getLogger(__name__)

_LOGIT_BYTES, _LOGIT_BYTES_GPU = 32 << 20, 512 << 20
"""Logits of so many bytes (of 32-bit floats) are in memory at once."""
_BLOCK_BYTES = 2 << 20
"""On a processor, losses are made of so many bytes of them at once, which fit into its cache: memory fresh from the
operating system, of which larger pieces are made, costs more than the losses."""
_TOKENS, _TOKENS_GPU = 512, 16_384
"""Of a batch: a processor is busy with few, and has less padding then."""
_PROBE_TOKENS = (24, 9)
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
_TOLERANCE = {"float32": 1e-3}
_TOLERANCE_HALF = 0.05
"""Mean difference of logits, relative to their mean, up to which they are the same but for rounding."""


def batches_by_length(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Divide rows into batches of nearly equal lengths, the longest first.

    Args:
        lengths: Of each row, in tokens.
        max_tokens: Of a batch, padding counted; a longer row is a batch of its own.

    Returns:
        Indices into *lengths*; each is in exactly one batch.
    """
    batches: list[list[int]] = []
    room = 0
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        if room == 0:
            batches.append([])
            room = max(1, max_tokens // max(1, lengths[index]))
        batches[-1].append(index)
        room -= 1
    return batches


def in_batches(
    lm: CausalLM,
    rows: Sequence[Sequence[int]],
    work: Callable[[Sequence[int], Any, Any], list[Any]],
    *,
    empty: Any,
    max_tokens: int | None,
    prefix: Sequence[int] = (),
) -> list[Any]:
    """Run every row through the model, and give *work*'s results in the order of the rows.

    A batch that does not fit into memory is halved, and so are those after it.

    Args:
        lm: The model.
        rows: Token ids.
        work: Gets the indices of a batch's rows, their last hidden layer (b, s, d) and, where the model's logits are
            more than its output layer's, their logits (b, s, v); gives one result a row.
        empty: The result of a row without tokens.
        max_tokens: Of a batch, padding counted; ``None``: what suits the device.
        prefix: Tokens that stand before every row and are no part of it.

    Raises:
        MemoryError: A single row does not fit into memory.
    """
    results = [empty] * len(rows)
    states = prefix_states(lm, prefix) if prefix else None
    waiting = _plan(lm, rows, [index for index, row in enumerate(rows) if len(row)], max_tokens)
    while waiting:
        batch = waiting.pop()
        texts = [rows[index] for index in batch]
        found = _attempt(lm, texts, states, lambda *layers, batch=batch: work(batch, *layers))
        if found is None:
            _shrink(lm, len(batch), len(rows[batch[0]]))
            rest = sorted(index for each in [*waiting, batch] for index in each)
            waiting = _plan(lm, rows, rest, max_tokens)
            continue
        for index, result in zip(batch, found, strict=True):
            results[index] = result
    return results


def _plan(lm: CausalLM, rows: Sequence[Sequence[int]], indices: list[int], max_tokens: int | None) -> list[list[int]]:
    wanted = max_tokens or (_TOKENS if lm.device == "cpu" else _TOKENS_GPU)
    most = 1 if lm.one_by_one else min(wanted, lm.most_tokens or wanted)
    plan = batches_by_length([len(rows[index]) for index in indices], most)
    return [[indices[place] for place in batch] for batch in reversed(plan)]


def _attempt(
    lm: CausalLM,
    texts: Sequence[Sequence[int]],
    states: Sequence[tuple[Any, Any]] | None,
    work: Callable[[Any, Any], list[Any]],
) -> list[Any] | None:
    """The results of a batch; ``None`` if it does not fit into memory."""
    torch = require("torch", extra="hf")
    try:
        with torch.inference_mode():
            return work(*_forward(lm, texts, states))
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
    # Only now are the tensors free that the exception held.
    if lm.device.startswith("cuda"):
        torch.cuda.empty_cache()
    return None


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error)  # the allocators of CPU and MPS raise plain RuntimeErrors
    return isinstance(error, MemoryError) or any(words in text for words in _OUT_OF_MEMORY)


def _shrink(lm: CausalLM, rows: int, longest: int) -> None:
    if rows == 1:
        raise MemoryError(
            f"a text of {longest} tokens does not fit into the memory of {lm.device}; lower max_length, "
            "or load the model with dtype=bfloat16"
        )
    lm.most_tokens = max(1, rows * longest // 2)
    logger.warning("out of memory on %s: batches of at most %d tokens from now on", lm.device, lm.most_tokens)


def _forward(
    lm: CausalLM, texts: Sequence[Sequence[int]], states: Sequence[tuple[Any, Any]] | None = None
) -> tuple[Any, Any]:
    """Last hidden layer (b, s, d), and logits (b, s, v) or nothing; *states* are of what stands before every text."""
    torch = require("torch", extra="hf")
    longest = max(len(text) for text in texts)
    ids = torch.zeros((len(texts), longest), dtype=torch.long)  # (b, s)
    for row, text in zip(ids, texts, strict=True):
        row[: len(text)] = torch.tensor(text)
    more: dict[str, Any] = {"use_cache": False}
    if states is not None:
        more["past_key_values"] = cache_of(states)
    if lm.needs_mask:
        lengths = torch.tensor([len(text) for text in texts])
        more["attention_mask"] = (torch.arange(longest)[None] < lengths[:, None]).long().to(lm.device)
    if lm.whole_logits:
        found = lm.model(input_ids=ids.to(lm.device), output_hidden_states=True, **more)
        return found.hidden_states[-1], found.logits
    return lm.model.base_model(input_ids=ids.to(lm.device), **more).last_hidden_state, None


def head(lm: CausalLM, hidden: Any, tokens: Sequence[int] | None = None) -> Any:
    """Logits (n, v) of last hidden states (n, d), or those of the given *tokens* only (n, k)."""
    torch = require("torch", extra="hf")
    layer = lm.model.get_output_embeddings()
    if tokens is None:
        logits = layer(hidden)
    elif type(layer) is torch.nn.Linear:
        chosen = torch.tensor(list(tokens), device=layer.weight.device)
        logits = torch.nn.functional.linear(
            hidden, layer.weight[chosen], None if layer.bias is None else layer.bias[chosen]
        )
    else:
        logits = layer(hidden)[:, list(tokens)]
    config = lm.model.config.get_text_config()
    if scale := getattr(config, "logit_scale", None):  # Cohere
        logits *= scale
    if scale := getattr(config, "logits_scaling", None):  # Granite
        logits /= scale
    if cap := getattr(config, "final_logit_softcapping", None):  # Gemma
        logits = torch.tanh(logits / cap) * cap
    return logits


def token_losses(
    lm: CausalLM, texts: Sequence[Sequence[int]], starts: Sequence[int], hidden: Any, logits: Any
) -> list[tuple[float, int]]:
    """Sum of the losses of each text's tokens from its start on, and how many they are."""
    torch = require("torch", extra="hf")
    firsts = [max(start, 1) for start in starts]  # nothing stands before a text's first token
    counts = [max(0, len(text) - first) for text, first in zip(texts, firsts, strict=True)]
    width = (hidden if logits is None else logits).shape[1]
    places = [
        row * width + place for row, first in enumerate(firsts) for place in range(first - 1, len(texts[row]) - 1)
    ]
    targets = torch.tensor([token for text, first in zip(texts, firsts, strict=True) for token in text[first:]])
    where = torch.tensor(places, dtype=torch.long, device=lm.device)
    targets = targets.to(device=lm.device, dtype=torch.long)
    flat = (hidden if logits is None else logits).flatten(0, 1)  # (b s, d) or (b s, v)
    found = []
    step, block = _logit_rows(lm)
    for begin in range(0, len(places), step):
        piece = flat[where[begin : begin + step]]
        piece = head(lm, piece) if logits is None else piece
        pairs = zip(piece.split(block), targets[begin : begin + step].split(block), strict=True)
        found += [
            torch.nn.functional.cross_entropy(some.float(), wanted, reduction="none").cpu() for some, wanted in pairs
        ]
    losses = torch.cat(found).double() if found else torch.empty(0)
    return [(float(each.sum()), count) for each, count in zip(losses.split(counts), counts, strict=True)]


def _logit_rows(lm: CausalLM) -> tuple[int, int]:
    """For how many positions logits are made at once, and losses of them."""
    one = 4 * lm.model.config.get_text_config().vocab_size
    if lm.device != "cpu":
        rows = max(1, _LOGIT_BYTES_GPU // one)
        return rows, rows
    return max(1, _LOGIT_BYTES // one), max(1, _BLOCK_BYTES // one)


def means(hidden: Any, lengths: Sequence[int]) -> list[NDArray[np.float32]]:
    """The mean of each row's hidden states over its own tokens, padding left out."""
    return [hidden[row, :length].float().mean(dim=0).cpu().numpy() for row, length in enumerate(lengths)]


def ends(layer: Any, lengths: Sequence[int]) -> Any:
    """What stands at the last token of each row: (b, s, x) to (b, x)."""
    torch = require("torch", extra="hf")
    last = torch.tensor(lengths, device=layer.device) - 1
    return layer[torch.arange(len(lengths), device=layer.device), last]


def try_out(lm: CausalLM) -> None:
    """Find out with two short texts whether this model's numbers come out as with one whole text at a time."""
    torch = require("torch", extra="hf")
    vocabulary = lm.model.config.get_text_config().vocab_size
    texts = [[(7919 * place + 1) % vocabulary for place in range(1, size + 1)] for size in _PROBE_TOKENS]
    with torch.inference_mode():
        alone = [lm.model(input_ids=torch.tensor([text], device=lm.device)).logits[0] for text in texts]
        lm.whole_logits = lm.model.base_model is lm.model or not _same(lm, texts[:1], alone[:1])
        if _same(lm, texts, alone):
            lm.shares_prefixes = not lm.whole_logits and _shares_prefixes(lm, texts, alone)
            return
        lm.needs_mask = True
        lm.one_by_one = not _same(lm, texts, alone)
    logger.info("padding changes this model's numbers: mask=%s, one by one=%s", lm.needs_mask, lm.one_by_one)


def _shares_prefixes(lm: CausalLM, texts: Sequence[Sequence[int]], expected: Sequence[Any]) -> bool:
    """Whether the beginning of a text can go through the model before the rest does."""
    half = min(_PROBE_TOKENS) // 2
    try:
        for text, wanted in zip(texts, expected, strict=True):
            states = prefix_states(lm, text[:half])
            if not _same(lm, [text[half:], text[half : half + 2]], [wanted[half:], wanted[half : half + 2]], states):
                return False
    except Exception as error:  # noqa: BLE001  an architecture without keys and values may raise anything
        logger.info("this model's texts go through whole: %s", " ".join(str(error).split())[:200])
        return False
    return True


def _same(
    lm: CausalLM,
    texts: Sequence[Sequence[int]],
    expected: Sequence[Any],
    states: Sequence[tuple[Any, Any]] | None = None,
) -> bool:
    hidden, logits = _forward(lm, texts, states)
    tolerance = _TOLERANCE.get(lm.dtype, _TOLERANCE_HALF)
    for row, wanted in enumerate(expected):
        found = head(lm, hidden[row, : len(wanted)]) if logits is None else logits[row, : len(wanted)]
        difference = (found.float() - wanted.float()).abs().mean()
        if not bool(difference <= tolerance * wanted.float().abs().mean()):
            return False
    return True
