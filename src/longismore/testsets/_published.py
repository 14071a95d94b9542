"""Test sets that are fetched from where they are published, and how rows become examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore._jsonl import read_jsonl
from longismore.errors import SchemaError
from longismore.records import Example
from longismore.testsets._row import Row
from longismore.testsets._source import fetch, is_at_hand

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["PUBLISHED_AT", "PublishedSet", "make_example", "read_examples"]

PUBLISHED_AT = (
    "https://raw.githubusercontent.com/tml-epfl/long-is-more-for-alignment/"
    "5466f17fefef8c41252f92338bd5717af857ae34/data/test"
)
"""The five sets as Long Is More used them, pinned to a commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSet:
    """A test set in a published file of JSON lines."""

    name: str
    version: int = 1
    size: int
    licence: str
    source: str
    filename: str
    sha256: str
    parse: Callable[[Row], Example]
    """Makes one example of one row."""

    @property
    def address(self) -> str:
        """Where the file is published."""
        return f"{PUBLISHED_AT}/{self.filename}"

    def load(self, folder: Path | None = None) -> list[Example]:
        """All examples in the file's order; see :class:`longismore.testsets.TestSet`."""
        path = fetch(self.address, self.sha256, folder=folder)
        return read_examples(path, self.parse, size=self.size)

    def is_at_hand(self, folder: Path | None = None) -> bool:
        """Whether :meth:`load` would work without the network."""
        return is_at_hand(self.address, self.sha256, folder=folder)


def read_examples(path: Path, parse: Callable[[Row], Example], *, size: int) -> list[Example]:
    """Read a file of JSON lines, one example a line.

    Raises:
        SchemaError: A row is not as *parse* expects it, or there are not *size* of them.
    """
    rows = enumerate(read_jsonl(path))
    examples = [parse(Row(fields, f"{path}:{line}", position)) for position, (line, fields) in rows]
    if len(examples) != size:
        raise SchemaError(str(path), f"{size} rows were expected, found {len(examples)}")
    return examples


# The names are those of the fields of an example.
def make_example(testset: str, id: str, instruction: str, *, input: str = "", category: str = "") -> Example:  # noqa: A002
    """Join instruction and input, for the model and for the judge.

    The judge is shown ``instruction Input: input``, as by the published evaluation scripts of AlpaGasus and
    Long Is More.
    """
    return Example(
        id=id,
        testset=testset,
        instruction=instruction,
        input=input,
        prompt=f"{instruction}\n\n{input}" if input else instruction,
        question=f"{instruction} Input: {input}" if input else instruction,
        category=category,
    )
