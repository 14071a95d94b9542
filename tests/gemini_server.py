"""A server on the loopback interface that speaks Gemini's ``generateContent``, for tests of ``google/MODEL``.

It judges as :class:`judge_server.JudgeServer` does, and writes what it says in the shapes of the Gemini API; the
faults are those of that API.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

from judge_server import REPLIES, JudgeServer, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from judge_server import Body

__all__ = ["GEMINI_FAULTS", "GeminiServer", "gemini_error", "gemini_reply"]

_TYPE = "type.googleapis.com/google.rpc."
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_BAD_KEY = "API key not valid. Please pass a valid API key."


def gemini_reply(
    text: str | None,
    *,
    finish_reason: str = "STOP",
    thoughts: str | None = None,
    usage: Mapping[str, int] | None = None,
    logprobs: Mapping[str, Any] | None = None,
) -> Reply:
    """An answer with one candidate; without a text it has no parts, as where a filter closed or thoughts took all."""
    parts = [{"text": thoughts, "thought": True}] if thoughts is not None else []
    parts += [{"text": text}] if text is not None else []
    candidate: dict[str, Any] = {"content": {"role": "model"}, "finishReason": finish_reason, "index": 0}
    if parts:
        candidate["content"]["parts"] = parts
    if logprobs is not None:
        candidate |= {"avgLogprobs": -0.1, "logprobsResult": logprobs}
    counted = {"promptTokenCount": 120, "candidatesTokenCount": len((text or "").split())}
    counted["totalTokenCount"] = sum(counted.values())
    return _document(candidates=[candidate], usageMetadata=counted if usage is None else usage)


def gemini_error(
    status: int, message: str, *details: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Reply:
    """An error with its details, as Google's services write it."""
    error: dict[str, Any] = {"code": status, "message": message, "status": _STATUS.get(status, "UNKNOWN")}
    if details:
        error["details"] = list(details)
    return Reply(status=status, body=json.dumps({"error": error}).encode(), headers=headers or {})


def _document(**fields: Any) -> Reply:
    return Reply(body=json.dumps({**fields, "modelVersion": "test", "responseId": "r1"}).encode())


def _info(reason: str) -> dict[str, Any]:
    return {"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def _quota(*ids: str, value: str = "250000", retry_delay: str = "26s") -> tuple[dict[str, Any], ...]:
    violations = [{"quotaMetric": "x/generate_content", "quotaId": each, "quotaValue": value} for each in ids]
    return (
        {"@type": f"{_TYPE}QuotaFailure", "violations": violations},
        {"@type": f"{_TYPE}Help", "links": [{"description": "quotas", "url": "https://example.org"}]},
        {"@type": f"{_TYPE}RetryInfo", "retryDelay": retry_delay},
    )


def _precondition(message: str) -> Reply:
    error = {"code": 400, "message": message, "status": "FAILED_PRECONDITION"}
    return Reply(status=400, body=json.dumps({"error": error}).encode())


_WHOLE = gemini_reply("8 6\nThe first one.")
_PER_MINUTE = "GenerateContentInputTokensPerModelPerMinute-FreeTier"
_PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"

GEMINI_FAULTS: Mapping[str, Reply] = {
    "400": gemini_error(400, "Invalid value at 'contents'."),
    "400-key": gemini_error(400, _BAD_KEY, _info("API_KEY_INVALID")),
    "400-country": _precondition("User location is not supported for the API use."),
    "401": gemini_error(401, "Request had invalid authentication credentials."),
    "403": gemini_error(403, "Your API key was reported as leaked.", _info("CONSUMER_INVALID")),
    "404": gemini_error(404, "models/test-judge is not found for API version v1beta."),
    "429": gemini_error(429, "Resource has been exhausted (e.g. check quota)."),
    "429-delay": gemini_error(429, _QUOTA, *_quota(_PER_MINUTE, retry_delay="7s")),
    "429-header": gemini_error(429, "Resource exhausted.", headers={"Retry-After": "9"}),
    "429-day": gemini_error(429, _QUOTA, *_quota(_PER_DAY)),
    "429-none": gemini_error(429, f"{_QUOTA}\n* Quota exceeded for metric: x/generate_content, limit: 0, model: y"),
    "429-zero": gemini_error(429, _QUOTA, *_quota(_PER_MINUTE, value="0")),
    "429-money": gemini_error(429, "Your prepayment credits are depleted."),
    "499": gemini_error(499, "The operation was cancelled."),
    "500": gemini_error(500, "An internal error has occurred."),
    "500-html": Reply(status=502, body=b"<html>Bad gateway</html>", content_type="text/html"),
    "503": gemini_error(503, "The model is overloaded. Please try again later."),
    "504": gemini_error(504, "Deadline expired before operation could complete."),
    "reset": Reply(reset=True),
    "cut": Reply(body=_WHOLE.body[:-40], announced_bytes=len(_WHOLE.body)),
    "malformed": Reply(body=_WHOLE.body[:-40]),
    "html": Reply(body=b"<html>Welcome to the hotel network</html>", content_type="text/html"),
    "empty-body": Reply(body=b""),
    "list": Reply(body=b"[]"),
    "other-shape": _document(candidates="none", usageMetadata={}),
    "other-candidates": _document(candidates=[3]),
    "no-candidates": _document(candidates=[]),
    "slow": Reply(body=_WHOLE.body, pause_s=5.0),
    "blocked-prompt": _document(
        promptFeedback={"blockReason": "PROHIBITED_CONTENT"},
        usageMetadata={"promptTokenCount": 120, "totalTokenCount": 120},
    ),
    "safety": gemini_reply(None, finish_reason="SAFETY"),
    "recitation": gemini_reply("8 ", finish_reason="RECITATION"),
    "disabled": gemini_reply(None, finish_reason="PUP_LIMITED_DISABLED"),
    "thought-away": gemini_reply(
        None,
        finish_reason="MAX_TOKENS",
        usage={"promptTokenCount": 120, "thoughtsTokenCount": 60, "totalTokenCount": 180},
    ),
    "no-usage": _document(candidates=json.loads(_WHOLE.body)["candidates"]),
}
"""Whatever else may come back, by name."""


class GeminiServer(JudgeServer):
    """The server; takes what :class:`JudgeServer` takes, with the faults of :data:`GEMINI_FAULTS` in the script.

    ``authorizations`` holds the header ``x-goog-api-key``.
    """

    def __init__(self, *, reply: str | Callable[[Body], Reply] = "score", **more: Any) -> None:
        super().__init__(reply=_step(reply) if isinstance(reply, str) else reply, **more)
        self.targets: list[str] = []
        """Method and path of every request."""

    @property
    def base_url(self) -> str:
        """What clients are given: the SDK appends the API's version itself."""
        return f"http://127.0.0.1:{self.port}"

    async def respond(self, target: str, headers: Mapping[str, str], content: bytes) -> Reply:
        """Answer ``generateContent``, and requests about models."""
        self.targets.append(target)
        if target.startswith("POST ") and target.endswith(":generateContent"):
            body = json.loads(content)
            number = len(self.requests)
            self.requests.append(body)
            self.authorizations.append(headers.get("x-goog-api-key", ""))
            reply = GEMINI_FAULTS["400-key"] if self._rejects(headers) else self._nth(number, body)
            await asyncio.sleep(self._latency_s + reply.pause_s)
            if reply.status == 200 and not reply.reset and reply.announced_bytes is None:
                self.answered.append(body)
            return reply
        if target.startswith("GET ") and (found := re.search(r"/v1beta/models(?:/(?P<name>[^?]+))?(?:\?|$)", target)):
            return self._described(found["name"], headers)
        return gemini_error(404, f"no such address: {target}")

    def _nth(self, number: int, body: Body) -> Reply:
        if callable(self._script):
            step = self._script(number, body)
        else:
            step = self._script[number] if number < len(self._script) else None
        if isinstance(step, Reply):
            return step
        return self._reply(body) if step is None else _step(step)(body)

    def _described(self, name: str | None, headers: Mapping[str, str]) -> Reply:
        if self._rejects(headers):
            return GEMINI_FAULTS["400-key"]
        if isinstance(self._models, int):
            return gemini_error(self._models, "no word about models")
        rows = [
            {
                "name": f"models/{each}",
                "version": "001",
                "displayName": each,
                "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536,
                "supportedGenerationMethods": ["embedContent" if "embedding" in each else "generateContent"],
            }
            for each in self._models
        ]
        if name is None:
            return Reply(body=json.dumps({"models": rows}).encode())
        row = next((row for row in rows if row["name"] == f"models/{name}"), None)
        return GEMINI_FAULTS["404"] if row is None else Reply(body=json.dumps(row).encode())

    def _rejects(self, headers: Mapping[str, str]) -> bool:
        return self._key is not None and headers.get("x-goog-api-key") != self._key


def _step(name: str) -> Callable[[Body], Reply]:
    if name in GEMINI_FAULTS:
        return lambda _: GEMINI_FAULTS[name]

    def reply(body: Body) -> Reply:
        texts = ["".join(part["text"] for part in content["parts"]) for content in body["contents"]]
        chat = {"model": "any", "messages": [{"role": "user", "content": text} for text in texts]}
        said = json.loads(REPLIES[name](chat).body)["choices"][0]["message"]["content"]
        return gemini_reply(said)

    return reply
