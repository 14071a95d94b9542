"""Make untrusted text safe to show: answers, prompts and names of models come from anywhere."""

from __future__ import annotations

import html
import re

__all__ = ["html_text", "markdown_text", "printable"]

# C0 and C1 control characters but tab and line feed, lone surrogates, and the two noncharacters HTML forbids.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")


def printable(value: object) -> str:
    """Give *value* as text in which every character that is not text is U+FFFD, so that UTF-8 can hold it."""
    return _UNSAFE.sub("\ufffd", str(value).replace("\r\n", "\n"))


def html_text(value: object) -> str:
    """Give *value* as HTML text, also for the inside of a quoted attribute."""
    return html.escape(printable(value))


def markdown_text(value: object) -> str:
    """Give *value* as one line of Markdown text, also for the cell of a table."""
    line = " ".join(printable(value).split())
    return _MARKDOWN.sub(r"\\\1", html.escape(line, quote=False))
