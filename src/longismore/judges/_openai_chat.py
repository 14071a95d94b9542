"""Requests and answers of ``/chat/completions``, as OpenAI and everybody who copies it write them.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from longismore.errors import (
    CutAnswerError,
    JudgeError,
    JudgeRejectedError,
    JudgeServerError,
    RateLimitError,
    RefusalError,
)
from longismore.judges._client import Completion, RateLimits, TokenLogprobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.judges._http import HttpReply

__all__ = ["completion_of", "error_of", "limits_of", "refused_parameter", "said"]

_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_TOO_MANY = 429
_NO_CALL_CAN_SUCCEED = frozenset({401, 402, 403, 404, _TOO_MANY})
"""Wrong key, no balance, no permission, no such model; 429 is left where the quota is spent."""
_TRY_AGAIN = frozenset({408, 409})
"""The server gave up waiting, or something else was going on there."""
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|does not support|unrecognized|unknown|unexpected|not permitted|not allowed",
    re.IGNORECASE,
)
"""How servers refuse a parameter. A value that is only too large, in one long call, is another matter."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def completion_of(body: Mapping[str, Any], limits: RateLimits | None = None) -> Completion:
    """Read a successful answer; any field may be missing, or of another kind.

    Raises:
        CutAnswerError: It has no choice, or no text.
    """
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise CutAnswerError("the answer has no choices, or no message in them")
    refusal = message.get("refusal")
    text = _arguments(message) or message.get("content") or refusal or ""
    if not isinstance(text, str):
        raise CutAnswerError(f"the answer has no text, but {text!r:.80}")
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Completion(
        text=text,
        refused=bool(refusal) or choice.get("finish_reason") == "content_filter",
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
        cost_usd=_amount(usage.get("cost")),  # OpenRouter says what it billed
        logprobs=_logprobs(choice.get("logprobs")),
        limits=limits,
    )


def _arguments(message: Mapping[str, Any]) -> Any:
    """What the model wants to call a function with, where a prompt asks for the verdict in that form."""
    calls = message.get("tool_calls")
    call = calls[0].get("function") if isinstance(calls, list) and calls and isinstance(calls[0], dict) else None
    call = call or message.get("function_call")
    return call.get("arguments") if isinstance(call, dict) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _amount(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _logprobs(value: Any) -> tuple[TokenLogprobs, ...] | None:
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list) or not content:
        return None
    try:
        return tuple(
            TokenLogprobs(
                str(each["token"]),
                float(each["logprob"]),
                {str(other["token"]): float(other["logprob"]) for other in each.get("top_logprobs") or ()},
            )
            for each in content
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CutAnswerError(f"the log-probabilities cannot be read: {error!r}") from error


def error_of(reply: HttpReply, text: str) -> JudgeError:
    """The engine's kind of error for an answer that is none.

    Args:
        reply: What came back, with another status than success.
        text: What the error will say.
    """
    error = _error_object(reply)
    code = error.get("code")
    spent = any(isinstance(each, str) and each in _SPENT for each in (code, error.get("type")))
    if reply.status == _TOO_MANY and not spent:
        return RateLimitError(text, _retry_after_s(reply), limits_of(reply.headers))
    if reply.status in _NO_CALL_CAN_SUCCEED:
        return JudgeRejectedError(text)
    if reply.status in _TRY_AGAIN or reply.status >= 500 or reply.status < 400:  # noqa: PLR2004
        return JudgeServerError(text)
    return RefusalError(text) if code == "content_filter" else JudgeError(text)


def _error_object(reply: HttpReply) -> Mapping[str, Any]:
    error = reply.body.get("error", reply.body)
    return error if isinstance(error, dict) else {"message": error}


def said(reply: HttpReply) -> str:
    """What the server wrote, as it wrote it."""
    error = _error_object(reply)
    message = error.get("message") or error.get("detail") or reply.text
    return f"{message}" if message else f"status {reply.status}"


def refused_parameter(reply: HttpReply, names: Mapping[str, Any]) -> list[str]:
    """Those of *names* that the answer refuses as parameters, sorted; empty where it is another error."""
    error = _error_object(reply)
    text = said(reply)
    if reply.status not in {400, 422} or not _UNSUPPORTED.search(f"{error.get('code')} {text}"):
        return []
    return sorted(name for name in names if error.get("param") == name or re.search(rf"\b{re.escape(name)}\b", text))


def _retry_after_s(reply: HttpReply) -> float | None:
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return float(reply.headers[name]) * unit
        except (KeyError, ValueError):
            continue
    return None


def limits_of(headers: Mapping[str, str]) -> RateLimits | None:
    """The ``x-ratelimit-*`` headers; ``None`` where there are none."""
    if "x-ratelimit-limit-requests" not in headers and "x-ratelimit-limit-tokens" not in headers:
        return None
    return RateLimits(
        requests_per_minute=_whole(headers.get("x-ratelimit-limit-requests")),
        requests_left=_whole(headers.get("x-ratelimit-remaining-requests")),
        requests_reset_s=_duration_s(headers.get("x-ratelimit-reset-requests")),
        tokens_per_minute=_whole(headers.get("x-ratelimit-limit-tokens")),
        tokens_left=_whole(headers.get("x-ratelimit-remaining-tokens")),
        tokens_reset_s=_duration_s(headers.get("x-ratelimit-reset-tokens")),
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _duration_s(text: str | None) -> float | None:
    """``6m0s``, ``120ms``, ``1.5s``, or a bare number of seconds."""
    if text is None:
        return None
    if parts := _DURATION.findall(text):
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    try:
        return float(text)
    except ValueError:
        return None
