"""Requests and answers of Anthropic's ``/v1/messages``, read from plain JSON.

Sources: https://platform.claude.com/docs/en/api/messages, .../api/errors and .../api/rate-limits
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from longismore.errors import (
    CutAnswerError,
    JudgeError,
    JudgeRejectedError,
    JudgeServerError,
    JudgeTimeoutError,
    RateLimitError,
    RefusalError,
)
from longismore.judges._client import Completion, RateLimits
from longismore.judges._keys import clean_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.judges._client import Messages

__all__ = [
    "UNUSED_KEY",
    "body_of",
    "completion_of",
    "error_of",
    "limits_of",
    "refuses_temperature",
    "said",
    "sdk_error_of",
    "without_key",
]

UNUSED_KEY = "none"
"""What is sent to a server of the user's own that has no key: the SDK insists on one."""

_TOO_MANY = 429
_NO_CALL_CAN_SUCCEED = frozenset({401, 402, 403, 404})
_TRY_AGAIN = frozenset({408, 409})
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": _TOO_MANY,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Errors inside a batch have a type and no status."""
_SPENT = re.compile(r"credit balance is too low|reached your specified .*usage limits?|spend limit", re.IGNORECASE)
"""An empty account is an invalid request to this provider."""
_FILTERED = re.compile(r"content filtering policy", re.IGNORECASE)
_REFUSED = re.compile(
    r"deprecated|not supported|unsupported|does not support|may only be set to|cannot both be specified"
    r"|not permitted|not allowed|not available",
    re.IGNORECASE,
)
"""How a parameter is refused that the model has no use for, alone or beside another one."""


def body_of(messages: Messages, *, model: str, max_tokens: int, temperature: float | None) -> dict[str, Any]:
    """The JSON body of one call; what the system says has a field of its own."""
    system = "\n\n".join(_text(each) for each in messages if each["role"] == "system")
    turns = [{"role": each["role"], "content": _text(each)} for each in messages if each["role"] != "system"]
    body: dict[str, Any] = {"model": model, "max_tokens": max_tokens, "messages": turns}
    if system:
        body["system"] = system
    if temperature is not None:
        body["temperature"] = temperature
    return body


def _text(message: Mapping[str, str]) -> str:
    # The SDK sends UTF-8, which cannot hold half a character.
    return message["content"].encode(errors="replace").decode()


def completion_of(body: Any, limits: RateLimits | None = None) -> Completion:
    """Read a successful answer; any field may be missing, or of another kind.

    Raises:
        CutAnswerError: It has no content.
    """
    content = body.get("content") if isinstance(body, dict) else None
    if not isinstance(content, list):
        raise CutAnswerError("the answer has no content")
    blocks = [block for block in content if isinstance(block, dict) and block.get("type") == "text"]
    text = "".join(block["text"] for block in blocks if isinstance(block.get("text"), str))
    refused = body.get("stop_reason") == "refusal"
    details = body.get("stop_details")
    if refused and not text and isinstance(details, dict):
        text = str(details.get("explanation") or "")
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Completion(
        text=text,
        refused=refused,
        input_tokens=_input_tokens(usage),
        output_tokens=_count(usage.get("output_tokens")),
        limits=limits,
    )


def _input_tokens(usage: Mapping[str, Any]) -> int | None:
    fresh = _count(usage.get("input_tokens"))
    cached = (_count(usage.get(f"cache_{kind}_input_tokens")) for kind in ("creation", "read"))
    return None if fresh is None else fresh + sum(each or 0 for each in cached)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _error_object(body: Any) -> Mapping[str, Any]:
    error = body.get("error", body) if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def said(error: Exception | Mapping[str, Any]) -> str:
    """What the provider wrote, or what the SDK says of the connection."""
    body = getattr(error, "body", None) if isinstance(error, Exception) else error
    message = _error_object(body).get("message")
    if not isinstance(error, Exception):
        return str(message or error)
    return str(message or error.__cause__ or error) or type(error).__name__


def without_key(text: str, key: str) -> str:
    """What the provider said, on one line, shortened; without the key, should it have been repeated."""
    return clean_text(text, None if key == UNUSED_KEY else key)


def sdk_error_of(sdk: Any, error: Exception, text: str) -> JudgeError:
    """The engine's kind of error for one of the SDK's.

    Args:
        sdk: The package.
        error: What it raised.
        text: What the new error will say.
    """
    if isinstance(error, sdk.APIStatusError):
        return error_of(error.body, text, status=error.status_code, headers=error.response.headers)
    is_cut = "complete message body" in f"{error.__cause__}" or not isinstance(error, sdk.APIConnectionError)
    return CutAnswerError(text) if is_cut else JudgeTimeoutError(text)


def error_of(
    body: Any, text: str, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> JudgeError:
    """The engine's kind of error for one of the provider's.

    Args:
        body: Its JSON.
        text: What the new error will say.
        status: Of the answer; inside a batch the error's type stands for it.
        headers: Of the answer.
    """
    error = _error_object(body)
    status = _STATUS.get(str(error.get("type")), 500) if status is None else status
    message, details = str(error.get("message")), error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    if status in _NO_CALL_CAN_SUCCEED or _SPENT.search(f"{code} {message}".replace("_", " ")):
        return JudgeRejectedError(text)
    if status == _TOO_MANY:
        headers = headers or {}
        return RateLimitError(text, _number(headers.get("retry-after")), limits_of(headers))
    if status in _TRY_AGAIN or status >= 500 or status < 400:  # noqa: PLR2004
        return JudgeServerError(text)
    return RefusalError(text) if _FILTERED.search(message) else JudgeError(text)


def refuses_temperature(text: str) -> bool:
    """Whether an error says that the model takes no temperature, or not this one."""
    return "temperature" in text and _REFUSED.search(text) is not None


def limits_of(headers: Mapping[str, str]) -> RateLimits | None:
    """The ``anthropic-ratelimit-*`` headers; ``None`` where there are none.

    Input and output tokens have limits of their own: the scarcer side counts, as a share of the input tokens.
    """
    now = _time(headers.get("date"), parsedate_to_datetime) or datetime.now(UTC)
    requests, either, sent, made = (
        _limit(headers, name, now) for name in ("requests", "tokens", "input-tokens", "output-tokens")
    )
    tokens = sent or either or made
    if sent and made and made.left * sent.most < sent.left * made.most:
        tokens = _Limit(sent.most, sent.most * made.left // made.most, made.reset_s)
    if requests is None and tokens is None:
        return None
    return RateLimits(
        requests_per_minute=requests and requests.most,
        requests_left=requests and requests.left,
        requests_reset_s=requests and requests.reset_s,
        tokens_per_minute=tokens and tokens.most,
        tokens_left=tokens and tokens.left,
        tokens_reset_s=tokens and tokens.reset_s,
    )


class _Limit(NamedTuple):
    most: int
    left: int
    reset_s: float | None


def _limit(headers: Mapping[str, str], name: str, now: datetime) -> _Limit | None:
    limit, left = (_number(headers.get(f"anthropic-ratelimit-{name}-{part}")) for part in ("limit", "remaining"))
    if not limit or left is None:
        return None
    reset = _time(headers.get(f"anthropic-ratelimit-{name}-reset"), datetime.fromisoformat)
    return _Limit(int(limit), int(left), None if reset is None else max(0.0, (reset - now).total_seconds()))


def _number(text: str | None) -> float | None:
    """Of seconds, requests or tokens; a date is none."""
    return float(text) if text is not None and re.fullmatch(r"\d+(\.\d+)?", text) else None


def _time(text: str | None, read: Any) -> datetime | None:
    try:
        time: datetime = read(text or "")
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
