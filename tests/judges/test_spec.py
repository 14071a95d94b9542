from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError, MissingDependencyError, UnknownNameError
from longismore.judges import JUDGES, JudgeOptions, make_judge

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = """
from longismore.judges import JUDGES


class Echo:
    note = None
    fingerprint = "echo"

    def __init__(self, argument, options):
        self.name = f"echo/{argument}"
        self.options = options


def echo_judge(argument, options):
    return Echo(argument, options)
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution on the path that declares a judge, one that fails to load, and one with a name of ours."""
    (tmp_path / "echo_plugin.py").write_text(PLUGIN, encoding="utf-8")
    metadata = tmp_path / "echo_plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-plugin\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(
        "[longismore.judges]\necho = echo_plugin:echo_judge\nbroken = echo_plugin:missing\n"
        "length = echo_plugin:echo_judge\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "echo_plugin", raising=False)
    monkeypatch.setattr(JUDGES, "_loaded", dict(JUDGES._loaded))


@pytest.mark.parametrize(
    ("spec", "name"),
    [("length", "length"), (" lexical ", "lexical"), ("openai/gpt-4.1", "openai/gpt-4.1"),
     ("openai:gpt-4.1", "openai/gpt-4.1"), ("openai/org/model:free", "openai/org/model:free")],
)  # fmt: skip
def test_spec_names_a_judge(spec: str, name: str) -> None:
    """A provider and a model, or a name alone; everything behind the first separator is the model."""
    options = JudgeOptions(environ={"OPENAI_API_KEY": "sk-test"})
    assert name == make_judge(spec, options).name


@pytest.mark.parametrize("spec", ["", "  ", "/gpt-4.1", ":x"])
def test_empty_spec_lists_the_choices(spec: str) -> None:
    """Without a judge the message says which there are and what each needs."""
    with pytest.raises(ConfigError) as caught:
        make_judge(spec, JudgeOptions())
    assert all(word in str(caught.value) for word in ("openai/MODEL", "replay:FILE", "lexical", "length"))


def test_unknown_judge_names_the_near_ones() -> None:
    """A misspelt name is answered with the one that was meant, then with all."""
    with pytest.raises(UnknownNameError, match=r'unknown judge "opnai"; did you mean openai.*known: ') as caught:
        make_judge("opnai/gpt-4.1", JudgeOptions())
    assert "replay" in caught.value.known


def test_file_without_replay_is_no_judge() -> None:
    """A path alone is no spec: its first folder is looked for among the names."""
    with pytest.raises(UnknownNameError, match='unknown judge "runs"'):
        make_judge("runs/first/judgments.jsonl", JudgeOptions())


@pytest.mark.parametrize("spec", ["openai", "openai/"])
def test_openai_needs_a_model(spec: str) -> None:
    """The provider alone is not enough."""
    with pytest.raises(ConfigError, match='"openai" needs a model'):
        make_judge(spec, JudgeOptions())


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the message is the command that installs it."""
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(MissingDependencyError, match=re.escape('pip install "longismore[openai]"')):
        make_judge("openai/gpt-4.1", JudgeOptions(environ={"OPENAI_API_KEY": "sk-test"}))


@pytest.mark.usefixtures("plugin")
def test_other_packages_add_judges() -> None:
    """A judge that another package declares as an entry point is listed, made and given the options."""
    options = JudgeOptions(retries=3)
    judge: Any = make_judge("echo/loud", options)
    assert "echo" in JUDGES.names()
    assert ("echo/loud", options) == (judge.name, judge.options)


@pytest.mark.usefixtures("plugin")
def test_plugin_that_fails_to_load_is_named() -> None:
    """A plug-in that cannot be loaded is an error with the name of its package when it is asked for."""
    with pytest.raises(ConfigError, match='judge "broken" of the package echo-plugin fails to load: AttributeError'):
        make_judge("broken", JudgeOptions())


@pytest.mark.usefixtures("plugin")
def test_built_in_wins_over_a_plugin_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in judge is made, and a warning names the package that is hidden."""
    monkeypatch.delitem(JUDGES._loaded, "length", raising=False)
    monkeypatch.delitem(sys.modules, "longismore.judges.length", raising=False)
    with pytest.warns(UserWarning, match="of the package echo-plugin is hidden by the built-in"):
        judge = make_judge("length", JudgeOptions())
    assert judge.name == "length"


def test_options_read_texts_and_numbers() -> None:
    """Settings come as text from a command line and as numbers from a program."""
    given = {"base_url": "http://localhost:8000/v1", "temperature": "0.5", "max_tokens": "64", "concurrency": 4,
             "timeout_s": "3", "retries": "0", "api_key_env": "MY_KEY"}  # fmt: skip
    expected = JudgeOptions(
        base_url="http://localhost:8000/v1",
        temperature=0.5,
        max_tokens=64,
        concurrency=4,
        timeout_s=3.0,
        retries=0,
        api_key_env="MY_KEY",
    )
    assert expected == JudgeOptions.from_mapping(given, {})


@pytest.mark.parametrize("value", [None, "none", "None", "null"])
def test_temperature_may_be_left_to_the_server(value: str | None) -> None:
    """No temperature is a setting of its own, in text too."""
    assert JudgeOptions.from_mapping({"temperature": value}, {}).temperature is None


def test_options_that_are_none_are_not_given() -> None:
    """An address or variable that is not set stays so, instead of becoming a word."""
    options = JudgeOptions.from_mapping({"base_url": None, "api_key_env": None}, {})
    assert (None, None) == (options.base_url, options.api_key_env)


def test_all_wrong_options_are_named_at_once() -> None:
    """Unknown settings with near names and values of the wrong kind stand in one message."""
    given = {"temprature": 0, "max_tokens": "many", "retries": 1.5, "timeout_s": []}
    with pytest.raises(ConfigError) as caught:
        JudgeOptions.from_mapping(given, {})
    message = str(caught.value)
    assert 4 == len(caught.value.problems)
    assert 'unknown setting of a judge "temprature"; did you mean temperature?' in message
    assert "max_tokens='many' is not a whole number" in message
    assert "retries=1.5 is not a whole number" in message
    assert "timeout_s=[] is not a number" in message


@pytest.mark.parametrize(
    ("field", "value"),
    [("concurrency", 0), ("max_tokens", 0), ("retries", -1), ("timeout_s", 0.0), ("timeout_s", float("nan")),
     ("temperature", -0.1), ("temperature", float("nan")), ("temperature", float("inf")), ("base_url", "localhost:1")],
)  # fmt: skip
def test_values_out_of_range_are_refused(field: str, value: Any) -> None:
    """A value that cannot work is refused before the first call, by name."""
    with pytest.raises(ConfigError, match=f"{field} must"):
        JudgeOptions(**{field: value})


def test_environment_is_not_shown() -> None:
    """The environment holds keys: it does not stand in the text of the options."""
    assert "sk-secret" not in repr(JudgeOptions(environ={"OPENAI_API_KEY": "sk-secret"}))
