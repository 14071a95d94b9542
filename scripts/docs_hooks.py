"""What mkdocs is told beside ``mkdocs.yml``: the pages of the reference, and what no reader should see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docs_reference import COMMANDS, PYTHON, command_pages, module_pages
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

__all__ = ["on_config", "on_files", "on_page_markdown"]

_FOR_THE_TESTS = re.compile(r"^ *<!-- *(?:run|file|also) *:.*?--> *\n", re.MULTILINE | re.DOTALL)
_PAGES: dict[str, str] = {}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Write the reference, and put its pages into the navigation behind their overviews."""
    _PAGES.clear()
    _PAGES.update({**command_pages(), **module_pages()})
    for section in config.nav or []:
        for entries in section.values() if isinstance(section, dict) else ():
            if isinstance(entries, list):
                entries[:] = [_with_pages(each) for each in entries]
    return config


def _with_pages(entry: Any) -> Any:
    """An overview of the reference becomes a section."""
    if not isinstance(entry, dict):
        return entry
    ((title, page),) = entry.items()
    folder = next((each for each in (COMMANDS, PYTHON) if page == f"{each}/index.md"), None)
    if folder is None:
        return entry
    found = (name for name in _PAGES if name.startswith(f"{folder}/") and name != page)
    names = sorted(found, key=lambda name: (name != f"{PYTHON}/longismore.md", name.removesuffix(".md")))
    return {title: [page, *({_title(folder, name): name} for name in names)]}


def _title(folder: str, name: str) -> str:
    """Short enough for the navigation, which stands below "Commands" and "Python modules"."""
    return name.removeprefix(f"{folder}/").removesuffix(".md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the reference, which are no files."""
    for name, text in _PAGES.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, **_more: Any) -> str:
    """Take out the comments that say how the tests run a block."""
    return _FOR_THE_TESTS.sub("", markdown)
