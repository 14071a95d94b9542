"""Ctrl-C: one message, and the exit code that shells give it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import longismore.cli._run_select

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import pytest


def test_ctrl_c_is_told(command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that says nothing about it itself does not end without a word, nor with a traceback."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(longismore.cli._run_select, "run_select", interrupted)
    ended = command("select", "longest", "--data", "pool.json", "--output", "rows.json")
    assert (130, "", "longismore: interrupted\n") == (ended.code, ended.out, ended.err)
