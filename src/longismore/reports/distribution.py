"""What instruction data are like: how many rows of which kind, and how long their texts are."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from longismore._optional import require
from longismore.errors import DataError
from longismore.reports._distribution.bins import coarse_edges, counts_between

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from longismore.instructions import InstructionData, Row

__all__ = ["PARTS", "Description", "Lengths", "Measure", "describe", "draw_lengths"]

PARTS = ("instruction", "input", "response")
"""What is measured of each row: all that the user says, the input, and all answers."""
Measure: TypeAlias = "Callable[[Sequence[str]], Sequence[int]]"
_COUNTS = ("rows", "turns", "multi_turn", "with_input", "with_system", "empty_responses", "unanswered_turns")
_QUANTILES = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long one part of the rows is, where it is there at all."""

    values: NDArray[np.int64]
    """At least 1 each (n,)."""

    def figures(self) -> dict[str, float | None]:
        """Smallest, quantiles (interpolated, as numpy does by default), greatest and mean; ``None`` without rows."""
        import numpy as np

        names = ["min", *_QUANTILES, "max", "mean"]
        if not len(self.values):
            return dict.fromkeys(names)
        inner = np.quantile(self.values, list(_QUANTILES.values())).tolist()
        return dict(
            zip(names, [int(self.values.min()), *inner, int(self.values.max()), float(self.values.mean())], strict=True)
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the figures, and how many rows lie in each of the usual bins."""
        edges = coarse_edges([self.values]) if len(self.values) else []
        histogram = {"edges": edges, "counts": counts_between(self.values, edges) if edges else []}
        return {"rows": len(self.values)} | self.figures() | {"histogram": histogram}


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What was found in one or several files."""

    name: str
    format: str
    measure: str
    """The unit of the lengths."""
    rows: int = 0
    turns: int = 0
    multi_turn: int = 0
    """Rows whose conversation goes on after the first answer."""
    most_turns: int = 0
    with_input: int = 0
    with_system: int = 0
    empty_responses: int = 0
    """Rows without any answer."""
    unanswered_turns: int = 0
    """Turns without an answer, in rows that have one elsewhere."""
    repeated: Mapping[str, int] = field(default_factory=dict)
    """Rows that say what an earlier one says: by ``content``, ``prompt`` and ``instruction``."""
    lengths: Mapping[str, Lengths] = field(default_factory=dict)
    """By part, see :data:`PARTS`."""

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the single lengths."""
        plain = ("name", "format", "rows", "turns", "multi_turn", "most_turns", "with_input", "with_system")
        facts = {name: getattr(self, name) for name in (*plain, "empty_responses", "unanswered_turns", "measure")}
        lengths = {part: lengths.to_dict() for part, lengths in self.lengths.items()}
        return facts | {"repeated": dict(self.repeated), "lengths": lengths}


class _Tally:
    """What is counted; 8 bytes are kept for each row, repetition and part."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._hash = require("xxhash", extra="select").xxh3_64_intdigest
        self.counts = dict.fromkeys(_COUNTS, 0)
        self.most_turns = 0
        self.keys = {"content": array("Q"), "prompt": array("Q"), "instruction": array("Q")}
        self.lengths = {part: array("q") for part in PARTS}

    def add(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._count(row)
        asked: list[tuple[str, ...]] = [tuple(turn.instruction for turn in row.turns) for row in rows]
        answers: list[tuple[str, ...]] = [tuple(turn.response for turn in row.turns) for row in rows]
        self.keys["content"].extend(int(row.key[:16], 16) for row in rows)
        self.keys["prompt"].extend(
            self._key((row.system, row.input, *each)) for row, each in zip(rows, asked, strict=True)
        )
        self.keys["instruction"].extend(self._key(each[:1]) for each in asked)
        texts: dict[str, Sequence[tuple[str, ...]]] = {
            "instruction": asked,
            "input": [(row.input,) for row in rows],
            "response": answers,
        }
        for part in PARTS:
            self.lengths[part].extend(filter(None, self._lengths(texts[part])))

    def _count(self, row: Row) -> None:
        unanswered = sum(not turn.response.strip() for turn in row.turns)
        is_empty = unanswered == len(row.turns)
        self.most_turns = max(self.most_turns, len(row.turns))
        found = (
            True,
            len(row.turns),
            row.is_multi_turn,
            bool(row.input.strip()),
            bool(row.system.strip()),
            is_empty,
            0 if is_empty else unanswered,
        )
        for name, count in zip(_COUNTS, found, strict=True):
            self.counts[name] += count

    def _key(self, texts: Sequence[str]) -> int:
        data = [text.encode("utf-8", "surrogatepass") for text in texts]
        key: int = self._hash(b"".join([b"%d," % len(each) for each in data] + data))
        return key

    def _lengths(self, pieces: Sequence[tuple[str, ...]]) -> Iterator[int]:
        """Lengths of rows whose texts these are, each row's together."""
        # White space is no text, as everywhere: a row counted as unanswered has no length of its answer.
        lengths = iter(self._measure([text if text.strip() else "" for texts in pieces for text in texts]))
        for texts in pieces:
            yield sum(islice(lengths, len(texts)))


def describe(
    data: InstructionData,
    measure: Measure,
    *,
    name: str,
    unit: str,
    on_progress: Callable[[str, int, int | None], None] | None = None,
) -> Description:
    """Read all rows once.

    Args:
        data: What is described.
        measure: Gives the length of each text, in *unit*; 0: nothing is there.
        name: What the data are called.
        unit: Of the lengths, e.g. ``chars``.
        on_progress: Hears how many rows are read.
    """
    import numpy as np

    tally = _Tally(measure)
    for block in data.blocks(data.form.content_fields):
        tally.add(block.rows())
        if on_progress:
            on_progress("reading", tally.counts["rows"], None)
    repeated = {each: len(keys) - len(np.unique(np.array(keys))) for each, keys in tally.keys.items()}
    lengths = {part: Lengths(np.array(values, dtype=np.int64)) for part, values in tally.lengths.items()}
    return Description(
        name=name,
        format=data.format,
        measure=unit,
        most_turns=tally.most_turns,
        repeated=repeated,
        lengths=lengths,
        **tally.counts,
    )


def draw_lengths(descriptions: Sequence[Description], path: Path) -> None:
    """Draw the lengths of all parts, of several data sets over each other (PNG, SVG or PDF by the file's ending).

    The same data give the same bytes with the same version of matplotlib.

    Raises:
        ConfigError: The ending is none of these.
        DataError: There is no text in any of them, or the file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    from functools import partial

    from longismore.reports._figure.file import write_figure
    from longismore.reports._figure.histogram import draw_histograms, histograms_height

    if not any(len(lengths.values) for each in descriptions for lengths in each.lengths.values()):
        raise DataError(
            f"{', '.join(each.name for each in descriptions)}: there is no text whose length could be drawn"
        )
    draw = partial(draw_histograms, descriptions=descriptions)
    write_figure(draw, height=histograms_height(descriptions), path=path)
