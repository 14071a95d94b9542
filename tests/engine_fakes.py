"""A client that answers at once, and the engine run with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longismore.errors import JudgeServerError, JudgeTimeoutError
from longismore.judges import Completion, Usage
from longismore.judges._budget import Budget
from longismore.judges._calls import Answered, Call
from longismore.judges._run import run_calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.judges import Price
    from longismore.judges._client import Messages
    from longismore.store import Store

__all__ = ["BROKEN", "SERVER", "FakeClient", "calls_of", "real_sleep", "run", "texts"]

SERVER, BROKEN = JudgeServerError("the server failed"), JudgeTimeoutError("no answer")
real_sleep = asyncio.sleep


@dataclass
class FakeClient:
    """Answers each chat with its own text, after the errors that a script has for it."""

    script: dict[str, list[Exception]] = field(default_factory=dict)
    """Errors by text of the chat, one a try; an empty list means that it succeeds."""
    always: Exception | None = None
    asked: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    turns: int = 1
    """How often a call gives way to the others."""
    closed: int = 0
    concurrency: int = 4
    price: Price | None = None
    before: Callable[[str], None] = lambda _: None

    @property
    def settings(self) -> dict[str, object]:
        """Nothing is set."""
        return {}

    def check(self) -> None:
        """Nothing can fail."""

    async def complete(self, messages: Messages) -> Completion:
        """The script's next error for this chat, or the answer."""
        text = messages[0]["content"]
        self.asked.append(text)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            for _ in range(self.turns):
                await real_sleep(0)
            self.before(text)
            if self.always is not None:
                raise self.always
            if self.script.get(text):
                raise self.script[text].pop(0)
        finally:
            self.at_once -= 1
        return Completion(text=text, input_tokens=3, output_tokens=1)

    async def close(self) -> None:
        """Count the calls."""
        self.closed += 1


def calls_of(*texts: str) -> list[Call]:
    """One call a text, with the text as its key."""
    return [Call(text, [{"role": "user", "content": text}]) for text in texts]


def run(
    calls: list[Call],
    client: FakeClient,
    store: Store,
    *,
    concurrency: int = 4,
    retries: int = 6,
    usage: Usage | None = None,
    budget: Budget | None = None,
) -> dict[int, Answered]:
    """Run the engine; every index must be answered once at most."""
    answers: dict[int, Answered] = {}
    client.concurrency = concurrency

    def on_answer(index: int, answered: Answered) -> None:
        assert index not in answers
        answers[index] = answered

    try:
        run_calls(
            calls,
            total=len(calls),
            client=client,
            store=store,
            judge="fake/judge",
            fingerprint="f",
            retries=retries,
            usage=usage or Usage(),
            budget=budget or Budget(cap_usd=None, price=client.price, max_tokens=10),
            on_answer=on_answer,
        )
    except Exception as error:
        error.answers = answers  # type: ignore[attr-defined]
        raise
    return answers


def texts(answers: dict[int, Answered]) -> list[str | None]:
    """The texts of the answers by index, ``None`` where a call failed."""
    return [None if answers[i].completion is None else answers[i].completion.text for i in sorted(answers)]  # type: ignore[union-attr]
