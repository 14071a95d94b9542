"""How long the texts of instruction data are: a curve for each data set, or, of many, a range for each.

The scale across is logarithmic, because lengths spread over powers of ten. Curves differ in colour and in their dashes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from longismore.reports._distribution.bins import fine_edges, per_doubling, round_lengths
from longismore.reports._figure.style import ALERT, BLUE, INK, label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.reports._figure.style import Axes, Canvas
    from longismore.reports.distribution import Description, Lengths

__all__ = ["draw_histograms", "histograms_height"]

_STYLES = ((BLUE, "solid"), (ALERT, (0, (4, 1.4))), (INK, (0, (1, 1))), ("#d99a2b", (0, (6, 1.2, 1, 1.2))))
"""One for each curve; with more data sets there are ranges."""
_SHORT = 24
"""Characters; two such names fit beside each other."""
_PARTS = ("instruction", "input", "response")
_UNITS = {"chars": "characters", "words": "words", "nltk_words": "words and punctuation marks"}


def histograms_height(descriptions: Sequence[Description]) -> float:
    """Give the height in inches."""
    panels, count = len(_shown(descriptions)), len(descriptions)
    if count > len(_STYLES):
        return 0.5 + panels * (0.3 + 0.16 * count)
    return 0.55 + 0.95 * panels + 0.14 * math.ceil(count / _legend_columns(descriptions))


def draw_histograms(figure: Canvas, descriptions: Sequence[Description]) -> None:
    """Draw a panel for each part that any of the data has, all on one scale."""
    parts = _shown(descriptions)
    panels = figure.subplots(len(parts), 1, sharex=True, squeeze=False)[:, 0]
    for axes, part in zip(panels, parts, strict=True):
        if len(descriptions) > len(_STYLES):
            _ranges(axes, descriptions, part)
        else:
            _curves(axes, descriptions, part)
        axes.set_title(_title(descriptions, part), pad=3)
    lengths = [each.lengths[part].values for each in descriptions for part in parts if len(each.lengths[part].values)]
    _scale(panels[-1], min(int(each.min()) for each in lengths), max(int(each.max()) for each in lengths))
    panels[-1].set_xlabel(f"{_UNITS.get(descriptions[0].measure, descriptions[0].measure)} (logarithmic)")
    if len(descriptions) <= len(_STYLES):
        figure.supylabel("rows, % for each doubling of the length", size=7)
        _legend(figure, descriptions)
    else:
        figure.legend(handles=_range_handles(), loc="outside upper left", ncols=3, columnspacing=1.0)


def _shown(descriptions: Sequence[Description]) -> list[str]:
    return [part for part in _PARTS if any(len(each.lengths[part].values) for each in descriptions)]


def _title(descriptions: Sequence[Description], part: str) -> str:
    """Say of how many rows the panel is, where it is not all of them, and what the dashed line is."""
    if len(descriptions) > 1:
        return part
    (only,) = descriptions
    count, middle = len(only.lengths[part].values), only.lengths[part].figures()["p50"] or 0.0
    some = "" if count == only.rows else f" ({_grouped(count)} of {_grouped(only.rows)} rows)"
    return f"{part}{some}, median {_grouped(middle)}"


def _curves(axes: Axes, descriptions: Sequence[Description], part: str) -> None:
    values = [each.lengths[part].values for each in descriptions]
    edges = fine_edges(values)
    for (colour, dashes), lengths in zip(_STYLES, values, strict=False):
        if not len(lengths):
            continue
        heights = [100 * share for share in per_doubling(lengths, edges)]
        if len(descriptions) == 1:
            axes.stairs(heights, edges, fill=True, color=colour, alpha=0.2)
            _median(axes, descriptions[0].lengths[part])
        axes.stairs(heights, edges, color=colour, linestyle=dashes, linewidth=1.1)
    axes.set_ylim(bottom=0)


def _median(axes: Axes, lengths: Lengths) -> None:
    middle = lengths.figures()["p50"]
    axes.axvline(middle, color=INK, linewidth=0.8, linestyle=(0, (2, 1.5)))


def _ranges(axes: Axes, descriptions: Sequence[Description], part: str) -> None:
    for place, each in enumerate(descriptions):
        found = each.lengths[part].figures()
        low, lower, middle, upper, high = (found[name] for name in ("p5", "p25", "p50", "p75", "p95"))
        if middle is not None:
            axes.plot([low, high], [place, place], color=BLUE, linewidth=0.8, solid_capstyle="butt")
            axes.plot([lower, upper], [place, place], color=BLUE, linewidth=3.0, alpha=0.45, solid_capstyle="butt")
            axes.plot([middle], [place], "o", color=BLUE, markersize=3)
    axes.set_ylim(len(descriptions) - 0.5, -0.5)
    axes.set_yticks(range(len(descriptions)), [label(each.name, 22) for each in descriptions])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def _scale(axes: Axes, low: int, high: int) -> None:
    axes.set_xscale("log")
    axes.minorticks_off()
    ticks = round_lengths(low / 1.5, high * 1.5)
    tens = [tick for tick in ticks if str(tick).strip("0") == "1"]
    chosen = tens if len(tens) > 3 else ticks  # noqa: PLR2004
    axes.set_xticks(chosen, [_grouped(tick) for tick in chosen])
    axes.set_xlim(low / 1.15, high * 1.15)


def _legend(figure: Canvas, descriptions: Sequence[Description]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=1.1, label=name)
        for name, (colour, dashes) in zip(_legend_names(descriptions), _STYLES, strict=False)
    ]
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=_legend_columns(descriptions),
        columnspacing=1.0,
        handlelength=3,
    )


def _legend_names(descriptions: Sequence[Description]) -> list[str]:
    return [f"{label(each.name, 40)} (n = {_grouped(each.rows)})" for each in descriptions]


def _legend_columns(descriptions: Sequence[Description]) -> int:
    return 2 if len(descriptions) > 1 and max(map(len, _legend_names(descriptions))) <= _SHORT else 1


def _grouped(value: float) -> str:
    return f"{value:,.0f}".replace(",", "\N{NO-BREAK SPACE}")


def _range_handles() -> list[object]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=BLUE, marker="o", markersize=3, linewidth=0, label="median"),
        Line2D([], [], color=BLUE, linewidth=3.0, alpha=0.45, label="middle half"),
        Line2D([], [], color=BLUE, linewidth=0.8, label="5% to 95%"),
    ]
