"""Import a package of an extra, or say which extra brings it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from longismore.errors import MissingDependencyError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["require"]


def require(package: str, *, extra: str) -> ModuleType:
    """Import *package*.

    Args:
        package: Import name, dots allowed.
        extra: The extra of longismore that installs it.

    Raises:
        MissingDependencyError: The package is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        # A module that is missing *inside* the package is not healed by the extra: let it speak for itself.
        if error.name and package.partition(".")[0] != error.name.partition(".")[0]:
            raise
        raise MissingDependencyError(package, extra) from error
