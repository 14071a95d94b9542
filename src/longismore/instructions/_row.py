"""One row of instruction data, the same whatever file format it came in."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from longismore._optional import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Row", "Turn", "content_key"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user says, and what the assistant answers."""

    instruction: str
    response: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of instruction data."""

    number: int
    """Its place in the data, over all files, from 0."""
    place: str
    """File and line, for messages, e.g. ``pool.jsonl:17``."""
    turns: tuple[Turn, ...]
    """At least one; Alpaca's and Dolly's rows have exactly one."""
    input: str = ""
    """What the first instruction is about: Alpaca's ``input``, Dolly's ``context``."""
    system: str = ""
    """The system message of a conversation."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """The record as it stands in the file, with every further field, e.g. ``id`` or ``score``."""

    @property
    def instruction(self) -> str:
        """What the user says first, without the input."""
        return self.turns[0].instruction

    @property
    def response(self) -> str:
        """The first answer."""
        return self.turns[0].response

    @property
    def is_multi_turn(self) -> bool:
        """Whether the conversation goes on after the first answer."""
        return len(self.turns) > 1

    @cached_property
    def key(self) -> str:
        """Hash of the content (xxh3, 128 bits, 32 hexadecimal digits): the same in every format, file and place."""
        pieces = [self.system, self.input]
        for turn in self.turns:
            pieces += (turn.instruction, turn.response)
        return content_key(pieces)


def content_key(pieces: Sequence[str]) -> str:
    """Hash of a row's content: system message, input, then instruction and response of every turn.

    The lengths are hashed too, so that no text can pass for two.
    """
    data = [piece.encode("utf-8", "surrogatepass") for piece in pieces]
    lengths = struct.pack(f"<{len(data)}Q", *map(len, data))
    digest: str = require("xxhash", extra="select").xxh3_128_hexdigest(lengths + b"".join(data))
    return digest
