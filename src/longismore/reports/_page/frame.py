"""The frame of the page: its policy, its sections, and what figures and tables stand in.

Every text from outside goes through `html_text`, without exception.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from longismore.reports._escape import html_text
from longismore.reports._page.script import SCRIPT
from longismore.reports._page.style import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["document", "figure", "figures", "section", "table"]


def document(title: str, body: Iterable[str]) -> str:
    """Wrap the parts into a page whose policy allows its own style and script and nothing else."""
    policy = (
        f"default-src 'none'; style-src '{_digest(STYLE)}'; script-src '{_digest(SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{html_text(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            *(part for part in body if part),
            f"<script>{SCRIPT}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def section(name: str, title: str, parts: Iterable[str], *, mark: str = "section") -> str:
    """Put parts below a heading; nothing where there are none.

    Args:
        name: Of the element, so that the contents can point to it; ours, never from outside.
        title: The heading.
        parts: HTML.
        mark: Class of the element.
    """
    inside = "".join(parts)
    if not inside:
        return ""
    return f'<section class="{mark}" id="{name}"><h2>{html_text(title)}</h2>{inside}</section>'


def figure(picture: str, title: str, caption: str, *, wide: bool = False) -> str:
    """Put a picture between its title, which the browser numbers, and its explanation; nothing without a picture."""
    if not picture:
        return ""
    kind = "figure wide" if wide else "figure"
    explained = f'<p class="soft">{html_text(caption)}</p>' if caption else ""
    top = f"<figcaption><strong>{html_text(title)}</strong></figcaption>"
    return f'<figure class="{kind}">{top}{picture}{explained}</figure>'


def figures(parts: Iterable[str]) -> str:
    """Put figures beside each other where the screen is wide enough."""
    inside = "".join(parts)
    return f'<div class="figures">{inside}</div>' if inside else ""


def table(caption: str, head: Sequence[str], groups: Iterable[tuple[str, Sequence[Sequence[object]]]]) -> str:
    """Write a table whose rows begin with their name; it scrolls sideways where it is too wide.

    Args:
        caption: What it says.
        head: Names of the columns.
        groups: Rows below a name of their own, which may be empty.
    """
    top = "".join(f'<th scope="col">{html_text(cell)}</th>' for cell in head)
    body = "".join(_group(name, rows, len(head)) for name, rows in groups if rows)
    return (
        f'<div class="scroll" role="group" aria-label="{html_text(caption)}" tabindex="0"><table>'
        f"<caption><span>{html_text(caption)}</span></caption><thead><tr>{top}</tr></thead>{body}</table></div>"
    )


def _group(name: str, rows: Iterable[Sequence[object]], columns: int) -> str:
    title = f'<tr class="group"><th scope="rowgroup" colspan="{columns}">{html_text(name)}</th></tr>' if name else ""
    return f"<tbody>{title}{''.join(_row(row) for row in rows)}</tbody>"


def _row(row: Sequence[object]) -> str:
    first, *rest = row
    cells = "".join(f"<td>{html_text(cell)}</td>" for cell in rest)
    return f'<tr><th scope="row">{html_text(first)}</th>{cells}</tr>'
