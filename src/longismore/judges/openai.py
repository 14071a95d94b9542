"""Judges behind an OpenAI-compatible endpoint: OpenAI itself, vLLM, SGLang, TGI, Ollama, OpenRouter, ...

Spec: ``openai/MODEL``; another server by ``base_url``. Extra: ``openai``. Chat calls go through aiohttp, batches
through the official SDK. The key comes from the environment, ``OPENAI_API_KEY`` unless ``api_key_env`` names
another variable; a server with its own ``base_url`` may need none.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore import __version__
from longismore._optional import require
from longismore.errors import ConfigError, JudgeError, JudgeRejectedError, JudgeTimeoutError, near_names
from longismore.judges import JUDGES
from longismore.judges._chat import chat_judge
from longismore.judges._event_loop import run_to_end
from longismore.judges._http import JsonHttp
from longismore.judges._keys import clean_text, read_key
from longismore.judges._openai_batches import OpenAIBatches
from longismore.judges._openai_chat import completion_of, error_of, limits_of, refused_parameter, said
from longismore.judges._options import address_problem
from longismore.judges._prices import find_price

if TYPE_CHECKING:
    from longismore.judges._chat import ChatJudge
    from longismore.judges._client import BatchClient, Completion, Messages
    from longismore.judges._http import HttpReply
    from longismore.judges._options import JudgeOptions
    from longismore.judges._prices import Price

__all__ = ["OpenAIClient", "openai_judge"]

logger = logging.getLogger(__name__)

_KEY = "OPENAI_API_KEY"
_OPENAI = "https://api.openai.com/v1"
_OWN_SERVER = ", or point the judge at a server of your own with judge_base_url=http://HOST:PORT/v1 (--base-url)"
_CONCURRENCY = 32
_CHECK_TIMEOUT_S = 20.0
_OK = 200
_MOST_DROPPED = 3
_LENGTHS = ("max_completion_tokens", "max_tokens")
_OWN_FIELDS = ("messages", "model", "stream")
_OPTIONAL_HEADERS = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}


@dataclass(slots=True, kw_only=True)
class OpenAIClient:
    """One model of one OpenAI-compatible server.

    Args:
        model: As the server names it.
        options: Address, settings, limits and where the key is.
    """

    model: str
    options: JudgeOptions
    _http: JsonHttp | None = field(default=None, init=False, repr=False)
    _dropped: set[str] = field(default_factory=set, init=False)
    """Parameters this model was found to refuse."""
    _is_checked: bool = field(default=False, init=False)

    @property
    def base_url(self) -> str | None:
        """The server's address; ``None`` is OpenAI's own."""
        return self.options.base_url or self.options.environ.get("OPENAI_BASE_URL") or None

    @property
    def settings(self) -> dict[str, object]:
        """Model, address, temperature, length of the answer, further fields of the request."""
        return {
            "provider": "openai",
            "model": self.model,
            "base_url": (self.base_url or "").rstrip("/"),
            **self.options.of_request(),
        }

    @property
    def concurrency(self) -> int:
        """32, unless the user says otherwise."""
        return self.options.concurrency or _CONCURRENCY

    @property
    def price(self) -> Price | None:
        """OpenAI's own; of another server only what the user says."""
        return find_price("openai", self.model, self.options, is_listed=self.base_url is None)

    def api_key(self) -> str | None:
        """The key from the environment; ``None`` for a server of the user's own that has none.

        Raises:
            ConfigError: It is not set, and the server is one that needs it.
        """
        return read_key(
            self.options.environ,
            [self.options.api_key_env or _KEY],
            is_needed=self.base_url is None or self.options.api_key_env is not None,
            otherwise=_OWN_SERVER,
        )

    def check(self) -> None:
        """The key is set, the server answers, accepts it and has the model; lists models, which is free, once."""
        if self._is_checked:
            return
        try:
            reply = run_to_end(self._list_models())
        except JudgeTimeoutError as error:
            raise ConfigError(
                f"{self._where()} cannot be reached: {self._clean(str(error))}; "
                "check the address and that the server runs"
            ) from error
        except JudgeError as error:
            # Many servers have no list of models; the first call will tell.
            logger.debug("%s does not list its models: %s", self._where(), error)
            return
        if reply.status in {401, 403}:
            raise ConfigError(f"{self._where()} does not accept the key: {self._clean(said(reply))}")
        self._look_for_model(reply)
        self._is_checked = True

    async def _list_models(self) -> HttpReply:
        http = self._new_http(timeout_s=min(_CHECK_TIMEOUT_S, self.options.timeout_s))
        try:
            return await http.send("GET", "/models")
        finally:
            await http.close()

    def _look_for_model(self, reply: HttpReply) -> None:
        rows = reply.body.get("data") if reply.status == _OK else None
        rows = rows if isinstance(rows, list) else []
        models = sorted(str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row)
        if not models or self.model in models:
            return
        problem = f'{self._where()} has no model "{self.model}"{near_names(self.model, models)}'
        if self.base_url is None:
            raise ConfigError(problem)
        logger.warning("%s; asking it all the same", problem)

    async def complete(self, messages: Messages) -> Completion:
        """One call of ``/chat/completions``; a parameter that the model refuses is left out from then on."""
        if self._http is None:
            self._http = self._new_http(timeout_s=self.options.timeout_s)
        for _ in range(_MOST_DROPPED):
            try:
                reply = await self._http.send("POST", "/chat/completions", self.body_of(messages))
                if reply.status == _OK:
                    return completion_of(reply.body, limits_of(reply.headers))
            except JudgeError as error:
                raise type(error)(f"{self._where()}: {self._clean(str(error))}") from error
            if not self._drop_refused(reply):
                raise error_of(reply, f"{self._where()}: {self._clean(said(reply))}")
        raise JudgeRejectedError(f"{self._where()} refuses the parameters {sorted(self._dropped)}")

    async def close(self) -> None:
        """Close the connections of the current event loop."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    def batches(self) -> BatchClient | None:
        """The batch API, of OpenAI or a server that copies it; half the price, by the official SDK.

        Raises:
            MissingDependencyError: The SDK is not installed.
        """
        require("openai", extra="openai")
        return OpenAIBatches(
            model=self.model,
            body_of=self.body_of,
            completion_of=completion_of,
            api_key=self.api_key,
            base_url=self.base_url,
            timeout_s=self.options.timeout_s,
            headers=self._optional_headers(),
            drops=self._drop_refused,
        )

    def body_of(self, messages: Messages) -> dict[str, Any]:
        """The JSON body of one call."""
        # OpenAI's newer models know only the first name of the length, many other servers only the second.
        names = _LENGTHS if self.base_url is None else _LENGTHS[::-1]
        body: dict[str, Any] = {"model": self.model, "messages": messages}
        body[names[1] if names[0] in self._dropped else names[0]] = self.options.max_tokens
        if self.options.temperature is not None and "temperature" not in self._dropped:
            body["temperature"] = self.options.temperature
        if self.options.top_logprobs:
            body |= {"logprobs": True, "top_logprobs": self.options.top_logprobs}
        return {**body, **self.options.parameters}

    def _drop_refused(self, reply: HttpReply) -> bool:
        """Whether a parameter was refused that can be left out; it is remembered."""
        named = set(refused_parameter(reply, dict.fromkeys((*_LENGTHS, "temperature"))))
        sent = self.body_of([]).keys() - self.options.parameters.keys()
        for name in sorted((named & sent) - self._dropped):
            logger.warning('%s refuses "%s"; asking without it', self._where(), name)
            self._dropped.add(name)
            return True
        # Another call in flight may have been sent before the parameter was dropped.
        return bool(named & self._dropped)

    def _new_http(self, *, timeout_s: float) -> JsonHttp:
        key = self.api_key()
        headers = {"User-Agent": f"longismore/{__version__}", **self._optional_headers()}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return JsonHttp(
            extra="openai",
            base_url=(self.base_url or _OPENAI).rstrip("/"),
            headers=headers,
            timeout_s=timeout_s,
            connections=self.concurrency,
        )

    def _optional_headers(self) -> dict[str, str]:
        """Organization and project, where the environment names them, as the official SDK reads them."""
        environ = self.options.environ
        return {header: environ[name] for name, header in _OPTIONAL_HEADERS.items() if environ.get(name)}

    def _clean(self, text: str) -> str:
        """What the server said, on one line, shortened; without the key, should it have repeated it."""
        return clean_text(text, self.api_key())

    def _where(self) -> str:
        return f"openai/{self.model}" + (f" at {self.base_url}" if self.base_url else "")


def openai_judge(argument: str, options: JudgeOptions) -> ChatJudge:
    """The judge ``openai/MODEL``.

    Raises:
        ConfigError: The model is missing from the spec, or the key is not set.
        MissingDependencyError: The extra is not installed.
    """
    if not argument:
        raise ConfigError('"openai" needs a model: openai/MODEL, e.g. openai/gpt-4.1')
    require("aiohttp", extra="openai")

    def client_of(settled: JudgeOptions) -> OpenAIClient:
        client = OpenAIClient(model=argument, options=settled)
        if problem := address_problem(client.base_url):
            raise ConfigError(problem)
        if own := [name for name in _OWN_FIELDS if name in settled.parameters]:
            raise ConfigError(f"parameters must not set {', '.join(own)}: the judge sets them itself")
        client.api_key()
        return client

    return chat_judge(f"openai/{argument}", options, client_of)


JUDGES.register("openai", openai_judge)
