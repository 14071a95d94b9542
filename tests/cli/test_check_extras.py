"""The script that installs every extra by itself: what it makes of how commands ended, and of a wheel."""

from __future__ import annotations

import importlib
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"

pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the scripts are not at hand")

METADATA = """Metadata-Version: 2.4
Name: longismore
Requires-Dist: numpy>=1.26
Provides-Extra: select
Requires-Dist: polars>=2.0; extra == 'select'
Provides-Extra: train
Requires-Dist: longismore[select]; extra == 'train'
Requires-Dist: torch>=2.9; extra == 'train'
Provides-Extra: qlora
Requires-Dist: longismore[train]; extra == 'qlora'
Provides-Extra: test
Requires-Dist: longismore[plot,select]; extra == 'test'
Provides-Extra: plot
"""


@pytest.fixture(name="script")
def _script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script as a module."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in ("check_extras", "extra_trials"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("check_extras")


def test_an_extra_brings_those_that_it_is_made_of(script: Any, tmp_path: Path) -> None:
    """However deep they are nested, and in whatever order they stand."""
    wheel = tmp_path / "longismore-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("longismore-1.dist-info/METADATA", METADATA)
    assert {
        "select": {"select"},
        "train": {"train", "select"},
        "qlora": {"qlora", "train", "select"},
        "test": {"test", "plot", "select"},
        "plot": {"plot"},
    } == script.extras_of(wheel)


@pytest.mark.parametrize(
    ("needs", "code", "named", "provided", "problem"),
    [
        ((), 0, [], set(), None),
        ((), 2, [], set(), "exit code 2"),
        ((), None, [], set(), "an exception was let through"),
        (("plot",), 2, ["plot"], set(), None),
        (("plot",), 1, ["plot"], set(), "names the wrong extra"),
        (("plot",), 2, ["select"], set(), "names the wrong extra"),
        (("plot", "select"), 2, ["plot"], {"plot"}, "names the wrong extra"),
        (("plot", "select"), 2, ["select"], {"plot"}, None),
        (("plot",), 0, [], set(), None),
        (("plot",), 2, [], set(), "exit code 2"),
        (("plot",), 0, [], {"plot"}, None),
        (("plot",), 2, ["plot"], {"plot"}, "the extra is not enough"),
        (("plot",), 0, ["train"], {"plot"}, None),
    ],
)
def test_what_is_wrong_with_how_a_command_ended(  # noqa: PLR0917
    script: Any, needs: tuple[str, ...], code: int | None, named: list[str], provided: set[str], problem: str | None
) -> None:
    """A command does its work, or ends with 2 and names an extra that it needs and that is not there."""
    ended = {"code": code, "named": named, "said": "so it ended"}
    found = script.judge(script.Trial("some command", needs), ended, provided)
    assert found is None if problem is None else problem in found, found
