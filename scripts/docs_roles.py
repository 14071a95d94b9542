"""Docstrings are written for the terminal and for editors; here they become what Markdown calls code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from griffe import Extension

if TYPE_CHECKING:
    from griffe import Object

__all__ = ["Roles"]

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc|obj):`[~!]?([^`]+)`")
_LITERAL_NEXT = re.compile(r"::(?=\n\n +)")


class Roles(Extension):
    """Takes ``:class:`Name``` for ``Name``, and two colons before an indented block for one."""

    def on_object(self, *, obj: Object, **_more: Any) -> None:
        """Change the docstring of one object."""
        if obj.docstring is not None:
            text = _ROLE.sub(r"`\1`", obj.docstring.value)
            obj.docstring.value = _LITERAL_NEXT.sub(":", text)
