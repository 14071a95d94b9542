"""What a run is told, by metadata or by the environment."""

from __future__ import annotations

import pytest

from longismore.errors import ConfigError
from longismore.harness._settings import KEYS, PairwiseSettings


def test_metadata_are_read() -> None:
    """Each key of ours goes to its place; settings of the judge keep their order and their types."""
    settings = PairwiseSettings.read(
        {
            "judge": "openai/test",
            "judge_reference": "reference.json",
            "judge_output": "out",
            "judge_store": "store.sqlite",
            "judge_candidate": "mine",
            "judge_concurrency": 4,
            "judge_temperature": 0,
        },
        {},
    )
    expected = PairwiseSettings(
        judge="openai/test",
        reference="reference.json",
        output="out",
        store="store.sqlite",
        candidate="mine",
        options=(("temperature", 0), ("concurrency", 4)),
    )
    assert expected == settings


def test_nothing_given_is_nothing() -> None:
    """Without metadata and environment every setting is unknown, and none has a value of its own."""
    nothing = PairwiseSettings(judge=None, reference=None, output=None, store=None, candidate=None, options=())
    assert nothing == PairwiseSettings.read({}, {})


@pytest.mark.parametrize("key", KEYS)
def test_every_key_may_come_from_the_environment(key: str) -> None:
    """LONGISMORE_ and the key in capitals stand for the key, until metadata say otherwise."""
    environ = {f"LONGISMORE_{key.upper()}": "from-env"}
    assert PairwiseSettings.read({key: "from-env"}, {}) == PairwiseSettings.read({}, environ)
    assert PairwiseSettings.read({key: "told"}, {}) == PairwiseSettings.read({key: "told"}, environ)


def test_the_store_has_the_name_that_all_commands_know() -> None:
    """LONGISMORE_STORE names the store, as for `longismore compare`; the longer name wins over it."""
    assert "a" == PairwiseSettings.read({}, {"LONGISMORE_STORE": "a"}).store
    assert "b" == PairwiseSettings.read({}, {"LONGISMORE_STORE": "a", "LONGISMORE_JUDGE_STORE": "b"}).store


def test_an_empty_value_is_no_value() -> None:
    """What is set to nothing is not set: neither in the metadata nor in the environment."""
    assert PairwiseSettings.read({}, {}) == PairwiseSettings.read({"judge": ""}, {"LONGISMORE_JUDGE_OUTPUT": ""})


def test_zero_is_a_value() -> None:
    """A temperature of 0 is not taken for a missing one."""
    assert (("temperature", 0.0), ("retries", 0)) == PairwiseSettings.read(
        {"judge_temperature": 0.0, "judge_retries": 0}, {}
    ).options


@pytest.mark.parametrize("value", [["openai/test"], {"name": "openai/test"}])
def test_a_value_that_is_no_text_is_refused_by_name(value: object) -> None:
    """JSON metadata can hold lists and objects; the message says which key has one."""
    with pytest.raises(ConfigError, match="judge_reference"):
        PairwiseSettings.read({"judge_reference": value}, {})


def test_arguments_of_the_model_are_none_of_our_business() -> None:
    """lm_eval hands model arguments in the same mapping: whatever does not begin with judge is passed over."""
    told = {"pretrained": "org/model", "version": 1, "path": "x", "max_length": 5}
    assert PairwiseSettings.read({}, {}) == PairwiseSettings.read(told, {})


def test_all_unknown_keys_are_named_at_once() -> None:
    """Each with the name that was probably meant."""
    with pytest.raises(ConfigError) as raised:
        PairwiseSettings.read({"judge": "length", "judge_refrence": "x", "judgement": "y"}, {})
    assert 2 == len(raised.value.problems)
    assert '"judge_refrence"; did you mean judge_reference' in str(raised.value)
    assert '"judgement"' in str(raised.value)


@pytest.mark.parametrize("key", ["judge_api_key", "judge_key"])
def test_a_key_of_a_provider_is_refused(key: str) -> None:
    """All metadata are written into results files: a secret is refused, not repeated, and its place is named."""
    with pytest.raises(ConfigError, match="environment only") as raised:
        PairwiseSettings.read({key: "sk-secret"}, {})
    assert "sk-secret" not in str(raised.value)


def test_equal_settings_are_equal() -> None:
    """The pool joins tasks by comparing their settings."""
    told = {"judge": "length", "judge_retries": 2}
    assert PairwiseSettings.read(told, {}) == PairwiseSettings.read(dict(reversed(told.items())), {})
    assert PairwiseSettings.read(told, {}) != PairwiseSettings.read({**told, "judge_retries": 3}, {})
