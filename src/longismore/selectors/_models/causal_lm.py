"""A causal language model as a measuring instrument: losses of answers, embeddings, logits of the next token.

Rows are lists of token ids. They go through the model in batches of nearly equal length, padded at the right. A
causal model never looks to the right, so that no mask is needed; whether that is true of a model is tried when it is
loaded. The output layer is applied where a loss is wanted and nowhere else, a few hundred positions at a time.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from longismore._optional import require
from longismore.errors import UsageError
from longismore.selectors._models.checkpoint import checkpoint_sha256, find_model, saved_dtype
from longismore.selectors._models.forward import batches_by_length, ends, head, in_batches, token_losses, try_out
from longismore.selectors._models.forward import means as row_means
from longismore.selectors._models.options import (
    DEVICES,
    DTYPES,
    check,
    known_device,
    known_dtype,
    one_line,
    positions_of,
)
from longismore.selectors._models.prefix import Family, families

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "DEVICES",
    "DTYPES",
    "AnswerLoss",
    "CausalLM",
    "answer_losses",
    "batches_by_length",
    "check",
    "identity",
    "last_hidden",
    "load",
    "losses_and_means",
    "next_token_logits",
]

logger = logging.getLogger(__name__)


class AnswerLoss(NamedTuple):
    """What the model makes of an answer."""

    total: float
    """Sum of the losses of its tokens, in nats."""
    tokens: int
    """How many tokens have a loss; a text's first token has none."""

    @property
    def mean(self) -> float | None:
        """Loss a token; ``None`` if no token has one."""
        return self.total / self.tokens if self.tokens else None


@dataclass(slots=True, eq=False, kw_only=True)
class CausalLM:
    """A model that is loaded, with its tokenizer."""

    model: Any
    tokenizer: Any
    device: str
    dtype: str
    """Of the weights, e.g. ``bfloat16``."""
    positions: int | None
    """The longest text that the model was made for, in tokens, where its configuration says so."""
    needs_mask: bool = False
    """Whether padding changes its numbers unless it is masked."""
    one_by_one: bool = False
    """Whether padding changes its numbers even so."""
    whole_logits: bool = False
    """Whether its logits are more than its output layer applied to its last hidden layer."""
    shares_prefixes: bool = False
    """Whether what texts begin with can go through it once for all of them."""
    most_tokens: int | None = None
    """Batches above this did not fit into memory."""

    def encode(self, texts: Sequence[str], *, special: bool = True) -> list[list[int]]:
        """Token ids of each text, of any length; with what the tokenizer puts around every text if *special*."""
        if not texts:
            return []
        found = self.tokenizer(
            list(texts), add_special_tokens=special, return_attention_mask=False, truncation=False, verbose=False
        )
        ids: list[list[int]] = found["input_ids"]
        return ids


def identity(model: str, *, dtype: str = "auto") -> dict[str, object]:
    """What tells the numbers of a model from those of others, for a scorer's settings; nothing is loaded.

    Raises:
        UsageError: There is no such model.
    """
    folder = find_model(model)
    return {
        "checkpoint_sha256": checkpoint_sha256(folder),
        "dtype": saved_dtype(folder) if dtype == "auto" else dtype,
    }


def load(model: str, *, dtype: str = "auto", device: str = "auto") -> CausalLM:
    """Load a model and its tokenizer.

    Args:
        model: A folder, or an id of the Hugging Face Hub.
        dtype: One of :data:`DTYPES`; ``auto``: as the weights are saved.
        device: One of :data:`DEVICES`, or e.g. ``cuda:1``; ``auto``: the first of them that is there.

    Raises:
        ConfigError: *dtype* or *device* is none of those, or this machine has no such device.
        UsageError: The model or its tokenizer is missing or cannot be loaded.
    """
    torch = require("torch", extra="hf")
    transformers = require("transformers", extra="hf")
    known_dtype(dtype)
    device = known_device(device)
    folder = find_model(model)
    logger.info("loading %s onto %s", folder, device)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    except Exception as error:  # of Transformers, tokenizers, SentencePiece: they have no base in common
        raise UsageError(f'model "{model}": no tokenizer can be loaded from {folder}: {one_line(error)}') from error
    try:
        network = transformers.AutoModelForCausalLM.from_pretrained(
            str(folder), dtype="auto" if dtype == "auto" else getattr(torch, dtype)
        )
        network = network.eval().requires_grad_(requires_grad=False).to(device)
    except Exception as error:  # of Transformers, safetensors, CUDA: they have no base in common
        raise UsageError(f'model "{model}": cannot be loaded from {folder} onto {device}: {one_line(error)}') from error
    loaded = CausalLM(
        model=network,
        tokenizer=tokenizer,
        device=device,
        dtype=str(network.dtype).removeprefix("torch."),
        positions=positions_of(network.config),
    )
    try_out(loaded)
    return loaded


def answer_losses(
    lm: CausalLM, rows: Sequence[Sequence[int]], starts: Sequence[int], *, max_tokens: int | None = None
) -> list[AnswerLoss]:
    """The losses of answers.

    Args:
        lm: The model.
        rows: Token ids of the whole texts; a row without any has no tokens with a loss.
        starts: Where each answer begins in its row.
        max_tokens: Of a batch, padding counted; ``None``: 512 on a processor, 16,384 on a GPU.

    Returns:
        One a row, in their order; the same in every batch, but for the rounding of sums.
    """
    losses = [AnswerLoss(0.0, 0)] * len(rows)
    whole = [Family(list(range(len(rows))), 0)]
    for members, shared in families(rows, starts) if lm.shares_prefixes else whole:
        rests = [rows[index][shared:] for index in members]
        firsts = [starts[index] - shared for index in members]

        def work(batch: Sequence[int], hidden: Any, logits: Any, rests: Any = rests, firsts: Any = firsts) -> list[Any]:
            texts, begins = [rests[place] for place in batch], [firsts[place] for place in batch]
            return token_losses(lm, texts, begins, hidden, logits)

        prefix = rows[members[0]][:shared] if shared else ()
        found = in_batches(lm, rests, work, empty=(0.0, 0), max_tokens=max_tokens, prefix=prefix)
        for index, loss in zip(members, found, strict=True):
            losses[index] = AnswerLoss(*loss)
    return losses


def losses_and_means(
    lm: CausalLM,
    rows: Sequence[Sequence[int]],
    starts: Sequence[int],
    *,
    max_tokens: int | None = None,
) -> list[tuple[AnswerLoss, NDArray[np.float32] | None]]:
    """Losses as :func:`answer_losses` gives them, with the mean of the last hidden layer over each row's tokens.

    Returns:
        One pair a row; the mean, of shape (d,), is ``None`` for a row without tokens.
    """

    def work(batch: Sequence[int], hidden: Any, logits: Any) -> list[Any]:
        texts = [rows[index] for index in batch]
        found = token_losses(lm, texts, [starts[index] for index in batch], hidden, logits)
        vectors = row_means(hidden, [len(text) for text in texts])
        return [(AnswerLoss(*loss), vector) for loss, vector in zip(found, vectors, strict=True)]

    return in_batches(lm, rows, work, empty=(AnswerLoss(0.0, 0), None), max_tokens=max_tokens)


def last_hidden(
    lm: CausalLM, rows: Sequence[Sequence[int]], *, pool: str = "last", max_tokens: int | None = None
) -> NDArray[np.float32]:
    """The last hidden layer (after the final norm) of each row.

    Args:
        lm: The model.
        rows: Token ids, at least one a row.
        pool: ``last``: of its last token; ``mean``: the mean over its tokens.
        max_tokens: Of a batch, padding counted; ``None``: 512 on a processor, 16,384 on a GPU.

    Returns:
        Shape (n, d).
    """
    numpy = require("numpy", extra="select")

    def work(batch: Sequence[int], hidden: Any, logits: Any) -> list[Any]:  # noqa: ARG001  as in_batches calls it
        lengths = [len(rows[index]) for index in batch]
        return row_means(hidden, lengths) if pool == "mean" else list(ends(hidden, lengths).float().cpu().numpy())

    if not rows:
        return numpy.empty((0, 0), dtype=numpy.float32)  # type: ignore[no-any-return]
    return numpy.stack(in_batches(lm, rows, work, empty=None, max_tokens=max_tokens))  # type: ignore[no-any-return]


def next_token_logits(
    lm: CausalLM, rows: Sequence[Sequence[int]], tokens: Sequence[int], *, max_tokens: int | None = None
) -> NDArray[np.float32]:
    """The logits of a few tokens after the end of each row.

    Args:
        lm: The model.
        rows: Token ids, at least one a row.
        tokens: Ids of the k tokens.
        max_tokens: Of a batch, padding counted; ``None``: 512 on a processor, 16,384 on a GPU.

    Returns:
        Shape (n, k).
    """
    numpy = require("numpy", extra="select")

    def work(batch: Sequence[int], hidden: Any, logits: Any) -> list[Any]:
        lengths = [len(rows[index]) for index in batch]
        if logits is not None:
            found = ends(logits, lengths)[:, list(tokens)]
        else:
            found = head(lm, ends(hidden, lengths), tokens)
        return list(found.float().cpu().numpy())

    if not rows:
        return numpy.empty((0, len(tokens)), dtype=numpy.float32)  # type: ignore[no-any-return]
    return numpy.stack(in_batches(lm, rows, work, empty=None, max_tokens=max_tokens))  # type: ignore[no-any-return]
