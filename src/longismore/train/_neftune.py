"""Noise on the embeddings while training, which makes answers longer and less like the training data's.

A row's noise is uniform in [-1, 1] times alpha / sqrt(L * d) for d dimensions and L tokens. L is a reference length, or
the row's own length; never that of a padded batch or of a pack, by which the same alpha would mean another strength on
another machine. The noise of a row follows from the seed, the epoch and the row alone, so it is the same in whatever
batch, pack or process the row is read; padding has none.

Source: Jain et al., NEFTune: Noisy Embeddings Improve Instruction Finetuning, ICLR 2024,
https://arxiv.org/abs/2310.05914, Algorithm 1
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from longismore._optional import require

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Noise", "Span"]


class Span(NamedTuple):
    """Where a row stands in a batch."""

    row: int
    """Its number in the data."""
    sequence: int
    start: int
    length: int
    """In tokens."""


@dataclass(slots=True, eq=False, kw_only=True)
class Noise:
    """Adds noise to what a model's embedding layer gives, in training mode only."""

    alpha: float
    reference_length: int | None
    """L of the scale; ``None``: each row's own length."""
    seed: int
    epoch: int = 0
    spans: Sequence[Span] = ()
    """Of the batch that the model reads next."""
    _handle: Any = field(default=None, init=False, repr=False)

    def attach(self, model: Any) -> None:
        """Begin; *model* is a causal language model, with or without an adapter."""
        self.remove()
        self._handle = model.get_input_embeddings().register_forward_hook(self._add)

    def remove(self) -> None:
        """Leave the model as it was."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def _add(self, embedding: Any, _: Any, output: Any) -> Any:
        """The output with noise, of shape (b, s, d)."""
        if not embedding.training:
            return output
        torch = require("torch", extra="train")
        noise = torch.zeros(output.shape, dtype=torch.float32, device=output.device)
        generator = torch.Generator(device=output.device)
        for span in self.spans:
            shape = span.length, output.shape[-1]
            generator.manual_seed(self._seed_of(span.row))
            drawn = torch.rand(shape, generator=generator, device=output.device) * 2 - 1
            scale = self.alpha / math.sqrt((self.reference_length or span.length) * shape[1])
            noise[span.sequence, span.start : span.start + span.length] = drawn * scale
        return output + noise.to(output.dtype)

    def _seed_of(self, row: int) -> int:
        text = f"neftune:{self.seed}:{self.epoch}:{row}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest())
