"""Draw rows at random from what other selections have left: a baseline that shares no row with them.

Two selections of the same data share rows by chance alone, and a random baseline holds some of the very rows that a
strategy is praised for. This one holds none of them. Its draw is that of ``random`` with the same seed and trial from
the data without the excluded rows.

Source: the name is Chasing Random's (https://arxiv.org/abs/2410.15225), whose released code has no such sampler: its
files of that name came with its data. **The definition is ours.**
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, DataError
from longismore.selectors import SELECTORS, Choice
from longismore.selectors._hash_sampling import draw_hashes, draw_rows, seed_problems
from longismore.selectors._overlap import overlap
from longismore.selectors._row_keys import row_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.instructions import InstructionData
    from longismore.selectors import Work
    from longismore.selectors._hash_sampling import Draw
    from longismore.selectors._row_keys import RowKeys

__all__ = ["StrictRandom"]


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a selection took."""

    content: RowKeys
    sha256: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictRandom:
    """Draw rows with equal chances from those that no other selection took."""

    exclude: tuple[str, ...] = ()
    """Files of other selections, in any format; rows are found again by their content."""
    seed: int = 0
    """From 0."""
    trial: int = 1
    """From 1. The same seed and trial as those of ``random`` draw what it draws, but for the excluded rows."""

    def __post_init__(self) -> None:
        problems = seed_problems(self.seed, self.trial)
        if not self.exclude:
            problems.append("exclude is empty; name the files of the selections whose rows shall not be drawn")
        repeated = sorted({path for path in self.exclude if self.exclude.count(path) > 1})
        problems += [f'exclude names "{path}" more than once' for path in repeated]
        if problems:
            raise ConfigError(problems)

    def files(self) -> tuple[str, ...]:
        """The files that the parameters name."""
        return self.exclude

    def prepare(self, data: InstructionData, work: Work) -> None:
        """Do nothing: hashing is cheaper than keeping hashes."""

    def choose(self, data: InstructionData, work: Work) -> Choice:
        """Draw.

        Raises:
            DataError: An excluded file has no row in common with the data.
        """
        taken = {path: _read(path) for path in self.exclude}
        keys = frozenset().union(*(each.content.keys for each in taken.values()))
        drawn = draw_rows(data, work, seed=self.seed, trial=self.trial, exclude=keys)
        for path, each in taken.items():
            if not each.content.keys & drawn.found:
                raise DataError(
                    f"{path}: none of its {each.content.rows} rows is in the data, so there is nothing to exclude; "
                    "is it a selection of this data? Rows are compared by their whole content; instructions inside a "
                    "template are taken out of it by: longismore convert --unwrap"
                )
        return Choice(rows=drawn.rows.tolist(), dropped=drawn.dropped, facts=self._facts(taken, drawn))

    def _facts(self, taken: Mapping[str, _Taken], drawn: Draw) -> dict[str, Any]:
        excluded = {
            path: {
                "rows": each.content.rows,
                "distinct": len(each.content.keys),
                "found": len(each.content.keys & drawn.found),
                "sha256": dict(each.sha256),
            }
            for path, each in taken.items()
        }
        # Hashes stand for contents, so that the contents of a large draw need not be kept.
        sets: dict[str, set[int]] = {"this selection": set(drawn.hashes.tolist())}
        for path, each in taken.items():
            sets[path] = set(draw_hashes(sorted(each.content.keys), seed=self.seed, trial=self.trial).tolist())
        return {"excluded": excluded, "overlap": overlap(sets).to_dict()}


def _read(path: str) -> _Taken:
    from longismore.instructions import open_data

    data = open_data(path)
    return _Taken(row_keys(data), data.checksums())


SELECTORS.register("strict_random", StrictRandom)
