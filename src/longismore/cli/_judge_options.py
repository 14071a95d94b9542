"""The settings of a judge as options of a command, for every command that asks one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ApiKeyEnv",
    "BaseUrl",
    "Batch",
    "BatchPollS",
    "Concurrency",
    "JudgeSpec",
    "MaxCostUsd",
    "MaxTokens",
    "Parameters",
    "PriceInput",
    "PriceOutput",
    "Protocol",
    "Retries",
    "Temperature",
    "TimeoutS",
    "given_settings",
]

_VARIABLE = "LONGISMORE_JUDGE_"

JudgeSpec = Annotated[
    str,
    typer.Option(
        envvar="LONGISMORE_JUDGE",
        help="openai/MODEL, anthropic/MODEL, google/MODEL, hf/PATH, vllm/PATH, alpaca_eval:CONFIG, a judge file, "
        "replay:FILE, lexical or length; there is no default.",
    ),
]
MaxCostUsd = Annotated[
    float | None, typer.Option(envvar=f"{_VARIABLE}MAX_COST_USD", help="Stop before the run can cost more.")
]
Batch = Annotated[
    bool, typer.Option("--batch", envvar=f"{_VARIABLE}BATCH", help="Provider's batch API: half the price, in a day.")
]
BatchPollS = Annotated[
    float | None, typer.Option(envvar=f"{_VARIABLE}BATCH_POLL_S", help="Between two looks at a batch; default 30.")
]
Protocol = Annotated[
    str | None, typer.Option(envvar=f"{_VARIABLE}PROTOCOL", help="score_pair (default), choice or logprob.")
]
BaseUrl = Annotated[str | None, typer.Option(envvar=f"{_VARIABLE}BASE_URL", help="Server of openai/MODEL.")]
Temperature = Annotated[
    str | None, typer.Option(envvar=f"{_VARIABLE}TEMPERATURE", help="Default 0; none leaves it to the server.")
]
MaxTokens = Annotated[
    int | None,
    typer.Option(envvar=f"{_VARIABLE}MAX_TOKENS", help="Of one answer; default: what the protocol needs."),
]
Parameters = Annotated[
    str | None,
    typer.Option(envvar=f"{_VARIABLE}PARAMETERS", help='Further fields of the request: {"reasoning_effort": "low"}.'),
]
Concurrency = Annotated[
    int | None,
    typer.Option(envvar=f"{_VARIABLE}CONCURRENCY", help="Calls at once; default: what suits the provider, e.g. 32."),
]
TimeoutS = Annotated[float | None, typer.Option(envvar=f"{_VARIABLE}TIMEOUT_S", help="Of one call; default 120.")]
Retries = Annotated[int | None, typer.Option(envvar=f"{_VARIABLE}RETRIES", help="Of one call; default 6.")]
ApiKeyEnv = Annotated[str | None, typer.Option(envvar=f"{_VARIABLE}API_KEY_ENV", help="Variable with the key.")]
PriceInput = Annotated[
    float | None,
    typer.Option(envvar=f"{_VARIABLE}PRICE_INPUT", help="US$ per million input tokens, above the price table."),
]
PriceOutput = Annotated[
    float | None, typer.Option(envvar=f"{_VARIABLE}PRICE_OUTPUT", help="US$ per million output tokens.")
]


def given_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those that the user has named: what is not there, and a flag that is not set, are left to their defaults."""
    return {name: value for name, value in settings.items() if value is not None and value is not False}
