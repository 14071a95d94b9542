"""Read the report page as a browser would: its elements, its texts, and the data that its script is given."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

__all__ = ["Page"]

_VOID = frozenset({"meta", "input"})


class Page(HTMLParser):
    """The elements of a page; every one closes, in order, and there is no comment or declaration inside.

    Args:
        page: The HTML.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.html = page
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        """Each with the names of its attributes."""
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        """Each with the innermost element that it stands in."""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert [] == self._open

    @property
    def data(self) -> dict[str, Any]:
        """What the script is given."""
        return json.loads("".join(text for tag, text in self.texts if tag == "script#pair-data"))

    def texts_in(self, tag: str) -> list[str]:
        """The texts of all elements of this name."""
        return [text for where, text in self.texts if where == tag]

    def values(self, name: str) -> set[str | None]:
        """What an attribute is anywhere."""
        return {attributes[name] for _, attributes in self.attributes if name in attributes}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element; it must be closed, unless nothing can stand in it."""
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            name = dict(attrs).get("id") if tag == "script" else None
            self._open.append(f"{tag}#{name}" if name else tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that closes itself."""
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element."""
        assert tag == self._open.pop().partition("#")[0]

    def handle_data(self, data: str) -> None:
        """Note a text."""
        if self._open:
            self.texts.append((self._open[-1], data))

    def handle_comment(self, data: str) -> None:
        """There is none."""
        raise AssertionError(data)

    def handle_pi(self, data: str) -> None:
        """There is none."""
        raise AssertionError(data)

    def unknown_decl(self, data: str) -> None:
        """There is none."""
        raise AssertionError(data)
