"""Which rows a device reads at a time, and in which order.

=========  ==========================================================================================================
``pad``    in random order
``group``  rows of nearly equal length together: hardly any padding, and still another order in every epoch
``pack``   several rows in a sequence of at most *max_length* tokens, one after the other: no padding to speak of
=========  ==========================================================================================================

An epoch has every row exactly once, on one of the devices. Every device gets the same number of batches: where rows
run out, the last ones of some devices are empty, and :class:`longismore.train._collator.Collator` makes a sequence
without loss of those.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from longismore.train._packing import pack_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longismore.train.settings import TrainSettings

__all__ = ["EpochBatches", "count_positions", "make_batches"]

T = TypeVar("T")

_MIXED_ROUNDS = 50
"""``group`` sorts the rows of so many batches of every device at a time, as Transformers does."""


def make_batches(
    lengths: Sequence[int], settings: TrainSettings, seed: int, epoch: int, *, world_size: int = 1
) -> list[list[int]]:
    """The batches of an epoch.

    Args:
        lengths: Tokens of each of the n rows.
        settings: With the batching decided.
        seed: Of the order.
        epoch: From 0; each has an order of its own.
        world_size: How many devices share the batches: device i of w takes batch i, i + w, i + 2 w, ...

    Returns:
        Places in *lengths*, batch by batch: a multiple of *world_size* batches, each of *batch_size* rows or packs.
    """
    generator = random.Random(f"{seed}:{epoch}")  # noqa: S311  no secret
    order = list(range(len(lengths)))
    generator.shuffle(order)
    match settings.batching:
        case "pack":
            packs = pack_rows([lengths[row] for row in order], settings.max_length)
            generator.shuffle(packs)
            found = [[order[place] for pack in some for place in pack] for some in _cut(packs, settings.batch_size)]
        case "group":
            found = _grouped(order, lengths, settings.batch_size, world_size, generator)
        case "pad":
            found = _cut(order, settings.batch_size)
        case _:
            raise ValueError(f"batching={settings.batching} is not decided yet")
    return found + [[] for _ in range(-len(found) % world_size)]


def _cut(order: Sequence[T], size: int) -> list[list[T]]:
    return [list(order[start : start + size]) for start in range(0, len(order), size)]


def _grouped(
    order: Sequence[int], lengths: Sequence[int], size: int, world_size: int, generator: random.Random
) -> list[list[int]]:
    """What devices read at the same time is of nearly equal length too, so that none waits for another.

    The longest of all go first: if they do not fit into memory, that shows at once.
    """
    at_once = size * world_size
    rounds = []
    for some in _cut(order, at_once * _MIXED_ROUNDS):
        rounds += _cut(sorted(some, key=lambda row: -lengths[row]), at_once)
    full, short = [each for each in rounds if len(each) == at_once], [each for each in rounds if len(each) < at_once]
    generator.shuffle(full)
    if full:
        longest = max(range(len(full)), key=lambda place: max(lengths[row] for row in full[place]))
        full[0], full[longest] = full[longest], full[0]
    return [batch for some in full + short for batch in _cut(some, size)]


def count_positions(lengths: Sequence[int], batches: Sequence[Sequence[int]], settings: TrainSettings) -> int:
    """How many positions a model computes for some batches, padding and all.

    Args:
        lengths: Tokens of each row.
        batches: Places in *lengths*, as :func:`make_batches` gives them.
        settings: With batching and attention decided.
    """
    return sum(_positions([lengths[row] for row in batch], settings) for batch in batches)


def _positions(lengths: list[int], settings: TrainSettings) -> int:
    if settings.batching == "pack":
        if settings.attention == "flash_attention_2":
            return sum(lengths) or 1
        lengths = [sum(lengths[row] for row in pack) for pack in pack_rows(lengths, settings.max_length)]
    return max(len(lengths), 1) * (settings.pad_to or max(lengths, default=1))


@dataclass(slots=True, eq=False, kw_only=True)
class EpochBatches:
    """The batches of one device, epoch by epoch: what a PyTorch ``DataLoader`` takes as its *batch_sampler*."""

    lengths: Sequence[int]
    settings: TrainSettings
    seed: int
    rank: int = 0
    world_size: int = 1
    epoch: int = 0
    _made: dict[int, list[list[int]]] = field(default_factory=dict, init=False, repr=False)

    def set_epoch(self, epoch: int) -> None:
        """Go on with another epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches())

    def __len__(self) -> int:
        return len(self._batches())

    def _batches(self) -> list[list[int]]:
        if self.epoch not in self._made:
            made = make_batches(self.lengths, self.settings, self.seed, self.epoch, world_size=self.world_size)
            self._made = {self.epoch: made[self.rank :: self.world_size]}
        return self._made[self.epoch]
