"""What the tests of judges share."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest

from longismore.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store(tmp_path / "store.sqlite") as store:
        yield store


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the engine makes before it tries again; they take no time."""
    from longismore.judges import _ask

    made: list[float] = []
    pause_s = _ask._pause_s

    def recorded(*arguments: Any) -> float | None:
        pause = pause_s(*arguments)
        if pause is not None:
            made.append(pause)
        return None if pause is None else 0.0

    monkeypatch.setattr(_ask, "_pause_s", recorded)
    return made


@pytest.fixture
def no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's SDK reads all certificates three times a client, 60 ms in all; on loopback nothing is encrypted."""
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
