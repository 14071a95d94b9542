"""Figures for a paper: PNG, SVG and PDF, drawn by matplotlib (extra ``plot``).

- ``forest``: raw beside length-controlled win rates, for each test set and all pairs;
- ``outcomes``: wins, ties and losses, with how the two orders made them;
- ``curve``: the length-controlled rate over the assumed length slope, with the tipping slope;
- ``length``: the verdict against the length difference;
- ``agreement``: how far several judges of the same two models agree.

The same data give the same bytes with the same version of matplotlib. Names in scripts that the font DejaVu Sans
lacks are drawn as boxes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from longismore.errors import ConfigError
from longismore.reports._figure.style import FORMATS, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from longismore.records import Judged
    from longismore.reports._figure.style import Canvas
    from longismore.reports._rates import Results

__all__ = ["draw_figures"]

_CURVE_HEIGHT, _LENGTH_HEIGHT = 3.0, 2.7


def draw_figures(
    judged: Sequence[Judged],
    results: Sequence[Results],
    folder: Path,
    formats: Sequence[str] = ("png", "svg"),
    *,
    draws: int = 1000,
) -> list[Path]:
    """Draw all figures that the comparisons have, and write them to *folder*, which is made where it is missing.

    Figures of one comparison, or of one pair of models, have a number in their name where there are several.

    Args:
        judged: The comparisons.
        results: What `summarize` gave for each of them.
        folder: Where the files go; files of the same name are replaced.
        formats: Of ``png``, ``svg`` and ``pdf``.
        draws: Of the intervals of agreement.

    Returns:
        The files, in the order above.

    Raises:
        ConfigError: A format that cannot be written.
        MissingDependencyError: matplotlib is not installed.
        ValueError: *judged* and *results* differ in length.
    """
    unknown = [each for each in formats if each not in FORMATS]
    if unknown:
        raise ConfigError([f'figures cannot be drawn as "{each}"; formats: {", ".join(FORMATS)}' for each in unknown])
    written = []
    for name, height, draw in _figures(judged, results, draws):
        for kind, content in render(draw, height=height, formats=formats).items():
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{name}.{kind}"
            path.write_bytes(content)
            written.append(path)
    return written


def _figures(
    judged: Sequence[Judged], results: Sequence[Results], draws: int
) -> Iterator[tuple[str, float, Callable[[Canvas], None]]]:
    """Give name, height in inches and drawing of each figure."""
    from longismore.reports._figure.curve import can_draw_curve, draw_curve
    from longismore.reports._figure.forest import draw_forest, forest_height
    from longismore.reports._figure.length import draw_length, length_scale
    from longismore.reports._figure.outcomes import draw_outcomes, outcomes_height

    known = [(each, result) for each, result in zip(judged, results, strict=True) if result.pooled.n]
    if known:
        comparisons, rates = [each for each, _ in known], [result for _, result in known]
        yield "forest", forest_height(rates), partial(draw_forest, judged=comparisons, results=rates)
        yield "outcomes", outcomes_height(rates), partial(draw_outcomes, judged=comparisons, results=rates)
    for number, (each, result) in enumerate(known, 1):
        suffix = f"-{number}" if len(known) > 1 else ""
        drawn = [verdict for verdict in each.verdicts if verdict.outcome is not None]
        if can_draw_curve(result.pooled):
            yield f"curve{suffix}", _CURVE_HEIGHT, partial(draw_curve, comparison=each, rates=result.pooled)
        if length_scale(drawn):
            yield f"length{suffix}", _LENGTH_HEIGHT, partial(draw_length, comparison=each, rates=result.pooled)
    yield from _agreement([each for each, _ in known], draws)


def _agreement(judged: Sequence[Judged], draws: int) -> Iterator[tuple[str, float, Callable[[Canvas], None]]]:
    """One figure for each two models that several judges compared."""
    from longismore.reports._figure.agreement import agreement_height, draw_agreement

    groups: dict[tuple[str, str], list[Judged]] = {}
    for each in judged:
        groups.setdefault((each.reference, each.candidate), []).append(each)
    several = [group for group in groups.values() if len(group) > 1]
    for number, group in enumerate(several, 1):
        suffix = f"-{number}" if len(several) > 1 else ""
        yield f"agreement{suffix}", agreement_height(group), partial(draw_agreement, judged=group, draws=draws)
