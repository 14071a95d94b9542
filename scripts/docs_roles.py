"""Docstrings are written for the terminal and for editors; here they become what Markdown calls code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from griffe import Extension

if TYPE_CHECKING:
    from collections.abc import Iterator

    from griffe import Class, Module, Object

__all__ = ["Roles"]

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc|obj):`[~!]?([^`]+)`")
_LITERAL_NEXT = re.compile(r"::(?=\n\n +)")


class Roles(Extension):
    """Takes ``:class:`Name``` for ``Name``, two colons before an indented block for one, and no field twice."""

    def on_object(self, *, obj: Object, **_more: Any) -> None:
        """Change the docstring of one object."""
        if obj.docstring is not None:
            text = _ROLE.sub(r"`\1`", obj.docstring.value)
            obj.docstring.value = _LITERAL_NEXT.sub(":", text)

    def on_package(self, *, pkg: Module, **_more: Any) -> None:
        """Leave out the fields of dataclasses that say nothing: the signature has their names and types already."""
        for cls in _classes(pkg):
            if "dataclass" in cls.labels:
                for name in [name for name, each in cls.members.items() if each.is_attribute and not each.docstring]:
                    del cls.members[name]


def _classes(found: Module | Class) -> Iterator[Class]:
    """All below a module or a class; what is only imported there stands where it is from."""
    for each in found.members.values():
        if each.is_alias:
            continue
        if each.is_class:
            yield each
        if each.is_class or each.is_module:
            yield from _classes(each)
