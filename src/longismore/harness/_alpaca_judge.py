"""The judge ``alpaca_eval:CONFIG``: any evaluator of the installed alpaca_eval, asked by our engine in both orders.

Its prompt, its parser and its model settings; our client, store, retries and counts. ``alpaca_eval:CONFIG@JUDGE``
asks another model with the same prompt, parser and settings, e.g. ``alpaca_eval:alpaca_eval_gpt4@openai/gpt-4.1``:
many of the models that the configs name are no longer served. Extra: ``alpaca``.

Found by the entry-point group ``longismore.judges``. What differs from alpaca_eval itself, and why, stands in
``docs/alpaca_eval_judges.md``.

Source: https://github.com/tatsu-lab/alpaca_eval
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError
from longismore.harness._alpaca_config import read_config
from longismore.harness._alpaca_protocol import alpaca_protocol
from longismore.harness._alpaca_request import request_of
from longismore.judges import JUDGES
from longismore.judges._chat import ChatJudge

if TYPE_CHECKING:
    from longismore.harness._alpaca_config import AlpacaConfig
    from longismore.harness._alpaca_request import AlpacaRequest
    from longismore.judges._options import JudgeOptions

__all__ = ["alpaca_eval_judge"]


def alpaca_eval_judge(argument: str, options: JudgeOptions) -> ChatJudge:
    """The judge ``alpaca_eval:CONFIG`` or ``alpaca_eval:CONFIG@PROVIDER/MODEL``.

    Args:
        argument: The config, and perhaps the model to ask in the place of its own. A config with a slash is a path to
            a folder with ``configs.yaml``.
        options: What the user has named wins over the config; of ``parameters`` each field by itself, where null
            leaves the config's out.

    Raises:
        UnknownNameError: There is no such config, or no such provider.
        ConfigError: The config cannot be a judge here, or the options do not fit it; the message says what would.
        UsageError: alpaca_eval or the provider's SDK is missing, or cannot be imported.
    """
    name, _, spec = argument.partition("@")
    if not name:
        raise ConfigError('"alpaca_eval" needs a config: alpaca_eval:CONFIG, e.g. alpaca_eval:alpaca_eval_gpt4')
    if "protocol" in options.given or options.prompt is not None:
        raise ConfigError(
            f"alpaca_eval:{name} has its own prompt and its own way of reading answers: leave out the protocol "
            "(--protocol, judge_protocol) and the prompt"
        )
    config = read_config(name)
    request = request_of(config, spec)
    asked = JUDGES.get(request.provider)(request.model, _settled(options, request, config))
    if not isinstance(asked, ChatJudge):
        raise ConfigError(f'"{spec}" cannot be asked with a prompt of alpaca_eval: it is not a chat model')
    max_tokens = asked.options.max_tokens or asked.protocol.max_tokens
    notes = (_note(config), asked.note)
    return ChatJudge(
        name=f"alpaca_eval:{argument}",
        client=asked.client,
        options=asked.options,
        protocol=alpaca_protocol(config, max_tokens=max_tokens),
        note="; ".join(note for note in notes if note),
    )


def _settled(options: JudgeOptions, request: AlpacaRequest, config: AlpacaConfig) -> JudgeOptions:
    """The user's options, with the config's settings where the user has named none."""
    if request.base_url is not None and options.base_url is None and options.api_key_env is None:
        raise ConfigError(
            f"alpaca_eval:{config.name} asks the server {request.base_url}: name the environment variable with the key "
            "for it (--api-key-env, judge_api_key_env), so that no other provider's key is sent there, or name a "
            "server of your own (--base-url, judge_base_url)"
        )
    settings: dict[str, Any] = {
        "temperature": request.temperature,
        "base_url": options.base_url or request.base_url,
    }
    if request.max_tokens is not None:
        settings["max_tokens"] = request.max_tokens
    parameters = {**request.parameters, **options.parameters}
    return replace(
        options.with_defaults(settings),
        parameters={field: value for field, value in parameters.items() if value is not None},
    )


def _note(config: AlpacaConfig) -> str:
    padding = config.batch_size - 1
    return (
        f"prompt, parser and settings are those of the evaluator {config.name} of alpaca_eval {config.version}; its "
        "prompt does not quote the answers, so an answer can pose as instructions to the judge"
        + (f"; each call holds one pair and {padding} of alpaca_eval's own to fill the prompt" if padding else "")
    )
