"""The package's face: seven functions, loaded on first use."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

import longismore
import longismore.api
from longismore.api import GateOptions, JudgeSettings
from longismore.errors import UnknownNameError
from longismore.judges import JudgeOptions
from longismore.reports import GateRule

SEVEN = ("audit", "compare", "gate", "judge", "select", "summarize", "train")


def said_by(statement: str) -> object:
    """What a new interpreter prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{statement}"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(longismore.__file__).parents[1]), "PATH": os.environ.get("PATH", "")},
    )
    return json.loads(done.stdout)


def test_importing_loads_nothing_of_it() -> None:
    """``import longismore`` loads neither the functions nor rich, numpy or a room; asking for one loads the rest."""
    told = "sorted(name for name in sys.modules if name.partition('.')[0] in {'longismore', 'rich', 'numpy', 'typing'})"
    before = said_by(f"import longismore; print(json.dumps({told}))")
    after = said_by(f"import longismore; longismore.compare; print(json.dumps({told}))")
    assert set(before) <= {"longismore", "longismore._autoload"}
    assert {"longismore.api", "longismore.comparison"} <= set(after)
    assert [] == [name for name in after if name.partition(".")[0] in {"rich", "numpy"}]


@pytest.mark.parametrize("name", SEVEN)
def test_each_is_that_of_the_api(name: str) -> None:
    """The package's function has the signature and documentation of ``longismore.api``."""
    assert name in dir(longismore)
    assert name in longismore.__all__
    mine, theirs = getattr(longismore, name), getattr(longismore.api, name)
    assert inspect.signature(theirs) == inspect.signature(mine)
    assert mine is theirs or name == "train"


@pytest.mark.parametrize("first", ["import longismore.train", "from longismore.train import PRESETS", "pass"])
def test_train_is_a_package_that_can_be_called(first: str) -> None:
    """Whatever was imported before, ``longismore.train`` has the package's names and trains when it is called."""
    statement = (
        f"{first}\nimport longismore\nfrom longismore import train\n"
        "try:\n    train([{}], preset='tiny-cpx', model='m', output='o')\n"
        "except Exception as error:\n    print(json.dumps([str(error)[:24], 'tiny-cpu' in longismore.train.PRESETS, "
        "train is sys.modules['longismore.train']]))"
    )
    assert ['unknown preset "tiny-cpx', True, True] == said_by(statement)


def test_calling_train_calls_the_api() -> None:
    """What goes wrong there arrives here."""
    with pytest.raises(UnknownNameError, match='unknown preset "large"; known: alpagasus'):
        longismore.train([{"instruction": "a", "output": "b"}], preset="large", model="m", output="o")


def test_settings_of_a_judge_are_all_named() -> None:
    """What an editor offers is what a judge takes."""
    assert set(JudgeOptions.names()) == set(JudgeSettings.__annotations__)


def test_options_of_a_gate_are_all_named() -> None:
    """Those of the rule, but the margin, which is an argument of its own, and those of the judge."""
    rule = {field.name for field in fields(GateRule)} - {"margin"}
    assert rule | set(JudgeOptions.names()) == set(GateOptions.__annotations__)
    hints = get_type_hints(GateRule)
    assert {name: hints[name] for name in rule} == {
        name: hint for name, hint in get_type_hints(GateOptions, localns=vars(longismore.api)).items() if name in rule
    }
