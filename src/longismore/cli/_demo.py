"""``longismore demo``: one paper's question in miniature, from data to a report."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

__all__ = ["demo"]


def demo(
    output: Path = typer.Option(
        Path("longismore-demo"), "--output", "-o", help="Folder of everything; the same command goes on there."
    ),
    seed: int = typer.Option(0, min=0, max=2**31 - 1, help="Of the data, the weights and the draws."),
    open_page: bool = typer.Option(True, "--open/--no-open", help="Open the report, where this is a terminal."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object, and open nothing."),
    small: bool = typer.Option(False, "--small", hidden=True, help="As little of everything as there can be."),
) -> None:
    """Select, train, ask and judge in miniature, on a processor and offline, in minutes. The numbers mean nothing.

    A tiny model, made here, learns from the longest answers, from as many random rows, and from all rows; lm_eval asks
    all of them the test set mini, and judges that only count compare their answers. It ends with what to change to make
    it real.
    """
    from longismore.cli._run_demo import DemoRequest, run_command

    request = DemoRequest(
        output=output,
        seed=seed,
        opens=open_page and not as_json and sys.stdout.isatty(),
        small=small,
        environ=os.environ,
        arguments=sys.argv[1:],
    )
    run_command(request, out=sys.stdout, as_json=as_json)
