"""Which model lm_eval is evaluating: it hands tasks the arguments of a model at most, and never the model itself."""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["EVALUATED", "evaluator_imported"]

EVALUATED: ContextVar[Any] = ContextVar("evaluated", default=None)
"""The model, while it is being evaluated; ``None`` where the hook did not run."""

_MARK = "_longismore"


def evaluator_imported(module: ModuleType) -> None:
    """``lm_eval.evaluator`` is there: let tasks know which model is being evaluated."""
    original = module.evaluate
    if hasattr(original, _MARK):
        return

    @functools.wraps(original)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        token = EVALUATED.set(kwargs.get("lm", args[0] if args else None))
        try:
            return original(*args, **kwargs)
        finally:
            EVALUATED.reset(token)

    setattr(evaluate, _MARK, True)
    module.evaluate = evaluate  # type: ignore[attr-defined]
