"""How all figures look, and how they become the same bytes each time.

Drawn at the width of a paper's column (86 mm) with 7-point text; blue against orange and never red against green, so
that people who see few colours read them too. pyplot is not imported and matplotlib's settings are left as they were.
Names are untrusted: nothing in a text is read as mathematics.
"""

from __future__ import annotations

import io
import math
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

from longismore._optional import require
from longismore.reports._escape import name_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from longismore.records import Judged

__all__ = [
    "ALERT",
    "BLUE",
    "FIVE",
    "FORMATS",
    "INK",
    "SOFT",
    "Axes",
    "Canvas",
    "compared",
    "frame_percents",
    "headings",
    "label",
    "render",
    "write_heading",
    "write_title",
]

_STEP = 10
"""A scale ends at a multiple of so many percent."""

Axes: TypeAlias = Any
"""matplotlib's; it is looked at through Any, because it need not be installed."""
Canvas: TypeAlias = Any
"""matplotlib's Figure."""

INK, SOFT, BLUE, ALERT = "#1c2126", "#59626c", "#1d5c9e", "#a84a00"
FIVE = {"win_win": "#2f6fb5", "win_tie": "#9cc3ea", "even": "#d5dae0", "lose_tie": "#f5cb99", "lose_lose": "#dd8b35"}
_WIDTH = 3.39
"""Inches; 86 mm."""
_STYLE = {
    "axes.edgecolor": SOFT,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 7.5,
    "axes.titlelocation": "left",
    "axes.unicode_minus": True,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 7,
    "grid.color": "#e3e7eb",
    "grid.linewidth": 0.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "longismore",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": SOFT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 6.5,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 6.5,
}
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
FORMATS = tuple(_METADATA)
_DPI = 300


def label(name: object, longest: int = 34) -> str:
    """Give a name as one short line."""
    return name_text(name, longest) or "unnamed"


def headings(judged: Sequence[Judged]) -> list[str]:
    """Give each comparison a name: by what it differs in from the others."""
    models = {(each.candidate, each.reference) for each in judged}
    judges = {each.judge for each in judged}
    named = []
    for each in judged:
        both = f"{label(each.candidate, 15)} vs {label(each.reference, 15)}"
        if len(models) == 1:
            named.append(f"judged by {label(each.judge)}")
        elif len(judges) == 1:
            named.append(f"{label(each.candidate, 22)} vs {label(each.reference, 22)}")
        else:
            named.append(f"{both}, {label(each.judge, 18)}")
    return named


def write_heading(axes: Axes, place: float, heading: str) -> None:
    """Write a heading above its rows, from the left edge of the figure on."""
    from matplotlib.transforms import blended_transform_factory

    text = axes.text(
        0.01,
        place,
        heading,
        transform=blended_transform_factory(axes.figure.transFigure, axes.transData),
        va="center",
        weight="bold",
        size=6.5,
        zorder=5,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
    )
    text.set_in_layout(False)


def frame_percents(axes: Axes, names: Mapping[float, str], limits: Sequence[float], *, rows: float, about: str) -> None:
    """Frame rows of percentages, with a line at 50.

    Args:
        axes: Where the marks are.
        names: Of the rows, by their places.
        limits: Percentages that shall be seen; the scale ends at the next multiples of 10.
        rows: How many places there are.
        about: Below the scale.
    """
    axes.axvline(50, color=INK, linewidth=0.8, zorder=1)
    axes.set_xlim(max(-2, _STEP * math.floor(min(limits) / _STEP)), min(102, _STEP * math.ceil(max(limits) / _STEP)))
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_yticks(list(names), list(names.values()))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(about)


def write_title(figure: Canvas, *lines: str) -> None:
    """Write lines above a figure, from its left edge on."""
    figure.suptitle("\n".join(lines), x=0.01, ha="left", size=7)


def compared(judged: Judged) -> str:
    """Name the two models."""
    return f"{label(judged.candidate, 24)} vs {label(judged.reference, 24)}"


def render(draw: Callable[[Canvas], None], *, height: float, formats: Sequence[str]) -> dict[str, bytes]:
    """Draw once, and give the figure in each of the *formats*.

    Args:
        draw: Draws into an empty figure of column width.
        height: In inches.
        formats: Of ``png``, ``svg`` and ``pdf``.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    require("matplotlib", extra="plot")
    from matplotlib import style
    from matplotlib.figure import Figure

    made = {}
    with style.context(["default", _STYLE]), warnings.catch_warnings():
        # A name in a script that the font lacks has boxes; that is said in the documentation, once.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from (current )?font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        draw(figure)
        for kind in formats:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=_DPI, metadata=_METADATA[kind])
            made[kind] = buffer.getvalue()
    return made
