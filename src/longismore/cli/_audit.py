"""``longismore audit``: how far the judges of recorded judgments can be trusted."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import typer

from longismore.cli._judge_options import JUDGE_SETTINGS, JudgeSpec, given_settings, with_judge_settings
from longismore.errors import ConfigError

__all__ = ["audit_judges"]


@with_judge_settings
def audit_judges(
    context: typer.Context,
    judgments: list[str] = typer.Argument(
        help="Run folders, judgments.jsonl, samples of lm_eval or annotations.json of alpaca_eval; of several judges, "
        "candidates and test sets together."
    ),
    gold: Path | None = typer.Option(None, help="Labels of which answer is better: gold.jsonl, LLMBar's dataset.json."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    markdown: Path | None = typer.Option(None, help="Write the audit as Markdown to this file too."),
    probe: list[str] = typer.Option(
        [], "--probe", help="Ask the judge of --judge: length, injection or repeat; may be given more than once."
    ),
    judge: JudgeSpec = "",
    limit: int | None = typer.Option(None, min=1, help="At most so many pairs a probe; default: all."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print what the probes would take; send nothing."),
    store: Path | None = typer.Option(None, envvar="LONGISMORE_STORE", help="Database of paid answers."),
    **settings: Any,
) -> None:
    """Say what the order and the length of answers do to judges, how often they can be read, and how far they agree.

    With --gold also how often each judge is right. Nothing is asked again, but for --probe: the options below it are
    those of the judge that is probed.
    """
    from longismore.cli._run_audit import AuditRequest, run_audit

    if not probe:
        _refuse_without_probe(context, ("judge", "limit", "dry_run", "store", *JUDGE_SETTINGS))
    request = AuditRequest(
        judgments=judgments,
        gold=gold,
        markdown=markdown,
        probes=probe,
        judge=judge,
        options=given_settings(settings),
        limit=limit,
        dry_run=dry_run,
        store=store,
        environ=dict(os.environ),
    )
    if not run_audit(request, out=sys.stdout, as_json=as_json):
        raise typer.Exit(1)


def _refuse_without_probe(context: typer.Context, names: tuple[str, ...]) -> None:
    """What has a use for probes only is a mistake without one; the environment may have it for other commands."""
    sources = {name: context.get_parameter_source(name) for name in names}
    given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if given:
        said = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ConfigError(f"{said}: only a probe asks a judge; add --probe length, injection or repeat")
