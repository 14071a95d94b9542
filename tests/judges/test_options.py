from __future__ import annotations

from typing import Any

import pytest

from longismore.errors import ConfigError
from longismore.judges import JudgeOptions


def read(**settings: Any) -> JudgeOptions:
    """Options as a command line or a file gives them."""
    return JudgeOptions.from_mapping(settings, {})


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"max_tokens": "77"}, {"max_tokens": 77}),
        ({"temperature": "none"}, {"temperature": None}),
        ({"temperature": "0.5"}, {"temperature": 0.5}),
        ({"parameters": '{"seed": 1, "effort": "low"}'}, {"parameters": {"seed": 1, "effort": "low"}}),
        ({"parameters": {"max_tokens": 5}}, {"parameters": {"max_tokens": 5}}),
        ({"batch": "true"}, {"batch": True}),
        ({"batch": "no"}, {"batch": False}),
        ({"batch": True}, {"batch": True}),
        ({"max_cost_usd": "2.5"}, {"max_cost_usd": 2.5}),
        ({"max_cost_usd": None}, {"max_cost_usd": None}),
        ({"concurrency": 64.0}, {"concurrency": 64}),
    ],
)  # fmt: skip
def test_text_and_values_are_read(settings: dict[str, Any], expected: dict[str, Any]) -> None:
    """What comes from a shell, from JSON or from YAML is the same setting."""
    options = read(**settings)
    assert expected == {name: getattr(options, name) for name in expected}
    assert frozenset(settings) == options.given


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_token": 5}, 'unknown setting of a judge "max_token"; did you mean max_tokens'),
        ({"max_tokens": "many"}, "max_tokens='many' is not a whole number"),
        ({"max_tokens": 1.5}, "is not a whole number"),
        ({"max_tokens": 0}, "max_tokens must be at least 1, found 0"),
        ({"batch": "perhaps"}, "batch='perhaps' is not true or false"),
        ({"parameters": "[1]"}, "is not a JSON object"),
        ({"parameters": "{"}, "is not a JSON object"),
        ({"parameters": '{"seed": NaN}'}, "is not a JSON object"),
        ({"max_cost_usd": 0}, "max_cost_usd must be positive, found 0"),
        ({"max_cost_usd": "nan"}, "max_cost_usd must be positive"),
        ({"temperature": -1}, "temperature must be at least 0"),
        ({"price_input": -1, "price_output": 1}, "price_input must be at least 0"),
        ({"retries": -1}, "retries must be at least 0"),
        ({"timeout_s": 0}, "timeout_s must be positive"),
        ({"base_url": "localhost:8000"}, "must start with http:// or https://"),
        ({"base_url": "http://[::1/v1"}, "is no address"),
        ({"retries": [["x" * 9] * 9] * 9}, "retries=[['xxxxxxxxx', 'xxxxxxxxx', "),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], message: str) -> None:
    """The message has the name, the value and what is allowed."""
    with pytest.raises(ConfigError) as caught:
        read(**settings)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_all_wrong_settings_are_named_at_once() -> None:
    """Nobody mends one, only to hear of the next."""
    with pytest.raises(ConfigError) as caught:
        read(retries=-1, timeout_s=0, concurrency=0)
    assert 3 == len(caught.value.problems)


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "https://me:sk-secret@127.0.0.1/v1"},
        {"base_url": "https://127.0.0.1/v1?key=sk-secret"},
        {"base_url": "https://127.0.0.1/v1#sk-secret"},
        {"parameters": {"api_key": "sk-secret"}},
        {"parameters": {"Authorization": "Bearer sk-secret"}},
        {"parameters": '{"apiKey": "sk-secret"}'},
    ],
)
def test_keys_among_the_settings_are_refused(settings: dict[str, Any]) -> None:
    """Settings are written to run.json and hashed: a key must not be one, and the message does not repeat it."""
    with pytest.raises(ConfigError, match="environment only") as caught:
        read(**settings)
    assert "sk-secret" not in str(caught.value)


def test_environment_is_not_shown() -> None:
    """Printing the options prints no key."""
    options = JudgeOptions(environ={"OPENAI_API_KEY": "sk-secret"})
    assert "sk-secret" not in repr(options)


def test_defaults_of_a_file_give_way() -> None:
    """What the user has named stays; the rest is the file's."""
    options = read(max_tokens=5).with_defaults({"max_tokens": 9, "retries": 1})
    assert (5, 1) == (options.max_tokens, options.retries)
