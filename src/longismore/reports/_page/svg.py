"""Axes, ticks and shapes of the page's figures. No attribute ``style``: the page's policy forbids it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.reports._escape import html_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Axis", "chart", "circle", "diamond", "line", "path", "rect", "text", "ticks", "upright"]

_NEAR_AN_EDGE = 0.2
"""Share of an axis in which a label is not centred, lest it leaves the figure."""


@dataclass(frozen=True, slots=True)
class Axis:
    """From values to places, both linear."""

    low: float
    high: float
    start: float
    """Where *low* lies."""
    end: float

    def share(self, value: float) -> float:
        """Give how far along the axis a value lies, from 0 to 1."""
        return (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)

    def at(self, value: float) -> float:
        """Give the place of a value; beyond the axis, that of its end."""
        return self.start + self.share(value) * (self.end - self.start)

    def anchor(self, value: float) -> str:
        """Give the ``text-anchor`` with which a label at *value* stays inside."""
        share = self.share(value)
        if share < _NEAR_AN_EDGE:
            return "start"
        return "end" if share > 1 - _NEAR_AN_EDGE else "middle"


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Give at most so many round numbers from *low* to *high*, at distances of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * times for times in (1, 2, 5, 10, 20) if (high - low) / (power * times) < most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(step * number, 10) for number in range(first, last + 1)]


def chart(width: int, height: int, label: str, shapes: Sequence[str], *, kind: str = "chart") -> str:
    """Put shapes into one picture that a screen reader reads as *label*."""
    box = f'viewBox="0 0 {width} {height}"'
    return f'<svg class="{kind}" role="img" {box} aria-label="{html_text(label)}">{"".join(shapes)}</svg>'


def _places(**places: float | str) -> str:
    return " ".join(f'{name}="{_short(value)}"' for name, value in places.items())


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def line(kind: str, x1: float | str, y1: float | str, x2: float | str, y2: float | str) -> str:
    """Draw a line; places are numbers, or a percentage of the picture."""
    return f'<line class="{kind}" {_places(x1=x1, y1=y1, x2=x2, y2=y2)}/>'


def rect(kind: str, x: float | str, y: float | str, width: float | str, height: float | str) -> str:
    """Draw a rectangle."""
    return f'<rect class="{kind}" {_places(x=x, y=y, width=width, height=height)}/>'


def circle(kind: str, cx: float | str, cy: float | str, r: float) -> str:
    """Draw a circle."""
    return f'<circle class="{kind}" {_places(cx=cx, cy=cy, r=r)}/>'


def diamond(kind: str, x: float | str, y: float, size: float) -> str:
    """Draw a square on its corner, also where *x* is a percentage."""
    box = _places(x=x, y=y, width=1, height=1)
    return (
        f'<svg {box} overflow="visible"><path class="{kind}" '
        f'd="M0 {-_number(size)}L{size:g} 0L0 {size:g}L{-_number(size)} 0Z"/></svg>'
    )


def _number(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def path(kind: str, points: Sequence[tuple[float, float]]) -> str:
    """Join points by a line."""
    joined = "L".join(f"{_short(x)} {_short(y)}" for x, y in points)
    return f'<path class="{kind}" d="M{joined}"/>'


def text(content: str, x: float | str, y: float | str, *, kind: str = "", anchor: str = "middle") -> str:
    """Write *content*, whose middle, start or end lies at *x*."""
    name = f'class="{kind}" ' if kind else ""
    return f'<text {name}{_places(x=x, y=y)} text-anchor="{anchor}">{html_text(content)}</text>'


def upright(content: str, x: float, y: float) -> str:
    """Name a vertical axis: read from below, its middle at *y*."""
    return f'<text class="title" transform="translate({_short(x)} {_short(y)}) rotate(-90)">{html_text(content)}</text>'
