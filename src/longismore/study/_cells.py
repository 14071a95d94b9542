"""What a study is made of: cells, each a selection that is trained and asked, and matches of two cells.

A strategy's cell plays against every random trial of the same data, budget and seed; so do strict_random and full. The
random trials play against each other: that is how far apart two models are that differ by chance alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations
from typing import TYPE_CHECKING

from longismore.errors import UnknownNameError
from longismore.study._strategy import FULL, RANDOM, STRICT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longismore.study._file import Study
    from longismore.study._strategy import Strategy

__all__ = ["Cell", "Match", "cells_of", "chosen_cells", "excluded_by", "matches_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One selection, the model that is trained on it, and its answers."""

    data: str
    strategy: str
    trial: int | None
    """Of random; ``None`` for all others."""
    budget: int | None
    """``None`` for full."""
    seed: int

    @property
    def label(self) -> str:
        """The strategy, with the trial of random."""
        return self.strategy if self.trial is None else f"{self.strategy}.{self.trial}"

    @property
    def selection(self) -> str:
        """Name of its selection, which cells of other seeds share."""
        return f"{self.data}--{self.label}--{'all' if self.budget is None else self.budget}"

    @property
    def name(self) -> str:
        """Of the cell."""
        return f"{self.selection}--s{self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The answers of two cells, compared."""

    candidate: Cell
    reference: Cell
    """A trial of random."""

    @property
    def name(self) -> str:
        """Of the match."""
        return f"{self.candidate.name}--vs--{self.reference.label}--{self.reference.budget}"

    @property
    def is_floor(self) -> bool:
        """Whether both are trials of random."""
        return self.candidate.trial is not None


def cells_of(study: Study) -> list[Cell]:
    """Every cell, in an order in which each comes after those that its selection depends on."""
    found: dict[str, Cell] = {}
    for data in study.data:
        for budget in study.budgets:
            for strategy in sorted(study.strategies, key=_rank):
                for seed in study.seeds:
                    for cell in _cells(study, data.name, budget, strategy, seed):
                        found.setdefault(cell.name, cell)
    return list(found.values())


def _rank(strategy: Strategy) -> int:
    return {RANDOM: 0, STRICT: 2, FULL: 3}.get(strategy.kind, 1)


def _cells(study: Study, data: str, budget: int, strategy: Strategy, seed: int) -> Iterator[Cell]:
    trials = range(1, study.trials + 1) if strategy.kind == RANDOM else [None]
    for trial in trials:
        wanted = None if strategy.kind == FULL else budget
        yield Cell(data=data, strategy=strategy.name, trial=trial, budget=wanted, seed=seed)


def matches_of(study: Study, cells: Sequence[Cell]) -> list[Match]:
    """Every match, in the order of its candidates; of two random trials the later one is the candidate."""
    found = []
    for data in study.data:
        for budget in study.budgets:
            for seed in study.seeds:
                here = [cell for cell in cells if cell.data == data.name and cell.seed == seed]
                trials = [cell for cell in here if cell.trial is not None and cell.budget == budget]
                others = [cell for cell in here if cell.trial is None and cell.budget in {budget, None}]
                found += [Match(candidate=other, reference=one) for one, other in combinations(trials, 2)]
                found += [Match(candidate=cell, reference=trial) for cell in others for trial in trials]
    return found


def excluded_by(study: Study, cell: Cell, cells: Sequence[Cell]) -> list[Cell]:
    """The cells whose selections a strict draw leaves out: one of each ordinary strategy."""
    ordinary = {each.name for each in study.strategies if each.is_ordinary}
    same = [one for one in cells if (one.data, one.budget, one.seed) == (cell.data, cell.budget, cell.seed)]
    return [one for one in same if one.strategy in ordinary]


def chosen_cells(cells: Sequence[Cell], patterns: Sequence[str]) -> list[Cell]:
    """The cells of these names; a name may have ``*``. All where none is given.

    Raises:
        UnknownNameError: No cell has such a name.
    """
    if not patterns:
        return list(cells)
    for pattern in patterns:
        if not any(fnmatchcase(cell.name, pattern) for cell in cells):
            raise UnknownNameError("cell", pattern, [cell.name for cell in cells])
    return [cell for cell in cells if any(fnmatchcase(cell.name, pattern) for pattern in patterns)]
