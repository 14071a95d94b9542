"""Give the rows of instruction data better responses: what ``longismore refine`` does.

All rows are asked about first, each answer kept in the store when it arrives; then the data are written again, in
their own format, with the better response where there is one and the old one everywhere else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore._jsonl import write_json
from longismore._row_asking import ask_rows, check_outputs, origin
from longismore.errors import ConfigError
from longismore.instructions import write_records, write_responses
from longismore.instructions._write import check_output
from longismore.selectors import manifest_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from longismore.instructions import InstructionData
    from longismore.judges._refining import Refiner
    from longismore.store import Store

__all__ = ["REFINE_MULTI_TURN", "Refined", "refine_rows", "rows_to_refine"]

REFINE_MULTI_TURN = ("refuse", "keep")
"""What can be done with conversations of several turns: another first response would not fit what follows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """How a refinement went."""

    output: Path
    model: str
    statuses: Mapping[str, int]
    """Rows by what became of them; they add up to all."""
    refined: int
    """Rows with another response than before."""
    longer: int
    """Of these, rows whose response has more characters now."""
    usage: Mapping[str, object]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.statuses.values())

    def to_dict(self) -> dict[str, Any]:
        """For ``--json`` and the manifest."""
        return {
            "output": str(self.output),
            "model": self.model,
            "rows": self.rows,
            "refined": self.refined,
            "kept": self.rows - self.refined,
            "longer": self.longer,
            "statuses": dict(self.statuses),
            "usage": dict(self.usage),
        }


def rows_to_refine(data: InstructionData, refiner: Refiner, *, multi_turn: str = "refuse") -> int:
    """How many rows will be asked about.

    Raises:
        ConfigError: A conversation of several turns is not to be kept as it is.
        SchemaError: A row cannot be used.
    """
    if multi_turn not in REFINE_MULTI_TURN:
        raise ConfigError(f'multi_turn must be {" or ".join(REFINE_MULTI_TURN)}, found "{multi_turn}"')
    rows = asked = several = 0
    place = ""
    for row in data.rows():
        rows += 1
        asked += refiner.kept(row) is None
        several += row.is_multi_turn
        place = place or (row.place if row.is_multi_turn else "")
    if several and multi_turn == "refuse":
        raise ConfigError(
            f"{several} of {rows} rows are conversations of several turns, the first one at {place}: only rows of one "
            "turn can be refined; --multi-turn keep leaves the others as they are"
        )
    return asked


def refine_rows(
    data: InstructionData,
    refiner: Refiner,
    output: Path,
    *,
    store: Store,
    details: Path | None = None,
    spec: str = "",
    multi_turn: str = "refuse",
    command: Sequence[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Refined:
    """Refine the rows and write all of them, with a manifest; the same call again pays only for what is missing.

    Args:
        data: The rows.
        refiner: Who refines.
        output: Gets the rows in their own format; the manifest goes beside it.
        store: Where answers are kept.
        details: Gets a line a row, with status, critique and all that the model wrote: ``.jsonl``.
        spec: The refiner's, for the manifest.
        multi_turn: One of :data:`REFINE_MULTI_TURN`.
        command: The command line that started it.
        on_progress: Called with each answer.

    Raises:
        UsageError: Something will not do; nothing was asked.
        JudgeError: No further call can succeed; what was answered is in the store, and nothing was written.
    """
    check_outputs(data, output, manifest_path(output), details)
    check_output(data, output)
    total = rows_to_refine(data, refiner, multi_turn=multi_turn)
    refiner.check(store)
    ask_rows(refiner, data.rows, total=total, store=store, on_progress=on_progress)
    statuses: Counter[str] = Counter()
    responses: dict[int, str] = {}
    longer = 0

    who = {"judge": refiner.name, "fingerprint": refiner.fingerprint}

    def lines() -> Iterator[dict[str, Any]]:
        nonlocal longer
        for row, refinement in refiner.refinements(data.rows(), store):
            statuses[str(refinement.status)] += 1
            if refinement.response is not None:
                responses[row.number] = refinement.response
                longer += len(refinement.response) > len(row.response)
            yield {
                "row": row.number,
                "key": row.key,
                "status": str(refinement.status),
                "critique": refinement.critique,
                "response": refinement.response,
                **who,
                "completion": refinement.completion,
                "input_tokens": refinement.input_tokens,
                "output_tokens": refinement.output_tokens,
                "cost_usd": refinement.cost_usd,
            }

    if details is None:
        for _ in lines():
            pass
    else:
        write_records(lines(), details)
    write_responses(data, responses, output)
    refined = Refined(
        output=output,
        model=refiner.name,
        statuses=dict(sorted(statuses.items())),
        refined=len(responses),
        longer=longer,
        usage=refiner.usage.to_dict(),
    )
    rest = {name: value for name, value in refined.to_dict().items() if name not in {"output", "model", "usage"}}
    known = {"kind": "refined rows", "multi_turn": multi_turn, "max_chars": refiner.max_chars}
    write_json(manifest_path(output), known | origin(data, refiner, spec=spec, command=command) | rest)
    return refined
