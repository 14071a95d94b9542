"""``longismore doctor``: what is installed, hooked and at hand, and what to do about the rest."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import typer

__all__ = ["doctor"]


def doctor(as_json: bool = typer.Option(False, "--json", help="Print one JSON object.")) -> None:
    """Say what works here: versions, keys, hosts, test sets, store; exit code 1 where the main job cannot run."""
    from longismore.harness._doctor import examine
    from longismore.testsets import folder_in

    report = examine(os.environ, testsets_folder=folder_in(os.environ))
    if as_json:
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
    else:
        _print(report)
    if not report["ok"]:
        raise typer.Exit(1)


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    marks = {"ok": "[green]ok[/green]  ", "missing": "[yellow]--[/yellow]  ", "bad": "[red]bad[/red] "}
    for title, checks in report["checks"].items():
        console.print(f"[bold]{title}[/bold]")
        for check in checks:
            console.print(f"  {marks[check['state']]} ", end="")
            console.print(f"{check['name']}: {check['found']}", markup=False)
            if check.get("remedy"):
                console.print(f"         → {check['remedy']}", markup=False)
    console.print("The main job can run." if report["ok"] else "The main job cannot run yet: see the lines marked bad.")
