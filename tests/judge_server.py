"""A chat server on the loopback interface that plays the judge: for tests, benchmarks and demonstrations.

It speaks ``POST /v1/chat/completions`` and ``GET /v1/models`` over HTTP/1.1 with kept connections, any number at
once. By itself it marks both quoted answers by a hash of their text, so that the two orders of a pair agree; a
script says which request is answered otherwise, with the faults that real servers have. Standard library only.

In a test::

    with JudgeServer(script=["429", None, "cut"]) as server:
        ...  # server.base_url, server.requests, server.answered

As a program, stopped by SIGTERM to its own process::

    python tests/judge_server.py --port 0 --port-file port.txt --log calls.jsonl --latency-s 0.05
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import re
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = [
    "FAULTS",
    "REPLIES",
    "JudgeServer",
    "Reply",
    "chat_reply",
    "closed_port",
    "error_reply",
    "hash_score",
    "messages_sha256",
]

Body = dict[str, Any]
"""What was sent to ``/chat/completions``."""
_QUOTED = r"^BEGIN answer {number} (?P<code>\S+)\n(?P<text>.*?)\nEND answer {number} (?P=code)$"
_LINGER_0 = struct.pack("ii", 1, 0)
"""Closing a socket with this resets the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer, or what comes in its place."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    pause_s: float = 0.0
    """Before the first byte."""
    announced_bytes: int | None = None
    """Content-Length, where it is not the body's; the connection is closed after the body."""
    reset: bool = False
    """No answer at all: the connection is reset."""

    @property
    def is_whole_answer(self) -> bool:
        """Whether a client gets a success that it can read."""
        if self.status != 200 or self.reset or self.announced_bytes is not None:
            return False
        with suppress(ValueError):
            return bool(json.loads(self.body).get("choices"))
        return False

    def encoded(self) -> bytes:
        """The bytes on the wire."""
        length = len(self.body) if self.announced_bytes is None else self.announced_bytes
        headers = {"Content-Type": self.content_type, "Content-Length": str(length), **self.headers}
        lines = [f"HTTP/1.1 {self.status} -", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def chat_reply(body: Body, text: str | None, *, refusal: str | None = None, finish_reason: str = "stop") -> Reply:
    """A completion as OpenAI-compatible servers write it, with numbers of tokens."""
    prompt_chars = sum(len(message["content"]) for message in body["messages"])
    tokens = {"prompt_tokens": prompt_chars // 4, "completion_tokens": len((text or refusal or "").split())}
    document = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": refusal},
                "finish_reason": finish_reason,
            }
        ],
        "usage": tokens | {"total_tokens": sum(tokens.values())},
    }
    return Reply(body=json.dumps(document).encode())


def error_reply(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """An error as OpenAI-compatible servers write it."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Reply(status=status, body=json.dumps({"error": error}).encode(), headers=headers or {})


def messages_sha256(messages: object) -> str:
    """What the log calls a chat: two are equal if their messages are."""
    return hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()


def hash_score(answer: str) -> int:
    """The mark, 1 to 10, that an answer gets: it depends on the text alone."""
    return hashlib.sha256(answer.encode(errors="surrogatepass")).digest()[0] % 10 + 1


def _quoted(body: Body, number: int) -> str:
    text = body["messages"][-1]["content"]
    found = re.search(_QUOTED.format(number=number), text, flags=re.DOTALL | re.MULTILINE)
    return found["text"] if found else ""


def _score(body: Body) -> Reply:
    first, second = (hash_score(_quoted(body, number)) for number in (1, 2))
    return chat_reply(body, f"{first} {second}\nBecause the marks follow from the texts.")


def _letter(body: Body) -> Reply:
    """A or B, by the same marks; with log-probabilities where they were asked for."""
    first, second = (hash_score(_quoted(body, number)) for number in (1, 2))
    letter = "A" if first >= second else "B"
    reply = chat_reply(body, letter)
    if not body.get("logprobs"):
        return reply
    share = first / (first + second)
    top = {"A": math.log(share), "B": math.log1p(-share), "The": -9.5}
    listed = [
        {"token": token, "logprob": logprob, "bytes": list(token.encode())}
        for token, logprob in sorted(top.items(), key=lambda item: -item[1])[: body["top_logprobs"]]
    ]
    token = {"token": letter, "logprob": top[letter], "bytes": list(letter.encode()), "top_logprobs": listed}
    document = json.loads(reply.body)
    document["choices"][0]["logprobs"] = {"content": [token], "refusal": None}
    return Reply(body=json.dumps(document).encode())


def _refused_parameter(name: str, message: str, code: str) -> Callable[[Body], Reply]:
    """Refuses requests that have the parameter, answers the others."""

    def reply(body: Body) -> Reply:
        return error_reply(400, message, code=code, param=name) if name in body else _score(body)

    return reply


REPLIES: Mapping[str, Callable[[Body], Reply]] = {
    "score": _score,
    "letter": _letter,
    "letter-only": lambda body: chat_reply(body, "A"),
    "first": lambda body: chat_reply(body, "8 6\nThe first one reads better."),
    "tie": lambda body: chat_reply(body, "7 7\nBoth do what was asked."),
    "prose": lambda body: chat_reply(body, "Both answers have merits, and I would not choose."),
    "empty": lambda body: chat_reply(body, ""),
}
"""Ways to judge, by name."""

_SHORTAGE = "You exceeded your current quota, please check your plan and billing details."
_TOO_LONG = (
    "'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum context length is 2048 "
    "tokens and your request has 1500 input tokens (1024 > 2048 - 1500)."
)

FAULTS: Mapping[str, Callable[[Body], Reply]] = {
    "400": lambda _: error_reply(400, "messages[1].content must not be empty"),
    "401": lambda _: error_reply(401, "Incorrect API key provided.", code="invalid_api_key"),
    "402": lambda _: error_reply(402, "Insufficient balance."),
    "404": lambda body: error_reply(404, f"The model `{body['model']}` does not exist.", code="model_not_found"),
    "408": lambda _: error_reply(408, "The request took too long."),
    "429": lambda _: error_reply(429, "Rate limit reached.", code="rate_limit_exceeded"),
    "429-wait": lambda _: error_reply(429, "Rate limit reached.", headers={"Retry-After": "7"}),
    "429-soon": lambda _: error_reply(429, "Rate limit reached.", headers={"Retry-After": "0.2"}),
    "429-date": lambda _: error_reply(
        429, "Rate limit reached.", headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
    ),
    "429-quota": lambda _: error_reply(429, _SHORTAGE, code="insufficient_quota"),
    "500": lambda _: error_reply(500, "The server had an error."),
    "503": lambda _: error_reply(503, "The server is overloaded."),
    "reset": lambda _: Reply(reset=True),
    "cut": lambda body: _cut(_score(body)),
    "malformed": lambda body: Reply(body=_score(body).body[:-40]),
    "html": lambda _: Reply(body=b"<html>Welcome to the hotel network</html>", content_type="text/html"),
    "no-choices": lambda body: _edited(_score(body), choices=[]),
    "no-message": lambda body: _edited(_score(body), choices=[{"index": 0, "finish_reason": "stop"}]),
    "parts": lambda body: _edited(
        _score(body), choices=[{"index": 0, "message": {"role": "assistant", "content": [{"text": "8 7"}]}}]
    ),
    "no-usage": lambda body: _edited(_score(body), usage=None),
    "content-filter": lambda _: error_reply(400, "The prompt was filtered.", code="content_filter"),
    "filtered-answer": lambda body: chat_reply(body, "", finish_reason="content_filter"),
    "refusal": lambda body: chat_reply(body, None, refusal="I cannot help with that."),
    "too-long": lambda _: error_reply(400, _TOO_LONG, param="max_tokens"),
    "no-max_tokens": _refused_parameter(
        "max_tokens",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "unsupported_parameter",
    ),
    "no-temperature": _refused_parameter(
        "temperature",
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
        "unsupported_value",
    ),
    "slow": lambda body: Reply(body=_score(body).body, pause_s=5.0),
    "stuck": lambda body: Reply(body=_score(body).body, pause_s=3600.0),
}
"""Whatever else may come back, by name."""


def _edited(reply: Reply, **changes: object) -> Reply:
    return Reply(body=json.dumps(json.loads(reply.body) | changes).encode())


def _cut(reply: Reply) -> Reply:
    return Reply(body=reply.body[:-40], announced_bytes=len(reply.body))


Step = str | Reply | None
"""The name of a reply or a fault, or the reply itself; ``None`` is the server's usual reply."""
Script = Sequence[Step] | Callable[[int, Body], Step]
"""What happens to the n-th request, counted from 0; after the end of a list all is usual."""


class JudgeServer:
    """The server; as a context manager it runs in a thread of its own.

    Args:
        reply: How it judges usually, a name of :data:`REPLIES` or :data:`FAULTS`, or a function.
        script: What happens instead, request by request.
        latency_s: Seconds before each answer to a chat.
        models: The names that it lists, or the HTTP status with which it refuses to list any.
        key: If given, another one is answered with 401.
        port: On 127.0.0.1; 0 takes a free one.
        log: If given, a file that gets a line of JSON for each chat that is answered.
    """

    def __init__(
        self,
        *,
        reply: str | Callable[[Body], Reply] = "score",
        script: Script = (),
        latency_s: float = 0.0,
        models: Sequence[str] | int = ("test-judge",),
        key: str | None = None,
        port: int = 0,
        log: str | Path | None = None,
    ) -> None:
        self.port = port
        self.requests: list[Body] = []
        """Bodies of all chats, in the order of arrival."""
        self.answered: list[Body] = []
        """Bodies of the chats that were answered with status 200 and a whole body."""
        self.authorizations: list[str] = []
        """The header of each chat, empty where it was missing."""
        self.most_at_once = 0
        """So many chats were in flight together at some moment."""
        self.connections = 0
        """So many connections were opened."""
        self._at_once = 0
        self._reply = _named(reply) if isinstance(reply, str) else reply
        self._script = script
        self._latency_s = latency_s
        self._models = models
        self._key = key
        self._log = Path(log) if log is not None else None
        self._connections: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """What clients are given."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self.run()), name="judge-server")
        self._thread.start()
        if not self._ready.wait(timeout=10):
            raise RuntimeError("the judge server does not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self.stop)
        self._thread.join()

    def stop(self) -> None:
        """Let :meth:`run` end; to be called in its event loop."""
        assert self._stop is not None
        self._stop.set()

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until :meth:`stop`; *on_ready* is called when the port is open."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        # asyncio sets TCP_NODELAY itself, so that no answer waits for an acknowledgement.
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        on_ready()
        self._ready.set()
        await self._stop.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.connections += 1
        try:
            while (request := await _read_request(reader)) is not None:
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
                try:
                    goes_on = await self._answer(writer, *request)
                finally:
                    self._at_once -= 1
                if not goes_on:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the server stops: asyncio's streams want no task that ends cancelled
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(
        self, writer: asyncio.StreamWriter, target: str, headers: Mapping[str, str], content: bytes
    ) -> bool:
        """Answer one request; says whether the connection stays open."""
        reply = await self.respond(target, headers, content)
        if reply.reset:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
            writer.transport.abort()
            return False
        writer.write(reply.encoded())
        await writer.drain()
        return reply.announced_bytes is None

    async def respond(self, target: str, headers: Mapping[str, str], content: bytes) -> Reply:
        """The reply to one request: *target* is its method and path, header names are in lower case."""
        if target.startswith("POST ") and target.endswith("/chat/completions"):
            body = json.loads(content)
            number, reply = self._chat(headers, body)
            await asyncio.sleep(self._latency_s + reply.pause_s)
            if reply.is_whole_answer:
                self._note_answered(number, body)
            return reply
        if target.startswith("GET ") and target.endswith("/models"):
            return self._listed(headers)
        return error_reply(404, f"no such address: {target}")

    def _chat(self, headers: Mapping[str, str], body: Body) -> tuple[int, Reply]:
        number = len(self.requests)
        self.requests.append(body)
        self.authorizations.append(headers.get("authorization", ""))
        return number, FAULTS["401"](body) if self._refuses(headers) else self._scripted(number, body)

    def _scripted(self, number: int, body: Body) -> Reply:
        if callable(self._script):
            step = self._script(number, body)
        else:
            step = self._script[number] if number < len(self._script) else None
        if isinstance(step, Reply):
            return step
        return self._reply(body) if step is None else _named(step)(body)

    def _listed(self, headers: Mapping[str, str]) -> Reply:
        if self._refuses(headers):
            return error_reply(401, "Incorrect API key provided.", code="invalid_api_key")
        if isinstance(self._models, int):
            return error_reply(self._models, "no list of models")
        rows = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in self._models]
        return Reply(body=json.dumps({"object": "list", "data": rows}).encode())

    def _refuses(self, headers: Mapping[str, str]) -> bool:
        return self._key is not None and headers.get("authorization") != f"Bearer {self._key}"

    def _note_answered(self, number: int, body: Body) -> None:
        # Before the answer is sent, so that a client that has it never finds the line missing.
        self.answered.append(body)
        if self._log is None:
            return
        line = {"n": number, "model": body["model"], "messages_sha256": messages_sha256(body["messages"])}
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _named(name: str) -> Callable[[Body], Reply]:
    return REPLIES[name] if name in REPLIES else FAULTS[name]


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes] | None:
    """Method with path, headers in lower case, body; ``None`` where the client has closed the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    request_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return request_line.rpartition(" ")[0], headers, body


@contextmanager
def closed_port() -> Iterator[int]:
    """A port at which nobody listens, reserved as long as it is used."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


async def _run_program(server: JudgeServer, port_file: Path | None) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.stop)

    def on_ready() -> None:
        if port_file is not None:
            # Written beside and renamed: whoever waits for the file never reads half a number.
            beside = port_file.with_name(port_file.name + ".new")
            beside.write_text(f"{server.port}\n", encoding="utf-8")
            beside.replace(port_file)

    await server.run(on_ready)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="a chat server on 127.0.0.1 that plays the judge")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="gets the number of the port when it is open")
    parser.add_argument("--log", type=Path, help="gets a line of JSON for each chat that is answered")
    parser.add_argument("--latency-s", type=float, default=0.0, help="before each answer to a chat")
    parser.add_argument("--reply", choices=[*REPLIES, *FAULTS], default="score", help="what it answers")
    parser.add_argument("--script", default="", help="names of replies for the first chats, e.g. 429,500,score")
    parser.add_argument("--models", default="test-judge", help="names that it lists, separated by commas")
    chosen = parser.parse_args()
    script = [name.strip() or None for name in chosen.script.split(",")] if chosen.script else []
    if unknown := [name for name in script if name is not None and name not in {*REPLIES, *FAULTS}]:
        parser.error(f"--script: unknown replies {', '.join(unknown)}")
    server = JudgeServer(
        reply=chosen.reply,
        script=script,
        latency_s=chosen.latency_s,
        models=chosen.models.split(","),
        port=chosen.port,
        log=chosen.log,
    )
    asyncio.run(_run_program(server, chosen.port_file))


if __name__ == "__main__":
    main()
