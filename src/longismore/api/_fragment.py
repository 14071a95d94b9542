"""A piece of HTML that a notebook shows among others: it has a style of its own and leaves the rest of the page alone.

It loads nothing and runs nothing. The pictures and tables are those of the report page. Where the notebook is dark, as
JupyterLab, VS Code and Colab say it, so is the piece; the system's own preference does not decide, for the notebook
need not follow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._escape import html_text
from longismore.reports._page.style import DARK, FIGURES, LIGHT, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["fragment", "heading", "listed", "note"]

_DARK_HOSTS = (
    '[data-jp-theme-light="false"] .longismore',
    ".vscode-dark .longismore",
    'html[theme="dark"] .longismore',
)
_OWN = """
&&& { box-sizing: border-box; max-width: 64rem; padding: .6rem .9rem .9rem; border-radius: 6px; overflow-wrap: anywhere;
  background: var(--paper); color: var(--text); font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  text-align: left; }
&&& .name-of-all { font-size: 1.1rem; font-weight: 600; }
&&& p { margin: .4rem 0; }
&&& ul { padding: 0; list-style: none; } &&& .said { padding-left: 1.1rem; list-style: disc; }
&&& .answer { margin: .6rem 0; } &&& .answer strong { font-size: 1.3rem; }
&&& .answer .as-is::first-letter { text-transform: none; }
&&& .figures, &&& .scroll { margin: 1rem 0 .4rem; }
&&& table { margin: 0; border: 0; table-layout: auto; font-size: .92rem; color: inherit; }
&&& caption { caption-side: top; color: inherit; }
&&& dt, &&& dd { display: block; float: none; width: auto; margin: 0; font-weight: 400; }
&&& tr, &&& thead { background: none; border: 0; }
&&& th, &&& td { padding: .3rem .9rem .3rem 0; text-align: right; border: 0; border-bottom: 1px solid var(--line);
  max-width: none; vertical-align: baseline; background: none; }
&&& th:first-child { text-align: left; background: var(--paper); }
&&& .matrix th, &&& .matrix td { text-align: center; border: 2px solid var(--paper); }
@media (max-width: 40rem) {
  &&& .rows { grid-template-columns: minmax(0, 1fr) max-content; gap: .2rem 1rem; }
  &&& .rows svg { grid-column: 1 / -1; }
}
&&& figcaption::before, &&& table:not(.matrix) > caption span::before { content: none; }
"""
"""What another page's style would else decide; three signs weigh more than its rules."""
_STYLE = (
    f".longismore {{ color-scheme: light; {LIGHT} }}\n"
    f"{', '.join(_DARK_HOSTS)} {{ color-scheme: dark; {DARK} }}\n"
    f".longismore {{ {TEXT}{FIGURES}{_OWN} }}\n"
)


def fragment(parts: Iterable[str]) -> str:
    """Put parts into one element with their style; no program that sets formulas looks into it.

    Args:
        parts: HTML; empty ones are left out.
    """
    body = "\n".join(part for part in parts if part)
    return f'<div class="longismore mathjax_ignore tex2jax_ignore">\n<style>{_STYLE}</style>\n{body}\n</div>'


def heading(title: str, subtitle: str = "") -> str:
    """Say what is shown."""
    below = f'<p class="soft">{html_text(subtitle)}</p>' if subtitle else ""
    return f'<p class="name-of-all">{html_text(title)}</p>{below}'


def listed(sentences: Sequence[str]) -> str:
    """List sentences; nothing where there are none."""
    items = "".join(f"<li>{html_text(sentence)}</li>" for sentence in sentences)
    return f'<ul class="said">{items}</ul>' if items else ""


def note(text: str) -> str:
    """Say something in small print."""
    return f'<p class="soft">{html_text(text)}</p>' if text else ""
