"""The settings of a judge as options of a command: declared once, for every command that asks one."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["JUDGE_SETTINGS", "JudgeSpec", "given_settings", "with_judge_settings"]

_VARIABLE = "LONGISMORE_JUDGE_"

JudgeSpec = Annotated[
    str,
    typer.Option(
        envvar="LONGISMORE_JUDGE",
        help="openai/MODEL, anthropic/MODEL, google/MODEL, hf/PATH, vllm/PATH, alpaca_eval:CONFIG, a judge file, "
        "replay:FILE, lexical or length; there is no default.",
    ),
]
_SETTINGS: Mapping[str, tuple[Any, str]] = {
    "max_cost_usd": (float | None, "Stop before the run can cost more."),
    "batch": (bool, "Provider's batch API: half the price, within a day."),
    "batch_poll_s": (float | None, "Between two looks at a batch; default 30."),
    "protocol": (str | None, "score_pair (default), choice or logprob."),
    "base_url": (str | None, "Server of openai/MODEL."),
    "temperature": (str | None, "Default 0; none leaves it to the server."),
    "max_tokens": (int | None, "Of one answer; default: what the protocol needs."),
    "parameters": (str | None, 'Further fields of the request: {"reasoning_effort": "low"}.'),
    "concurrency": (int | None, "Calls at once; default: what suits the provider, e.g. 32."),
    "timeout_s": (float | None, "Of one call; default 120."),
    "retries": (int | None, "Of one call; default 6."),
    "api_key_env": (str | None, "Variable with the key."),
    "price_input": (float | None, "US$ per million input tokens, above the price table."),
    "price_output": (float | None, "US$ per million output tokens."),
}
"""Type and help by name; each is an option ``--name`` and a variable ``LONGISMORE_JUDGE_NAME``."""
JUDGE_SETTINGS = tuple(_SETTINGS)
"""Their names."""


def with_judge_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command with ``**settings`` take every setting of a judge as an option."""
    own = inspect.signature(command, eval_str=True).parameters.values()
    parameters = [each for each in own if each.kind is not inspect.Parameter.VAR_KEYWORD]
    parameters += [_parameter(name, *setting) for name, setting in _SETTINGS.items()]
    # What typer reads; the values arrive by name.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _parameter(name: str, kind: Any, explanation: str) -> inspect.Parameter:
    flag = f"--{name.replace('_', '-')}"
    option = typer.Option(flag, envvar=f"{_VARIABLE}{name.upper()}", help=explanation)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if kind is bool else None,
        annotation=Annotated[kind, option],
    )


def given_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those that the user has named: what is not there, and a flag that is not set, are left to their defaults."""
    return {name: settings[name] for name in JUDGE_SETTINGS if settings.get(name) not in {None, False}}
