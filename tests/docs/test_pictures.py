"""The pictures of the pages are made by the project's own commands, and none stands there unused."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_picture_is_shown_and_every_shown_one_is_there() -> None:
    """Pages name pictures by their files."""
    shown = {
        (page.parent / name).resolve()
        for page in DOCS.rglob("*.md")
        for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    assert shown == {path.resolve() for path in (DOCS / "pictures").iterdir()}


@pytest.mark.slow
def test_the_script_makes_them(tmp_path: Path) -> None:
    """All of them, and no others; bytes depend on the version of matplotlib."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("polars")
    script = runpy.run_path(str(ROOT / "scripts" / "make_pictures.py"))
    script["main"](tmp_path / "pictures")
    made = {path.name: path.stat().st_size for path in (tmp_path / "pictures").iterdir()}
    assert made.keys() == {path.name for path in (DOCS / "pictures").iterdir()}
    assert min(made.values()) > 5_000
