"""Content keys made of columns are those of the rows."""

from __future__ import annotations

import pytest

from longismore.instructions import content_key
from longismore.instructions._column_keys import column_keys

arrow = pytest.importorskip("pyarrow")

ROWS = [
    ("", "", "", ""),
    ("a", "b", "c", "d"),
    ("ab", "", "c", "d"),
    ("a", "bc", "", "d"),
    ("", "x\x00y", "\u2028é\U0001f600", "long " * 5000),
]


@pytest.mark.parametrize(
    "kind", [arrow.string(), arrow.large_string(), arrow.dictionary(arrow.int32(), arrow.string())]
)
def test_keys_are_those_of_the_texts(kind: object) -> None:
    """Whatever Arrow keeps text in, also in a slice; no border between texts is lost."""
    columns = [arrow.array(list(column), arrow.string()).cast(kind) for column in zip(*ROWS, strict=True)]
    expected = [content_key(row) for row in ROWS]
    assert expected == column_keys(columns)
    assert expected[2:4] == column_keys([column.slice(2, 2) for column in columns])
    assert len(ROWS) == len(set(expected))


def test_null_is_empty() -> None:
    """As a missing input is."""
    columns = [arrow.array(texts, arrow.string()) for texts in ([None], [None], ["x"], [None])]
    assert [content_key(["", "", "x", ""])] == column_keys(columns)


def test_no_rows_have_no_keys() -> None:
    """An empty table is no special case."""
    assert [] == column_keys([arrow.array([], arrow.string())] * 4)
