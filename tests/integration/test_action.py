"""The GitHub Action, its shell steps run by bash as a runner runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash")
HOSTILE = "$(touch owned) `touch owned`; touch owned | x && 'y' \"z\" ${HOME} * \\"

pytestmark = pytest.mark.skipif(BASH is None, reason="there is no bash here")


@pytest.fixture
def action() -> dict[str, Any]:
    """The file, read."""
    document = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def run_step(action: dict[str, Any], number: int, folder: Path, program: str, **inputs: str) -> Any:
    """Run one step with these inputs and the defaults of the others; *program* stands for python and longismore."""
    step = action["runs"]["steps"][number]
    values = {name: given["default"] for name, given in action["inputs"].items()} | inputs
    environ = {
        name: re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda found: values[found[1]], text)
        for name, text in step["env"].items()
    }
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("longismore", "python"):
        (programs / name).write_text(program, encoding="utf-8")
        (programs / name).chmod(0o755)
    script = folder / "step.sh"
    script.write_text(step["run"], encoding="utf-8")
    return subprocess.run(
        [str(BASH), "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "GITHUB_OUTPUT": str(folder / "outputs.txt"),
            **environ,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def recorded(folder: Path, code: int = 0) -> str:
    """A program that writes its arguments down, each ended by NUL."""
    return f"#!{BASH}\nprintf '%s\\0' \"$@\" > '{folder}/arguments'\nexit {code}\n"


def arguments(folder: Path) -> list[str]:
    """What the program was called with."""
    return (folder / "arguments").read_text(encoding="utf-8").split("\0")[:-1]


def test_inputs_are_never_part_of_the_shell_text(action: dict[str, Any]) -> None:
    """Every input is used, through the environment; each step names its shell."""
    steps = action["runs"]["steps"]
    assert all("${{" not in step["run"] and "bash" == step["shell"] for step in steps)
    used = {name for step in steps for text in step["env"].values() for name in re.findall(r"inputs\.([a-z-]+)", text)}
    assert set(action["inputs"]) == used
    assert all(given["description"] and isinstance(given["default"], str) for given in action["inputs"].values())
    assert "${{ steps.gate.outputs.verdict }}" == action["outputs"]["verdict"]["value"]
    assert "gate" == steps[1]["id"]


def test_hostile_inputs_arrive_as_they_are(action: dict[str, Any], tmp_path: Path) -> None:
    """Nothing is run, expanded or taken for an option."""
    given = {"baseline": "--help", "candidate": HOSTILE, "judge": HOSTILE, "testsets": HOSTILE, "margin": HOSTILE}
    ended = run_step(action, 1, tmp_path, recorded(tmp_path), **given, args="--looks 3\n --mode  *\n\n$(touch owned)")
    assert 0 == ended.returncode, ended.stderr
    assert [
        "gate", "--github", f"--margin={HOSTILE}", f"--judge={HOSTILE}", f"--testset={HOSTILE}",
        "--looks", "3", "--mode", "*", "$(touch", "owned)", "--", "--help", HOSTILE,
    ] == arguments(tmp_path)  # fmt: skip
    assert not (tmp_path / "owned").exists()


def test_files_of_judgments_stand_one_a_line(action: dict[str, Any], tmp_path: Path) -> None:
    """With blanks in their names, too."""
    run_step(action, 1, tmp_path, recorded(tmp_path), **{"from": "runs/one run\nruns/two\n"})
    assert ["gate", "--github", "--margin=0.03", "--from=runs/one run", "--from=runs/two", "--"] == arguments(tmp_path)


@pytest.mark.parametrize(
    ("code", "allowed", "expected"), [(0, "false", 0), (1, "true", 1), (2, "true", 2), (3, "false", 3), (3, "true", 0)]
)
def test_the_step_ends_as_the_gate_ends(
    action: dict[str, Any], tmp_path: Path, code: int, allowed: str, expected: int
) -> None:
    """An inconclusive gate may be allowed; nothing else may."""
    ended = run_step(action, 1, tmp_path, recorded(tmp_path, code), **{"allow-inconclusive": allowed})
    assert expected == ended.returncode


@pytest.mark.parametrize(
    ("version", "extras", "target"),
    [
        ("", "", "longismore"),
        ("", "openai", "longismore[openai]"),
        ("0.1.0", "openai,parquet", "longismore[openai,parquet]==0.1.0"),
        ("./here", "openai", "./here[openai]"),
        (HOSTILE, "", HOSTILE),
    ],
)
def test_what_pip_installs(action: dict[str, Any], tmp_path: Path, version: str, extras: str, target: str) -> None:
    """The newest, a version, or whatever pip takes; as one word."""
    run_step(action, 0, tmp_path, recorded(tmp_path), version=version, extras=extras)
    assert ["-m", "pip", "install", "--", target] == arguments(tmp_path)


def test_nothing_is_installed_where_it_is_already(action: dict[str, Any], tmp_path: Path) -> None:
    """``version: installed``."""
    assert 0 == run_step(action, 0, tmp_path, recorded(tmp_path), version="installed").returncode
    assert not (tmp_path / "arguments").exists()


@pytest.mark.slow
def test_the_real_command_gates(action: dict[str, Any], tmp_path: Path) -> None:
    """The judge ``length`` lets what is longer pass, and the other way round regress; the job summary says so."""
    program = f'#!{BASH}\nexec "{sys.executable}" -m longismore "$@"\n'
    given = {"judge": "length", "testsets": "mini", "args": "--output out"}
    passed = run_step(action, 1, tmp_path, program, baseline="mini:better", candidate="mini:longer", **given)
    assert 0 == passed.returncode, passed.stderr
    worse = run_step(action, 1, tmp_path, program, baseline="mini:longer", candidate="mini:better", **given)
    assert 1 == worse.returncode, worse.stderr
    assert "verdict=pass\nverdict=regress\n" == (tmp_path / "outputs.txt").read_text(encoding="utf-8")
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "### longismore gate: pass" in summary
    assert "### longismore gate: regress" in summary
