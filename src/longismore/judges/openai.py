"""Judges behind an OpenAI-compatible endpoint: OpenAI itself, vLLM, SGLang, TGI, Ollama, OpenRouter, ...

Spec: ``openai/MODEL``; another server by ``base_url``. Extra: ``openai`` (the official SDK, imported when a
judge is made). The key comes from the environment, ``OPENAI_API_KEY`` unless ``api_key_env`` names another
variable; a server with its own ``base_url`` may need none.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from longismore._optional import require
from longismore.errors import (
    ConfigError,
    JudgeError,
    JudgeRejectedError,
    JudgeServerError,
    JudgeTimeoutError,
    RateLimitError,
    RefusalError,
    near_names,
)
from longismore.judges import JUDGES
from longismore.judges._chat import ChatJudge
from longismore.judges._client import Completion

if TYPE_CHECKING:
    from longismore.judges._client import Messages
    from longismore.judges._judge import JudgeOptions

__all__ = ["OpenAIClient", "openai_judge"]

logger = logging.getLogger(__name__)

_KEY = "OPENAI_API_KEY"
_OPENAI = "https://api.openai.com/v1"
_CHECK_TIMEOUT_S = 20.0
_LONGEST_QUOTE = 300
_UNUSED_KEY = "none"
"""What is sent to a server of the user's own that has no key: the SDK insists on one."""
_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_TOO_MANY = 429
_NO_CALL_CAN_SUCCEED = frozenset({401, 402, 403, 404, _TOO_MANY})
"""Wrong key, no balance, no permission, no such model; 429 is left where the quota is spent."""
_TRY_AGAIN = frozenset({408, 409})
"""The server gave up waiting, or something else was going on there: the SDK itself would repeat these."""
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|does not support|unrecognized|unknown|unexpected|not permitted|not allowed",
    re.IGNORECASE,
)
"""How servers refuse a parameter. A value that is only too large, in one long call, is another matter."""


@dataclass(slots=True, kw_only=True)
class OpenAIClient:
    """One model of one OpenAI-compatible server.

    Args:
        model: As the server names it.
        options: Address, settings, limits and where the key is.
    """

    model: str
    options: JudgeOptions
    _client: Any = field(default=None, init=False, repr=False)
    _dropped: set[str] = field(default_factory=set, init=False)
    """Parameters this model was found to refuse."""
    _is_checked: bool = field(default=False, init=False)

    @property
    def base_url(self) -> str | None:
        """The server's address; ``None`` is OpenAI's own."""
        return self.options.base_url or self.options.environ.get("OPENAI_BASE_URL") or None

    @property
    def settings(self) -> dict[str, object]:
        """Model, address, temperature, length of the answer."""
        return {
            "provider": "openai",
            "model": self.model,
            "base_url": (self.base_url or "").rstrip("/"),
            "temperature": self.options.temperature,
            "max_tokens": self.options.max_tokens,
        }

    def api_key(self) -> str:
        """The key from the environment.

        Raises:
            ConfigError: It is not set, and the server is one that needs it.
        """
        name = self.options.api_key_env or _KEY
        key = self.options.environ.get(name, "").strip()
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise ConfigError(
                f"{name} holds characters that no key has, e.g. a line end or a quotation mark of a word processor; "
                "export it again"
            )
        if key:
            return key
        if self.base_url is not None and self.options.api_key_env is None:
            return _UNUSED_KEY
        raise ConfigError(
            f"{name} is not set; export {name}=... (the key is read from the environment only), "
            "or point the judge at a server of your own with judge_base_url=http://HOST:PORT/v1 (--base-url)"
        )

    def check(self) -> None:
        """The key is set, the server answers, accepts it and has the model; lists models, which is free, once."""
        if self._is_checked:
            return
        sdk = require("openai", extra="openai")
        with sdk.OpenAI(
            api_key=self.api_key(), base_url=self.base_url or _OPENAI, timeout=_CHECK_TIMEOUT_S, max_retries=1
        ) as client:
            try:
                models = sorted(model.id for model in client.models.list())
            except (sdk.AuthenticationError, sdk.PermissionDeniedError) as error:
                raise ConfigError(f"{self._where()} does not accept the key: {self._said(error)}") from error
            except sdk.APIConnectionError as error:
                raise ConfigError(
                    f"{self._where()} cannot be reached: {self._said(error)}; "
                    "check the address and that the server runs"
                ) from error
            except (sdk.OpenAIError, ValueError, TypeError, AttributeError) as error:
                # Many servers have no list of models; the first call will tell.
                logger.debug("%s does not list its models: %s", self._where(), self._said(error))
                models = []
        if models and self.model not in models:
            problem = f'{self._where()} has no model "{self.model}"{near_names(self.model, models)}'
            if self.base_url is None:
                raise ConfigError(problem)
            logger.warning("%s; asking it all the same", problem)
        self._is_checked = True

    async def complete(self, messages: Messages) -> Completion:
        """One call of ``/chat/completions``; a parameter that the model refuses is left out from then on."""
        sdk = require("openai", extra="openai")
        if self._client is None:
            self._client = _async_client(sdk, self.api_key(), self.base_url or _OPENAI, self.options)
        for _ in range(3):
            try:
                response = await self._client.chat.completions.create(
                    model=self.model, messages=messages, **self._parameters()
                )
                return _completion(response)
            except sdk.BadRequestError as error:
                if not self._drop_refused(error):
                    raise _judge_error(sdk, error, f"{self._where()}: {self._said(error)}") from error
            except (sdk.OpenAIError, json.JSONDecodeError, UnicodeDecodeError) as error:
                raise _judge_error(sdk, error, f"{self._where()}: {self._said(error)}") from error
        raise JudgeRejectedError(f"{self._where()} refuses the parameters {sorted(self._dropped)}")

    async def close(self) -> None:
        """Close the connections of the current event loop."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _parameters(self) -> dict[str, Any]:
        # OpenAI's newer models know only the second name, many other servers only the first.
        length = "max_completion_tokens" if self.base_url is None else "max_tokens"
        if length in self._dropped:
            length = "max_tokens" if length == "max_completion_tokens" else "max_completion_tokens"
        parameters: dict[str, Any] = {length: self.options.max_tokens}
        if self.options.temperature is not None and "temperature" not in self._dropped:
            parameters["temperature"] = self.options.temperature
        return parameters

    def _drop_refused(self, error: Any) -> bool:
        """Whether a parameter was refused that can be left out; it is remembered."""
        text = self._said(error)
        if not _UNSUPPORTED.search(f"{error.code} {text}"):
            return False
        named = {
            name
            for name in ("max_completion_tokens", "max_tokens", "temperature")
            if error.param == name or re.search(rf"\b{name}\b", text)
        }
        for name in sorted((named & self._parameters().keys()) - self._dropped):
            logger.warning('%s refuses "%s"; asking without it', self._where(), name)
            self._dropped.add(name)
            return True
        # Another call in flight may have been sent before the parameter was dropped.
        return bool(named & self._dropped)

    def _said(self, error: Exception) -> str:
        """What the server said, on one line, shortened; without the key, should it have repeated it."""
        body = getattr(error, "body", None)
        message = body.get("message") if isinstance(body, dict) else None
        text = " ".join(str(message or error.__cause__ or error).split())
        key = self.api_key()
        return (text if key == _UNUSED_KEY else text.replace(key, "***"))[:_LONGEST_QUOTE]

    def _where(self) -> str:
        return f"openai/{self.model}" + (f" at {self.base_url}" if self.base_url else "")


def openai_judge(argument: str, options: JudgeOptions) -> ChatJudge:
    """The judge ``openai/MODEL``.

    Raises:
        ConfigError: The model is missing from the spec, or the key is not set.
        MissingDependencyError: The SDK is not installed.
    """
    if not argument:
        raise ConfigError('"openai" needs a model: openai/MODEL, e.g. openai/gpt-4.1')
    require("openai", extra="openai")
    client = OpenAIClient(model=argument, options=options)
    if "@" in urlsplit(client.base_url or "").netloc:
        # The address stands in messages and in run.json.
        raise ConfigError("the address of a judge must not contain a user or password; use judge_api_key_env")
    client.api_key()
    return ChatJudge(name=f"openai/{argument}", client=client, options=options)


def _async_client(sdk: Any, api_key: str, base_url: str, options: JudgeOptions) -> Any:
    return sdk.AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=options.timeout_s, max_retries=0)


def _completion(response: Any) -> Completion:
    choices = getattr(response, "choices", None)
    if not choices:
        raise JudgeServerError("the answer has no choices")
    # The SDK does not check what it read: any field may be missing, or of another kind.
    message, usage = getattr(choices[0], "message", None), getattr(response, "usage", None)
    refusal = getattr(message, "refusal", None)
    text = getattr(message, "content", None) or refusal or ""
    if message is None or not isinstance(text, str):
        raise JudgeServerError("the answer has no text")
    return Completion(
        text=text,
        refused=bool(refusal) or getattr(choices[0], "finish_reason", None) == "content_filter",
        input_tokens=getattr(usage, "prompt_tokens", None),
        output_tokens=getattr(usage, "completion_tokens", None),
    )


def _judge_error(sdk: Any, error: Exception, text: str) -> JudgeError:
    """The engine's kind of error for one of the SDK's."""
    code = getattr(error, "code", None)
    status = getattr(error, "status_code", None)
    if isinstance(error, sdk.APIConnectionError):  # time-outs too
        return JudgeTimeoutError(text)
    if status == _TOO_MANY and code not in _SPENT:
        return RateLimitError(text, _retry_after_s(error))
    if status in _NO_CALL_CAN_SUCCEED:
        return JudgeRejectedError(text)
    if status is None or status in _TRY_AGAIN or status >= 500:  # noqa: PLR2004
        return JudgeServerError(text)
    return RefusalError(text) if code == "content_filter" else JudgeError(text)


def _retry_after_s(error: Any) -> float | None:
    try:
        return float(error.response.headers["retry-after"])
    except (KeyError, ValueError):
        return None


JUDGES.register("openai", openai_judge)
