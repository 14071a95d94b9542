"""The texts of the pairs, each once: many pairs share a prompt, a reference or an answer.

Thousands of pairs and several judges make a page of many megabytes. Where the texts together are more than a page
should hold, all are cut at the same length, and each says how much of it is missing.
"""

from __future__ import annotations

from longismore.reports._escape import printable

__all__ = ["Texts"]

_CAPS = (20_000, 8_000, 4_000, 2_000, 1_000, 500)
"""Characters of one text: a single endless answer must not make the page unreadable."""
_BUDGET = 16_000_000
"""Characters of all texts together."""


class Texts:
    """Texts by number, in the order in which they were first added."""

    def __init__(self, budget: int = _BUDGET) -> None:
        self._numbers: dict[str, int] = {}
        self._budget = budget

    def add(self, text: str | None) -> int | None:
        """Give the number of *text*; ``None`` where there is none."""
        return None if text is None else self._numbers.setdefault(text, len(self._numbers))

    def cap(self) -> int:
        """Give the number of characters at which texts are cut."""
        fitting = (cap for cap in _CAPS if sum(min(len(text), cap) for text in self._numbers) <= self._budget)
        return next(fitting, _CAPS[-1])

    def shown(self, cap: int) -> list[str | list[str | int]]:
        """Give every text as it may be shown; one that is cut with the number of characters that are missing."""
        return [
            printable(text) if len(text) <= cap else [printable(text[:cap]), len(text) - cap] for text in self._numbers
        ]
