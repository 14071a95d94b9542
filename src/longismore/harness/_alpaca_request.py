"""Which of our clients asks what an evaluator of alpaca_eval asks, and with which settings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.harness._alpaca_config import AlpacaConfig

__all__ = ["AlpacaRequest", "request_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaRequest:
    """One of our judges, and the settings with which it is asked."""

    provider: str
    model: str
    temperature: float | None
    max_tokens: int | None
    base_url: str | None
    parameters: dict[str, Any]
    """Further fields of the request, in the provider's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decoder:
    """What a completion function of alpaca_eval calls things, and what it sends unless told otherwise."""

    provider: str
    length: str
    max_tokens: int | None = 2048
    temperature: float = 0.7
    parameters: Mapping[str, Any] = field(default_factory=dict)


_DECODERS: Mapping[str, _Decoder] = {
    "openai_completions": _Decoder(provider="openai", length="max_tokens", parameters={"top_p": 1.0}),
    "anthropic_completions": _Decoder(provider="anthropic", length="max_tokens_to_sample"),
    "google_completions": _Decoder(provider="google", length="max_output_tokens"),
    "vllm_local_completions": _Decoder(provider="vllm", length="max_new_tokens", max_tokens=None, temperature=1.0),
}
_ELSEWHERE: Mapping[str, str] = {
    "bedrock_anthropic_completions": "Amazon Bedrock",
    "cohere_completions": "Cohere",
    "huggingface_api_completions": "text generation by the Hugging Face inference API",
    "huggingface_local_completions": "text generation by transformers",
    "jina_chat_completions": "JinaChat",
    "replicate_completions": "Replicate",
}
_NOT_SENT = frozenset({
    "batch_size", "client_function_name", "client_kwargs", "is_chat", "is_chatml_prompt", "is_strip", "max_tries",
    "model_kwargs", "model_name", "n_retries", "num_procs", "price_per_token", "requires_chatml", "sleep_time",
    "temperature",
})  # fmt: skip
"""Arguments of completion functions that are no fields of a request: read here, or the engine's and the server's."""
_REFUSED: Mapping[str, str] = {
    "anthropic_api_keys": "keys are read from the environment only",
    "client_config_path": "a server is named by base_url, its key by api_key_env",
    "google_api_keys": "keys are read from the environment only",
    "openai_api_base": "a server is named by base_url",
    "openai_api_keys": "keys are read from the environment only",
    "openai_organization_ids": "an organization is named by OPENAI_ORG_ID",
    "tokens_to_avoid": "the numbers of these tokens are not known here",
    "tokens_to_favor": "the numbers of these tokens are not known here",
}
_NEUTRAL = ("top_p", 1.0)
"""The field that changes nothing, so that it need not be sent where it may not be known."""
_OTHERS = "take a config with a chat prompt, e.g. alpaca_eval:chatgpt or alpaca_eval:alpaca_eval_gpt4"


def request_of(config: AlpacaConfig, spec: str) -> AlpacaRequest:
    """What to ask.

    Args:
        config: The evaluator.
        spec: A judge ``PROVIDER/MODEL`` to ask in the place of the config's own model; empty for that one.

    Raises:
        ConfigError: The config needs a provider, an API or a setting that we do not have.
    """
    decoder = _DECODERS.get(config.decoder)
    if decoder is None:
        words = _ELSEWHERE.get(config.decoder, config.decoder)
        raise _no_judge(config, f"it is made for {words}, which no judge of longismore asks; {_OTHERS}")
    is_raw = decoder.provider == "google" and not spec  # alpaca_eval sends it the prompt as it is
    if not config.is_chat and not is_raw:
        raise _no_judge(config, f"its prompt is written for text completion, not for chat; {_OTHERS}")
    provider, model = _named(spec) if spec else _own_model(config, decoder)
    kwargs = config.request
    parameters = {name: value for name, value in kwargs.items() if name not in {*_NOT_SENT, decoder.length}}
    if refused := [f"{name} is not supported: {_REFUSED[name]}" for name in parameters if name in _REFUSED]:
        raise ConfigError([f"alpaca_eval:{config.name}: {problem}" for problem in refused])
    if provider == decoder.provider:
        parameters = {**decoder.parameters, **parameters, **_engine(config, provider)}
    elif foreign := _foreign(config, parameters):
        raise _no_judge(
            config,
            f"it asks with fields of {decoder.provider}'s requests ({', '.join(foreign)}), which {provider} may not "
            f"know; ask a model behind an API like {decoder.provider}'s, or take another config, e.g. "
            f"alpaca_eval:alpaca_eval_gpt4@{spec}",
        )
    else:
        parameters = {}
    return AlpacaRequest(
        provider=provider,
        model=model,
        temperature=kwargs.get("temperature", decoder.temperature),
        max_tokens=kwargs.get(decoder.length, decoder.max_tokens),
        base_url=None if spec else (kwargs.get("client_kwargs") or {}).get("base_url"),
        parameters=parameters,
    )


def _no_judge(config: AlpacaConfig, reason: str) -> ConfigError:
    return ConfigError(f"alpaca_eval:{config.name} cannot be a judge: {reason}")


def _foreign(config: AlpacaConfig, parameters: Mapping[str, Any]) -> list[str]:
    """What another provider may not know, or not answer."""
    names = {name for name, value in parameters.items() if (name, value) != _NEUTRAL}
    return sorted(names | {"logprobs"} if config.reads_logprobs else names)


def _engine(config: AlpacaConfig, provider: str) -> dict[str, Any]:
    """With which arguments vLLM is started, in the words of our judge."""
    if provider != "vllm":
        return {}
    engine = dict(config.request.get("model_kwargs") or {})
    if size := config.request.get("batch_size"):
        engine["max_num_seqs"] = size
    return {"engine": engine} if engine else {}


def _named(spec: str) -> tuple[str, str]:
    match = re.fullmatch(r"([^/:]+)[/:](.+)", spec, flags=re.DOTALL)
    if match is None or match[1] == "alpaca_eval":
        raise ConfigError(f'what follows "@" is the judge to ask, PROVIDER/MODEL, e.g. openai/gpt-4.1; found "{spec}"')
    return match[1], match[2]


def _own_model(config: AlpacaConfig, decoder: _Decoder) -> tuple[str, str]:
    """Provider and model of the config itself.

    Raises:
        ConfigError: They can only be asked by another API than that for chats, or there are none.
    """
    kwargs = config.request
    instead = f"ask another model: alpaca_eval:{config.name}@PROVIDER/MODEL"
    is_chat = kwargs.get("is_chat", kwargs.get("requires_chatml", True))
    if decoder.provider == "vllm":
        is_chat = kwargs.get("is_chatml_prompt", False)
    if not is_chat or kwargs.get("client_function_name") == "completions":
        raise _no_judge(config, f"it asks its model by text completion, not by chat; {instead}")
    if set(kwargs.get("client_kwargs") or {}) - {"base_url"}:
        raise _no_judge(config, f"of client_kwargs only base_url is supported; {instead}")
    if not kwargs.get("model_name"):
        raise _no_judge(config, f"it names no model; {instead}")
    return decoder.provider, str(kwargs["model_name"])
