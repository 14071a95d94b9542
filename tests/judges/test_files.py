from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from longismore.errors import ConfigError, DataError, SchemaError, UnknownNameError
from longismore.judges import ChatJudge, JudgeOptions, find_price, make_judge
from longismore.judges._files import file_names, find_file, read_file

if TYPE_CHECKING:
    from pathlib import Path

KEYS = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"), "sk-test")


def made(spec: str, settings: dict[str, Any] | None = None) -> ChatJudge:
    """The judge of a spec, with all keys set."""
    judge = make_judge(spec, JudgeOptions.from_mapping(settings or {}, KEYS))
    assert isinstance(judge, ChatJudge)
    return judge


def written(tmp_path: Path, text: str) -> str:
    """A judge file."""
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", file_names())
def test_files_that_come_along_are_judges(name: str) -> None:
    """Each has a description, makes a judge by its name alone, and its model has a price or says why not."""
    pytest.importorskip("anthropic")
    pytest.importorskip("google.genai")
    path = find_file(name)
    assert path is not None
    assert "description:" in path.read_text()
    judge = made(name)
    assert judge.client.price is not None
    assert judge.name == read_file(path).judge


def test_expected_files_come_along() -> None:
    """The judges of the papers, or what took their place, and a local one."""
    assert {"gpt4-alpagasus", "gemini", "claude", "local"} <= set(file_names())


def test_file_fills_in_what_the_user_has_not_said(tmp_path: Path) -> None:
    """The user's own settings win over the file's, the file's over the defaults."""
    spec = written(tmp_path, "judge: openai/m\nmax_tokens: 99\ntemperature: 0.5\nprotocol: choice\n")
    judge = made(spec, {"max_tokens": 7})
    found = (judge.name, judge.options.max_tokens, judge.options.temperature, judge.protocol.name)
    assert ("openai/m", 7, 0.5, "choice") == found


def test_file_and_spec_are_one_judge(tmp_path: Path) -> None:
    """Where they ask the same in the same way, answers are shared: the name of a file is no part of a judge."""
    spec = written(tmp_path, "judge: openai/m\nmax_tokens: 1024\n")
    assert made("openai/m").fingerprint == made(spec).fingerprint


def test_own_prompt(tmp_path: Path) -> None:
    """A prompt beside the file takes the place of the protocol's, and makes another judge."""
    (tmp_path / "prompt.txt").write_text("Mark them. The code is @CODE@.")
    judge = made(written(tmp_path, "judge: openai/m\nprompt: prompt.txt\n"))
    assert judge.fingerprint != made("openai/m").fingerprint
    assert judge.protocol.prompt == "Mark them. The code is @CODE@."  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", 'needs the field "judge"'),
        ("judge: 3", 'needs the field "judge"'),
        ("judge: {", "is not YAML"),
        ("judge: other.yaml", "must name a provider and a model"),
        ("judge: gemini", "must name a provider and a model"),
        ("judge: openai/m\napi_key: sk-secret", "keys are read from the environment only"),
        ("judge: openai/m\nprompt: none.txt", "cannot be read"),
    ],
)
def test_bad_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    """The message has the file and what is wrong with it, and never what a key was."""
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        made(written(tmp_path, text))
    assert "mine.yaml" in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def test_bad_settings_name_the_file(tmp_path: Path) -> None:
    """All wrong settings of a file are named at once, each with the file."""
    with pytest.raises(ConfigError) as caught:
        made(written(tmp_path, "judge: openai/m\nmax_token: 5\nretries: many\n"))
    assert 2 == len(caught.value.problems)
    assert all("mine.yaml: " in problem for problem in caught.value.problems)


def test_prompt_without_code_is_refused(tmp_path: Path) -> None:
    """A prompt that does not say which code marks the quotations would let an answer pose as instructions."""
    (tmp_path / "prompt.txt").write_text("Mark both.")
    with pytest.raises(SchemaError, match="put @CODE@"):
        made(written(tmp_path, "judge: openai/m\nprompt: prompt.txt\n"))


def test_unknown_name_lists_files_too() -> None:
    """A misspelt name of a file finds the file."""
    with pytest.raises(UnknownNameError, match="did you mean gemini"):
        make_judge("gemnii", JudgeOptions())


def test_price_of_the_papers_judge() -> None:
    """GPT-4's price is known, so that what AlpaGasus' judge costs can be said before it is asked."""
    assert find_price("openai", "gpt-4-0613", JudgeOptions()) is not None
