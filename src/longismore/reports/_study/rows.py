"""What a study has come to: a row for every strategy, budget and data set, with its answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from longismore.reports._tests import holm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longismore.reports._study.rates import Estimate, MatchRate

__all__ = ["Answer", "Floor", "Overlap", "SelectionCost", "StudyResults", "StudyRow", "Trouble", "Verdict", "conclude"]

Verdict: TypeAlias = Literal["better", "worse", "cannot tell"]
Answer: TypeAlias = Literal["better than random", "worse than random", "only longer", "only shorter", "cannot tell"]

_LEVEL = 0.05
_EVEN = 0.5
_FEWEST = 2
"""Trials; from one nothing is claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What a selection shares with another one of the same data and budget."""

    other: str
    """Its strategy; of random all trials together."""
    count: float
    """Rows of equal content, the mean over the trials."""
    jaccard: float | None
    by_chance: float | None
    """Rows that two random draws of these sizes would share on average."""
    than_chance: str | None
    """``more``, ``fewer`` or ``as many`` as 95 % of random draws share; of several trials what all of them say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionCost:
    """What making a selection took. Unknown is ``None``."""

    rows: int
    """Selected."""
    pool: int
    """To choose from."""
    scored: int | None
    """Scores that a model computed for it."""
    from_store: int | None
    """Scores that were there already."""
    calls: int | None
    """Of a judge."""
    cost_usd: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Random against random, of one data set and budget: what chance alone makes of two models."""

    data: str
    budget: int
    matches: tuple[MatchRate, ...]

    @property
    def raw(self) -> float | None:
        """The farthest from 0.5 that a raw win rate has come."""
        return _farthest([match.win_rate for match in self.matches])

    @property
    def controlled(self) -> float | None:
        """The same at equal length."""
        return _farthest([match.lc_win_rate for match in self.matches])


def _farthest(rates: Sequence[float | None]) -> float | None:
    return max((abs(rate - _EVEN) for rate in rates if rate is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """One strategy at one budget on one data set, against the random trials there."""

    data: str
    strategy: str
    kind: str
    """Of the selector."""
    budget: int
    estimate: Estimate
    wanted: int
    """Matches that the study has; those that are done are in the estimate."""
    overlaps: tuple[Overlap, ...] = ()
    cost: SelectionCost | None = None
    floor: Floor | None = None
    p_value_holm: float | None = None
    """Of the raw win rate, adjusted over all rows."""
    lc_p_value_holm: float | None = None
    raw: Verdict = "cannot tell"
    controlled: Verdict = "cannot tell"
    answer: Answer = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A cell or match that failed."""

    name: str
    stage: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResults:
    """Everything that the finished cells of a study say."""

    name: str
    judge: str
    note: str | None
    """A caveat of the judge."""
    rows: tuple[StudyRow, ...]
    floors: tuple[Floor, ...]
    trials: int
    seeds: tuple[int, ...]
    testsets: Mapping[str, int]
    """Instructions of each that are asked."""
    waiting: tuple[str, ...] = ()
    """Matches that are not judged yet."""
    troubles: tuple[Trouble, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """How it was made, as label and value."""
    command: str | None = None
    reports: Mapping[str, str] = field(default_factory=dict)
    """Where the report of a match lies, by its name."""

    def to_dict(self) -> dict[str, Any]:
        """For ``results.json``; rates are 0..1, unknown is null."""
        return {
            "study": self.name,
            "judge": self.judge,
            "note": self.note,
            "trials": self.trials,
            "seeds": list(self.seeds),
            "testsets": dict(self.testsets),
            "rows": [_row_dict(row) for row in self.rows],
            "noise_floor": [
                {
                    "data": floor.data,
                    "budget": floor.budget,
                    "raw": floor.raw,
                    "length_controlled": floor.controlled,
                    "matches": [_match_dict(match) for match in floor.matches],
                }
                for floor in self.floors
            ],
            "waiting": list(self.waiting),
            "failed": [{"name": one.name, "stage": one.stage, "error": one.error} for one in self.troubles],
        }


def _row_dict(row: StudyRow) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "data": row.data,
        "strategy": row.strategy,
        "selector": row.kind,
        "budget": row.budget,
        "answer": row.answer,
        "raw": row.raw,
        "length_controlled": row.controlled,
        "trials": row.estimate.trials,
        "seeds": row.estimate.seeds,
        "matches_done": len(row.estimate.matches),
        "matches_wanted": row.wanted,
        "p_value_holm": row.p_value_holm,
        "lc_p_value": row.estimate.lc_p_value,
        "lc_p_value_holm": row.lc_p_value_holm,
        "rates": {key: value for key, value in row.estimate.rates.to_dict().items() if key not in _LEFT_OUT},
        "matches": [_match_dict(match) for match in row.estimate.matches],
        "overlaps": [asdict(overlap) for overlap in row.overlaps],
        "selection": None if row.cost is None else asdict(row.cost),
    }


_LEFT_OUT = {"p_value_holm", "length_verdict", "length_reason", "mde"}
"""Of a single comparison: they know nothing of trials, or of the other rows."""


def _match_dict(match: MatchRate) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(match)


def conclude(rows: Sequence[StudyRow]) -> list[StudyRow]:
    """Answer for every row, with p values adjusted over all of them, raw and at equal length apart.

    A row with one trial enters neither test: from one trial nothing is known of others.
    """
    raw = _adjusted([row.estimate.rates.p_value if row.estimate.trials >= _FEWEST else None for row in rows])
    controlled = _adjusted([row.estimate.lc_p_value if row.estimate.trials >= _FEWEST else None for row in rows])
    return [_concluded(row, *p_values) for row, *p_values in zip(rows, raw, controlled, strict=True)]


def _adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    adjusted = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(adjusted) for p in p_values]


def _concluded(row: StudyRow, p_raw: float | None, p_controlled: float | None) -> StudyRow:
    rates = row.estimate.rates
    raw, controlled = _verdict(rates.win_rate, p_raw), _verdict(rates.lc_win_rate, p_controlled)
    return replace(
        row,
        p_value_holm=p_raw,
        lc_p_value_holm=p_controlled,
        raw=raw,
        controlled=controlled,
        answer=_answer(raw, controlled, rates.length_ratio),
    )


def _verdict(rate: float | None, p_value: float | None) -> Verdict:
    if rate is None or p_value is None or p_value >= _LEVEL or rate == _EVEN:
        return "cannot tell"
    return "better" if rate > _EVEN else "worse"


def _answer(raw: Verdict, controlled: Verdict, length_ratio: float | None) -> Answer:
    """Better and worse are said of what is left at equal length, and only where the raw rate does not contradict."""
    if controlled == "better" and raw != "worse":
        return "better than random"
    if controlled == "worse" and raw != "better":
        return "worse than random"
    if raw == "better" and (length_ratio or 1.0) > 1:
        return "only longer"
    if raw == "worse" and (length_ratio or 1.0) < 1:
        return "only shorter"
    return "cannot tell"
