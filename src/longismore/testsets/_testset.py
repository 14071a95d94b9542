"""What every test set offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from longismore.records import Example

__all__ = ["TestSet"]


class TestSet(Protocol):
    """Instructions with stable ids.

    A test set is a value: two calls of :meth:`load` give the same examples in the same order.
    """

    @property
    def name(self) -> str:
        """Name of its module, e.g. ``"koala"``."""

    @property
    def version(self) -> int:
        """Goes up when the examples, or how they are joined, change."""

    @property
    def size(self) -> int:
        """Number of examples."""

    @property
    def sha256(self) -> str:
        """Checksum of the file of instructions."""

    @property
    def licence(self) -> str:
        """What is known of the licence of the instructions."""

    @property
    def source(self) -> str:
        """Where the set comes from: paper and public address."""

    def load(self, folder: Path | None = None) -> list[Example]:
        """All examples in the set's own order.

        Args:
            folder: Read the published file from here and fetch nothing; the checksum still holds.

        Raises:
            DataError: The file is neither at hand nor can be fetched.
            ChecksumError: The file is not the published one.
        """

    def is_at_hand(self, folder: Path | None = None) -> bool:
        """Whether :meth:`load` would work without the network."""


# The name is the field's word for it; pytest must not take the class for tests.
TestSet.__test__ = False  # type: ignore[attr-defined]
