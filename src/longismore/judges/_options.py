"""Settings of a judge that do not stand in its spec."""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

from longismore.errors import ConfigError, near_names

__all__ = ["JudgeOptions", "address_problem"]

_SECRET = re.compile(r"api[-_]?key|authorization|password|secret", re.IGNORECASE)
"""Names of what must not stand among the settings, which are written to ``run.json``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOptions:
    """Settings of a judge that do not stand in its spec; a judge ignores what it has no use for."""

    protocol: str = "score_pair"
    """What is asked and how the answer is read: ``score_pair``, ``choice`` or ``logprob``."""
    base_url: str | None = None
    """Address of an OpenAI-compatible server, or of another provider's own; ``None`` is the usual one."""
    temperature: float | None = 0.0
    """``None`` leaves it to the server."""
    max_tokens: int | None = None
    """Of one answer of the judge; ``None`` is what the protocol needs."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the request, as the provider names them, e.g. ``{"reasoning_effort": "low"}``."""
    concurrency: int | None = None
    """Calls in flight at once; ``None`` is what suits the provider."""
    timeout_s: float = 120.0
    """For one call."""
    retries: int = 6
    """Further tries of a call that a retry can heal."""
    api_key_env: str | None = None
    """Environment variable that holds the key; ``None`` is the provider's usual one."""
    max_cost_usd: float | None = None
    """The run stops before it can cost more."""
    price_input: float | None = None
    """US$ per million input tokens, in the place of the price table's."""
    price_output: float | None = None
    """US$ per million output tokens."""
    batch: bool = False
    """Use the provider's batch API: half the price, answers within a day."""
    batch_poll_s: float = 30.0
    """Seconds between two questions about a batch."""
    prompt: str | None = None
    """The protocol's instructions in other words; only a judge file sets it."""
    top_logprobs: int | None = None
    """How many alternatives of each token are wanted; only a protocol sets it."""
    given: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    """Which settings the user has named: a judge file fills in the others."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """The environment in which keys are looked up; never printed, stored or hashed."""

    def __post_init__(self) -> None:
        if problems := [*self._out_of_range(), *self._contradictions()]:
            raise ConfigError(problems)

    def _out_of_range(self) -> list[str]:
        problems = [
            f"{name} must be at least {least}, found {value}"
            for name, least, value in (
                ("concurrency", 1, self.concurrency),
                ("max_tokens", 1, self.max_tokens),
                ("retries", 0, self.retries),
                ("price_input", 0, self.price_input),
                ("price_output", 0, self.price_output),
                ("temperature", 0, self.temperature),
            )
            if value is not None and not least <= value < math.inf
        ]
        problems += [
            f"{name} must be positive, found {value}"
            for name, value in (
                ("timeout_s", self.timeout_s),
                ("max_cost_usd", self.max_cost_usd),
                ("batch_poll_s", self.batch_poll_s),
            )
            if value is not None and not value > 0
        ]
        return problems

    def _contradictions(self) -> list[str]:
        problems = []
        if self.base_url is not None and not self.base_url.startswith(("http://", "https://")):
            problems.append(f'base_url must start with http:// or https://, found "{self.base_url}"')
        if problem := address_problem(self.base_url):
            problems.append(problem)
        problems += [
            f'parameters: "{name}" looks like a key; keys are read from the environment only (api_key_env)'
            for name in self.parameters
            if _SECRET.search(name)
        ]
        if (self.price_input is None) != (self.price_output is None):
            problems.append("price_input and price_output belong together (US$ per million tokens): give both")
        return problems

    def of_request(self) -> dict[str, object]:
        """What changes an answer and goes into the request, for a judge's fingerprint."""
        return {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            **({"parameters": dict(self.parameters)} if self.parameters else {}),
            **({"top_logprobs": self.top_logprobs} if self.top_logprobs else {}),
        }

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """What users can set, in the order of the fields."""
        return tuple(entry.name for entry in fields(cls) if entry.name in _READERS)

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any], environ: Mapping[str, str]) -> JudgeOptions:
        """Read options from text or parsed values.

        Raises:
            ConfigError: Names every unknown key and every value of the wrong kind.
        """
        values = _read(settings)
        return cls(**values, given=frozenset(values), environ=environ)

    def with_defaults(self, settings: Mapping[str, Any]) -> JudgeOptions:
        """These options, with *settings* in the place of what the user has not named.

        Raises:
            ConfigError: Names every unknown key and every value of the wrong kind.
        """
        values = _read(settings)
        return replace(self, **{name: value for name, value in values.items() if name not in self.given})


def address_problem(address: str | None) -> str | None:
    """Say why an address must not be used: it stands in messages and in ``run.json``, so no key may be in it."""
    try:
        parts = urlsplit(address or "")
    except ValueError as error:
        return f'"{address}" is no address (base_url): {error}'
    if "@" not in parts.netloc and not parts.query and not parts.fragment:
        return None
    return (
        "the address of a judge (base_url) must not contain a user, password or query, such as a key: "
        "keys are read from the environment only (api_key_env)"
    )


def _read(settings: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    problems = []
    for key, value in settings.items():
        if key not in _READERS:
            problems.append(f'unknown setting of a judge "{key}"{near_names(key, list(_READERS))}')
            continue
        kind, reader = _READERS[key]
        try:
            values[key] = reader(value)
        except (TypeError, ValueError):
            problems.append(f"{key}={reprlib.repr(value)} is not {kind}")
    if problems:
        raise ConfigError(problems)
    return values


def _is_none(value: object) -> bool:
    return value is None or str(value).lower() in {"none", "null"}


def _optional(reader: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if _is_none(value) else reader(value)


def _whole(value: Any) -> int:
    number = int(value)
    if isinstance(value, float) and number != value:
        raise ValueError(value)
    return number


def _yes_or_no(value: Any) -> bool:
    word = str(value).lower()
    if word in {"true", "yes", "1", "on"}:
        return True
    if word in {"false", "no", "0", "off", ""}:
        return False
    raise ValueError(value)


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity are Python's, no JSON


def _object(value: Any) -> dict[str, Any]:
    read = json.loads(value, parse_constant=_refuse) if isinstance(value, str) else value
    if not isinstance(read, Mapping):
        raise TypeError(value)
    return dict(read)


_READERS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "protocol": ("a name", str),
    "base_url": ("text", _optional(str)),
    "temperature": ("a number", _optional(float)),
    "max_tokens": ("a whole number", _optional(_whole)),
    "parameters": ('a JSON object, e.g. {"seed": 1}', _object),
    "concurrency": ("a whole number", _optional(_whole)),
    "timeout_s": ("a number", float),
    "retries": ("a whole number", _whole),
    "api_key_env": ("text", _optional(str)),
    "max_cost_usd": ("a number", _optional(float)),
    "price_input": ("a number", _optional(float)),
    "price_output": ("a number", _optional(float)),
    "batch": ("true or false", _yes_or_no),
    "batch_poll_s": ("a number", float),
}
"""What users can set, with its kind in words."""
