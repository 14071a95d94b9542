from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import longismore

SOURCE = Path(longismore.__file__).parents[1]
PACKAGES = ["longismore", *(f"longismore.{one.name}" for one in pkgutil.iter_modules(longismore.__path__) if one.ispkg)]
LIGHT = [
    "longismore",
    "longismore.instructions",
    "longismore.judges",
    "longismore.testsets",
    "longismore.selectors",
    "longismore.train",
    "longismore.reports",
    "longismore.api",
    "longismore.mtbench",
    "longismore.collecting",
    "longismore.study",
    "longismore.demo",
    "longismore.harness",
]
HEAVY = [
    "torch",
    "transformers",
    "pandas",
    "lm_eval",
    "alpaca_eval",
    "aiohttp",
    "openai",
    "anthropic",
    "google.genai",
    "pyarrow",
    "numpy",
    "datasets",
    "scipy",
    "requests",
    "polars",
    "msgspec",
    "nltk",
    "ray",
    "sklearn",
    "trl",
    "yaml",
]
PARTS = [
    f"longismore.{room}.{one.name}"
    for room in ("reports", "selectors")
    for one in pkgutil.iter_modules(importlib.import_module(f"longismore.{room}").__path__)
    if one.ispkg
]
MODULES = [
    one.name
    for package in (
        "longismore",
        "longismore.instructions",
        "longismore.judges",
        "longismore.testsets",
        "longismore.selectors",
        "longismore.train",
        "longismore.reports",
        "longismore.api",
        "longismore.mtbench",
        "longismore.collecting",
        "longismore.study",
        "longismore.demo",
        *PARTS,
    )
    for one in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}.")
    if not one.ispkg and not one.name.endswith("__main__")
]


def in_order(names: list[str]) -> list[str]:
    """Constants, then classes, then functions, each by name."""
    return sorted(names, key=lambda name: (2 - name[:1].isupper() - (name.isupper() and len(name) > 1), name))


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_list_their_names(name: str) -> None:
    """Every package that has anything in it says what is public."""
    package = importlib.import_module(name)
    assert hasattr(package, "__all__") or not list(pkgutil.iter_modules(package.__path__))


@pytest.mark.parametrize("name", [*PACKAGES, *MODULES])
def test_listed_names_exist_and_are_sorted(name: str) -> None:
    """Each name in ``__all__`` is there, stands once and in its place."""
    module = importlib.import_module(name)
    listed = list(getattr(module, "__all__", []))
    assert in_order(sorted(set(listed))) == listed
    assert [] == [each for each in listed if not hasattr(module, each)]


@pytest.mark.parametrize("name", MODULES)
def test_public_definitions_are_listed(name: str) -> None:
    """What a module defines without an underscore is in its ``__all__``, which only private modules may lack."""
    module = importlib.import_module(name)
    if not hasattr(module, "__all__"):
        assert name.rpartition(".")[2].startswith("_")
        return
    defined = [
        each
        for each, value in vars(module).items()
        if not each.startswith("_") and getattr(value, "__module__", None) == name and hasattr(value, "__qualname__")
    ]
    assert [] == [each for each in defined if each not in module.__all__]


def loaded_by(statement: str) -> list[str]:
    """The heavy packages that a new interpreter has loaded after the statement."""
    code = f"{statement}\nimport sys\nprint(*sorted(set({HEAVY}) & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(SOURCE), "PATH": os.environ.get("PATH", "")},
    )
    return done.stdout.split()


@pytest.mark.parametrize("name", LIGHT)
def test_importing_is_light(name: str) -> None:
    """Importing a package loads no host, no SDK and no number cruncher."""
    assert [] == loaded_by(f"import {name}")


def test_making_offline_judges_is_light() -> None:
    """The judges that need no call need no SDK either."""
    statement = "from longismore.judges import JudgeOptions, make_judge; make_judge('length', JudgeOptions())"
    assert [] == loaded_by(statement)


def test_version_is_known() -> None:
    """The version is text, read on first use."""
    assert isinstance(longismore.__version__, str)


def test_unknown_attribute_is_an_error() -> None:
    """A name that the package lacks is an AttributeError with that name."""
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        longismore.no_such_name  # noqa: B018
