"""``longismore train --dry-run``: what a run would take, in words that can be checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from longismore.reports import printable
from longismore.train._plan import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.train._plan import Plan

__all__ = ["show_plan"]

_GIGA, _TERA = 1e9, 1e12
_SHORT_HOURS = 0.01
_WAYS = {
    PUBLISHED: "every row padded to max_length, as published scripts do",
    "pad": "padded to the longest row of a batch",
    "group": "rows of like length together",
    "pack": "several rows in a sequence",
}


def show_plan(plan: Plan, out: TextIO) -> None:
    """Print a plan."""
    for part in (_rows, _steps, _padding, _memory, _operations):
        out.writelines(printable(f"{line}\n") for line in part(plan))
    out.write("Estimates; nothing was trained.\n")


def _rows(plan: Plan) -> Iterator[str]:
    settings = plan.settings
    yield f"Data: {plan.examples:,} of {plan.rows:,} rows are trained on"
    for reason, count in plan.dropped.items():
        yield f"  {count:,} dropped: {reason}"
    if plan.truncated:
        yield f"  {plan.truncated:,} cut at {settings.max_length:,} tokens"
    whole = "the whole text" if settings.loss_on == "full" else "the answers"
    yield f"  {plan.tokens:,} tokens, {plan.loss_tokens:,} of them with loss (on {whole})"
    yield f"  {plan.longest:,} tokens in the longest row"


def _steps(plan: Plan) -> Iterator[str]:
    steps, settings = plan.steps, plan.settings
    what = "packs" if settings.batching == "pack" else "rows"
    where = f" on each of {plan.processes} devices" if plan.processes > 1 else ""
    times = "once" if plan.passes == 1 else f"{plan.passes:.3g} times"
    yield f"Steps: {steps.total:,}, of which {steps.warmup:,} to warm up; {steps.per_epoch:,} to read all rows, {times}"
    batches = "one batch" if steps.accumulation == 1 else f"{steps.accumulation:,} batches"
    yield f"  a step has {batches} of at most {settings.batch_size:,} {what}{where}"


def _padding(plan: Plan) -> Iterator[str]:
    yield "Padding: positions computed in an epoch, and the share of them that is padding"
    for way, positions in plan.positions.items():
        mark = "*" if way == plan.settings.batching else " "
        yield f"{mark} {way:<18} {positions:>15,} {plan.waste[way]:>7.1%}  {_WAYS[way]}"
    yield "  * chosen" if plan.settings.pad_to is None else f"  * chosen, to {plan.settings.pad_to:,} tokens"


def _memory(plan: Plan) -> Iterator[str]:
    memory, settings = plan.memory, plan.settings
    where = " of each device" if plan.processes > 1 else ""
    yield f"Memory{where}: about {_bytes(memory.total)}, on {plan.machine.name}"
    share = f"{plan.trained_parameters:,} of {plan.size.parameters:,} parameters are trained"
    yield f"  weights {_bytes(memory.weights)}, in {_held(plan)}; {share}"
    if memory.copies:
        yield f"  copies of weights or gradients while a step runs {_bytes(memory.copies)}"
    yield f"  gradients {_bytes(memory.gradients)}; {settings.optimizer} {_bytes(memory.optimizer)}"
    kept = "with gradient checkpointing" if settings.gradient_checkpointing else "without gradient checkpointing"
    yield f"  activations {_bytes(memory.activations)} of {plan.largest_batch:,} positions at most, {kept}"
    if settings.parallel != "none":
        yield f"  divided by {settings.parallel} among {plan.processes} devices"
    if plan.fits is not None and plan.machine.memory_bytes is not None:
        verdict = "fits into" if plan.fits else "does not fit into"
        yield f"  {verdict} the {_bytes(plan.machine.memory_bytes)} of {plan.machine.name}"


def _held(plan: Plan) -> str:
    settings = plan.settings
    if settings.lora_rank is None:
        return "fp32"
    return f"{settings.quantization or settings.precision}, the adapters in fp32"


def _operations(plan: Plan) -> Iterator[str]:
    size = plan.size
    if plan.settings.lora_rank is None:
        formula, adapters = "6 M T + 6 L W S", ""
    else:
        formula, adapters = "4 M T + 6 A T + 6 L W S", f"A = {plan.trained_parameters:,} weights of adapters, "
    attention = plan.useful.attention / plan.useful.total
    yield f"Operations: {formula} = {plan.useful.total:.3g}, {attention:.0%} of them in attention"
    yield f"  M = {size.multiplied:,} weights of linear layers and output layer, {adapters}"
    yield f"  T = {plan.run_tokens:,} tokens, L = {size.layers} layers, W = {size.attention:,} wide,"
    yield f"  S = {plan.run_squares:,}: the sum of the squares of the rows' lengths"
    again = ", and what gradient checkpointing computes again" if plan.settings.gradient_checkpointing else ""
    yield f"  {plan.computed.total:.3g} with padding{again}"
    hours = plan.useful.total / plan.processes / (100 * _TERA) / 3600
    if plan.machine.device == "cuda" and hours >= _SHORT_HOURS:
        yield f"  {hours:.2g} hours at 100 useful TFLOP/s a device"


def _bytes(count: float) -> str:
    return f"{count / _GIGA:,.1f} GB" if count >= _GIGA / 10 else f"{count / 1e6:,.1f} MB"
