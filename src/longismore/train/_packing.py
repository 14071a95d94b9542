"""Which rows share a sequence: best fit, the longest rows first.

A row goes to the fullest sequence that it still fits into, or else begins one. The choice is the same among any of the
sequences as among all of them, so that the rows of a few sequences, packed again by themselves, make those sequences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["pack_rows"]


def pack_rows(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Put rows into as few sequences as the rule finds.

    Args:
        lengths: Tokens of each of the n rows; of equally long ones the earlier goes first.
        capacity: Tokens of a sequence.

    Returns:
        The rows of each sequence, by their place in *lengths*.

    Raises:
        ValueError: A row is longer than a sequence, or empty.
    """
    wrong = next((place for place, length in enumerate(lengths) if not 0 < length <= capacity), None)
    if wrong is not None:
        raise ValueError(f"row {wrong} has {lengths[wrong]} tokens; allowed: 1 to {capacity}")
    sequences: list[list[int]] = []
    with_room: list[list[int]] = [[] for _ in range(capacity + 1)]
    rooms = 0  # bit r: there is a sequence with room for exactly r tokens more
    for row in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        length = lengths[row]
        fitting = rooms >> length
        if fitting:
            room = length + (fitting & -fitting).bit_length() - 1
            chosen = with_room[room].pop()
            if not with_room[room]:
                rooms ^= 1 << room
        else:
            room, chosen = capacity, len(sequences)
            sequences.append([])
        sequences[chosen].append(row)
        with_room[room - length].append(chosen)
        rooms |= 1 << (room - length)
    return sequences
