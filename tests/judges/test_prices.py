from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from longismore.errors import ConfigError, DataError, SchemaError
from longismore.judges import JudgeOptions, Price, find_price
from longismore.judges._prices import PRICES_VARIABLE, require_price

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "as_of: 2030-01-02\nmodels:\n  openai/mine: {input: 1, output: 2.5}\n  openai/gpt-4.1: {input: 7, output: 8}\n"


def price(model: str, **changes: Any) -> tuple[float, float] | None:
    """Input and output price of a model of OpenAI."""
    is_listed = changes.pop("is_listed", True)
    found = find_price("openai", model, JudgeOptions(**changes), is_listed=is_listed)
    return None if found is None else (found.input, found.output)


def test_published_table_is_whole() -> None:
    """The table has a date, says where it is from, and every price in it can be read."""
    text = files("longismore.judges").joinpath("prices.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    assert "Sources:" in text
    assert document["as_of"].year >= 2026
    for name in document["models"]:
        provider, _, model = name.partition("/")
        found = find_price(provider, model, JudgeOptions())
        assert found is not None
        assert 0 < found.input <= found.output
        assert str(document["as_of"]) in found.source


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4.1", (2.0, 8.0)),
        ("gpt-4.1-2025-04-14", (2.0, 8.0)),
        ("gpt-4o-2024-05-13", (5.0, 15.0)),
        ("gpt-4o-2024-08-06", (2.5, 10.0)),
        ("gpt-4.1-mini", (0.4, 1.6)),
        ("gpt-4.1-minimal", None),
        ("gpt-4.1-2025-04-14-preview", None),
        ("gpt-4", (30.0, 60.0)),
        ("gpt-4-32k", None),
        ("ft:gpt-4.1-mini:me", None),
        ("no-such-model", None),
    ],
)
def test_names_are_matched_whole_or_with_a_date(model: str, expected: tuple[float, float] | None) -> None:
    """A part of a name matches nothing: a model that is not in the table has no price."""
    assert expected == price(model)


def test_another_server_has_no_listed_price() -> None:
    """A model of that name behind a server of one's own costs what its owner says."""
    assert price("gpt-4.1", is_listed=False) is None
    assert (0.0, 0.0) == price("gpt-4.1", is_listed=False, price_input=0, price_output=0)


def test_user_has_the_last_word(tmp_path: Path) -> None:
    """Options go above the user's table, and that above the published one."""
    (tmp_path / "prices.yaml").write_text(TABLE)
    environ = {PRICES_VARIABLE: str(tmp_path / "prices.yaml")}
    assert (7.0, 8.0) == price("gpt-4.1", environ=environ)
    assert (1.0, 2.5) == price("mine", environ=environ, is_listed=False)
    assert (0.4, 1.6) == price("gpt-4.1-mini", environ=environ)
    assert (3.0, 4.0) == price("gpt-4.1", environ=environ, price_input=3, price_output=4)


def test_source_has_the_date(tmp_path: Path) -> None:
    """Whoever reads a cost can see how old the price is."""
    (tmp_path / "prices.yaml").write_text(TABLE)
    found = find_price("openai", "mine", JudgeOptions(environ={PRICES_VARIABLE: str(tmp_path / "prices.yaml")}))
    assert found is not None
    assert found.source.endswith("prices.yaml, 2030-01-02")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "needs"),
        ("models: 3", "needs"),
        ("models: {openai/a: 3}", "openai/a: must be"),
        ("models: {openai/a: {input: 1}}", "openai/a: must be"),
        ("models: {openai/a: {input: -1, output: 2}}", "openai/a: must be"),
        ("models: {openai/a: {input: .nan, output: 2}}", "openai/a: must be"),
        ("models: {openai/a: {input: true, output: 2}}", "openai/a: must be"),
        ("models: {", "is not YAML"),
    ],
)
def test_bad_table_names_file_and_model(text: str, message: str, tmp_path: Path) -> None:
    """A wrong table is an error before anything is sent."""
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(SchemaError, match=message) as caught:
        price("gpt-4.1", environ={PRICES_VARIABLE: str(path)})
    assert "own.yaml" in str(caught.value)


def test_missing_table_is_named(tmp_path: Path) -> None:
    """A file that is not there is named, with the variable that names it."""
    with pytest.raises(DataError, match=f"the prices of {PRICES_VARIABLE} cannot be read"):
        price("gpt-4.1", environ={PRICES_VARIABLE: str(tmp_path / "none.yaml")})


def test_cost_of_a_call() -> None:
    """Tokens times price, per million; unknown tokens have no cost."""
    each = Price(input=2.0, output=8.0, source="test")
    assert each.cost_usd(1000, 100) == pytest.approx(0.0028)
    assert each.cost_usd(None, 100) is None
    assert each.cost_usd(1000, None) is None


def test_cap_needs_a_price() -> None:
    """Without a price no limit can be kept: the message says how to give one."""
    with pytest.raises(ConfigError, match=r"the price of openai/x is unknown.*price_input"):
        require_price(None, "openai/x")


def test_prices_belong_together() -> None:
    """One of the two prices alone is a mistake."""
    with pytest.raises(ConfigError, match="give both"):
        JudgeOptions(price_input=1.0)
