"""In the command of a host, our errors are read by people: one message, no traceback."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from longismore.errors import LongismoreError, UsageError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["explain_our_errors"]

_MARK = "_longismore"


def explain_our_errors() -> None:
    """End with exit code 2 where the user can heal it, with 1 otherwise; the errors of others stay theirs."""
    original = sys.excepthook
    if hasattr(original, _MARK):
        return

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        from longismore.harness._host_data import explained  # only needed where something is wrong

        ours = error if isinstance(error, LongismoreError) else explained(error, sys.argv[1:])
        if ours is None:
            original(kind, error, trace)
            return
        from longismore.reports import printable

        sys.stderr.write(f"longismore: error: {printable(ours)}\n")
        raise SystemExit(2 if isinstance(ours, UsageError) else 1)

    setattr(hook, _MARK, True)
    sys.excepthook = hook
