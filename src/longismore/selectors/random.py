"""Draw rows at random: the baseline that every other selection has to beat.

By default rows are drawn by a hash of their content, the seed and the trial (see ``_hash_sampling.py``): the draw does
not depend on the order of the data, changes little when rows are added, and needs no shuffle, so that data of any size
go through in one pass. ``shuffle="hf"`` draws what Chasing Random draws: the first rows of the data set after
``datasets.Dataset.shuffle(seed)``.

Source: Diddee and Ippolito, Chasing Random, https://arxiv.org/abs/2410.15225 (its ``sampler.py`` has seed 42).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.errors import ConfigError
from longismore.selectors import SELECTORS, Choice
from longismore.selectors._hash_sampling import draw_rows, seed_problems
from longismore.selectors._shuffle import shuffled_rows

if TYPE_CHECKING:
    from longismore.instructions import InstructionData
    from longismore.selectors import Work

__all__ = ["Random"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Random:
    """Draw rows with equal chances; the same seed and trial draw the same rows."""

    seed: int = 0
    """From 0."""
    trial: int = 1
    """From 1: draws of different trials are independent. At least three show how much chance decides."""
    shuffle: str = "hash"
    """``hash``, or ``hf``: the rows that ``datasets.Dataset.shuffle(seed)`` would bring to the front."""

    def __post_init__(self) -> None:
        problems = seed_problems(self.seed, self.trial)
        if self.shuffle not in {"hash", "hf"}:
            problems.append(f'shuffle must be hash or hf, found "{self.shuffle}"')
        elif self.shuffle == "hf" and self.trial != 1:
            problems.append(f"trial must be 1 with shuffle=hf, found {self.trial}; give each trial a seed of its own")
        if problems:
            raise ConfigError(problems)

    def prepare(self, data: InstructionData, work: Work) -> None:
        """Do nothing: hashing is cheaper than keeping hashes."""

    def choose(self, data: InstructionData, work: Work) -> Choice:
        """Draw."""
        if self.shuffle == "hf":
            return shuffled_rows(data, work, seed=self.seed)
        drawn = draw_rows(data, work, seed=self.seed, trial=self.trial)
        return Choice(rows=drawn.rows.tolist(), dropped=drawn.dropped)


SELECTORS.register("random", Random)
