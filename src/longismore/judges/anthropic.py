"""Judges behind Anthropic's API.

Spec: ``anthropic/MODEL``. Extra: ``anthropic`` (the official SDK). The key comes from the environment,
``ANTHROPIC_API_KEY`` unless ``api_key_env`` names another variable; a server with its own ``base_url`` that
speaks the same API may need none.

Source: https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import ConfigError, JudgeError, JudgeRejectedError, near_names
from longismore.judges import JUDGES
from longismore.judges._anthropic_batches import AnthropicBatches
from longismore.judges._anthropic_chat import (
    UNUSED_KEY,
    body_of,
    completion_of,
    limits_of,
    refuses_temperature,
    said,
    sdk_error_of,
    without_key,
)
from longismore.judges._chat import chat_judge
from longismore.judges._keys import read_key
from longismore.judges._options import address_problem
from longismore.judges._prices import find_price

if TYPE_CHECKING:
    from longismore.judges._chat import ChatJudge
    from longismore.judges._client import BatchClient, Completion, Messages
    from longismore.judges._options import JudgeOptions
    from longismore.judges._prices import Price

__all__ = ["AnthropicClient", "anthropic_judge"]

logger = logging.getLogger(__name__)

_KEY = "ANTHROPIC_API_KEY"
_ANTHROPIC = "https://api.anthropic.com"
_CONCURRENCY = 16
_MAX_TOKENS = 1024
_CHECK_TIMEOUT_S = 20.0
_OWN_FIELDS = ("messages", "model", "stream", "system")
"""Fields of the request that only the judge sets."""


@dataclass(slots=True, kw_only=True)
class AnthropicClient:
    """One model of Anthropic, or of another server that speaks its API.

    Args:
        model: As Anthropic names it.
        options: Address, settings, limits and where the key is.
    """

    model: str
    options: JudgeOptions
    _client: Any = field(default=None, init=False, repr=False)
    _no_temperature: bool = field(default=False, init=False)
    """The model was found to refuse one."""
    _is_checked: bool = field(default=False, init=False)

    @property
    def base_url(self) -> str | None:
        """The server's address, without the ``/v1`` that the SDK adds; ``None`` is Anthropic's own."""
        given = self.options.base_url or self.options.environ.get("ANTHROPIC_BASE_URL") or ""
        return given.rstrip("/").removesuffix("/v1") or None

    @property
    def settings(self) -> dict[str, object]:
        """Model, address, temperature, length of the answer, further fields of the request."""
        return {
            "provider": "anthropic",
            "model": self.model,
            "base_url": self.base_url or "",
            **self.options.of_request(),
        }

    @property
    def concurrency(self) -> int:
        """16, unless the user says otherwise."""
        return self.options.concurrency or _CONCURRENCY

    @property
    def price(self) -> Price | None:
        """Anthropic's own; of another server only what the user says."""
        return find_price("anthropic", self.model, self.options, is_listed=self.base_url is None)

    def api_key(self) -> str:
        """The key from the environment.

        Raises:
            ConfigError: It is not set, and the server is one that needs it.
        """
        own = self.options.api_key_env
        is_needed = self.base_url is None or own is not None
        return read_key(self.options.environ, [own or _KEY], is_needed=is_needed) or UNUSED_KEY

    def check(self) -> None:
        """The key is set and accepted, and the model is there; asks for its description, which is free, once."""
        if self._is_checked:
            return
        sdk = require("anthropic", extra="anthropic")
        timeout_s = min(_CHECK_TIMEOUT_S, self.options.timeout_s)
        with sdk.Anthropic(**self._address(), timeout=timeout_s, max_retries=1) as client:
            try:
                client.models.retrieve(self.model)
            except (sdk.AuthenticationError, sdk.PermissionDeniedError) as error:
                raise ConfigError(f"{self._where()} does not accept the key: {self._clean(said(error))}") from None
            except sdk.NotFoundError:
                self._miss_model(sdk, client)
            except sdk.APIConnectionError as error:
                raise ConfigError(
                    f"{self._where()} cannot be reached: {self._clean(said(error))}; "
                    "check the address and that the server runs"
                ) from None
            except (sdk.AnthropicError, ValueError) as error:
                # Other servers may describe no models; the first call will tell.
                logger.debug("%s does not describe its model: %s", self._where(), self._clean(said(error)))
        self._is_checked = True

    def _miss_model(self, sdk: Any, client: Any) -> None:
        try:
            models = sorted(str(model.id) for model in client.models.list(limit=100))
        except (sdk.AnthropicError, ValueError, TypeError, AttributeError) as error:
            logger.debug("%s does not list its models: %s", self._where(), self._clean(said(error)))
            models = []
        if self.base_url is None or models:
            problem = f'{self._where()} has no model "{self.model}"{near_names(self.model, models)}'
            if self.base_url is None:
                raise ConfigError(problem)
            logger.warning("%s; asking it all the same", problem)

    async def complete(self, messages: Messages) -> Completion:
        """One call of ``/v1/messages``; a temperature that the model refuses is left out from then on."""
        sdk = require("anthropic", extra="anthropic")
        if self._client is None:
            self._client = sdk.AsyncAnthropic(**self._address(), timeout=self.options.timeout_s, max_retries=0)
        for _ in range(2):
            body = self.body_of(messages)
            # Of the fields, the SDK knows only those of its own version by name.
            named = {name: body.pop(name) for name in ("model", "max_tokens", "messages")}
            try:
                reply = await self._client.messages.with_raw_response.create(**named, extra_body=body)
                return completion_of(json.loads(reply.http_response.content), limits_of(reply.headers))
            except JudgeError as error:
                raise type(error)(f"{self._where()}: {error}") from None
            except (sdk.AnthropicError, ValueError, RecursionError) as error:
                if not self._drops(getattr(error, "status_code", None), said(error)):
                    raise sdk_error_of(sdk, error, f"{self._where()}: {self._clean(said(error))}") from None
        raise JudgeRejectedError(f"{self._where()} refuses the temperature, also where none is sent")

    async def close(self) -> None:
        """Close the connections of the current event loop."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def batches(self) -> BatchClient | None:
        """The Message Batches API, with the same requests."""
        return AnthropicBatches(
            model=self.model,
            body_of=self.body_of,
            api_key=self.api_key,
            base_url=self.base_url or _ANTHROPIC,
            timeout_s=self.options.timeout_s,
            drops=self._drops,
        )

    def body_of(self, messages: Messages) -> dict[str, Any]:
        """The JSON body of one call."""
        temperature = None if self._no_temperature else self.options.temperature
        max_tokens = self.options.max_tokens or _MAX_TOKENS
        body = body_of(messages, model=self.model, max_tokens=max_tokens, temperature=temperature)
        return {**body, **self.options.parameters}

    def _drops(self, status: int | None, text: str) -> bool:
        """Whether an error refuses our temperature; it is left out from then on."""
        mine = self.options.temperature is not None and "temperature" not in self.options.parameters
        if status != 400 or not mine or not refuses_temperature(text):  # noqa: PLR2004
            return False
        if not self._no_temperature:
            logger.warning('%s refuses "temperature"; asking without it', self._where())
            self._no_temperature = True
        # Else another call in flight was sent before it was left out.
        return True

    def _address(self) -> dict[str, str]:
        return {"api_key": self.api_key(), "base_url": self.base_url or _ANTHROPIC}

    def _clean(self, text: str) -> str:
        """What the server said, on one line, shortened; without the key, should it have repeated it."""
        return without_key(text, self.api_key())

    def _where(self) -> str:
        return f"anthropic/{self.model}" + (f" at {self.base_url}" if self.base_url else "")


def anthropic_judge(argument: str, options: JudgeOptions) -> ChatJudge:
    """The judge ``anthropic/MODEL``.

    Raises:
        ConfigError: The model is missing from the spec, the key is not set, or the options do not fit.
        MissingDependencyError: The SDK is not installed.
    """
    if not argument:
        raise ConfigError('"anthropic" needs a model: anthropic/MODEL, e.g. anthropic/claude-sonnet-4-5')
    require("anthropic", extra="anthropic")

    def client_of(settled: JudgeOptions) -> AnthropicClient:
        client = AnthropicClient(model=argument, options=settled)
        if settled.top_logprobs is not None:
            raise ConfigError(
                "Anthropic gives no log-probabilities, which the protocol logprob reads; "
                "take protocol=score_pair or protocol=choice (--protocol, judge_protocol=...)"
            )
        if own := [name for name in _OWN_FIELDS if name in settled.parameters]:
            raise ConfigError(f"parameters must not set {', '.join(own)}: the judge sets them itself")
        if problem := address_problem(client.base_url):
            raise ConfigError(problem)
        client.api_key()
        return client

    return chat_judge(f"anthropic/{argument}", options, client_of)


JUDGES.register("anthropic", anthropic_judge)
