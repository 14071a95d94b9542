"""Make untrusted text safe to show: answers, prompts and names of models come from anywhere."""

from __future__ import annotations

import html
import re

__all__ = ["html_text", "markdown_text", "name_text", "printable"]

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 control characters but tab and line feed
    "\u202a-\u202e\u2066-\u2069"  # what changes the direction of the text around it; the marks for one letter may stay
    "\U000e0000-\U000e007f"  # invisible copies of ASCII: a judge reads them, a person does not see them
    "\ud800-\udfff\ufffe\uffff"  # lone surrogates, and two noncharacters that HTML forbids
    "]"
)
_MARKDOWN = re.compile(r"([\\`*_\[\]|~#$])")
_LIST = re.compile(r"^(?P<number>\d*)(?P<mark>(?<!\d)[+-]|(?<=\d)[.)])")
"""At the start of a line: an item of a list, or a rule."""
_LONGEST_NAME = 120


def printable(value: object) -> str:
    """Give *value* as text in which every character that is not text is U+FFFD, so that UTF-8 can hold it."""
    return _UNSAFE.sub("\ufffd", str(value).replace("\r\n", "\n"))


def name_text(value: object, longest: int = _LONGEST_NAME) -> str:
    """Give a name, or another short fact, as one printable line; where it is endless, its beginning."""
    line = " ".join(printable(value).split())
    return line if len(line) <= longest else f"{line[:longest]}\N{HORIZONTAL ELLIPSIS}"


def html_text(value: object) -> str:
    """Give *value* as HTML text, also for the inside of a quoted attribute."""
    return html.escape(printable(value))


def markdown_text(value: object) -> str:
    """Give *value* as one line of Markdown text, also for the cell of a table and for the start of a line."""
    line = " ".join(printable(value).split())
    text = _MARKDOWN.sub(r"\\\1", html.escape(line, quote=False))
    return _LIST.sub(r"\g<number>\\\g<mark>", text, count=1)
