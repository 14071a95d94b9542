"""Judges ``openai/test-judge`` at a loopback server, for tests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from longismore.judges import JudgeOptions, make_judge
from longismore.records import Order

if TYPE_CHECKING:
    from judge_server import JudgeServer
    from longismore.judges import ChatJudge
    from longismore.judges.openai import OpenAIClient
    from longismore.records import Judgment, Pair
    from longismore.store import Store

__all__ = ["KEY", "ask", "judge_for", "judged", "options_for"]

KEY = "sk-test-0123456789abcdef"


def options_for(server: JudgeServer | str, **changes: Any) -> JudgeOptions:
    """Options for a server, with the key in the environment."""
    base_url = server if isinstance(server, str) else server.base_url
    values: dict[str, Any] = {"base_url": base_url, "environ": {"OPENAI_API_KEY": KEY}, "concurrency": 2}
    return JudgeOptions(**(values | changes))


def judge_for(server: JudgeServer | str, **changes: Any) -> ChatJudge:
    """The judge ``openai/test-judge`` at a server."""
    judge: Any = make_judge("openai/test-judge", options_for(server, **changes))
    return judge  # type: ignore[no-any-return]


def judged(judge: ChatJudge, pairs: list[Pair], store: Store) -> list[Judgment]:
    """All judgments by pair and order."""
    made: list[Judgment] = []
    judge.judge(pairs, store=store, on_judgment=made.append)
    places = {(pair.id, order): number for number, (pair, order) in enumerate((p, o) for p in pairs for o in Order)}
    return sorted(made, key=lambda one: places[one.id, one.order])


def ask(client: OpenAIClient) -> Any:
    """One call, straight to the client."""

    async def once() -> Any:
        try:
            return await client.complete([{"role": "user", "content": "?"}])
        finally:
            await client.close()

    return asyncio.run(once())
