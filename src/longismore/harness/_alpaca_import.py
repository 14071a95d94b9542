"""Import alpaca_eval for what it knows, without what else its import does.

Importing it reads a ``.env`` file into the environment, sets the level of the root logger, and needs
``pkg_resources``, which setuptools 82 no longer has. Its parsers write to the root logger, and the first message
there installs a handler that prints. Here all of that is undone; what alpaca_eval itself took from the environment
stays its own.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from longismore._optional import require
from longismore.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

__all__ = ["alpaca_module", "quiet_host"]

_EXTRA = "alpaca"


def alpaca_module(name: str = "") -> ModuleType:
    """A module of alpaca_eval, e.g. ``"utils"``; without a name, the package.

    Raises:
        MissingDependencyError: alpaca_eval is not installed.
        UsageError: It is installed, but cannot be imported.
    """
    package = f"alpaca_eval.{name}" if name else "alpaca_eval"
    if package in sys.modules:
        return sys.modules[package]
    try:
        with _process_kept(), quiet_host():
            require("alpaca_eval", extra=_EXTRA)
            return importlib.import_module(package)
    except ImportError as error:
        if getattr(error, "name", None) == "pkg_resources":
            raise UsageError(
                "alpaca_eval needs the module pkg_resources, which setuptools 82 no longer has; "
                f'do: pip install "setuptools<82", or pip install "longismore[{_EXTRA}]"'
            ) from error
        raise UsageError(
            f'alpaca_eval cannot be imported: {error}; do: pip install "longismore[{_EXTRA}]", '
            "whose versions are known to work together"
        ) from error


@contextmanager
def quiet_host() -> Iterator[None]:
    """What alpaca_eval writes to the root logger is dropped, and so are warnings."""
    root = logging.getLogger()
    hush, silent = _NotFromHost(), logging.NullHandler()
    root.addFilter(hush)
    root.addHandler(silent)  # while there is a handler, logging.error() installs none of its own
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeFilter(hush)
        root.removeHandler(silent)


class _NotFromHost(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return "alpaca_eval" not in Path(record.pathname).parts


@contextmanager
def _process_kept() -> Iterator[None]:
    """Leave the environment and the root logger as they were."""
    root, before = logging.getLogger(), dict(os.environ)
    level, handlers = root.level, root.handlers[:]
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
