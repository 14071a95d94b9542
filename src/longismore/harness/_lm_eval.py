"""What is done to lm_eval when it is imported: its task folder, its models, its pooled metrics, its messages.

Every patch is idempotent and small, and none is needed by an lm_eval that discovers plug-ins by entry point
(`discover_plugin_task_paths`, on its way upstream): there the task folder is not added a second time.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
import weakref
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.errors import CompatError
from longismore.harness import TASKS_FOLDER
from longismore.harness._our_errors import explain_our_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

__all__ = [
    "forget_tracker",
    "latest_tracker",
    "models_imported",
    "only_our_tasks",
    "tasks_imported",
    "tracker_imported",
]

_OLDEST, _NEWEST = (0, 4, 12), (0, 5)
_MARK = "_longismore"
_only_ours: ContextVar[bool] = ContextVar("only_ours", default=False)
_tracker: weakref.ref[Any] | None = None


def check_version() -> None:
    """Refuse an lm_eval that these patches were not tried on.

    Raises:
        CompatError: Names the version found, those supported, and what to do.
    """
    found = version("lm_eval")
    # The leading numbers only: 0.4.14rc1 is supported as 0.4.14 is.
    numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:3])
    if not _OLDEST <= numbers < _NEWEST:
        raise CompatError(
            f'lm_eval {found} is not supported, 0.4.12 up to, not including, 0.5 is: pip install "lm-eval>=0.4.12,<0.5"'
        )


def tasks_imported(module: ModuleType) -> None:
    """``lm_eval.tasks`` is there: let its TaskManager see our folder and aggregate our groups rightly."""
    check_version()
    manager = module.TaskManager
    _check_manager(manager)
    _wrap(manager, "__init__", _with_our_folder)
    _wrap(manager, "load", _with_pooled_groups)
    if _is_command():
        explain_our_errors()


def _check_manager(manager: type) -> None:
    """Refuse a TaskManager that one of the two patches does not fit, before any is applied."""
    missing = {"include_path", "include_defaults"} - set(inspect.signature(manager).parameters)
    if missing or not hasattr(manager, "load"):
        lacks = ", ".join(sorted(missing)) or "load()"
        raise CompatError(
            f"the TaskManager of lm_eval {version('lm_eval')} has no {lacks}: use --include_path {TASKS_FOLDER}, "
            'or pip install "lm-eval>=0.4.12,<0.5"'
        )


def models_imported(module: ModuleType) -> None:  # noqa: ARG001  the registry is elsewhere
    """``lm_eval.models`` is there, with its own models registered: add ``longismore_outputs``."""
    check_version()
    from lm_eval.api.registry import model_registry

    if "longismore_outputs" not in model_registry:
        model_registry.register("longismore_outputs", target="longismore.harness._outputs_model:OutputsLM")


def tracker_imported(module: ModuleType) -> None:
    """lm_eval's EvaluationTracker is there: remember the latest, it knows the output folder and the model's name."""
    _wrap(module.EvaluationTracker, "__init__", _remembered)


def latest_tracker() -> Any | None:
    """The EvaluationTracker of the running evaluation, if there is one."""
    return None if _tracker is None else _tracker()


def forget_tracker() -> None:
    """The evaluation is over: the next one in this process may have no tracker, and must not use this one."""
    global _tracker  # noqa: PLW0603  the host has no place to hand it over
    _tracker = None


@contextmanager
def only_our_tasks() -> Iterator[None]:
    """Within this context a new TaskManager knows our tasks alone: no scan of lm_eval's 14,000 files."""
    token = _only_ours.set(True)
    try:
        yield
    finally:
        _only_ours.reset(token)


def _wrap(owner: type, name: str, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace a method by its wrapped self, once, however often the module is reloaded."""
    original = getattr(owner, name)
    if not hasattr(original, _MARK):
        wrapped = functools.wraps(original)(wrapper(original))
        setattr(wrapped, _MARK, True)
        setattr(owner, name, wrapped)


def _with_our_folder(original: Callable[..., None]) -> Callable[..., None]:
    signature = inspect.signature(original)

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        arguments = bound.arguments
        if _only_ours.get():
            arguments["include_defaults"] = False
        finds_us = hasattr(sys.modules.get(type(self).__module__), "discover_plugin_task_paths")
        if _only_ours.get() or (arguments.get("include_defaults", True) and not finds_us):
            given = arguments.get("include_path") or []
            # Ours first: of two tasks with one name lm_eval keeps the later, so the user's folder wins.
            arguments["include_path"] = [TASKS_FOLDER, *([given] if isinstance(given, str | Path) else given)]
        original(*bound.args, **bound.kwargs)

    return init


def _with_pooled_groups(original: Callable[..., Any]) -> Callable[..., Any]:
    def load(self: Any, *args: Any, **kwargs: Any) -> Any:
        loaded = original(self, *args, **kwargs)
        # No task of ours was made where this module was not imported by a task file.
        task = sys.modules.get("longismore.harness._pairwise_task")
        if task is not None and isinstance(loaded, dict):
            for group in loaded.get("groups", {}).values():
                task.pool_group(group)
        return loaded

    return load


def _remembered(original: Callable[..., None]) -> Callable[..., None]:
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        global _tracker  # noqa: PLW0603  the host has no place to hand it over
        original(self, *args, **kwargs)
        _tracker = weakref.ref(self)

    return init


def _is_command() -> bool:
    """Whether this process is lm_eval's own command: ``lm_eval``, ``python -m lm_eval``, accelerate's."""
    program = Path(sys.argv[0]) if sys.argv else Path()
    return program.stem in {"lm_eval", "lm-eval"} or (program.stem, program.parent.name) == ("__main__", "lm_eval")
