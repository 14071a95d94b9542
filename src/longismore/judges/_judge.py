"""What a judge is: prompt, model, parser and settings, with a fingerprint of all four."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

from longismore.errors import ConfigError, near_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Example, Judgment, Pair
    from longismore.store import Store

__all__ = ["Judge", "JudgeFactory", "JudgeOptions", "OnJudgment"]

OnJudgment = Callable[["Judgment"], None]
"""Called once for every judgment, when it is made."""


class Judge(Protocol):
    """Compares two answers, in both orders."""

    @property
    def name(self) -> str:
        """What people read, e.g. ``openai/gpt-4.1``."""

    @property
    def fingerprint(self) -> str:
        """Hash of prompt, model, parser and settings: equal means that judgments may be mixed."""

    @property
    def settings(self) -> Mapping[str, object]:
        """What changes its answers, as far as it has settings; for ``run.json``, so never a key."""

    @property
    def note(self) -> str | None:
        """A caveat that must stand wherever the numbers show, or nothing."""

    def check(self, examples: Sequence[Example], store: Store) -> None:
        """Find out, without spending, whether judging these *examples* can work.

        Raises:
            UsageError: It cannot; the message says what to do.
        """

    def judge(self, pairs: Sequence[Pair], *, store: Store, on_judgment: OnJudgment) -> None:
        """Make the two judgments of every pair and hand each to *on_judgment* when it is made.

        Raises:
            JudgeError: The judge cannot go on; what was answered has been handed over and stored.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOptions:
    """Settings of a judge that do not stand in its spec; a judge ignores what it has no use for."""

    base_url: str | None = None
    """Address of an OpenAI-compatible server; ``None`` is the provider's own."""
    temperature: float | None = 0.0
    """``None`` leaves it to the server."""
    max_tokens: int = 1024
    """Of one answer of the judge."""
    concurrency: int = 32
    """Calls in flight at once."""
    timeout_s: float = 120.0
    """For one call."""
    retries: int = 6
    """Further tries of a call that a retry can heal."""
    api_key_env: str | None = None
    """Environment variable that holds the key; ``None`` is the provider's usual one."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """The environment in which keys are looked up; never printed, stored or hashed."""

    def __post_init__(self) -> None:
        problems = [
            f"{name} must be at least {least}, found {value}"
            for name, least, value in (
                ("concurrency", 1, self.concurrency),
                ("max_tokens", 1, self.max_tokens),
                ("retries", 0, self.retries),
            )
            if value < least
        ]
        if not self.timeout_s > 0:
            problems.append(f"timeout_s must be positive, found {self.timeout_s}")
        if self.temperature is not None and not 0 <= self.temperature < math.inf:
            problems.append(f"temperature must be 0 or more, found {self.temperature}")
        if self.base_url is not None and not self.base_url.startswith(("http://", "https://")):
            problems.append(f'base_url must start with http:// or https://, found "{self.base_url}"')
        if problems:
            raise ConfigError(problems)

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any], environ: Mapping[str, str]) -> JudgeOptions:
        """Read options from text or parsed values.

        Raises:
            ConfigError: Names every unknown key and every value of the wrong kind.
        """
        readers: dict[str, Callable[[Any], Any]] = {
            "base_url": _optional_text,
            "temperature": lambda value: None if str(value).lower() in {"none", "null"} else float(value),
            "max_tokens": _whole,
            "concurrency": _whole,
            "timeout_s": float,
            "retries": _whole,
            "api_key_env": _optional_text,
        }
        known = [entry.name for entry in fields(cls) if entry.name != "environ"]
        values: dict[str, Any] = {}
        problems = []
        for key, value in settings.items():
            if key not in readers:
                problems.append(f'unknown setting of a judge "{key}"{near_names(key, known)}')
                continue
            try:
                values[key] = readers[key](value)
            except (TypeError, ValueError):
                kind = "whole number" if readers[key] is _whole else "number"
                problems.append(f"{key}={value!r} is not a {kind}")
        if problems:
            raise ConfigError(problems)
        return cls(**values, environ=environ)


def _optional_text(value: object) -> str | None:
    return None if value is None else str(value)


def _whole(value: Any) -> int:
    number = int(value)
    if isinstance(value, float) and number != value:
        raise ValueError(value)
    return number


JudgeFactory = Callable[[str, JudgeOptions], Judge]
"""Makes a judge from what follows the provider in its spec, and the options."""
