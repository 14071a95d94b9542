"""What a call costs: a price table with its date, and the user's own prices above it.

A model that is not in the table has no price: its cost is unknown, never 0. Names are matched whole, or followed
by a date as the providers write it; a part of a name matches nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, DataError, SchemaError

if TYPE_CHECKING:
    from longismore.judges._options import JudgeOptions

__all__ = ["PRICES_VARIABLE", "Price", "find_price", "require_price"]

PRICES_VARIABLE = "LONGISMORE_PRICES"
"""Names a file of the user's own prices, in the table's format."""

_MILLION = 1_000_000
_DATED = re.compile(r"(?P<model>.+?)[-@](?:\d{4}-\d{2}-\d{2}|\d{8})")
"""``gpt-4.1-2025-04-14``, ``claude-sonnet-4-5-20250929``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US$ per million tokens."""

    input: float
    output: float
    source: str
    """Where it comes from, with the date."""

    def cost_usd(self, input_tokens: int | None, output_tokens: int | None) -> float | None:
        """Of one call; ``None`` where a number of tokens is unknown."""
        if input_tokens is None or output_tokens is None:
            return None
        return (input_tokens * self.input + output_tokens * self.output) / _MILLION


def find_price(provider: str, model: str, options: JudgeOptions, *, is_listed: bool = True) -> Price | None:
    """The price of a model.

    Args:
        provider: As in the judge's spec.
        model: The same.
        options: Prices among them win; its environment may name the user's own table.
        is_listed: Whether the provider's own prices apply; not so for another server by ``base_url``.

    Raises:
        UsageError: The user's own table cannot be read.
    """
    if options.price_input is not None and options.price_output is not None:
        return Price(input=options.price_input, output=options.price_output, source="price_input, price_output")
    own = options.environ.get(PRICES_VARIABLE, "").strip()
    if own and (price := _look_up(_read(Path(own)), provider, model)):
        return price
    return _look_up(_published(), provider, model) if is_listed else None


def _look_up(table: Mapping[str, Price], provider: str, model: str) -> Price | None:
    dated = _DATED.fullmatch(model)
    names = [model] if dated is None else [model, dated["model"]]
    return next((table[f"{provider}/{name}"] for name in names if f"{provider}/{name}" in table), None)


@cache
def _published() -> Mapping[str, Price]:
    text = files("longismore.judges").joinpath("prices.yaml").read_text(encoding="utf-8")
    return _parse(text, "prices.yaml")


def _read(path: Path) -> Mapping[str, Price]:
    try:
        return _parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the prices of {PRICES_VARIABLE} cannot be read: {error}") from error


def _parse(text: str, where: str) -> Mapping[str, Price]:
    import yaml  # only needed where a price is wanted

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SchemaError(where, f"is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, Mapping) or not isinstance(document.get("models"), Mapping):
        raise SchemaError(where, 'a table of prices needs "as_of: DATE" and "models:", found neither or one of them')
    source = f"{where}, {document.get('as_of', 'without a date')}"
    return {str(name): _price(f"{where}: {name}", value, source) for name, value in document["models"].items()}


def _price(where: str, value: Any, source: str) -> Price:
    sides = value if isinstance(value, Mapping) else {}
    if not all(_is_price(sides.get(side)) for side in ("input", "output")):
        raise SchemaError(where, f"must be {{input: US$, output: US$}} per million tokens, found {value!r:.80}")
    return Price(input=float(sides["input"]), output=float(sides["output"]), source=source)


def _is_price(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def require_price(price: Price | None, name: str) -> Price:
    """The price, where a cap on the cost needs one.

    Raises:
        ConfigError: It is unknown.
    """
    if price is None:
        raise ConfigError(
            f"the price of {name} is unknown, so no limit on the cost can be kept: give price_input and price_output "
            "(US$ per million tokens; --price-input, judge_price_input=...), or name a table of your own in "
            f"{PRICES_VARIABLE}"
        )
    return price
