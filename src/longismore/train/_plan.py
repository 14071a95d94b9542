"""What a run would take, before its first step: rows, steps, padding, memory and operations."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError
from longismore.train._batching import count_positions, make_batches
from longismore.train._costs import Memory, Operations, estimate_memory, squares_of, training_operations
from longismore.train._machine import decided
from longismore.train._packing import pack_rows
from longismore.train._steps import Steps, count_steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.train._encode import EncodedData
    from longismore.train._machine import Machine
    from longismore.train._model_size import ModelSize
    from longismore.train.settings import TrainSettings

__all__ = ["PUBLISHED", "Plan", "check_model", "plan"]

PUBLISHED = "pad to max_length"
"""What scripts do that pad every row alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would take."""

    settings: TrainSettings
    """With every ``auto`` decided."""
    machine: Machine
    processes: int
    rows: int
    """In the data."""
    dropped: Mapping[str, int]
    """Rows that are not trained on, by reason."""
    examples: int
    """Rows that are trained on."""
    truncated: int
    """How many of them are cut."""
    longest: int
    """Tokens of the longest one."""
    tokens: int
    """Of an epoch, as is the next."""
    loss_tokens: int
    steps: Steps
    positions: Mapping[str, int]
    """Of an epoch: what the model computes, padding and all, by way of batching; the chosen one is among them."""
    largest_batch: int
    """Positions of the largest batch on one device."""
    size: ModelSize
    trained_parameters: int
    memory: Memory
    """On each device."""
    run_tokens: int
    """Tokens of all epochs."""
    run_squares: int
    """The sum of the squares of the rows' lengths over all epochs."""
    useful: Operations
    """Of the run: without padding, and without what is computed twice."""
    computed: Operations
    """Of the run: with both."""

    @property
    def passes(self) -> float:
        """How often a row is read, which *max_steps* may have changed."""
        return self.steps.total / self.steps.per_epoch

    @property
    def waste(self) -> dict[str, float]:
        """Share of the positions that are padding, by way of batching."""
        return {way: 1 - self.tokens / positions for way, positions in self.positions.items()}

    @property
    def fits(self) -> bool | None:
        """Whether the estimated memory is there; ``None``: unknown."""
        return None if self.machine.memory_bytes is None else self.memory.total <= self.machine.memory_bytes

    def to_mapping(self) -> dict[str, Any]:
        """Everything, for programs."""
        found = {**asdict(self), "settings": self.settings.to_mapping()}
        for name in ("memory", "useful", "computed"):
            found[name]["total"] = getattr(self, name).total
        return {**found, "passes": self.passes, "waste": self.waste, "fits": self.fits}


def plan(
    settings: TrainSettings, encoded: EncodedData, size: ModelSize, *, machine: Machine, processes: int = 1
) -> Plan:
    """Work out what a run would take.

    Args:
        settings: As given.
        encoded: The rows.
        size: Of the model.
        machine: Where it is trained.
        processes: How many devices like this share the work.

    Raises:
        ConfigError: The run cannot be made with this model, or by so many devices.
    """
    settings = decided(settings, machine)
    check_model(settings, size)
    lengths = encoded.lengths
    packs = len(pack_rows(lengths, settings.max_length)) if settings.batching == "pack" else len(lengths)
    steps = count_steps(settings, rows=len(lengths), sequences=packs, processes=processes)
    batches = make_batches(lengths, settings, settings.seed, 0, world_size=processes)
    largest = max(count_positions(lengths, [batch], settings) for batch in batches)
    positions = _positions(lengths, settings, processes)
    passes = steps.total / steps.per_epoch
    tokens, squares = round(passes * encoded.tokens), round(passes * squares_of(lengths))
    adapted = settings.lora_rank
    return Plan(
        settings=settings,
        machine=machine,
        processes=processes,
        rows=encoded.rows,
        dropped=dict(encoded.dropped),
        examples=len(lengths),
        truncated=encoded.truncated,
        longest=max(lengths),
        tokens=encoded.tokens,
        loss_tokens=encoded.loss_tokens,
        steps=steps,
        positions=positions,
        largest_batch=largest,
        size=size,
        trained_parameters=(
            size.parameters if adapted is None else size.adapter_parameters(adapted, settings.lora_targets)
        ),
        memory=estimate_memory(size, settings, positions=largest, processes=processes),
        run_tokens=tokens,
        run_squares=squares,
        useful=training_operations(size, settings, tokens=tokens, squares=squares),
        computed=training_operations(
            size,
            settings,
            tokens=round(passes * positions[settings.batching]),
            squares=round(passes * _squares(lengths, batches, settings)),
            recomputed=True,
        ),
    )


def check_model(settings: TrainSettings, size: ModelSize) -> None:
    """Find out whether a model can be trained with these settings.

    Raises:
        ConfigError: It was made for shorter texts, or has no layer of an adapter's name.
    """
    if size.positions is not None and settings.max_length > size.positions:
        raise ConfigError(
            f"max_length={settings.max_length} is more than the {size.positions} tokens that the model was made for; "
            f"set max_length={size.positions}"
        )
    if settings.lora_rank is not None:
        size.adapter_parameters(settings.lora_rank, settings.lora_targets)


def _positions(lengths: Sequence[int], settings: TrainSettings, processes: int) -> dict[str, int]:
    """What an epoch computes, by way of batching."""
    found = {}
    for way in ("pad", "group", "pack"):
        other = settings if way == settings.batching else replace(settings, batching=way, pad_to=None)
        batches = make_batches(lengths, other, settings.seed, 0, world_size=processes)
        found[way] = count_positions(lengths, batches, other)
    return {PUBLISHED: len(lengths) * settings.max_length, **found}


def _squares(lengths: Sequence[int], batches: Sequence[Sequence[int]], settings: TrainSettings) -> int:
    """The squares of what attention computes: of whole sequences, unless it skips what a row may not see."""
    if settings.batching == "pack" and settings.attention == "flash_attention_2":
        return squares_of(lengths)
    total = 0
    for batch in batches:
        found = [lengths[row] for row in batch]
        if settings.batching == "pack":
            found = [sum(found[place] for place in pack) for pack in pack_rows(found, settings.max_length)]
        width = settings.pad_to or max(found, default=1)
        # A mask of packs leaves nothing out, where a causal one leaves out half.
        total += (2 if settings.batching == "pack" else 1) * max(len(found), 1) * width**2
    return total
