"""The loss of a training run, as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longismore.reports._figure.file import write_figure
from longismore.reports._figure.style import BLUE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longismore.reports._figure.style import Canvas

__all__ = ["draw_loss_curve"]

_HEIGHT = 2.2
_FEW = 30
"""So few points are marked."""


def draw_loss_curve(losses: Sequence[tuple[int, float]], path: Path) -> None:
    """Draw the loss over the optimizer steps.

    Args:
        losses: Step and loss, in nats a token.
        path: PNG, SVG or PDF, by its ending.
    """
    steps, values = [step for step, _ in losses], [loss for _, loss in losses]

    def draw(figure: Canvas) -> None:
        axes = figure.subplots()
        axes.plot(steps, values, color=BLUE, linewidth=1, marker="." if len(losses) < _FEW else "", markersize=3)
        axes.set_xlabel("optimizer step")
        axes.set_ylabel("loss, nats a token")

    write_figure(draw, height=_HEIGHT, path=path)
