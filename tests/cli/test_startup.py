"""What importing the package and asking for help load; time never decides a test, so it is modules that are counted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import longismore

SOURCE = Path(longismore.__file__).parents[1]
LIGHT = {"typer", "annotated_doc", "shellingham", "click"}
"""Typer, and what it loads itself."""
MODELS = {"torch", "pandas", "lm_eval", "numpy", "transformers", "datasets", "alpaca_eval"}
LOADED = """
import atexit, sys
before = set(sys.modules)
atexit.register(lambda: sys.stderr.write(" ".join(set(sys.modules) - before)))
"""
RUN = "sys.argv = ['longismore', *{words}]\nfrom longismore.cli import main\nmain()"


def loaded_by(code: str, *options: str) -> set[str]:
    """Modules that a new interpreter has loaded at its end, and had not at its start."""
    done = subprocess.run(
        [sys.executable, *options, "-c", LOADED + code],
        env={"PYTHONPATH": str(SOURCE), "PATH": os.environ.get("PATH", ""), "LONGISMORE_AUTOLOAD": "0"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    return set(done.stderr.split())


def test_importing_the_package_loads_nothing_but_itself() -> None:
    """Not even a module of Python; -S, because the start-up hook would have imported it before."""
    assert {"longismore"} == loaded_by("import longismore", "-S")


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--version"]])
def test_help_and_version_need_typer_only(words: list[str]) -> None:
    """Of longismore the thin modules of the commands, and the errors."""
    loaded = loaded_by(RUN.format(words=words))
    ours = {name for name in loaded if name.partition(".")[0] == "longismore"}
    assert set() == {name for name in ours if not name.startswith("longismore.cli")} - {
        "longismore",
        "longismore.errors",
    }
    assert set() == {name for name in ours if name.startswith("longismore.cli._run_")}
    others = {name.partition(".")[0] for name in loaded - ours} - sys.stdlib_module_names
    assert set() == others - LIGHT


@pytest.mark.slow
@pytest.mark.parametrize("command", ["compare", "gate", "select", "train", "study", "data stats", "store export"])
def test_help_of_a_command_loads_no_room_of_the_package(command: str) -> None:
    """What does the work is imported when there is work."""
    loaded = loaded_by(RUN.format(words=[*command.split(), "--help"]))
    assert set() == {name.partition(".")[0] for name in loaded} & MODELS
    assert set() == {name for name in loaded if name.startswith("longismore.cli._run_")}
