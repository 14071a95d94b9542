"""``longismore compare``: two files of answers, one judge, win rates with intervals."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import typer

__all__ = ["CONTEXT", "compare"]

_ALL = "all"
_FIVE = ("koala", "lima", "sinstruct", "vicuna", "wizardlm")


CONTEXT = {"allow_extra_args": True}
"""``--testset koala vicuna``: what follows the first name comes as extra arguments."""


def compare(
    context: typer.Context,
    reference: str = typer.Argument(help="Answers of the reference: a file, an lm_eval output folder, mini:better."),
    candidate: str = typer.Argument(help="Answers of the candidate; every rate is from its side."),
    testset: list[str] = typer.Option(
        ..., "--testset", "-t", help=f"Test sets, also separated by commas; '{_ALL}' means the five real ones."
    ),
    judge: str = typer.Option(
        "", envvar="LONGISMORE_JUDGE", help="openai/MODEL, replay:FILE, lexical or length; there is no default."
    ),
    limit: int | None = typer.Option(None, min=1, help="Only the first so many instructions of each test set."),
    output: Path = typer.Option(Path("runs"), help="Folder in which the run folder is made."),
    store: Path | None = typer.Option(None, envvar="LONGISMORE_STORE", help="Database of paid answers."),
    base_url: str | None = typer.Option(None, envvar="LONGISMORE_JUDGE_BASE_URL", help="Server of openai/MODEL."),
    temperature: float | None = typer.Option(None, envvar="LONGISMORE_JUDGE_TEMPERATURE", help="Default 0."),
    max_tokens: int | None = typer.Option(None, envvar="LONGISMORE_JUDGE_MAX_TOKENS", help="Default 1024."),
    concurrency: int | None = typer.Option(
        None, envvar="LONGISMORE_JUDGE_CONCURRENCY", help="Calls at once; default 32."
    ),
    timeout_s: float | None = typer.Option(None, envvar="LONGISMORE_JUDGE_TIMEOUT_S", help="Of one call; default 120."),
    retries: int | None = typer.Option(None, envvar="LONGISMORE_JUDGE_RETRIES", help="Of one call; default 6."),
    api_key_env: str | None = typer.Option(None, envvar="LONGISMORE_JUDGE_API_KEY_ENV", help="Variable with the key."),
    as_json: bool = typer.Option(False, "--json", help="Print the results as one JSON object."),
) -> None:
    """Compare the answers of two models, in both orders, and print win rates with intervals.

    Nothing is generated and lm_eval is not needed. Paid answers are stored: the same command again pays only
    for what is missing.
    """
    from longismore.cli._run_compare import Request, run_compare
    from longismore.testsets import folder_in

    options = {
        "base_url": base_url,
        "temperature": temperature,
        "max_tokens": max_tokens,
        "concurrency": concurrency,
        "timeout_s": timeout_s,
        "retries": retries,
        "api_key_env": api_key_env,
    }
    comparison = run_compare(
        Request(
            reference=reference,
            candidate=candidate,
            testsets=_names([*testset, *context.args]),
            judge=judge,
            options={name: value for name, value in options.items() if value is not None},
            limit=limit,
            output=output,
            store=store,
            testsets_folder=folder_in(os.environ),
            environ=dict(os.environ),
            command=sys.argv,
        ),
        show=not as_json,
    )
    if as_json:
        sys.stdout.write(json.dumps(comparison.results.to_dict(), indent=1) + "\n")
    if comparison.results.pooled.n == 0:
        raise typer.Exit(1)


def _names(given: list[str]) -> list[str]:
    names = [name.strip() for text in given for name in text.split(",") if name.strip()]
    expanded = [each for name in names for each in (_FIVE if name == _ALL else (name,))]
    return list(dict.fromkeys(expanded))
