"""Comma-separated values of comparisons: every field at full precision, for programs.

RFC 4180 with line feeds: text in quotes, numbers bare, unknown empty. A text that a spreadsheet would run as a formula
(it begins with ``=``, ``+``, ``-`` or ``@``, also in full width) gets an apostrophe in front, as OWASP advises: names
of models and judges come from anywhere.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from longismore.reports._escape import name_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["csv_text", "flat"]

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_LONGEST = 10_000
"""Spreadsheets cut a cell at 32,767 characters."""


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows under a head line; the columns are those of all rows, in the order in which they first appear."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines: list[list[Any]] = [list(columns), *([row.get(name) for name in columns] for row in rows)]
    return "".join(",".join(_cell(value) for value in line) + "\n" for line in lines)


def flat(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give named values one by one: intervals as ``_low`` and ``_high``, mappings by their keys, curves as JSON."""
    for name, value in fields.items():
        if name.endswith("_ci"):
            low, high = value or (None, None)
            yield from ((f"{name}_low", low), (f"{name}_high", high))
        elif isinstance(value, dict):
            yield from ((f"{name}_{key}", inner) for key, inner in value.items())
        elif isinstance(value, list):
            yield name, json.dumps(value, allow_nan=False)
        else:
            yield name, value


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return repr(value)
    text = name_text(value, _LONGEST)
    guarded = f"'{text}" if text.startswith(_FORMULA) else text
    return '"' + guarded.replace('"', '""') + '"'
