"""Judge a few chats by batches at a server of the tests, and die at a given moment; a program of its own.

python tests/batch_program.py anthropic http://127.0.0.1:PORT/v1 store.sqlite handed-in
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from longismore.judges import Completion, JudgeOptions, Price, Usage
from longismore.judges._batch import run_batches
from longismore.judges._calls import Call
from longismore.judges._chat import key_of
from longismore.judges._openai_batches import OpenAIBatches
from longismore.judges._openai_chat import completion_of
from longismore.judges.anthropic import AnthropicClient
from longismore.judges.openai import OpenAIClient
from longismore.store import BatchNote, Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longismore.errors import JudgeError
    from longismore.judges import BatchClient, BatchState
    from longismore.judges._client import Messages

__all__ = ["FINGERPRINT", "KEY", "MOMENTS", "PRICE", "calls_of", "client_for", "collected", "note_for"]

KEY = "sk-test-0123456789abcdef"
FINGERPRINT = "f" * 64
PRICE = Price(input=100.0, output=1000.0, source="tests")
MOMENTS = ("noted", "handed-in", "named", "reading")
"""A note is written, the batch is handed in, its name is noted, and two results are read."""


def calls_of(number: int) -> list[Call]:
    """So many different chats."""
    chats = [[{"role": "user", "content": f"Chat {each}: which one?"}] for each in range(number)]
    return [Call(key_of(FINGERPRINT, messages), messages) for messages in chats]


def client_for(provider: str, base_url: str, **changes: Any) -> BatchClient:
    """The real client of a provider's batches."""
    environ = {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY}
    options = JudgeOptions(
        **({"base_url": base_url, "environ": environ, "max_tokens": 50, "timeout_s": 10.0} | changes)
    )
    if provider == "anthropic":
        batches = AnthropicClient(model="test-judge", options=options).batches()
        assert batches is not None
        return batches
    chat = OpenAIClient(model="test-judge", options=options)
    return OpenAIBatches(
        model=chat.model,
        body_of=chat.body_of,
        completion_of=completion_of,
        api_key=chat.api_key,
        base_url=chat.base_url,
        timeout_s=options.timeout_s,
        drops=chat._drop_refused,
    )


def collected(client: BatchClient, store: Store, calls: Sequence[Call], **changes: Any) -> list[Completion | None]:
    """What became of each call, in their order; pauses take no time."""
    found: dict[int, Completion | None] = {}
    values: dict[str, Any] = {
        "price": PRICE,
        "judge": "tests/test-judge",
        "usage": Usage(),
        "poll_s": 30.0,
        "retries": 2,
    }
    run_batches(
        calls,
        client=client,
        store=store,
        fingerprint=FINGERPRINT,
        on_answer=lambda index, answered: found.setdefault(index, answered.completion),
        **({"sleep": lambda _: None} | values | changes),
    )
    return [found[index] for index in range(len(calls))]


def note_for(calls: list[Call], **changes: Any) -> BatchNote:
    """A note as a run that died has left it."""
    values: dict[str, Any] = {
        "label": "label",
        "provider": "tests",
        "fingerprint": FINGERPRINT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "keys": tuple(call.key for call in calls),
        "batch": None,
        "state": "submitting",
    }
    return BatchNote(**(values | changes))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Dying:
    """A client whose process does not survive a moment."""

    def __init__(self, client: BatchClient, moment: str) -> None:
        self._client, self._moment = client, moment
        self.discount, self.most_requests, self.most_bytes = client.discount, client.most_requests, client.most_bytes

    def submit(self, requests: Sequence[tuple[str, Messages]], *, label: str) -> str:
        if self._moment == "noted":
            _die()
        batch = self._client.submit(requests, label=label)
        if self._moment == "handed-in":
            _die()
        return batch

    def find(self, *, label: str, size: int, since: str) -> list[str]:
        return self._client.find(label=label, size=size, since=since)

    def state(self, batch: str) -> BatchState:
        if self._moment == "named":
            _die()
        return self._client.state(batch)

    def results(self, batch: str) -> Iterator[tuple[str, Completion | JudgeError]]:
        for number, result in enumerate(self._client.results(batch)):
            if self._moment == "reading" and number == 2:
                _die()
            yield result


def main() -> None:
    """Run to the end, or to the moment."""
    provider, base_url, path, moment = sys.argv[1:]
    with Store(path) as store:
        collected(_Dying(client_for(provider, base_url), moment), store, calls_of(5))


if __name__ == "__main__":
    main()
