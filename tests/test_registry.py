from __future__ import annotations

import importlib
import sys
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from longismore.registry import Registry

_numbers = count()
COMPONENT = """
from {package} import THINGS

THINGS.register("{name}", "{name} of ours")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with two components, a private module and a folder of data."""
    name = f"things_{next(_numbers)}"
    folder = tmp_path / "path" / name
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from longismore.registry import Registry\n\nTHINGS = Registry('thing', __name__)\n", encoding="utf-8"
    )
    for component in ("apple", "pear"):
        (folder / f"{component}.py").write_text(COMPONENT.format(package=name, name=component), encoding="utf-8")
    (folder / "_private.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    return name


@pytest.fixture
def declare(package: str, tmp_path: Path) -> Callable[..., None]:
    """Install a distribution that declares components for the package."""

    def declare_all(distribution: str, **points: str) -> None:
        metadata = tmp_path / "path" / f"{distribution.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", encoding="utf-8"
        )
        lines = [f"[{package}]", *(f"{name} = {value}" for name, value in points.items())]
        (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        importlib.invalidate_caches()

    return declare_all


def registry_of(package: str) -> Registry[Any]:
    """The package's registry."""
    registry: Registry[Any] = importlib.import_module(package).THINGS
    return registry


def test_files_are_the_names(package: str) -> None:
    """Modules without underscore are components; listing them imports none."""
    assert ["apple", "pear"] == registry_of(package).names()
    assert [] == [name for name in sys.modules if name.startswith(f"{package}.")]


def test_get_imports_one_module(package: str) -> None:
    """The component that is asked for is imported, no other."""
    assert "pear of ours" == registry_of(package).get("pear")
    assert [f"{package}.pear"] == [name for name in sys.modules if name.startswith(f"{package}.")]


def test_get_twice_gives_the_same(package: str) -> None:
    """A component is made once."""
    registry = registry_of(package)
    assert registry.get("apple") is registry.get("apple")


def test_unknown_name_lists_the_near_and_the_known(package: str) -> None:
    """A misspelt name is an error with the near name first, then all."""
    with pytest.raises(UnknownNameError, match=r'unknown thing "aple"; did you mean apple\?; known: apple, pear'):
        registry_of(package).get("aple")


@pytest.mark.parametrize("name", ["", "_private", "data", "apple.py", "../apple", "apple.", "__init__"])
def test_only_components_can_be_asked_for(name: str, package: str) -> None:
    """Private modules, folders and paths are no names."""
    with pytest.raises(UnknownNameError):
        registry_of(package).get(name)


def test_registered_component_needs_no_file(package: str) -> None:
    """A program may add components of its own."""
    registry = registry_of(package)
    assert "made" == registry.register("plum", "made")
    assert (["apple", "pear", "plum"], "made") == (registry.names(), registry.get("plum"))


def test_plugins_are_listed_without_import(package: str, declare: Callable[..., None]) -> None:
    """The entry points of other packages stand among the names, loadable or not."""
    declare("fruit-shop", quince="no_such_module:QUINCE")
    assert ["apple", "pear", "quince"] == registry_of(package).names()


def test_plugin_is_loaded_when_asked_for(package: str, declare: Callable[..., None]) -> None:
    """An entry point gives whatever it names."""
    declare("fruit-shop", quince="math:pi")
    registry = registry_of(package)
    assert (importlib.import_module("math").pi,) * 2 == (registry.get("quince"), registry.get("quince"))


@pytest.mark.parametrize(
    ("value", "reason"), [("no_such_module:X", "ModuleNotFoundError"), ("math:no_such_name", "AttributeError")]
)
def test_broken_plugin_is_named(value: str, reason: str, package: str, declare: Callable[..., None]) -> None:
    """A plug-in that fails to load is an error with its package and the reason, not a silent skip."""
    declare("fruit-shop", quince=value)
    with pytest.raises(ConfigError, match=f'the thing "quince" of the package fruit-shop fails to load: {reason}'):
        registry_of(package).get("quince")


def test_plugin_that_raises_anything_is_named(package: str, declare: Callable[..., None], tmp_path: Path) -> None:
    """A plug-in may fail in its own way while it is imported."""
    (tmp_path / "path" / f"{package}_plugin.py").write_text("1 / 0", encoding="utf-8")
    declare("fruit-shop", quince=f"{package}_plugin:X")
    with pytest.raises(ConfigError, match="fruit-shop fails to load: ZeroDivisionError"):
        registry_of(package).get("quince")


def test_built_in_wins_over_a_plugin(package: str, declare: Callable[..., None]) -> None:
    """A plug-in of a built-in's name is hidden, and a warning names its package."""
    declare("fruit-shop", apple="math:pi")
    with pytest.warns(UserWarning, match='the thing "apple" of the package fruit-shop is hidden by the built-in'):
        found = registry_of(package).get("apple")
    assert "apple of ours" == found


def test_group_is_the_name_of_the_package(package: str) -> None:
    """What other packages must write into their metadata is the package's own name."""
    assert package == registry_of(package).entry_point_group
