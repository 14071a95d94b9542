"""A store for judges that are paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
