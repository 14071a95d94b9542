"""Who is told how far the demonstration has come."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

__all__ = ["Silent", "Teller"]


class Teller(Protocol):
    """What the command line does with it is its own business."""

    def part(self, title: str) -> None:
        """A part begins."""

    def command(self, words: Sequence[str], *, is_example: bool) -> None:
        """The next thing is what this command does, typed in the demonstration's folder; a part has one example."""

    def doing(self, what: str) -> AbstractContextManager[Callable[[int, int, float | None], None]]:
        """Something begins that takes a while; the callable may be told steps done and wanted, and the last loss."""

    def done(self, what: str, *, seconds: float | None) -> None:
        """Something is there; *seconds* is ``None`` where it was before."""


class Silent:
    """Tells nobody."""

    def part(self, title: str) -> None:
        """See :class:`Teller`."""

    def command(self, words: Sequence[str], *, is_example: bool) -> None:
        """See :class:`Teller`."""

    @contextmanager
    def doing(self, what: str) -> Iterator[Callable[[int, int, float | None], None]]:  # noqa: ARG002  of the protocol
        """See :class:`Teller`."""
        yield lambda _step, _steps, _loss: None

    def done(self, what: str, *, seconds: float | None) -> None:
        """See :class:`Teller`."""
