"""What every result can do: a table in a terminal, HTML with a picture in a notebook, and data for programs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from io import StringIO
from typing import TYPE_CHECKING, Any

from longismore.api._fragment import fragment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

__all__ = ["Shown", "as_text"]

_WIDTH = 100
"""Of a result as text, in characters."""


class Shown(ABC):
    """A result that shows itself: ``print`` and ``rich`` give the command's table, a notebook HTML."""

    __slots__ = ()

    @abstractmethod
    def headline(self) -> str:
        """Say in one printable line what came out."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON knows it."""

    @abstractmethod
    def __rich__(self) -> RenderableType: ...

    @abstractmethod
    def _html(self) -> Sequence[str]:
        """Give the parts of the HTML; every text from outside is escaped in them."""

    def _repr_html_(self) -> str:
        """Give what a notebook shows."""
        return fragment(self._html())

    def __str__(self) -> str:
        return as_text(self.__rich__())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.headline()}>"


def as_text(shown: RenderableType) -> str:
    """Give as plain text what a terminal would show."""
    from rich.console import Console

    text = StringIO()
    console = Console(
        file=text, width=_WIDTH, color_system=None, force_terminal=False, force_jupyter=False, highlight=False
    )
    console.print(shown)
    return "\n".join(line.rstrip() for line in text.getvalue().rstrip().split("\n"))
