"""From ``NAME:key=value`` to a strategy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from longismore.errors import ConfigError, UnknownNameError
from longismore.selectors import SELECTORS, make_selector, parameters_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longismore.instructions import InstructionData
    from longismore.selectors import Choice, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A strategy with a parameter of every kind."""

    model: str
    rate: float | None = None
    count: int = 10
    careful: bool = False
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"count must be at least 1, found {self.count}")

    def prepare(self, data: InstructionData, work: Work) -> None:
        """Nothing."""

    def choose(self, data: InstructionData, work: Work) -> Choice:
        """Never asked."""
        raise AssertionError


@pytest.fixture(autouse=True)
def example() -> Iterator[None]:
    """The strategy is known as ``example``."""
    SELECTORS.register("example", Example)
    yield
    del SELECTORS._loaded["example"]


def test_parameters_are_read_by_their_types() -> None:
    """Text, numbers, truth values, lists and none."""
    spec = "example:model=a:b/c,rate=0.05,count=3,careful=yes,exclude=a.json+b.json"
    expected = Example(model="a:b/c", rate=0.05, count=3, careful=True, exclude=("a.json", "b.json"))
    assert make_selector(spec) == expected
    assert make_selector("example:rate=none", {"model": "x,y", "exclude": "a+b.json,c.json"}) == Example(
        model="x,y", exclude=("a+b.json", "c.json")
    )


def test_all_that_is_wrong_is_said_at_once() -> None:
    """Unknown, twice, without a value, of another type, missing: with what is allowed."""
    with pytest.raises(ConfigError) as raised:
        make_selector("example:cuont=3,count=x,careful=perhaps,rate,rate=high", {"count": "4"})
    assert raised.value.problems == [
        'example: "rate" is no parameter; write key=value (a comma in a value: --set key=value)',
        "example: count is given twice",
        'example: "cuont" is no parameter; did you mean count?; known: model, rate, count, careful, exclude',
        'example: careful must be true or false, found "perhaps"',
        'example: rate must be a number or none, found "high"',
        "example: model is missing; give it: --set model=...",
    ]
    with pytest.raises(ConfigError, match="count must be at least 1, found 0"):
        make_selector("example:model=x,count=0")
    with pytest.raises(UnknownNameError, match=r"lonegst.*longest"):
        make_selector("lonegst")
    with pytest.raises(ConfigError, match=r"no strategy was given; choose one of .*random"):
        make_selector(" ")


def test_parameters_are_told_in_words() -> None:
    """For lists and pages: name, type, default."""
    assert [(one.name, one.type, one.default) for one in parameters_of(Example)] == [
        ("model", "text", ...),
        ("rate", "a number or none", None),
        ("count", "a whole number", 10),
        ("careful", "true or false", False),
        ("exclude", "a list", ()),
    ]
