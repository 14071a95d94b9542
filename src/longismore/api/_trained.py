"""A trained model, as `train` gives it back and as its command prints it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from longismore.api._shown import Shown
from longismore.reports import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.text import Text

    from longismore.train import TrainingRecord, TrainResult

__all__ = ["Trained"]

_WIDTH, _HEIGHT = 400, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 388, 14, 196


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Trained(Shown):
    """What a training left, and how it went."""

    result: TrainResult

    @property
    def folder(self) -> Path:
        """Of the model."""
        return self.result.folder

    @property
    def record(self) -> TrainingRecord | None:
        """How the model was trained, as its folder says it; ``None``: it does not."""
        from longismore.train import read_record

        return read_record(self.result.folder)

    def headline(self) -> str:
        """Say what was trained and how long it took."""
        result = self.result
        how = "was trained already" if result.was_finished else "trained"
        if result.resumed_from is not None:
            how += f", from step {result.resumed_from:,} on,"
        work = f"{result.tokens:,} tokens, {result.steps:,} steps, {result.seconds:,.1f} s"
        return printable(f"{result.folder}: {how} on {work}")

    def lines(self) -> list[str]:
        """Say it with the loss."""
        return [self.headline(), *([f"  {self._loss()}"] if self.result.losses else [])]

    def _loss(self) -> str:
        (first, before), (last, after) = self.result.losses[0], self.result.losses[-1]
        return f"loss {before:.3f} at step {first:,}, {after:.3f} at step {last:,}"

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON knows it."""
        told = asdict(self.result)
        return {**told, "folder": str(self.folder), "losses": [list(each) for each in self.result.losses]}

    def __rich__(self) -> Text:
        from rich.text import Text

        return Text("\n".join(self.lines()))

    def _html(self) -> list[str]:
        # Imported here: what shows nothing needs none of it.
        from longismore.api._fragment import heading
        from longismore.reports._page.frame import figure, figures, table

        result = self.result
        rows = [
            ("steps", f"{result.steps:,}"),
            ("tokens trained on", f"{result.tokens:,}"),
            ("seconds", f"{result.seconds:,.1f}"),
            ("first step of this run", "1" if result.resumed_from is None else f"{result.resumed_from + 1:,}"),
        ]
        caption = f"{self._loss()}." if result.losses else ""
        picture = figure(_picture(result.losses), "Loss, in nats a token", caption)
        shown = rows[:-1] if result.was_finished else rows
        return [heading(self.headline()), figures([picture]), table("What it took", ("", "value"), [("", shown)])]


def _picture(losses: Sequence[tuple[int, float]]) -> str:
    """Draw the loss over the optimizer steps; nothing where there are not two."""
    from longismore.reports._page.svg import Axis, chart, circle, line, path, text, ticks

    if len(losses) < 2:  # noqa: PLR2004  a line has two ends
        return ""
    steps, values = [step for step, _ in losses], [loss for _, loss in losses]
    low, high = min(values), max(values)
    room = 0.05 * (high - low) or 0.5
    across = Axis(steps[0], steps[-1], _LEFT, _RIGHT)
    up = Axis(max(0.0, low - room), high + room, _BOTTOM, _TOP)
    shapes = []
    for mark in ticks(up.low, up.high, 6):
        shapes.append(line("grid", _LEFT, up.at(mark), _RIGHT, up.at(mark)))
        shapes.append(text(f"{mark:g}", _LEFT - 6, up.at(mark) + 4, anchor="end"))
    for mark in ticks(across.low, across.high, 7):
        if mark.is_integer():
            shapes.append(line("grid", across.at(mark), _BOTTOM, across.at(mark), _BOTTOM + 4))
            shapes.append(text(f"{mark:g}", across.at(mark), _BOTTOM + 17))
    shapes.append(text("optimizer step", (_LEFT + _RIGHT) / 2, _BOTTOM + 36, kind="title"))
    points = [(across.at(step), up.at(loss)) for step, loss in losses]
    shapes.append(path("fit", points))
    shapes += [circle("lc", *points[0], 3), circle("lc", *points[-1], 3)]
    label = f"Loss from step {steps[0]} to step {steps[-1]}: {values[0]:.3f} to {values[-1]:.3f}"
    return chart(_WIDTH, _HEIGHT, label, shapes)
