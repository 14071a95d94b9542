"""Requests, answers and errors of Gemini's ``generateContent``, as the SDK ``google-genai`` has them.

Source: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/troubleshooting
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from longismore._optional import require
from longismore.errors import (
    ConfigError,
    CutAnswerError,
    JudgeError,
    JudgeRejectedError,
    JudgeServerError,
    JudgeTimeoutError,
    RateLimitError,
    near_names,
)
from longismore.judges._client import Completion, TokenLogprobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.judges._client import Messages

__all__ = ["completion_of", "config_of", "contents_of", "error_of", "said", "thought_until_the_end"]

_ALWAYS: Mapping[str, Any] = {
    "automatic_function_calling": {"disable": True},
    "automatic_continuation": False,  # it would send, and bill, further requests behind the engine's back
}
_SET_ELSEWHERE = {
    "temperature": "judge_temperature",
    "max_output_tokens": "judge_max_tokens",
    "http_options": "judge_timeout_s and judge_base_url",
    "system_instruction": "judge_protocol",
    "response_logprobs": "judge_protocol=logprob",
    "logprobs": "judge_protocol=logprob",
}
"""Fields that are no parameters here, with the setting that is responsible."""

_REFUSED = frozenset(
    {"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION"}
)
"""Reasons to end an answer that are a filter's."""
_ACCOUNT_ENDED = "PUP_LIMITED_DISABLED"
_TOO_MANY, _TOOK_TOO_LONG = 429, 504
_NO_CALL_CAN_SUCCEED = frozenset({401, 402, 403, 404})
"""Wrong key, no balance, no permission, no such model."""
_TRY_AGAIN = frozenset({408, 409, 499})
"""The server gave up waiting, or something else was going on there."""
_NO_MORE_MONEY = re.compile(
    r"\blimit: 0\b|prepa(?:id|yment)|credits? (?:is|are|has been|have been) (?:depleted|exhausted)"
    r"|spend(?:ing)? (?:cap|limit)",
    re.IGNORECASE,
)
"""A shortage that no wait heals. The usual text, "check your plan and billing details", says nothing."""
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)
"""What the SDK raises where an answer is no JSON, or has another shape than it expects."""
_TRANSPORTS = frozenset({"aiohttp", "httpx", "httpx2"})
"""The packages of which the SDK uses one, whichever is installed."""


def contents_of(messages: Messages) -> tuple[list[Any], str]:
    """The chat without its system messages, and these."""
    types = require("google.genai.types", extra="google")
    contents = [
        types.Content(
            role="model" if message["role"] == "assistant" else "user", parts=[types.Part(text=message["content"])]
        )
        for message in messages
        if message["role"] != "system"
    ]
    return contents, "\n\n".join(message["content"] for message in messages if message["role"] == "system")


def config_of(values: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
    """The ``GenerateContentConfig`` with these values and the user's *parameters*.

    Raises:
        ConfigError: A parameter is unknown, has a wrong value, or has a setting of its own.
    """
    types = require("google.genai.types", extra="google")
    known = types.GenerateContentConfig.model_fields
    always = {name: value for name, value in _ALWAYS.items() if name in known}
    named = _named(parameters, known)
    try:
        return types.GenerateContentConfig(**(always | dict(values) | named))
    except ValueError as error:
        raise ConfigError(f"parameters do not fit: {' '.join(str(error).split())}") from error


def _named(parameters: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """*parameters* under the SDK's names, be they written in the SDK's way or in the API's."""
    names = {entry.alias: name for name, entry in known.items() if entry.alias}
    named = {names.get(name, name): value for name, value in parameters.items()}
    problems = [
        f'"{name}" is no parameter of google/MODEL{near_names(name, sorted(known))}'
        for name in named
        if name not in known
    ]
    problems += [f'"{name}" is set by {_SET_ELSEWHERE[name]}' for name in named if name in _SET_ELSEWHERE]
    if problems:
        raise ConfigError(problems)
    return named


def completion_of(response: Any) -> Completion:
    """Read a ``GenerateContentResponse``.

    Raises:
        CutAnswerError: It has neither a text nor a reason why not.
        JudgeRejectedError: The account may not be used any more.
    """
    candidate = response.candidates[0] if response.candidates else None
    blocked = _name(getattr(response.prompt_feedback, "block_reason", None))
    reason = _name(getattr(candidate, "finish_reason", None))
    if response.prompt_feedback is None and getattr(candidate, "content", None) is None and reason is None:
        raise CutAnswerError("the answer has no candidates, or nothing in them")
    if reason == _ACCOUNT_ENDED:
        raise JudgeRejectedError(f"the account is limited or disabled ({reason})")
    refused = candidate is None or blocked is not None or reason in _REFUSED
    input_tokens, output_tokens = _tokens(response.usage_metadata)
    return Completion(
        text=_text(candidate) or ((blocked or reason or "blocked") if refused else ""),
        refused=refused,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        logprobs=_logprobs(getattr(candidate, "logprobs_result", None)),
    )


def thought_until_the_end(response: Any) -> bool:
    """Whether the model's thoughts used up the length of the answer."""
    candidate = response.candidates[0] if response.candidates else None
    thoughts = getattr(response.usage_metadata, "thoughts_token_count", None)
    return bool(thoughts) and _name(getattr(candidate, "finish_reason", None)) == "MAX_TOKENS" and not _text(candidate)


def _name(reason: Any) -> str | None:
    value = getattr(reason, "value", reason)
    return None if value is None else str(value)


def _text(candidate: Any) -> str:
    """What the model says; its thoughts, where it shows them, are no part of that."""
    parts = getattr(getattr(candidate, "content", None), "parts", None) or ()
    return "".join(part.text for part in parts if part.text and not part.thought)


def _tokens(usage: Any) -> tuple[int | None, int | None]:
    """Of input and output; thoughts are billed as output. A number that is 0 may be missing."""
    prompt = getattr(usage, "prompt_token_count", None)
    parts = [getattr(usage, f"{name}_token_count", None) for name in ("candidates", "thoughts")]
    if known := [part for part in parts if part is not None]:
        return prompt, sum(known)
    total = getattr(usage, "total_token_count", None)
    return prompt, None if prompt is None or total is None else total - prompt


def _logprobs(result: Any) -> tuple[TokenLogprobs, ...] | None:
    chosen = getattr(result, "chosen_candidates", None)
    if not chosen:
        return None
    steps = result.top_candidates or ()
    if any(token.log_probability is None for token in _every_token(chosen, steps)):
        raise CutAnswerError("the log-probabilities cannot be read: a token has none")
    tops = [{other.token or "": other.log_probability for other in step.candidates or ()} for step in steps]
    return tuple(
        TokenLogprobs(token.token or "", token.log_probability, tops[number] if number < len(tops) else {})
        for number, token in enumerate(chosen)
    )


def _every_token(chosen: Any, steps: Any) -> Iterator[Any]:
    yield from chosen
    for step in steps:
        yield from step.candidates or ()


def error_of(error: Exception, text: str) -> JudgeError | None:
    """The engine's kind of error for one that the SDK raised; ``None`` for one that is nobody's answer.

    Args:
        error: As raised by the SDK, its transport, or the reading of an answer.
        text: What the error will say.
    """
    status = getattr(error, "code", None)
    if isinstance(status, int) and hasattr(error, "details"):
        return _refusal_of(error, status, text)
    if isinstance(error, TimeoutError):
        return JudgeTimeoutError(text)
    if type(error).__name__ == "ClientPayloadError" or isinstance(error, _UNREADABLE):
        return CutAnswerError(text)
    packages = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return JudgeTimeoutError(text) if isinstance(error, OSError) or packages & _TRANSPORTS else None


def _refusal_of(error: Any, status: int, text: str) -> JudgeError:
    rows = _details(error)
    if status == _TOO_MANY:
        return JudgeRejectedError(text) if _is_spent(error, rows) else RateLimitError(text, _retry_after_s(error, rows))
    reasons = {row.get("reason") for row in rows}
    if status in _NO_CALL_CAN_SUCCEED or "API_KEY_INVALID" in reasons or error.status == "FAILED_PRECONDITION":
        return JudgeRejectedError(text)  # the last one: no free tier in this country, billing is off
    if status == _TOOK_TOO_LONG:
        return JudgeTimeoutError(text)
    if status in _TRY_AGAIN or status >= 500 or status < 400:  # noqa: PLR2004
        return JudgeServerError(text)
    return JudgeError(text)


def _details(error: Any) -> list[Mapping[str, Any]]:
    body = error.details if isinstance(error.details, Mapping) else {}
    body = body.get("error", body)
    rows = body.get("details") if isinstance(body, Mapping) else None
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _is_spent(error: Any, rows: list[Mapping[str, Any]]) -> bool:
    """Whether the day's quota or the money is used up; a delay is named even then."""
    violations = [each for row in rows for each in row.get("violations") or () if isinstance(each, Mapping)]
    if any("PerDay" in str(each.get("quotaId")) or each.get("quotaValue") == "0" for each in violations):
        return True
    return _NO_MORE_MONEY.search(str(error.message)) is not None


def _retry_after_s(error: Any, rows: list[Mapping[str, Any]]) -> float | None:
    headers = getattr(error.response, "headers", None) or {}
    named = [row.get("retryDelay") for row in rows if str(row.get("@type", "")).endswith(".RetryInfo")]
    for value in (*named, headers.get("Retry-After")):
        try:
            return float(str(value).removesuffix("s"))
        except ValueError:
            continue
    return None


def said(error: Exception) -> str:
    """What the server or the SDK wrote, as it wrote it."""
    text = str(getattr(error, "message", None) or error)
    return text or ("no answer in time" if "Timeout" in type(error).__name__ else type(error).__name__)
