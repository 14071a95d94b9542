"""A store, and answers to put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store(tmp_path / "store.sqlite") as store:
        yield store


@pytest.fixture
def put() -> Callable[..., None]:
    """Keep one answer; what is not given is the same for all."""

    def put(
        store: Store,
        key: str,
        *,
        judge: str = "openai/test",
        fingerprint: str = "f" * 64,
        created: str = "2025-01-02T03:04:05+00:00",
        **fields: Any,
    ) -> None:
        record = {"text": "8 7", "refused": False, "input_tokens": 100, "output_tokens": 20, "cost_usd": 0.5,
                  "latency_s": 1.25, "created": created}  # fmt: skip
        store.put(key, judge=judge, fingerprint=fingerprint, created=created, record=record | fields)

    return put
