"""Components by name: a module without underscore in a room *is* a component, other packages add theirs.

``names()`` lists files and entry points without importing any of them; ``get(name)`` imports one. A built-in
wins over a plug-in of the same name, with a warning that names the package.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from longismore.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Named", "Registry"]


class Named(Protocol):
    """What every component has: the name of its module."""

    @property
    def name(self) -> str:
        """The name under which users ask for it."""


T = TypeVar("T")


class Registry(Generic[T]):
    """The components of one kind.

    Args:
        kind: What they are, for messages, e.g. ``"test set"``.
        package: The package whose modules they are, e.g. ``"longismore.testsets"``.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._loaded: dict[str, T] = {}

    @property
    def entry_point_group(self) -> str:
        """The entry-point group in which other packages declare components: the package's own name."""
        return self.package

    def register(self, name: str, component: T) -> T:
        """Take *component* in under *name*; called once at the end of its module."""
        self._loaded[name] = component
        return component

    def names(self) -> list[str]:
        """Every known name, sorted; nothing is imported."""
        return sorted({*self._files(), *self._plugins(), *self._loaded})

    def get(self, name: str) -> T:
        """The component of that name; its module is imported now.

        Raises:
            UnknownNameError: There is none.
            ConfigError: A plug-in has declared it, but fails to load.
        """
        if name in self._loaded:
            return self._loaded[name]
        plugins = self._plugins()
        if name in self._files():
            if name in plugins:
                _warn_shadowed(self.kind, name, plugins[name])
            importlib.import_module(f"{self.package}.{name}")
            return self._loaded[name]
        if name in plugins:
            return self.register(name, self._load(plugins[name]))
        raise UnknownNameError(self.kind, name, self.names())

    def _files(self) -> list[str]:
        paths = importlib.import_module(self.package).__path__
        return [module.name for module in pkgutil.iter_modules(paths) if module.name[0] != "_"]

    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.entry_point_group)}

    def _load(self, point: EntryPoint) -> T:
        try:
            component: T = point.load()
        except Exception as error:  # a plug-in may raise anything; it is named, not hidden
            package = point.dist.name if point.dist else point.value
            raise ConfigError(
                f'the {self.kind} "{point.name}" of the package {package} fails to load: {error!r}'
            ) from error
        return component


def _warn_shadowed(kind: str, name: str, point: EntryPoint) -> None:
    package = point.dist.name if point.dist else point.value
    warnings.warn(
        f'the {kind} "{name}" of the package {package} is hidden by the built-in of that name',
        stacklevel=3,
    )
