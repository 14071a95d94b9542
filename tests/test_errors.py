from __future__ import annotations

import inspect
import re
import sys

import pytest

from longismore import errors
from longismore._optional import require
from longismore.errors import (
    ConfigError,
    DataError,
    JudgeError,
    JudgeRejectedError,
    JudgeServerError,
    JudgeTimeoutError,
    LongismoreError,
    MissingDependencyError,
    RateLimitError,
    RefusalError,
    SchemaError,
    UnknownNameError,
    UsageError,
    near_names,
)


def drawn_tree() -> dict[str, str]:
    """Each error of the tree in the module's docstring, with the one it hangs on."""
    parents: dict[str, str] = {}
    above = ["LongismoreError"]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"    ([│ ]*)[├└]── (\w+)", line):
            depth = len(found[1]) // 4 + 1
            parents[found[2]] = above[depth - 1]
            above[depth:] = [found[2]]
    return parents


def test_tree_is_drawn_as_it_is() -> None:
    """The docstring draws every error under the one it derives from."""
    real = {
        name: kind.__mro__[1].__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, LongismoreError) and kind is not LongismoreError
    }
    assert real == drawn_tree()


def test_retryable_errors_are_those_that_time_may_heal() -> None:
    """The engine tries these again, and no others."""
    retryable = [RateLimitError("x"), JudgeTimeoutError("x"), JudgeServerError("x")]
    lasting = [JudgeError("x"), RefusalError("x"), JudgeRejectedError("x")]
    assert ([True] * 3, [False] * 3) == ([e.retryable for e in retryable], [e.retryable for e in lasting])


def test_config_error_shows_every_problem() -> None:
    """All wrong settings are named at once, one a line."""
    error = ConfigError(["a is wrong", "b is wrong"])
    assert ("a is wrong\nb is wrong", ["a is wrong", "b is wrong"]) == (str(error), error.problems)
    assert ["only this"] == ConfigError("only this").problems


def test_schema_error_says_where() -> None:
    """File and line come first."""
    error = SchemaError("koala.jsonl:17", 'field "prompt" is missing')
    assert 'koala.jsonl:17: field "prompt" is missing' == str(error)
    assert isinstance(error, DataError)
    assert isinstance(error, UsageError)


def test_missing_dependency_names_the_command() -> None:
    """The message can be pasted."""
    expected = 'the package "torch" is not installed; do: pip install "longismore[train]"'
    assert expected == str(MissingDependencyError("torch", "train"))


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("koal", ["koala", "lima"], "; did you mean koala?; known: koala, lima"),
        ("xyz", ["koala", "lima"], "; known: koala, lima"),
        ("x", [], "; known: none"),
        ("ab", ["abc", "abd"], "; did you mean abd or abc?; known: abc, abd"),
    ],
)
def test_near_names_come_first(name: str, known: list[str], expected: str) -> None:
    """Names that come near are offered before all names are listed."""
    assert expected == near_names(name, known)


def test_unknown_name_sorts_what_it_knows() -> None:
    """The list reads the same whatever the order of its source."""
    error = UnknownNameError("test set", "koal", {"lima", "koala"})
    assert 'unknown test set "koal"; did you mean koala?; known: koala, lima' == str(error)


def test_rate_limit_keeps_the_pause() -> None:
    """Seconds to wait are known or unknown."""
    assert (7.0, None) == (RateLimitError("x", 7.0).retry_after_s, RateLimitError("x").retry_after_s)


def test_require_gives_the_module() -> None:
    """A package that is installed is imported, with dots too."""
    assert sys.modules["importlib.metadata"] is require("importlib.metadata", extra="any")


@pytest.mark.parametrize("package", ["no_such_package", "no_such_package.part"])
def test_require_names_the_extra(package: str) -> None:
    """A package that is missing is an error with the command that installs it."""
    with pytest.raises(MissingDependencyError, match=re.escape('pip install "longismore[train]"')):
        require(package, extra="train")


def test_require_lets_a_broken_package_speak(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that is installed but lacks one of its own needs is not healed by the extra."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "broken_package.py").write_text("import no_such_package", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        require("broken_package", extra="train")
