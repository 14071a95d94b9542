"""What each two of several selections have in common, as a matrix of shades and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._figure.style import BLUE, INK, label, write_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports._figure.style import Axes, Canvas

__all__ = ["draw_overlap", "overlap_height"]

_DARK = 0.6
"""From this Jaccard index on, text in a cell is white."""
_ROOT = 0.5
"""Shades go with the square root: small overlaps are the usual ones."""


def overlap_height(names: Sequence[str]) -> float:
    """Give the height in inches for so many selections."""
    return 0.75 + 0.32 * max(2, len(names))


def draw_overlap(figure: Canvas, names: Sequence[str], counts: Sequence[Sequence[int]], *, what: str) -> None:
    """Draw how many rows each two share, and their Jaccard index.

    Args:
        figure: An empty one.
        names: Of the selections.
        counts: A row for each; the diagonal has their sizes.
        what: What makes two rows the same, e.g. ``content``.
    """
    from matplotlib.colors import LinearSegmentedColormap

    axes = figure.add_subplot()
    shades = LinearSegmentedColormap.from_list("overlap", ["#ffffff", BLUE])
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            if row == column:
                axes.text(column, row, f"{count:,}".replace(",", "\N{NO-BREAK SPACE}"), ha="center", va="center")
                continue
            either = line[row] + counts[column][column] - count
            jaccard = count / either if either else 0.0
            depth = jaccard**_ROOT
            edges = (column - 0.5, column + 0.5), (row - 0.5, row + 0.5)
            axes.fill_betweenx(edges[1], *edges[0], color=shades(depth), linewidth=0)
            said = f"{count:,}".replace(",", "\N{NO-BREAK SPACE}") + (f"\n{jaccard:.3f}" if either else "")
            axes.text(column, row, said, color="white" if depth >= _DARK else INK, ha="center", va="center", size=6.5)
    _names(axes, names)
    write_title(figure, f"shared rows (the same {what}) and Jaccard index;", "sizes on the diagonal")


def _names(axes: Axes, names: Sequence[str]) -> None:
    count = len(names)
    short = [label(name, 24) for name in names]
    numbers = [f"({number})" for number in range(1, count + 1)]
    axes.set_xticks(range(count), numbers)
    axes.set_yticks(range(count), [f"{name} {number}" for name, number in zip(short, numbers, strict=True)])
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    axes.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
