"""What can go wrong, as one tree.

    LongismoreError
    ├── UsageError                   the user can heal it; commands print it without a traceback, exit code 2
    │   ├── ConfigError              a setting is wrong; all wrong settings are named at once
    │   ├── UnknownNameError         no such judge, test set, ...: near names first, then all names
    │   ├── MissingDependencyError   an optional package is not installed; names the extra
    │   ├── BusyError                another process is at work at the same place
    │   └── DataError                a file or a row cannot be used
    │       ├── ChecksumError        a file is not the published one
    │       └── SchemaError          file, line and field of what is wrong
    ├── JudgeError                   a call to a judge failed; ``retryable`` says whether time may heal it
    │   ├── RateLimitError           (retryable)
    │   ├── JudgeTimeoutError        (retryable)
    │   │   └── JudgeUnreachableError   no connection could be made: nothing was sent
    │   ├── JudgeServerError         (retryable)
    │   │   └── CutAnswerError       an answer arrived, but not whole; it may have been billed
    │   ├── RefusalError             the provider would not answer this one call
    │   ├── JudgeRejectedError       wrong key, no balance, no such model: no further call can succeed
    │   └── CostLimitError           the next call could cost more than the user allows
    └── CompatError                  the version of a host is not supported

A message says what is wrong, the value, what is allowed and what to do.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "BusyError",
    "ChecksumError",
    "CompatError",
    "ConfigError",
    "CostLimitError",
    "CutAnswerError",
    "DataError",
    "JudgeError",
    "JudgeRejectedError",
    "JudgeServerError",
    "JudgeTimeoutError",
    "JudgeUnreachableError",
    "LongismoreError",
    "MissingDependencyError",
    "RateLimitError",
    "RefusalError",
    "SchemaError",
    "UnknownNameError",
    "UsageError",
    "near_names",
]


class LongismoreError(Exception):
    """Base of every error that longismore raises on purpose."""


class UsageError(LongismoreError):
    """Something the user can put right: the message says what, where and how."""


class ConfigError(UsageError):
    """One or more settings are wrong.

    Args:
        problems: One sentence a setting; all are shown.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class UnknownNameError(UsageError):
    """A name that no component has.

    Args:
        kind: What was looked for, e.g. ``"test set"``.
        name: The name that was given.
        known: Every name that would have worked.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        super().__init__(f'unknown {kind} "{name}"{near_names(name, self.known)}')


class MissingDependencyError(UsageError):
    """A package of an extra is not installed.

    Args:
        package: The import name that was not found.
        extra: The extra of longismore that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f'the package "{package}" is not installed; do: pip install "longismore[{extra}]"')


class BusyError(UsageError):
    """Another process is at work at the same place, which is for one at a time."""


class DataError(UsageError):
    """A file or a row cannot be used."""


class ChecksumError(DataError):
    """A file differs from the published one."""


class SchemaError(DataError):
    """A row or a field is not as its format says.

    Args:
        where: File and, where known, line or row, e.g. ``"koala.jsonl:17"``.
        problem: What is wrong, with the field and the value.
    """

    def __init__(self, where: str, problem: str) -> None:
        self.where, self.problem = where, problem
        super().__init__(f"{where}: {problem}")


class JudgeError(LongismoreError):
    """A call to a judge failed."""

    retryable = False
    may_be_billed = False
    """The provider may have answered, though no answer arrived."""


class RateLimitError(JudgeError):
    """The provider asked for fewer calls.

    Args:
        message: What the provider said.
        retry_after_s: Seconds to wait, where the provider named them.
        limits: What the provider said of its limits, as the engine's client has read it.
    """

    retryable = True

    def __init__(self, message: str, retry_after_s: float | None = None, limits: Any = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.limits = limits


class JudgeTimeoutError(JudgeError):
    """No answer in time, or the connection broke."""

    retryable = True
    may_be_billed = True


class JudgeUnreachableError(JudgeTimeoutError):
    """No connection could be made, so nothing was sent."""

    may_be_billed = False


class JudgeServerError(JudgeError):
    """The provider failed."""

    retryable = True


class CutAnswerError(JudgeServerError):
    """The provider's answer was cut off, or cannot be read."""

    may_be_billed = True


class RefusalError(JudgeError):
    """The provider would not judge this pair, e.g. its content filter closed."""


class JudgeRejectedError(JudgeError):
    """The provider rejects every call: wrong key, no balance, no such model."""


class CostLimitError(JudgeError):
    """The next call could cost more than the user allows."""


class CompatError(LongismoreError):
    """The version of a host is not supported."""


_MOST_NAMES = 20


def near_names(name: str, known: Sequence[str]) -> str:
    """Say which names come near, then all of them (or the first 20), as the end of a sentence."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    near = f"; did you mean {' or '.join(close)}?" if close else ""
    more = f", ... ({len(known)} in all)" if len(known) > _MOST_NAMES else ""
    return f"{near}; known: {', '.join(known[:_MOST_NAMES]) if known else 'none'}{more}"
