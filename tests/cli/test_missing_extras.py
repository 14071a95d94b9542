"""Every command where nothing is installed but what longismore itself needs: it works, or names its extra."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from longismore.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "extra_trials.py"
DEVELOPMENT = {"docs", "lint", "test", "types"}
"""Extras that no command needs."""
ELSEWHERE = {"fastchat"}
"""Needed only where the questions of MT-Bench are at hand; tests of the harness try it."""

if not SCRIPT.is_file():
    pytest.skip("the scripts are not at hand", allow_module_level=True)


def load_script() -> Any:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("extra_trials", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["extra_trials"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


trials = load_script()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = trials.packages_of_extras()
OPTIONAL = set().union(*PACKAGES.values()) - {"numpy"}  # numpy is in any installation
DO = [trial for trial in trials.TRIALS if not trial.needs]
NAME = [trial for trial in trials.TRIALS if trial.needs]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """How each command ended, all of them in one process without the optional packages."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--folder", str(tmp_path_factory.mktemp("trials")), "--without",
         ",".join(sorted(OPTIONAL))],
        env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    return {each["trial"]: each for each in json.loads(done.stdout)["trials"]}


@pytest.mark.slow
@pytest.mark.parametrize("trial", DO, ids=lambda trial: trial.command[:60])
def test_commands_that_need_no_extra_work_without_any(ended: dict[str, dict[str, Any]], trial: Any) -> None:
    """And say nothing of packages that are not installed."""
    assert (trial.ends, []) == (ended[trial.command]["code"], ended[trial.command]["named"]), ended[trial.command]


@pytest.mark.slow
@pytest.mark.parametrize("trial", NAME, ids=lambda trial: trial.command[:60])
def test_commands_that_need_an_extra_name_it(ended: dict[str, dict[str, Any]], trial: Any) -> None:
    """With exit code 2 and no traceback; where several are missing, at least one is named, and none that is not."""
    found = ended[trial.command]
    assert 2 == found["code"], found
    assert found["named"], found
    assert set(found["named"]) <= set(trial.needs), found
    assert "Traceback" not in found["said"]


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that does something."""
    children = getattr(command, "commands", None)
    if not children:
        yield path
        return
    for name, child in children.items():
        yield from leaves(child, (*path, name))


def test_every_command_is_tried() -> None:
    """Each one in the command's tree, and each trial is one of them."""
    known = set(leaves(typer.main.get_command(app)))
    lengths = {len(path) for path in known}
    tried = {tuple(trial.command.split()[:length]) for trial in trials.TRIALS for length in lengths}
    assert set() == known - tried
    started = {trial.command.split()[0] for trial in trials.TRIALS} - {"--help"}
    assert set() == started - {path[0] for path in known}


def test_every_extra_is_tried() -> None:
    """Some command needs it; what the source names as an extra is one, and no trial needs another."""
    extras = set(PROJECT["optional-dependencies"]) - DEVELOPMENT
    assert extras - ELSEWHERE == {extra for trial in trials.TRIALS for extra in trial.needs}
    assert set() == set(PACKAGES) - extras
