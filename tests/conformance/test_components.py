"""What every component promises, checked for all of them by name."""

from __future__ import annotations

import importlib
import re
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path

import pytest

import longismore
from longismore.harness import TASKS_FOLDER
from longismore.judges import JUDGES
from longismore.selectors import SELECTORS
from longismore.testsets import FIVE, TESTSETS, TestSet

ALPACA_EVAL = "alpaca_eval/alpaca-7b/weighted_alpaca_eval_gpt4_turbo/annotations.json"


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Where the published files are; mini needs none."""
    name = request.getfixturevalue("name")
    if name == "mini":
        return None
    data = Path(request.getfixturevalue("data"))
    if name != "alpaca_eval":
        return data / "testsets"
    (tmp_path / "alpaca_eval").mkdir()
    (tmp_path / "alpaca_eval" / "annotations.json").symlink_to((data / ALPACA_EVAL).resolve())
    return tmp_path


def test_there_are_six_public_sets_and_our_own() -> None:
    """Names are file names; nothing is registered in a central list."""
    assert sorted([*FIVE, "alpaca_eval", "mini"]) == TESTSETS.names()


@pytest.mark.parametrize("name", TESTSETS.names())
def test_a_test_set_says_where_it_comes_from(name: str) -> None:
    """Name, version, size, licence and source."""
    testset: TestSet = TESTSETS.get(name)
    assert name == testset.name
    assert testset.version >= 1
    assert testset.size > 0
    assert testset.licence
    assert testset.source
    assert importlib.import_module(f"longismore.testsets.{name}").__doc__


@pytest.mark.parametrize("name", TESTSETS.names())
def test_a_test_set_loads_the_same_twice(name: str, folder: Path | None) -> None:
    """With unique ids, its own name on every example, and texts that are not blank."""
    testset = TESTSETS.get(name)
    examples = testset.load(folder)
    assert testset.size == len(examples) == len({example.id for example in examples})
    assert {name} == {example.testset for example in examples}
    assert all(text.strip() for example in examples for text in (example.prompt, example.question))
    assert [asdict(example) for example in examples] == [asdict(example) for example in testset.load(folder)]


@pytest.mark.parametrize("name", TESTSETS.names())
def test_a_test_set_has_its_task_file(name: str) -> None:
    """Named like it."""
    text = (TASKS_FOLDER / f"longismore_{name}.yaml").read_text()
    assert f"task: longismore_{name}\n" in text
    assert f"testset: {name}\n" in text


@pytest.mark.parametrize("name", JUDGES.names())
def test_a_judge_is_a_function_with_a_docstring(name: str) -> None:
    """From the rest of its spec and the options to a judge."""
    factory = JUDGES.get(name)
    assert callable(factory)
    assert factory.__doc__
    assert importlib.import_module(factory.__module__).__doc__


def test_files_stay_readable() -> None:
    """No module over 300 lines, none called utils or the like."""
    sources = list(Path(longismore.__file__).parent.rglob("*.py"))
    assert [] == [path.name for path in sources if len(path.read_text().splitlines()) > 300]
    assert [] == [path.name for path in sources if path.stem.strip("_") in {"utils", "common", "misc", "helpers"}]


@pytest.mark.parametrize("name", SELECTORS.names())
def test_a_strategy_is_a_frozen_dataclass_that_explains_itself(name: str) -> None:
    """Its parameters are fields with a sentence each; its module says what for, and where it comes from."""
    kind = SELECTORS.get(name)
    module = importlib.import_module(f"longismore.selectors.{name}")
    assert is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert kind.__doc__
    assert module.__doc__
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    for field in fields(kind):
        explained = rf'^    {field.name}: .*\n    """'
        assert re.search(explained, source, flags=re.MULTILINE), f"{field.name} has no docstring"
    assert {"prepare", "choose"} <= set(vars(kind))
