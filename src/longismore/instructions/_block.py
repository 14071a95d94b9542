"""Some consecutive rows of a file, read only as far as they are asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from longismore.instructions._row import Row

__all__ = ["Block", "answers_size"]


class Block(Protocol):
    """Some consecutive rows.

    What is asked of all rows is computed for all at once; texts are decoded only where they are asked for.
    """

    @property
    def start(self) -> int:
        """The number of its first row, over all files, from 0."""

    @property
    def size(self) -> int:
        """How many rows it has."""

    def response_sizes(self) -> NDArray[np.int64]:
        """Bytes of all answers of each row (n,): never less than the characters; 0 exactly where all are blank.

        Raises:
            SchemaError: A row lacks its response, or has something else than text in its place.
        """

    def responses(self, indices: Sequence[int] | None = None) -> list[tuple[str, ...]]:
        """The answers, one a turn, of the rows at these places in the block (from 0), or of all."""

    def keys(self, indices: Sequence[int] | None = None) -> list[str]:
        """The content keys of these rows, without making rows of them."""

    def rows(self, indices: Sequence[int] | None = None) -> list[Row]:
        """These rows, or all.

        Raises:
            SchemaError: A row cannot be used.
        """


def answers_size(answers: Sequence[str]) -> int:
    """Bytes of all answers of a row; 0 where they are blank."""
    if not any(answer.strip() for answer in answers):
        return 0
    return sum(len(answer.encode("utf-8", "surrogatepass")) for answer in answers)
