"""The site is built without a warning, loads nothing from elsewhere, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from docs_blocks import ROOT

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = ("mkdocs", "material", "mkdocstrings")
MISSING = [name for name in NEEDED if find_spec(name) is None]
_HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once."""
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)}")
    folder = tmp_path_factory.mktemp("site")
    ended = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == ended.returncode, ended.stderr
    assert "WARNING" not in ended.stderr
    return folder


class Loaded(HTMLParser):
    """What a browser fetches for a page by itself."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note scripts, pictures, styles and frames."""
        values: dict[str, Any] = dict(attrs)
        if tag in {"script", "img", "iframe", "source", "video"} and values.get("src"):
            self.addresses.append(values["src"])
        if tag == "link" and values.get("rel") in {"stylesheet", "preconnect", "preload", "icon"}:
            self.addresses.append(values["href"])
        # The theme asks GitHub for the stars of this one.
        if values.get("data-md-component") == "source":
            self.addresses.append("https://api.github.com")


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    """Fonts, scripts, styles and pictures are its own; the search has its index."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    loaded = [(page.name, each) for page in pages for each in Loaded(page).addresses]
    assert [] == [(name, each) for name, each in loaded if re.match(r"(https?:)?//", each)]
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert not re.search(r"url\(['\"]?(https?:)?//|@import", styles)
    assert site.joinpath("search", "search_index.json").is_file()


@pytest.mark.slow
def test_the_reference_has_every_command_and_module(site: Path) -> None:
    """Commands with all their options, and modules with all their names."""
    import typer

    from longismore import judges
    from longismore.cli import app

    for name, command in typer.main.get_command(app).commands.items():
        text = site.joinpath("reference", "commands", f"{name}.html").read_text(encoding="utf-8")
        options = [each.opts[0] for each in command.params if not each.hidden and each.opts[0].startswith("-")]
        assert [] == [option for option in options if f"<code>{option}</code>" not in text]
    text = site.joinpath("reference", "python", "judges.html").read_text(encoding="utf-8")
    assert [] == [name for name in judges.__all__ if f'id="longismore.judges.{name}"' not in text]
    assert ":class:" not in text


@pytest.mark.slow
def test_readers_do_not_see_how_blocks_are_run(site: Path) -> None:
    """Comments for the tests are taken out."""
    assert [] == [page.name for page in site.rglob("*.html") if re.search(r"<!-- *(run|file|also):", page.read_text())]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_outside_of_the_site_lead_somewhere(name: str) -> None:
    """Files of the repository, and headings in them."""
    text = ROOT.joinpath(name).read_text(encoding="utf-8")
    wrong = [each for each in re.findall(r"\]\(([^)#:\s]*(?:#[^)\s]*)?)\)", text) if each and not _leads(name, each)]
    assert [] == wrong


def _leads(name: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = ROOT / (path or name)
    if not anchor or not target.exists():
        return target.exists()
    return anchor in {_slug(heading) for heading in _HEADING.findall(target.read_text(encoding="utf-8"))}


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
