"""The package as it is installed: what the wheel holds, and that lm_eval finds the tasks from anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FIND = (
    "import lm_eval.tasks, lm_eval.models, longismore, json, sys\n"
    "from lm_eval.api.registry import get_model\n"
    "print(json.dumps([longismore.__file__, hasattr(lm_eval.tasks.TaskManager.__init__, '_longismore'),"
    " get_model('longismore_outputs').__name__]))"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment that has everything but longismore: the packages of this one, looked up last."""
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def install(environment: Path, *what: str) -> None:
    """Install without dependencies and without an index."""
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), "install", "-q", "--no-deps",
         "--no-index", "--no-build-isolation", "--ignore-installed", *what],
        check=True, capture_output=True,
    )  # fmt: skip


def run(environment: Path, *arguments: str) -> str:
    """Run its Python in a folder of its own."""
    ended = subprocess.run(
        [str(environment / "bin/python"), *arguments],
        cwd=environment, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == ended.returncode, ended.stderr[-3000:]
    return ended.stdout


def test_the_wheel_holds_hooks_tasks_prompts_and_mini(wheel: Path) -> None:
    """And nothing from the tests, the docs or other people's test sets."""
    names = set(zipfile.ZipFile(wheel).namelist())
    tasks = ("pairwise", "koala", "lima", "sinstruct", "vicuna", "wizardlm", "mini", "alpaca_eval", "openllm", "ci")
    assert (
        set()
        == {
            "longismore_autoload.pth",
            "longismore_autoload.start",
            "longismore/py.typed",
            "longismore/judges/prompts/score_pair.txt",
            "longismore/harness/alpaca_eval_order.txt",
            "longismore/testsets/data/mini.jsonl",
            "longismore/testsets/data/mini_better.json",
            "longismore/testsets/data/mini_longer.json",
            *(f"longismore/harness/tasks/longismore_{name}.yaml" for name in tasks),
        }
        - names
    )
    assert set() == {name for name in names if name.startswith(("tests", "docs", "src"))}


def test_lm_eval_lists_the_tasks_of_the_wheel(wheel: Path, environment: Path) -> None:
    """``python -m lm_eval ls tasks`` from any folder, without --include_path."""
    install(environment, str(wheel))
    listed = run(environment, "-m", "lm_eval", "ls", "tasks")
    for name in ("pairwise", "koala", "lima", "sinstruct", "vicuna", "wizardlm", "mini"):
        assert f"longismore_{name}" in listed
    assert str(environment) in run(environment, "-c", FIND)


def test_an_editable_installation_is_hooked_as_well(environment: Path) -> None:
    """The wheel's ``.pth`` comes after the one that makes the package importable."""
    install(environment, "-e", str(ROOT))
    assert f'["{ROOT}/src/longismore/__init__.py", true, "OutputsLM"]\n' == run(environment, "-c", FIND)
