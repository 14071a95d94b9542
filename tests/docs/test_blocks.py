"""Every command, program and file that the documentation shows works: each page is run from its top to its end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs_blocks import ROOT, all_pages, read_page
from docs_places import Place, tiny_model, without_settings
from docs_programs import INSTALLED, make_programs
from docs_run import run_page
from docs_warm import ADDRESS, READ_AT_IMPORT, warm_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docs_blocks import Page

PAGES = {path.relative_to(ROOT).as_posix(): path for path in all_pages()}
NOT_RUN = {
    "README.md": 2,
    "docs/alpaca_eval_2.md": 1,
    "docs/benchmarks.md": 7,
    "docs/groups.md": 2,
    "docs/guides/cluster.md": 1,
    "docs/guides/reproduce_long_is_more.md": 2,
    "docs/length_control.md": 1,
}
"""So many blocks of a page cannot be run here: they need a cluster, root, or somebody's account."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands first on the PATH."""
    return make_programs(tmp_path_factory.mktemp("docs") / "bin")


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the process listens that spares every command its start."""
    address = tmp_path_factory.mktemp("docs-warm") / "socket"
    with warm_process(address):
        yield address


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A tiny model, made once."""
    return tiny_model(tmp_path_factory.mktemp("docs-model") / "tiny")


def published() -> Path | None:
    """The folder of published files, where it is here."""
    path = Path(os.environ.get("LONGISMORE_TEST_DATA") or ROOT.parent / "shared" / "data")
    return path if path.is_dir() else None


def environment(page: Page, place: Place, programs: Path, warm: Path) -> dict[str, str]:
    """What the shell of a page begins with."""
    return {
        **without_settings(),
        "PATH": os.pathsep.join([str(programs), str(INSTALLED), os.environ["PATH"]]),
        "COLUMNS": "100",
        **READ_AT_IMPORT,
        # Nothing leaves this machine.
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1,localhost",
        ADDRESS: str(warm),
        **place.environ,
    }


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PAGES)
def test_every_block_of_a_page_works(name: str, tmp_path: Path, programs: Path, warm: Path, model: Path | None) -> None:
    """Shell and Python blocks end well, or as the page says; files can be read; shown output is printed."""
    page = read_page(PAGES[name])
    folder = tmp_path / "here"
    folder.mkdir()
    with Place(folder, data=published(), model=model) as place:
        place.prepare(page)
        run_page(
            page,
            folder=folder,
            state=tmp_path / "state",
            environ=environment(page, place, programs, warm),
            texts=place.addresses,
            printed=place.printed,
        )


def test_what_is_not_run_is_known() -> None:
    """Blocks that are not run are few, and each page with one is named here."""
    reasons: dict[str, list[str]] = {}
    for name, path in PAGES.items():
        page = read_page(path)
        if found := [f"{page.where(block)}: {block.not_run}" for block in page.blocks if block.not_run is not None]:
            reasons[name] = found
    assert NOT_RUN == {name: len(found) for name, found in reasons.items()}, reasons
