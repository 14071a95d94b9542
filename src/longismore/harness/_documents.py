"""An example as a document of lm_eval, and back."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from longismore.records import Example

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["document_of", "example_of"]

_FIELDS = tuple(entry.name for entry in fields(Example))


def document_of(example: Example) -> dict[str, str]:
    """The document that lm_eval hands around, and writes into its samples."""
    return asdict(example)


def example_of(document: Mapping[str, Any]) -> Example:
    """The example that a document was made of; what others added to it is passed over."""
    return Example(**{name: document[name] for name in _FIELDS})
