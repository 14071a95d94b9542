"""What is done to alpaca_eval when it is imported: its ``evaluate`` knows judges of ours, its metrics ours.

Nothing else of it is touched, and a call that names neither a judge nor the metric of ours goes through unchanged.
What differs then, and why, stands in ``docs/alpaca_eval.md``.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore._annotator_names import is_ours
from longismore._optional import require
from longismore.errors import CompatError
from longismore.harness._alpaca_import import alpaca_module
from longismore.harness._our_errors import explain_our_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

__all__ = ["main_imported", "register", "run_alpaca_eval"]

_MARK = "_longismore"
_METRIC = "longismore_lc_winrate"
_NEEDED = {
    "Annotator", "annotators_config", "fn_metric", "is_recompute_metrics_only", "metric_kwargs", "model_outputs",
    "name", "output_path", "precomputed_leaderboard", "reference_outputs", "sort_by",
}  # fmt: skip
_STRINGS = ("fn_metric", "sort_by")
"""Arguments whose default is another one for our judges, so that it matters whether they were given."""


def register() -> None:
    """Let alpaca_eval know our judges and our metric, whether or not the interpreter's start-up hook has run.

    Raises:
        UsageError: alpaca_eval is not installed, or cannot be imported.
        CompatError: It is a version that this does not fit.
    """
    main_imported(_imported())


def run_alpaca_eval(arguments: Sequence[str]) -> None:
    """Do what ``alpaca_eval ARGUMENTS`` does, hooked whether or not the interpreter's start-up hook has run."""
    sys.argv = ["alpaca_eval", *(arguments or ["--help"])]
    module = _imported()
    main_imported(module)
    module.main()


def _imported() -> ModuleType:
    """``alpaca_eval.main``, imported as its users do: with its ``.env`` file and its level of messages."""
    try:
        require("alpaca_eval", extra="alpaca")
        return importlib.import_module("alpaca_eval.main")
    except ImportError:
        return alpaca_module("main")  # says what is wrong


def main_imported(module: ModuleType) -> None:
    """``alpaca_eval.main`` is there: let its commands find our judges, and its metrics ours."""
    original = module.evaluate
    if not hasattr(original, _MARK):
        wrapped = _with_our_judges(original)
        module.evaluate = module.ALL_FUNCTIONS["evaluate"] = wrapped  # type: ignore[attr-defined]
        package = sys.modules[module.__name__.rpartition(".")[0]]
        if getattr(package, "evaluate", None) is original:  # imported before, and registered by hand
            package.evaluate = wrapped  # type: ignore[attr-defined]
    module.metrics.longismore_lc_winrate = _metric
    if Path(sys.argv[0] if sys.argv else "").stem in {"alpaca_eval", "alpaca-eval"}:
        explain_our_errors()


def _metric(annotations: Any, **settings: Any) -> dict[str, Any]:
    """See `longismore.harness._alpaca_metric`, which alpaca_eval alone does not load."""
    from longismore.harness._alpaca_metric import longismore_lc_winrate

    return longismore_lc_winrate(annotations, **settings)


_metric.__name__ = _METRIC


class _Unsaid(str):
    """A default of alpaca_eval's: fire hands it over like a value that was typed, and only its identity differs."""

    __slots__ = ()


def _with_our_judges(original: Callable[..., Any]) -> Callable[..., Any]:
    theirs = inspect.signature(original)
    if missing := sorted(_NEEDED - set(theirs.parameters)):
        raise CompatError(
            f"the function evaluate of this alpaca_eval has no {', '.join(missing)}; "
            'alpaca_eval 0.6.6 has: pip install "longismore[alpaca]"'
        )
    defaults = {
        name: _Unsaid(parameter.default) if name in _STRINGS else parameter.default
        for name, parameter in theirs.parameters.items()
    }
    signature = theirs.replace(
        parameters=[each.replace(default=defaults[name]) for name, each in theirs.parameters.items()]
    )

    @functools.wraps(original)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        for name in [name for name, value in bound.arguments.items() if value is defaults[name]]:
            del bound.arguments[name]
        metric = bound.arguments.get("fn_metric")
        names_our_metric = metric == _METRIC or getattr(metric, "__name__", "") == _METRIC
        if is_ours(bound.arguments.get("annotators_config")) or names_our_metric:
            from longismore.harness._alpaca_evaluate import settle  # only now is it wanted

            _print_our_messages_safely()
            settle(bound.arguments, defaults)
        return original(*bound.args, **bound.kwargs)

    evaluate.__signature__ = signature  # type: ignore[attr-defined]
    setattr(evaluate, _MARK, True)
    return evaluate


class _Printable(logging.Filter):
    """Names and answers in a message of ours do nothing to the terminal."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Make the text of a message of ours harmless; let every message pass."""
        if record.name.partition(".")[0] == "longismore":
            from longismore.reports import printable

            record.msg, record.args = printable(record.getMessage()).replace("\n", "\n  "), None
        return True


def _print_our_messages_safely() -> None:
    logging.basicConfig()  # as alpaca_eval does with its first message
    ours = logging.getLogger("longismore")
    ours.setLevel(ours.level or logging.INFO)
    for handler in logging.getLogger().handlers:
        if not any(isinstance(each, _Printable) for each in handler.filters):
            handler.addFilter(_Printable())
