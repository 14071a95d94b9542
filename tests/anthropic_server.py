"""A server on the loopback interface that speaks Anthropic's Messages and Message Batches, for tests.

It judges as :class:`judge_server.JudgeServer` does, and writes what it says in the shapes of the Anthropic API;
the faults are those of that API. Batches end when they have been asked about often enough.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from judge_server import REPLIES, JudgeServer, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from judge_server import Body

__all__ = ["ANTHROPIC_FAULTS", "AnthropicServer", "anthropic_error", "message_document", "message_reply"]

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_NO_CREDIT = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade."
_LIMIT = "You have reached your specified API usage limits. You will regain access on 2027-01-01 at 00:00 UTC."
_PER_MINUTE = "This request would exceed your organization's rate limit of 50 requests per minute."
_TEMPERATURE = {
    "no-temperature": "`temperature` is deprecated for this model.",
    "thinking": "`temperature` may only be set to 1 when thinking is enabled.",
    "top_p": "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
}


def message_document(body: Body, text: str | None, **changes: Any) -> dict[str, Any]:
    """An answer of ``/v1/messages``; without a text it has no blocks."""
    chars = sum(len(message["content"]) for message in body["messages"]) + len(body.get("system", ""))
    document = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [] if text is None else [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": chars // 4,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": len((text or "").split()),
            "service_tier": "standard",
        },
    }
    return document | changes


def message_reply(body: Body, text: str | None, **changes: Any) -> Reply:
    """The same as an HTTP answer."""
    return Reply(body=json.dumps(message_document(body, text, **changes)).encode())


def _error_document(status: int, message: str, **details: str) -> dict[str, Any]:
    error: dict[str, Any] = {"type": _TYPES.get(status, "api_error"), "message": message}
    if details:
        error["details"] = details
    return {"type": "error", "error": error, "request_id": "req_1"}


def anthropic_error(status: int, message: str, *, headers: Mapping[str, str] | None = None, **details: str) -> Reply:
    """An error as Anthropic writes it; *details* stand beside its message."""
    return Reply(
        status=status, body=json.dumps(_error_document(status, message, **details)).encode(), headers=headers or {}
    )


def _score(body: Body) -> Reply:
    """Marks as :class:`JudgeServer` gives them."""
    judged = json.loads(REPLIES["score"](body).body)
    return message_reply(body, judged["choices"][0]["message"]["content"])


def _refused_temperature(name: str) -> Callable[[Body], Reply]:
    return lambda body: anthropic_error(400, _TEMPERATURE[name]) if "temperature" in body else _score(body)


ANTHROPIC_FAULTS: Mapping[str, Callable[[Body], Reply]] = {
    "400": lambda _: anthropic_error(400, "messages.0: all messages must have non-empty content"),
    "401": lambda _: anthropic_error(401, "invalid x-api-key"),
    "402": lambda _: anthropic_error(402, "There is an issue with your payment."),
    "403": lambda _: anthropic_error(403, "Your API key does not have permission to use this resource."),
    "404": lambda body: anthropic_error(404, f"model: {body['model']}"),
    "408": lambda _: anthropic_error(408, "The request took too long."),
    "409": lambda _: anthropic_error(409, "Something else is going on."),
    "413": lambda _: anthropic_error(413, "Request exceeds the maximum size"),
    "429": lambda _: anthropic_error(429, _PER_MINUTE),
    "429-wait": lambda _: anthropic_error(429, _PER_MINUTE, headers={"retry-after": "7"}),
    "429-spent": lambda _: anthropic_error(429, "Not before next month.", error_code="enforced_spend_limit_reached"),
    "500": lambda _: anthropic_error(500, "Internal server error"),
    "504": lambda _: anthropic_error(504, "Request timed out"),
    "529": lambda _: anthropic_error(529, "Overloaded"),
    "no-credit": lambda _: anthropic_error(400, _NO_CREDIT),
    "limit": lambda _: anthropic_error(400, _LIMIT),
    "filtered": lambda _: anthropic_error(400, "Output blocked by content filtering policy"),
    "refusal": lambda body: message_reply(body, "I cannot help with that.", stop_reason="refusal"),
    "silent-refusal": lambda body: message_reply(
        body, None, stop_reason="refusal", stop_details={"type": "refusal", "explanation": "Not this one."}
    ),
    "prose": lambda body: message_reply(body, "Both answers have merits, and I would not choose."),
    "empty": lambda body: message_reply(body, None),
    "blocks": lambda body: message_reply(
        body,
        None,
        content=[
            {"type": "thinking", "thinking": "9 9", "signature": "x"},
            {"type": "of_tomorrow", "text": "9 9"},
            {"type": "text", "text": "8 "},
            {"type": "text", "text": "6\nTwo blocks."},
        ],
    ),
    "cached": lambda body: message_reply(
        body,
        "8 6",
        usage={
            "input_tokens": 5,
            "cache_creation_input_tokens": 20,
            "cache_read_input_tokens": 100,
            "output_tokens": 2,
        },
    ),
    "no-usage": lambda body: message_reply(body, "8 6", usage=None),
    "no-content": lambda body: message_reply(body, None, content=None),
    "list": lambda _: Reply(body=b"[]"),
    "reset": lambda _: Reply(reset=True),
    "cut": lambda body: Reply(body=_score(body).body[:-40], announced_bytes=len(_score(body).body)),
    "malformed": lambda body: Reply(body=_score(body).body[:-40]),
    "html": lambda _: Reply(body=b"<html>Welcome to the hotel network</html>", content_type="text/html"),
    "slow": lambda body: replace(_score(body), pause_s=5.0),
    **{name: _refused_temperature(name) for name in _TEMPERATURE},
}
"""Whatever else may come back, by name."""


Step = str | Reply | None
"""The name of a fault, or the reply itself; ``None`` is the usual."""


class AnthropicServer(JudgeServer):
    """The server.

    Args:
        reply: How it judges usually: the name of a fault, a function, or ``None`` for marks.
        script: What happens instead, chat by chat.
        outcome: What becomes of a request of a batch: gets its number among all that were handed in, and its body;
            returns ``None`` for the usual answer, the name of a fault, ``expired``, ``canceled`` or ``missing``.
        asked_until_done: A batch is done when it has been asked about so often.
        steps: What happens to the first requests to ``create``, ``list``, ``retrieve`` and ``results``: faults,
            ``lost`` (it is done, but the connection breaks), or ``None`` for the usual.
        others: Batches that are not ours, as (size, minutes ago).
        settings: As of :class:`JudgeServer`.
    """

    def __init__(
        self,
        *,
        reply: str | Callable[[Body], Reply] | None = None,
        script: Sequence[Step] | Callable[[int, Body], Step] = (),
        outcome: Callable[[int, Body], str | None] = lambda _number, _body: None,
        asked_until_done: int = 1,
        steps: Mapping[str, Sequence[Step]] | None = None,
        others: Sequence[tuple[int, int]] = (),
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self._usual = reply
        self._steps_of_chats = script
        self._outcome = outcome
        self._asked_until_done = asked_until_done
        self._steps = {route: list(each) for route, each in (steps or {}).items()}
        self.batches: dict[str, dict[str, Any]] = {}
        """What was handed in, by the batch's id: its requests, when, and how often it was asked about."""
        self.handed_in: Counter[str] = Counter()
        """How often each request was handed in, by its name."""
        self.asked: Counter[str] = Counter()
        """How often each route was used."""
        for size, minutes in others:
            self._keep([{"custom_id": f"other-{number}", "params": {}} for number in range(size)], minutes)

    async def respond(self, target: str, headers: Mapping[str, str], content: bytes) -> Reply:
        """The reply to one request."""
        method, _, address = target.partition(" ")
        path = urlsplit(address).path
        if self._key is not None and self._key not in (_bearer(headers), headers.get("x-api-key")):
            if path == "/v1/messages":
                self.requests.append(json.loads(content))
            return ANTHROPIC_FAULTS["401"]({})
        if (method, path) == ("POST", "/v1/messages"):
            return await self._message(headers, json.loads(content))
        parts = path.strip("/").split("/")[1:]
        if parts[:1] == ["models"]:
            return self._model(parts[1:])
        if parts[:2] == ["messages", "batches"]:
            return self._batch(method, parts[2:], parse_qs(urlsplit(address).query), content)
        return anthropic_error(404, f"no such address: {target}")

    async def _message(self, headers: Mapping[str, str], body: Body) -> Reply:
        number = len(self.requests)
        self.requests.append(body)
        self.authorizations.append(headers.get("authorization", ""))
        reply = self._made(self._step(number, body), body)
        await asyncio.sleep(self._latency_s + reply.pause_s)
        if reply.status == 200 and not reply.reset and reply.announced_bytes is None:
            self._note_answered(number, body)
        return reply

    def _step(self, number: int, body: Body) -> Step:
        script = self._steps_of_chats
        if callable(script):
            return script(number, body)
        return script[number] if number < len(script) else None

    def _made(self, step: Step, body: Body) -> Reply:
        if isinstance(step, Reply):
            return step
        usual = ANTHROPIC_FAULTS[self._usual] if isinstance(self._usual, str) else self._usual or _score
        return usual(body) if step is None else ANTHROPIC_FAULTS[step](body)

    def _model(self, name: list[str]) -> Reply:
        if isinstance(self._models, int):
            return anthropic_error(self._models, "no models here")
        rows = [{"type": "model", "id": each, "display_name": each, "created_at": _TIME} for each in self._models]
        if not name:
            return _json({"data": rows, "has_more": False, "first_id": None, "last_id": None})
        found = [row for row in rows if row["id"] == name[0]]
        return _json(found[0]) if found else anthropic_error(404, f"model: {name[0]}")

    def _batch(self, method: str, name: list[str], query: Mapping[str, list[str]], content: bytes) -> Reply:
        route = "create" if method == "POST" else "list" if not name else "results" if name[1:] else "retrieve"
        self.asked[route] += 1
        steps = self._steps.get(route)
        step = steps.pop(0) if steps else None
        if step is not None and step != "lost":
            return step if isinstance(step, Reply) else ANTHROPIC_FAULTS[step]({"model": "m", "messages": []})
        if name and name[0] not in self.batches:
            return anthropic_error(404, f"batch {name[0]} not found")
        if route == "create":
            reply = self._create(json.loads(content)["requests"])
        elif route == "list":
            reply = self._list(query)
        else:
            reply = self._results(name[0]) if route == "results" else self._retrieve(name[0])
        return Reply(reset=True) if step == "lost" else reply

    def _create(self, requests: list[dict[str, Any]]) -> Reply:
        names = [request["custom_id"] for request in requests]
        if len(set(names)) < len(names):
            return anthropic_error(400, "custom_id must be unique")
        id = self._keep(requests, 0)  # noqa: A001  the field's own name
        self.handed_in.update(names)
        return _json(self._document(id))

    def _keep(self, requests: list[dict[str, Any]], minutes_ago: int) -> str:
        first = sum(len(batch["requests"]) for batch in self.batches.values())
        id = f"msgbatch_{len(self.batches) + 1}"  # noqa: A001  the field's own name
        created = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        self.batches[id] = {"requests": requests, "first": first, "created": created, "asked": 0}
        return id

    def _retrieve(self, id: str) -> Reply:  # noqa: A002  the field's own name
        self.batches[id]["asked"] += 1
        return _json(self._document(id))

    def _list(self, query: Mapping[str, list[str]]) -> Reply:
        """Two on a page, newest first."""
        names = sorted(self.batches, key=lambda id: self.batches[id]["created"], reverse=True)  # noqa: A006
        if "after_id" in query:
            names = names[names.index(query["after_id"][0]) + 1 :]
        page = names[:2]
        return _json(
            {
                "data": [self._document(each) for each in page],
                "has_more": len(names) > len(page),
                "first_id": page[0] if page else None,
                "last_id": page[-1] if page else None,
            }
        )

    def _document(self, id: str) -> dict[str, Any]:  # noqa: A002  the field's own name
        batch = self.batches[id]
        is_done = batch["asked"] >= self._asked_until_done
        kinds = Counter(dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0))
        results = self._all_results(id)
        kinds.update([row["result"]["type"] for row in results] if is_done else ["processing"] * len(batch["requests"]))
        missing = len(batch["requests"]) - sum(kinds.values())
        kinds["errored"] += missing
        return {
            "id": id,
            "type": "message_batch",
            "processing_status": "ended" if is_done else "in_progress",
            "request_counts": dict(kinds),
            "created_at": batch["created"].isoformat(),
            "expires_at": (batch["created"] + timedelta(days=1)).isoformat(),
            "ended_at": batch["created"].isoformat() if is_done else None,
            "cancel_initiated_at": None,
            "archived_at": batch["created"].isoformat() if batch.get("archived") else None,
            "results_url": f"{self.base_url}/messages/batches/{id}/results"
            if is_done and not batch.get("archived")
            else None,
        }

    def _results(self, id: str) -> Reply:  # noqa: A002  the field's own name
        rows = self._all_results(id)[::-1]  # in another order than they were handed in
        text = "".join(json.dumps(row) + "\n" for row in rows)
        return Reply(body=text.encode(), content_type="application/x-jsonl")

    def _all_results(self, id: str) -> list[dict[str, Any]]:  # noqa: A002  the field's own name
        batch = self.batches[id]
        made = []
        for number, request in enumerate(batch["requests"], batch["first"]):
            kind = self._outcome(number, request["params"]) if request["params"] else "expired"
            if kind != "missing":
                made.append({"custom_id": request["custom_id"], "result": self._result(kind, request["params"])})
        return made

    def _result(self, kind: str | None, params: Body) -> dict[str, Any]:
        if kind in {"expired", "canceled"}:
            return {"type": kind}
        document = json.loads(self._made(kind, params).body)
        if document.get("type") == "error":
            return {"type": "errored", "error": document}
        return {"type": "succeeded", "message": document}


_TIME = "2025-09-29T00:00:00Z"


def _bearer(headers: Mapping[str, str]) -> str:
    return headers.get("authorization", "").removeprefix("Bearer ")


def _json(document: dict[str, Any]) -> Reply:
    return Reply(body=json.dumps(document).encode())
