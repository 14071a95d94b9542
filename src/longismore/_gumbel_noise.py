"""Sampling that depends on the row alone, for models that answer many texts at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from longismore._optional import require

__all__ = ["GumbelNoise"]


@dataclass(slots=True, eq=False)
class GumbelNoise:
    """Makes the likeliest token a sample: the largest of logits plus Gumbel noise is distributed as their softmax.

    Each row has noise of its own, so that what a text is answered does not depend on the batch that it is in.
    """

    generators: list[Any]
    """Of torch, one a row."""

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ARG002  as generate() calls it
        """Scores (b, v) with noise, in float32."""
        torch = require("torch", extra="hf")
        uniform = torch.stack(
            [torch.rand(scores.shape[-1], generator=each, device=scores.device) for each in self.generators]
        )  # (b, v), in [0, 1)
        return scores.float() - torch.log(-torch.log(uniform.clamp_min(torch.finfo(uniform.dtype).tiny)))
