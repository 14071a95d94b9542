"""Google's Gemini models as judges.

Spec: ``google/MODEL``. Extra: ``google`` (the SDK ``google-genai``). The key comes from the environment,
``GOOGLE_API_KEY``, else ``GEMINI_API_KEY``, unless ``api_key_env`` names another variable.

``parameters`` are fields of ``GenerateContentConfig``. A model that thinks may use up the length of its answer
before it says anything: give it more ``max_tokens``, or
``parameters={"thinking_config": {"thinking_budget": 0}}`` where it can do without.

Source: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import ConfigError, JudgeError, JudgeRejectedError, JudgeTimeoutError, near_names
from longismore.judges import JUDGES
from longismore.judges._chat import chat_judge
from longismore.judges._gemini import completion_of, config_of, contents_of, error_of, said, thought_until_the_end
from longismore.judges._keys import clean_text, read_key
from longismore.judges._options import address_problem
from longismore.judges._prices import find_price

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.judges._chat import ChatJudge
    from longismore.judges._client import BatchClient, Completion, Messages
    from longismore.judges._options import JudgeOptions
    from longismore.judges._prices import Price

__all__ = ["GoogleClient", "google_judge"]

logger = logging.getLogger(__name__)

_KEYS = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
_OTHER_CLOUD = ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE")
_GOOGLE = "https://generativelanguage.googleapis.com"
_VERSION = "v1beta"
"""Of the API; the SDK's own default knows fewer fields."""
_CONCURRENCY = 16
_CHECK_TIMEOUT_S = 20.0
_MOST_LOGPROBS = 20
_NOT_FOUND = 404
_UNUSED_KEY = "none"
"""What is sent to a server of the user's own that has no key: the SDK insists on one."""


@dataclass(slots=True, kw_only=True)
class GoogleClient:
    """One Gemini model.

    Args:
        model: As Google names it, e.g. ``gemini-2.5-flash``.
        options: Address, settings, limits and where the key is.
    """

    model: str
    options: JudgeOptions
    _client: Any = field(default=None, init=False, repr=False)
    _is_checked: bool = field(default=False, init=False)
    _has_warned: bool = field(default=False, init=False)

    @property
    def base_url(self) -> str | None:
        """The server's address, without the API's version; ``None`` is Google's own."""
        address = self.options.base_url or self.options.environ.get("GOOGLE_GEMINI_BASE_URL") or None
        return None if address is None else address.rstrip("/").removesuffix(f"/{_VERSION}")

    @property
    def settings(self) -> dict[str, object]:
        """Model, address, temperature, length of the answer, further fields of the request."""
        return {
            "provider": "google",
            "model": self.model,
            "base_url": self.base_url or "",
            **self.options.of_request(),
            **({"top_logprobs": self._top_logprobs} if self._top_logprobs else {}),
        }

    @property
    def concurrency(self) -> int:
        """16, unless the user says otherwise."""
        return self.options.concurrency or _CONCURRENCY

    @property
    def price(self) -> Price | None:
        """Google's own; of another server only what the user says."""
        name = self.model.removeprefix("models/")
        return find_price("google", name, self.options, is_listed=self.base_url is None)

    @property
    def _top_logprobs(self) -> int | None:
        wanted = self.options.top_logprobs
        return None if wanted is None else min(wanted, _MOST_LOGPROBS)

    def api_key(self) -> str | None:
        """The key from the environment; ``None`` for a server of the user's own that has none.

        Raises:
            ConfigError: It is not set, and the server is one that needs it.
        """
        own = self.options.api_key_env
        is_needed = self.base_url is None or own is not None
        return read_key(self.options.environ, (own,) if own else _KEYS, is_needed=is_needed)

    def check(self) -> None:
        """The key is set, the server answers, accepts it and has the model; looks at the model, which is free, once."""
        if self._is_checked:
            return
        client = self._new_client(min(_CHECK_TIMEOUT_S, self.options.timeout_s))
        try:
            with client:
                actions = client.models.get(model=self.model).supported_actions
        except Exception as error:  # noqa: BLE001  the SDK's and its transport's have no base in common
            self._report(error)
            return
        if actions and "generateContent" not in actions:
            raise ConfigError(f"{self._where()} cannot write texts; it can: {', '.join(actions)}")
        self._is_checked = True

    def _report(self, error: Exception) -> None:
        """Raise what makes every call fail; of what may pass, make a note."""
        found = error_of(error, self._clean(said(error)))
        if found is None:
            raise error
        if isinstance(found, JudgeRejectedError) and getattr(error, "code", None) == _NOT_FOUND:
            problem = f"{self._where()} is not there: {found}"
            if self.base_url is None:
                raise ConfigError(f"{problem}{near_names(self.model, self._names())}") from error
            logger.warning("%s; asking it all the same", problem)
        elif isinstance(found, JudgeRejectedError):
            raise ConfigError(f"{self._where()} rejects every call: {found}") from error
        elif isinstance(found, JudgeTimeoutError) and not hasattr(error, "code"):
            raise ConfigError(
                f"{self._where()} cannot be reached: {found}; check the address and that the server runs"
            ) from error
        else:
            logger.debug("%s does not describe the model: %s", self._where(), found)

    def _names(self) -> list[str]:
        """Every model that the server lists; empty where it does not."""
        with self._new_client(_CHECK_TIMEOUT_S) as client:
            try:
                return sorted(str(model.name).removeprefix("models/") for model in client.models.list())
            except Exception as error:
                if error_of(error, "") is None:
                    raise
                return []

    async def complete(self, messages: Messages) -> Completion:
        """One call of ``generateContent``."""
        if self._client is None:
            self._client = self._new_client(self.options.timeout_s)
        contents, system = contents_of(messages)
        try:
            response = await self._client.aio.models.generate_content(
                model=self.model, contents=contents, config=self.config(system)
            )
        except Exception as error:
            found = error_of(error, f"{self._where()}: {self._clean(said(error))}")
            if found is None:
                raise
            raise found from error
        try:
            completion = completion_of(response)
        except JudgeError as error:
            raise type(error)(f"{self._where()}: {error}") from error
        if thought_until_the_end(response) and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%s used all %s tokens of an answer for its thoughts; raise max_tokens, or lower the thinking "
                "budget by parameters (the module's documentation shows how)",
                self._where(),
                self.options.max_tokens,
            )
        return completion

    async def close(self) -> None:
        """Close the connections of the current event loop."""
        client, self._client = self._client, None
        if client is not None:
            await client.aio.aclose()
            client.close()

    def batches(self) -> BatchClient | None:
        """Not used here."""
        return None

    def config(self, system: str = "") -> Any:
        """The ``GenerateContentConfig`` of one call.

        Args:
            system: The instructions above the chat, if any.

        Raises:
            ConfigError: A parameter is unknown, has a wrong value, or has a setting of its own.
        """
        options = self.options
        values: dict[str, Any] = {"temperature": options.temperature, "max_output_tokens": options.max_tokens}
        if self._top_logprobs:
            values |= {"response_logprobs": True, "logprobs": self._top_logprobs}
        if system:
            values["system_instruction"] = system
        return config_of(values, self.options.parameters)

    def _new_client(self, timeout_s: float) -> Any:
        sdk = require("google.genai", extra="google")
        # Whatever is left out here, the SDK looks up in the environment: address, version, cloud, replay mode.
        with _without_key_warning():
            return sdk.Client(
                vertexai=False,
                api_key=self.api_key() or _UNUSED_KEY,
                debug_config=sdk.client.DebugConfig(client_mode=None),
                http_options=sdk.types.HttpOptions(
                    base_url=self.base_url or _GOOGLE,
                    api_version=_VERSION,
                    timeout=max(1, round(1000 * timeout_s)),
                    retry_options=sdk.types.HttpRetryOptions(attempts=1),
                ),
            )

    def _clean(self, text: str) -> str:
        """What the server said, on one line, shortened; without the key, should it have repeated it."""
        return clean_text(text, self.api_key())

    def _where(self) -> str:
        return f"google/{self.model}" + (f" at {self.base_url}" if self.base_url else "")


@contextmanager
def _without_key_warning() -> Iterator[None]:
    """The SDK looks for keys even where it was given one, and warns where it finds two."""
    log = logging.getLogger("google_genai._api_client")

    def is_other(record: logging.LogRecord) -> bool:
        return "_API_KEY are set" not in record.getMessage()

    log.addFilter(is_other)
    try:
        yield
    finally:
        log.removeFilter(is_other)


def google_judge(argument: str, options: JudgeOptions) -> ChatJudge:
    """The judge ``google/MODEL``.

    Raises:
        ConfigError: The model is missing from the spec, the key is not set, or a parameter is unknown.
        MissingDependencyError: The extra is not installed.
    """
    if not argument:
        raise ConfigError('"google" needs a model: google/MODEL, e.g. google/gemini-2.5-flash')
    if not re.fullmatch(r"(?:(?:models|tunedModels)/)?[\w.-]+", argument, flags=re.ASCII) or ".." in argument:
        raise ConfigError(f'"{argument}" is no name of a Gemini model, e.g. gemini-2.5-flash')
    require("google.genai", extra="google")

    def client_of(settled: JudgeOptions) -> GoogleClient:
        client = GoogleClient(model=argument, options=settled)
        for name in _OTHER_CLOUD:
            if settled.environ.get(name, "").strip().lower() in {"true", "1"}:
                raise ConfigError(
                    f"{name} is set, but google/MODEL speaks with the Gemini API only; unset it for this run, or use "
                    "openai/google/MODEL with judge_base_url=ADDRESS of the cloud's OpenAI-compatible endpoint"
                )
        if problem := address_problem(client.base_url):
            raise ConfigError(problem)
        client.api_key()
        client.config()
        return client

    return chat_judge(f"google/{argument}", options, client_of)


JUDGES.register("google", google_judge)
