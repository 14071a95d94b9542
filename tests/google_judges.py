"""Judges ``google/test-judge`` at a loopback server, for tests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gemini_server import GeminiServer
from longismore.errors import JudgeError
from longismore.judges import JudgeOptions, make_judge
from longismore.judges.google import GoogleClient

if TYPE_CHECKING:
    from judge_server import Reply
    from longismore.judges import ChatJudge, Completion
    from longismore.records import Judgment, Pair
    from longismore.store import Store

__all__ = [
    "CHAT",
    "KEY",
    "ask",
    "client_for",
    "error_from",
    "judge_for",
    "judged",
    "options_for",
]

KEY = "AIza-test-0123456789abcdef"
CHAT = [{"role": "system", "content": "Be just."}, {"role": "user", "content": "Which is better?"}]


def options_for(server: GeminiServer | str | None, **changes: Any) -> JudgeOptions:
    """Options for a server, with the key in the environment."""
    base_url = server.base_url if isinstance(server, GeminiServer) else server
    values: dict[str, Any] = {"base_url": base_url, "environ": {"GOOGLE_API_KEY": KEY}, "max_tokens": 60}
    return JudgeOptions(**(values | changes))


def client_for(server: GeminiServer | str | None, model: str = "test-judge", **changes: Any) -> GoogleClient:
    """The client of a server."""
    return GoogleClient(model=model, options=options_for(server, **changes))


def judge_for(server: GeminiServer | str | None, **changes: Any) -> ChatJudge:
    """The judge ``google/test-judge`` at a server."""
    judge: Any = make_judge("google/test-judge", options_for(server, **changes))
    return judge  # type: ignore[no-any-return]


def judged(judge: ChatJudge, pairs: list[Pair], store: Store) -> list[Judgment]:
    """All judgments, in the order in which they came."""
    made: list[Judgment] = []
    judge.judge(pairs, store=store, on_judgment=made.append)
    return made


def ask(client: GoogleClient) -> Completion:
    """One call, straight to the client."""

    async def once() -> Completion:
        try:
            return await client.complete(CHAT)
        finally:
            await client.close()

    return asyncio.run(once())


def error_from(reply: str | Reply, **changes: Any) -> JudgeError:
    """What the client makes of a fault."""
    script = [reply]
    with GeminiServer(script=script) as server, pytest.raises(JudgeError) as caught:
        ask(client_for(server, **changes))
    assert len(server.requests) == 1, "the SDK must not repeat by itself"
    return caught.value
