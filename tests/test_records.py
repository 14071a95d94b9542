from __future__ import annotations

import dataclasses
import inspect
import json
from typing import TYPE_CHECKING

import pytest

from longismore import records
from longismore.records import Order, Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from longismore.records import Judgment, Pair

VALUES = [kind for _, kind in inspect.getmembers(records, dataclasses.is_dataclass)]


@pytest.mark.parametrize("kind", VALUES)
def test_values_are_frozen_and_slotted(kind: type) -> None:
    """What rooms hand to each other cannot be changed on the way."""
    parameters = kind.__dataclass_params__  # type: ignore[attr-defined]
    assert parameters.frozen
    assert "__slots__" in vars(kind)


def test_value_cannot_be_changed(make_pair: Callable[..., Pair]) -> None:
    """Assigning to a field is an error."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_pair().id = "other"  # type: ignore[misc]


def test_words_are_their_own_json() -> None:
    """Orders, states and outcomes are written as the words of the format."""
    words = [*Order, *Status, *Outcome]
    expected = ["reference_first", "candidate_first", "judged", "unparsed", "refused", "failed", "win", "tie", "lose"]
    assert expected == json.loads(json.dumps(words))


def test_unknown_is_none_not_zero(make_pair: Callable[..., Pair]) -> None:
    """A judgment of which nothing is known has no numbers."""
    pair = make_pair()
    judgment: Judgment = records.Judgment(
        id=pair.id,
        testset=pair.testset,
        prompt=pair.prompt,
        reference=pair.reference,
        candidate=pair.candidate,
        order=Order.REFERENCE_FIRST,
        judge="j",
        fingerprint="f",
        status=Status.FAILED,
    )
    optional = [field.name for field in dataclasses.fields(judgment) if field.default is None]
    assert 9 == len(optional)
    assert {None} == {getattr(judgment, name) for name in optional}
