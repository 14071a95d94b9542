"""A selection of instruction data, as `select` gives it back and as its command prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.api._shown import Shown
from longismore.instructions import open_data
from longismore.reports import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Group

__all__ = ["Selected"]

_LONGEST_FACT = 100
"""Characters; what is longer stands in the manifest only."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Selected(Shown):
    """The rows that were chosen, and how."""

    manifest: Mapping[str, Any]
    """Strategy, parameters, data, and why each row that is missing was dropped."""
    output: Path | None
    """The file of the rows, where one was written."""
    was_done: bool
    """The file stood there already, made of the same data in the same way."""
    kept: Sequence[dict[str, Any]] | None = None
    """The rows, where there is no file."""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The chosen rows, as they stand in the data and in its order."""
        if self.kept is not None:
            return list(self.kept)
        assert self.output is not None  # noqa: S101  there is one or the other
        return [dict(row.fields) for row in open_data(self.output).rows()]

    def __len__(self) -> int:
        return int(self.manifest["selected"])

    def headline(self) -> str:
        """Say how many rows were chosen by what."""
        told = self.manifest
        where = "" if self.output is None else f" in {self.output}{' (was there already)' if self.was_done else ''}"
        return printable(f"{told['strategy']}: {told['selected']:,} of {told['rows']:,} rows{where}")

    def to_dict(self) -> dict[str, Any]:
        """Give the manifest."""
        return dict(self.manifest)

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        counts = {reason: f"{count:,}" for reason, count in self._dropped()}
        width = max(map(len, counts.values()), default=0)
        lines = [self.headline(), *(f"  {count:>{width}} {reason}" for reason, count in counts.items())]
        lines += [f"  {name}: {text}" for name, text in self._facts()]
        lines += [f"  failed: {error}" for error in self.manifest["facts"].get("errors") or ()]
        return Group(*(Text(printable(line)) for line in lines))

    def _dropped(self) -> list[tuple[str, int]]:
        """Reasons for which rows are missing, the most frequent first."""
        dropped: Mapping[str, int] = self.manifest["dropped"]
        return [(reason, count) for reason, count in sorted(dropped.items(), key=lambda each: -each[1]) if count]

    def _facts(self) -> list[tuple[str, str]]:
        """What else the strategy says of its choice, as far as it is short."""
        facts = ((key.replace("_", " "), _fact(value)) for key, value in self.manifest["facts"].items())
        return [(name, text) for name, text in facts if text and len(text) <= _LONGEST_FACT]

    def _html(self) -> list[str]:
        # Imported here: what shows nothing needs none of it.
        from longismore.api._fragment import heading
        from longismore.reports._page.frame import figure, figures, table

        picture = figure(_picture(self.manifest["selected"], self._dropped()), "What became of the rows", "", wide=True)
        parameters = self.manifest["parameters"].items()
        rows = [(key.replace("_", " "), _fact(value)) for key, value in parameters]
        known = [(name, text) for name, text in rows if text]
        groups = [("parameters", known), ("of the choice", self._facts())]
        return [heading(self.headline()), figures([picture]), table("How it was chosen", ("", "value"), groups)]


def _picture(selected: int, dropped: Sequence[tuple[str, int]]) -> str:
    """Draw how many rows were chosen, and how many were dropped for which reason."""
    from longismore.reports._escape import html_text
    from longismore.reports._page.svg import rect

    rows = [("selected", selected, "win"), *((reason, count, "tie") for reason, count in dropped)]
    most = max((count for _, count, _ in rows), default=0) or 1
    drawn = []
    for name, count, kind in rows:
        share = f"{100 * count / most:.2f}%"
        drawn.append(
            f'<div class="name">{html_text(name)}</div><div class="value">{count:,}</div>'
            f'<svg role="img" aria-label="{html_text(f"{name}: {count:,} rows")}">{rect(kind, 0, 9, share, 22)}</svg>'
        )
    return f'<div class="rows">{"".join(drawn)}</div>'


def _fact(value: Any) -> str:
    """One line, or nothing where it is no simple thing."""
    if isinstance(value, dict):
        simple = all(isinstance(one, str | int | float | None) for one in value.values())
        return ", ".join(f"{key.replace('_', ' ')} {_fact(one)}" for key, one in value.items()) if simple else ""
    if isinstance(value, list):
        return ""
    return f"{value:,.6g}" if isinstance(value, float) else "none" if value is None else str(value)
