"""``longismore compare``: two files of answers, one judge, win rates with intervals."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import typer

from longismore.errors import ConfigError, near_names

__all__ = ["CONTEXT", "compare", "names_of", "settings_of"]

_ALL = "all"
_FIVE = ("koala", "lima", "sinstruct", "vicuna", "wizardlm")


CONTEXT = {"allow_extra_args": True}
"""``--testset koala vicuna``: what follows the first name comes as extra arguments."""


def compare(
    context: typer.Context,
    reference: str = typer.Argument(
        help="Answers of the reference: a file, an lm_eval output folder, mini:better, or a model, e.g. openai/gpt-4.1."
    ),
    candidate: str = typer.Argument(help="Answers of the candidate, the same; every rate is from its side."),
    testset: list[str] = typer.Option(
        ..., "--testset", "-t", help=f"Test sets, also separated by commas; '{_ALL}' means the five real ones."
    ),
    judge: str = typer.Option(
        "",
        envvar="LONGISMORE_JUDGE",
        help="openai/MODEL, anthropic/MODEL, google/MODEL, hf/PATH, vllm/PATH, alpaca_eval:CONFIG, a judge file, "
        "replay:FILE, lexical or length; there is no default.",
    ),
    limit: int | None = typer.Option(None, min=1, help="Only the first so many instructions of each test set."),
    output: Path = typer.Option(Path("runs"), help="Folder in which the run folder is made."),
    store: Path | None = typer.Option(None, envvar="LONGISMORE_STORE", help="Database of paid answers."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print calls, tokens and cost; send nothing."),
    max_cost_usd: float | None = typer.Option(
        None, envvar="LONGISMORE_JUDGE_MAX_COST_USD", help="Stop before the run can cost more."
    ),
    batch: bool = typer.Option(
        False, "--batch", envvar="LONGISMORE_JUDGE_BATCH", help="Provider's batch API: half the price, within a day."
    ),
    batch_poll_s: float | None = typer.Option(
        None, envvar="LONGISMORE_JUDGE_BATCH_POLL_S", help="Between two looks at a batch; default 30."
    ),
    protocol: str | None = typer.Option(
        None, envvar="LONGISMORE_JUDGE_PROTOCOL", help="score_pair (default), choice or logprob."
    ),
    base_url: str | None = typer.Option(None, envvar="LONGISMORE_JUDGE_BASE_URL", help="Server of openai/MODEL."),
    temperature: str | None = typer.Option(
        None, envvar="LONGISMORE_JUDGE_TEMPERATURE", help="Default 0; none leaves it to the server."
    ),
    max_tokens: int | None = typer.Option(
        None, envvar="LONGISMORE_JUDGE_MAX_TOKENS", help="Of one answer; default: what the protocol needs."
    ),
    parameters: str | None = typer.Option(
        None, envvar="LONGISMORE_JUDGE_PARAMETERS", help='Further fields of the request: {"reasoning_effort": "low"}.'
    ),
    concurrency: int | None = typer.Option(
        None, envvar="LONGISMORE_JUDGE_CONCURRENCY", help="Calls at once; default: what suits the provider, e.g. 32."
    ),
    timeout_s: float | None = typer.Option(None, envvar="LONGISMORE_JUDGE_TIMEOUT_S", help="Of one call; default 120."),
    retries: int | None = typer.Option(None, envvar="LONGISMORE_JUDGE_RETRIES", help="Of one call; default 6."),
    api_key_env: str | None = typer.Option(None, envvar="LONGISMORE_JUDGE_API_KEY_ENV", help="Variable with the key."),
    price_input: float | None = typer.Option(
        None, envvar="LONGISMORE_JUDGE_PRICE_INPUT", help="US$ per million input tokens, above the price table."
    ),
    price_output: float | None = typer.Option(
        None, envvar="LONGISMORE_JUDGE_PRICE_OUTPUT", help="US$ per million output tokens."
    ),
    reference_option: list[str] = typer.Option(
        [], "--reference-option", help="Setting of a reference that is a model, e.g. base_url=http://HOST:PORT/v1."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the results as one JSON object."),
) -> None:
    """Compare the answers of two models, in both orders, and print win rates with intervals.

    lm_eval is not needed. Paid answers are stored: the same command again pays only for what is missing.
    """
    from longismore.cli._run_compare import Request, run_compare
    from longismore.testsets import folder_in

    options = {
        "max_cost_usd": max_cost_usd,
        "batch": batch or None,
        "batch_poll_s": batch_poll_s,
        "protocol": protocol,
        "base_url": base_url,
        "temperature": temperature,
        "max_tokens": max_tokens,
        "parameters": parameters,
        "concurrency": concurrency,
        "timeout_s": timeout_s,
        "retries": retries,
        "api_key_env": api_key_env,
        "price_input": price_input,
        "price_output": price_output,
    }
    comparison = run_compare(
        Request(
            reference=reference,
            candidate=candidate,
            testsets=names_of([*testset, *context.args]),
            judge=judge,
            options={name: value for name, value in options.items() if value is not None},
            reference_options=settings_of(reference_option),
            dry_run=dry_run,
            limit=limit,
            output=output,
            store=store,
            testsets_folder=folder_in(os.environ),
            environ=dict(os.environ),
            command=sys.argv,
        ),
        show=not as_json,
    )
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
    names = [name.strip() for text in given for name in text.split(",") if name.strip()]
    expanded = [each for name in names for each in (_FIVE if name == _ALL else (name,))]
    return list(dict.fromkeys(expanded))
