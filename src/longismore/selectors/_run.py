"""Running a strategy: prepare, choose, check that every row is accounted for, write, and write down how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.errors import DataError
from longismore.instructions._write import check_output
from longismore.selectors._manifest import is_done, request_of, write_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.instructions import InstructionData
    from longismore.selectors._selector import Choice, Selector, Work

__all__ = ["Selection", "select_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A selection that was written."""

    output: Path
    manifest: Mapping[str, Any]
    was_done: bool
    """It stood there already, made of the same data in the same way."""


def select_rows(
    strategy: str,
    selector: Selector,
    data: InstructionData,
    work: Work,
    output: str | Path,
    *,
    allow_fewer: bool = False,
) -> Selection | None:
    """Select rows of *data*, and write them with a manifest.

    Args:
        strategy: The selector's name.
        selector: The strategy, with its parameters.
        data: Where it selects from.
        work: Budget, engine, shard, ...
        output: Gets the rows as they stand in the data; its manifest stands beside it.
        allow_fewer: Less rows than the budget are no error.

    Returns:
        What was written; ``None`` where *work* has a shard: its part is prepared, and nothing chosen.

    Raises:
        UsageError: The data or the parameters cannot be used; or no row, or less than the budget, is left.
    """
    output = Path(output)
    check_output(data, output)
    if work.shard is not None:
        selector.prepare(data, work)
        return None
    request = request_of(strategy, selector, data, work)
    found = is_done(request, output)
    if found is not None and _serves(found, work, allow_fewer=allow_fewer):
        return Selection(output=output, manifest=found, was_done=True)
    selector.prepare(data, work)
    choice = selector.choose(data, work)
    _check(strategy, choice, data.size, work.budget, allow_fewer=allow_fewer)
    data.write(choice.rows, output)
    manifest = write_manifest(request, data, choice, output)
    return Selection(output=output, manifest=manifest, was_done=False)


def _serves(manifest: Mapping[str, Any], work: Work, *, allow_fewer: bool) -> bool:
    """Whether a selection that is there need not be made again: it has all rows, and no row is to be tried again."""
    is_whole = allow_fewer or work.budget is None or manifest["selected"] >= work.budget
    return is_whole and not getattr(work.engine, "retry_errors", False)


def _check(strategy: str, choice: Choice, size: int, budget: int | None, *, allow_fewer: bool) -> None:
    accounted = len(choice.rows) + sum(choice.dropped.values())
    if accounted != size:
        raise AssertionError(f"{strategy} accounts for {accounted} of {size} rows: {dict(choice.dropped)}")
    if list(choice.rows) != sorted(set(choice.rows)):
        raise AssertionError(f"{strategy} gave row numbers that do not ascend")
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in choice.dropped.items() if count) or "no row"
    if not choice.rows:
        raise DataError(f"no row is left of {size:,}; dropped were: {dropped}")
    if budget is not None and len(choice.rows) < budget and not allow_fewer:
        raise DataError(
            f"only {len(choice.rows):,} of {size:,} rows qualify, which is less than the budget of {budget:,}; dropped "
            f"were: {dropped}; take a smaller --budget, or say --allow-fewer (in a study: allow_fewer: true)"
        )
