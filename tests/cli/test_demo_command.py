from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from longismore.demo._scores import OFFLINE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NEEDED = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "nltk", "polars", "pyarrow", "xxhash")
MISSING = [name for name in NEEDED if find_spec(name) is None]
PATIENCE_S = 120


def test_what_is_missing_ends_it_before_anything_is_made(
    command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that is not installed is named with what installs it, and no folder is made."""
    monkeypatch.setitem(sys.modules, "trl", None)
    ended = command("demo", "--no-open")
    assert ended.code == 2
    assert "the demonstration needs packages that are not installed: " in ended.err
    assert "trl; do: pip install" in ended.err
    assert ended.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """A demonstration that was stopped while the first model was asked: its folder, its status, what it said."""
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)}")
    home = tmp_path_factory.mktemp("home")
    folder = home / "the demo"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LONGISMORE_", "HF_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "longismore", "demo", "--small", "--output", str(folder), "--seed", "5"],
        env={**environ, "HOME": str(home)},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < end and not (folder / "scores").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)
    return folder, process.returncode, said


@pytest.mark.slow
def test_a_demonstration_that_is_stopped_says_how_to_go_on(interrupted: tuple[Path, int, str]) -> None:
    """Ctrl-C ends it, without a traceback, with the command that goes on."""
    folder, status, said = interrupted
    assert status == 130, said
    again = shlex.join(["longismore", "demo", "--small", "--output", str(folder), "--seed", "5"])
    assert f"To go on: {again}\n" in said
    assert "Traceback" not in said
    assert not (folder / "report.html").exists()


@pytest.mark.slow
def test_it_goes_on_and_comes_to_its_end(interrupted: tuple[Path, int, str], command: Callable[..., Any]) -> None:
    """The same command keeps what is there, ends with rates, a page and a study, and does nothing a third time."""
    folder, *_ = interrupted
    offline = {name: os.environ.get(name) for name in OFFLINE}
    arguments = ("demo", "--small", "--output", folder, "--seed", 5)
    ended = command(*arguments)
    assert ended.code == 0, ended.err
    assert {name: os.environ.get(name) for name in OFFLINE} == offline
    for part in ("base: a Llama of 428,448 parameters", "random: 1 steps"):
        [line] = [each for each in ended.err.splitlines() if part in each]
        assert line.endswith("(was there)")
    assert "longest against full by length (" in ended.err
    for said in (ended.err, ended.out, (folder / "report.html").read_text(encoding="utf-8")):
        assert said.count("The numbers mean nothing.") == 1
    assert f"longismore study {shlex.quote(str(folder / 'study.yaml'))} --plan" in ended.out
    script = (folder / "commands.sh").read_text(encoding="utf-8")
    assert [line.split()[1] for line in script.splitlines() if line.startswith("longismore")] == [
        *["select"] * 3, *["train"] * 4, *["eval"] * 8,
    ]  # fmt: skip

    weights = {path: path.read_bytes() for path in sorted(folder.rglob("*.safetensors"))}
    again = command(*arguments, "--json")
    assert again.code == 0, again.err
    assert again.err.count("(was there)") == 17
    assert {path: path.read_bytes() for path in sorted(folder.rglob("*.safetensors"))} == weights
    told = json.loads(again.out)
    assert told["note"].startswith("The numbers mean nothing. The model is tiny")
    assert [(each["candidate"], each["reference"], each["judge"]) for each in told["comparisons"]] == [
        (candidate, reference, judge)
        for judge in ("lexical", "length")
        for candidate, reference in (("longest", "random"), ("longest", "full"), ("random-2", "random"))
    ]
    assert {each["pairs"] for each in told["comparisons"]} == {4}
