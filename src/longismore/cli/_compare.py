"""``longismore compare``: two files of answers, one judge, win rates with intervals."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from longismore.cli._judge_options import JudgeSpec, given_settings, with_judge_settings
from longismore.errors import ConfigError, near_names

if TYPE_CHECKING:
    from longismore.api import Compared

__all__ = ["CONTEXT", "compare", "end_comparison", "names_of", "settings_of"]

CONTEXT = {"allow_extra_args": True}
"""``--testset koala vicuna``: what follows the first name comes as extra arguments."""


@with_judge_settings
def compare(
    context: typer.Context,
    reference: str = typer.Argument(
        help="Answers of the reference: a file, an lm_eval output folder, mini:better, or a model, e.g. openai/gpt-4.1."
    ),
    candidate: str = typer.Argument(help="Answers of the candidate, the same; every rate is from its side."),
    testset: list[str] = typer.Option(
        ..., "--testset", "-t", help="Test sets, also separated by commas; 'all' means the five of Long Is More."
    ),
    judge: JudgeSpec = "",
    limit: int | None = typer.Option(None, min=1, help="Only the first so many instructions of each test set."),
    output: Path = typer.Option(Path("runs"), help="Folder in which the run folder is made."),
    store: Path | None = typer.Option(None, envvar="LONGISMORE_STORE", help="Database of paid answers."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print calls, tokens and cost; send nothing."),
    reference_option: list[str] = typer.Option(
        [], "--reference-option", help="Setting of a reference that is a model, e.g. base_url=http://HOST:PORT/v1."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the results as one JSON object."),
    **settings: Any,
) -> None:
    """Compare the answers of two models, in both orders, and print win rates with intervals.

    lm_eval is not needed. Paid answers are stored: the same command again pays only for what is missing.
    """
    from longismore.cli._run_compare import Request, run_compare
    from longismore.testsets import folder_in

    comparison = run_compare(
        Request(
            reference=reference,
            candidate=candidate,
            testsets=names_of([*testset, *context.args]),
            judge=judge,
            options=given_settings(settings),
            reference_options=settings_of(reference_option),
            limit=limit,
            output=output,
            testsets_folder=folder_in(os.environ),
            environ=dict(os.environ),
            command=sys.argv,
        ),
        store=store,
        dry_run=dry_run,
        show=not as_json,
    )
    end_comparison(comparison, as_json=as_json)


def end_comparison(comparison: Compared | None, *, as_json: bool) -> None:
    """Print the results of a comparison as JSON, where that is wished; exit code 1 where no pair was judged.

    Args:
        comparison: ``None`` after a dry run.
        as_json: Whether to print it.
    """
    if comparison is None:
        return
    if as_json:
        sys.stdout.write(json.dumps(comparison.results.to_dict(), indent=1) + "\n")
    if comparison.results.pooled.n == 0:
        raise typer.Exit(1)


def settings_of(given: list[str]) -> dict[str, str]:
    """``name=value``, of the settings that a reference has for itself."""
    from longismore.judges import REFERENCE_OPTIONS

    settings = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in REFERENCE_OPTIONS:
            raise ConfigError(
                f'--reference-option takes name=value, found "{text}"{near_names(name, REFERENCE_OPTIONS)}'
            )
        settings[name] = value
    return settings


def names_of(given: list[str]) -> list[str]:
    """Test sets, as the command line names them: separated by commas, or ``all``."""
    from longismore.testsets import expand_names

    return expand_names(name.strip() for text in given for name in text.split(",") if name.strip())
