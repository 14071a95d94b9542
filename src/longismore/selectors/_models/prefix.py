"""What many texts begin with, e.g. a template's preamble, goes through the model once."""

from __future__ import annotations

import functools
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from longismore._optional import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.selectors._models.causal_lm import CausalLM

__all__ = ["Family", "cache_of", "families", "prefix_states"]

_LEAST_TOKENS, _LEAST_ROWS = 4, 4
"""Less is not worth a batch of its own."""


class Family(NamedTuple):
    """Rows that begin alike."""

    rows: list[int]
    prefix_tokens: int


def families(rows: Sequence[Sequence[int]], starts: Sequence[int]) -> list[Family]:
    """Divide rows by what they begin with.

    Args:
        rows: Token ids.
        starts: Where each row's answer begins: the token before it stays outside of what is shared.
    """
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[tuple(row[:_LEAST_TOKENS])].append(index)
    found, alone = [], []
    for group in groups.values():
        shared = min(min(starts[index] for index in group) - 1, _shared([list(rows[index]) for index in group]))
        if shared < _LEAST_TOKENS or len(group) < _LEAST_ROWS:
            alone += group
        else:
            found.append(Family(group, shared))
    return [*found, Family(sorted(alone), 0)] if alone else found


def _shared(rows: Sequence[list[int]]) -> int:
    """How many tokens all rows begin with: those that the first and the last of the sorted rows begin with."""
    first, last = min(rows), max(rows)
    differing = (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return next(differing, len(first))


def prefix_states(lm: CausalLM, tokens: Sequence[int]) -> list[tuple[Any, Any]]:
    """Keys and values (1, heads, s, d) of every layer."""
    torch = require("torch", extra="hf")
    cache = require("transformers", extra="hf").DynamicCache()
    with torch.inference_mode():
        lm.model.base_model(
            input_ids=torch.tensor([list(tokens)], device=lm.device), past_key_values=cache, use_cache=True
        )
    return [(layer.keys, layer.values) for layer in cache.layers]


def cache_of(states: Sequence[tuple[Any, Any]]) -> Any:
    """A cache in which every row of a batch finds those keys and values before its own; it keeps none of theirs."""
    return require("transformers.cache_utils", extra="hf").Cache(layers=[_layer_type()(*each) for each in states])


@functools.cache
def _layer_type() -> type[Any]:
    torch = require("torch", extra="hf")
    base: type[Any] = require("transformers.cache_utils", extra="hf").DynamicLayer

    class SharedLayer(base):  # type: ignore[misc]
        def __init__(self, keys: Any, values: Any) -> None:
            super().__init__()
            self.keys, self.values, self.is_initialized = keys, values, True
            self.dtype, self.device = keys.dtype, keys.device

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            rows = key_states.shape[0]
            pairs = (self.keys, key_states), (self.values, value_states)
            keys, values = (torch.cat([kept.expand(rows, -1, -1, -1), new], dim=-2) for kept, new in pairs)
            return keys, values

    return SharedLayer
