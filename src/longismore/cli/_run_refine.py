"""What ``longismore refine`` does, once its arguments are read."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from longismore._row_asking import check_outputs
from longismore.cli._progress import answering_progress
from longismore.cli._row_estimates import print_estimate, remark_on_protocol
from longismore.instructions import open_data
from longismore.judges._refining import make_refiner
from longismore.judges._row_prompt import read_row_prompt
from longismore.refining import refine_rows, rows_to_refine
from longismore.reports import name_text
from longismore.reports._distribution.table import add_row, new_table
from longismore.selectors import manifest_path
from longismore.store import Store, default_store_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longismore.refining import Refined

__all__ = ["Request", "run_refine"]

logger = logging.getLogger(__name__)

_CUT = "cut off at max_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of the command."""

    data: Sequence[Path]
    judge: str
    options: Mapping[str, Any]
    output: Path
    details: Path | None
    prompt: Path | None
    multi_turn: str
    max_chars: int | None
    format: str
    store: Path | None
    dry_run: bool
    environ: Mapping[str, str]
    command: Sequence[str]


def run_refine(request: Request, *, show: bool) -> dict[str, Any]:
    """Refine and save, or say what it would take; with *show*, print it. Returns what ``--json`` prints.

    Raises:
        UsageError: Something in the request will not do; nothing was spent.
        JudgeError: The model could not go on.
    """
    remark_on_protocol(request.options, "refine")
    refiner = make_refiner(
        request.judge,
        request.options,
        request.environ,
        prompt=None if request.prompt is None else read_row_prompt(request.prompt),
        max_chars=request.max_chars,
    )
    data = open_data(request.data, format=request.format)
    check_outputs(data, request.output, manifest_path(request.output), request.details)
    with Store(request.store or default_store_path()) as store:
        if request.dry_run:
            rows = data.size
            asked = rows_to_refine(data, refiner, multi_turn=request.multi_turn)
            if show:
                sys.stdout.write(f"{rows:,} rows, {rows - asked:,} of them kept without a call\n")
            return print_estimate(refiner.name, refiner.estimate(data.rows(), store), rows=rows, show=show)
        with answering_progress(refiner.name) as advance:
            refined = refine_rows(
                data,
                refiner,
                request.output,
                store=store,
                details=request.details,
                spec=request.judge,
                multi_turn=request.multi_turn,
                command=request.command,
                on_progress=advance,
            )
    if show:
        _show(refined)
    if cut := refined.statuses.get(_CUT):
        logger.warning(
            "%d answers were cut off at max_tokens=%d, thoughts included; give it more (--max-tokens)",
            cut, refiner.asker.max_tokens,
        )  # fmt: skip
    return refined.to_dict()


def _show(refined: Refined) -> None:
    console = Console()
    console.print(Text(f"responses refined by {name_text(refined.model)}", "bold"), soft_wrap=True)
    table = new_table("", ["", "rows", "%"], left=1)
    for status, count in sorted(refined.statuses.items(), key=lambda item: -item[1]):
        add_row(table, [status, f"{count:,}", f"{100 * count / refined.rows:.1f}"])
    console.print(table)
    kept = refined.rows - refined.refined
    text = f"{refined.rows:,} rows: {refined.refined:,} refined ({refined.longer:,} of them longer), {kept:,} kept"
    console.print(Text(text), soft_wrap=True)
    console.print(Text(f"written to {name_text(str(refined.output), 300)}"), soft_wrap=True)
