"""Who won against whom: rates of every model, how steady the judge was when the answers changed places.

A model wins a turn when both orders say so. Where the orders differ, also where only one says "tie", FastChat counts a
tie. Here such a turn is called inconsistent, apart from the ties on which both orders agree; both are half a win.

Source: Zheng et al., Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena, https://arxiv.org/abs/2306.05685, section
3.4 (both orders, a win only if they agree).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from longismore.errors import DataError
from longismore.reports._escape import name_text
from longismore.reports._mtbench.scores import Mean, mean_of
from longismore.reports._tests import holm, mean_p_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longismore.reports._mtbench.records import TurnComparison

__all__ = ["ModelRate", "compare_models"]

_EVEN = 0.5
_SCALE = (0.0, 1.0)
_MOST_NAMED = 20
_TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRate:
    """What one judge's comparisons say of one model; rates are 0..1, ``None`` without comparisons."""

    judge: str
    model: str
    baseline: str | None
    """Whom all comparisons are against; ``None``: whoever it was compared with."""
    opponents: tuple[str, ...]
    """Of the comparisons that count, by name."""
    n: int
    """Comparisons of a turn that count: both orders could be read."""
    wins: int
    losses: int
    ties: int
    """A tie in both orders."""
    inconsistent: int
    """The orders differ."""
    win_rate: float | None
    """wins / n."""
    loss_rate: float | None
    adjusted: Mean
    """Win rate in which a tie, and an inconsistent comparison, counts half: FastChat's ``win_rate_adjusted``."""
    first: Mean
    """The same, of first turns."""
    second: Mean
    categories: Mapping[str, Mean]
    """The same, by category."""
    consistency: Mean
    """Share of comparisons in which both orders say the same."""
    toward_first: int
    """Inconsistent ones in which the answer that was shown first won both times."""
    toward_second: int
    rows: int
    """All that were given."""
    unread: int
    """Rows of which an order could not be read: they count nowhere."""
    repeated: int
    """Rows of a turn and opponent that an earlier row has compared; each counts."""
    p_value: float | None
    """Two-sided, of an adjusted win rate of 0.5."""
    p_value_holm: float | None = None
    """The same, adjusted over the models of the judge."""

    @property
    def overall(self) -> Mean:
        """The one number of the model: the adjusted win rate."""
        return self.adjusted

    def to_dict(self) -> dict[str, object]:
        """Give the fields as JSON knows them, at full precision."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        plain = {
            name: value.to_dict() if isinstance(value, Mean) else list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }
        return plain | {"categories": {name: mean.to_dict() for name, mean in self.categories.items()}}


@dataclass(frozen=True, slots=True)
class _Side:
    """One comparison as one of its two models sees it."""

    row: TurnComparison
    other: str
    outcome: str
    """``win``, ``loss``, ``tie`` or ``inconsistent``; empty where an order could not be read."""

    @property
    def value(self) -> float:
        return {"win": 1.0, "loss": 0.0}.get(self.outcome, _EVEN)

    @property
    def pair(self) -> tuple[int, int, str]:
        return self.row.question, self.row.turn, self.other


def compare_models(comparisons: Iterable[TurnComparison], *, baseline: str | None = None) -> list[ModelRate]:
    """Count wins and losses of every model, for each judge by itself; the best model of a judge comes first.

    Args:
        comparisons: Rows of one or several judgment files.
        baseline: Count comparisons with this model only, and give the others' rates; without it, all count.

    Raises:
        DataError: No comparison is with the baseline.
    """
    everything = rows = list(comparisons)
    if baseline is not None:
        rows = [row for row in everything if baseline in {row.model_1, row.model_2}]
        if not rows:
            raise DataError(_without(baseline, everything))
    judges: dict[str, dict[str, list[_Side]]] = {}
    for row in rows:
        for model, other, own in ((row.model_1, row.model_2, "model_1"), (row.model_2, row.model_1, "model_2")):
            if model != baseline:
                sides = judges.setdefault(row.judge, {}).setdefault(model, [])
                sides.append(_Side(row, other, _outcome(row, own)))
    compared = []
    for judge, models in judges.items():
        found = [_model_rate(judge, model, sides, baseline) for model, sides in models.items()]
        compared += _adjusted(sorted(found, key=_place))
    return compared


def _without(baseline: str, comparisons: Iterable[TurnComparison]) -> str:
    names = sorted({name for row in comparisons for name in (row.model_1, row.model_2)})
    listed = ", ".join(name_text(name) for name in names[:_MOST_NAMED]) or "none"
    return f'no comparison is with the baseline "{name_text(baseline)}"; models that were compared: {listed}'


def _outcome(row: TurnComparison, own: str) -> str:
    if row.winner_1st is None or row.winner_2nd is None:
        return ""
    if row.winner_1st != row.winner_2nd:
        return "inconsistent"
    if row.winner_1st == "tie":
        return "tie"
    return "win" if row.winner_1st == own else "loss"


def _model_rate(judge: str, model: str, sides: Sequence[_Side], baseline: str | None) -> ModelRate:
    read = [side for side in sides if side.outcome]
    counts = Counter(side.outcome for side in read)
    flips = Counter((side.row.winner_1st, side.row.winner_2nd) for side in read)
    values, questions = _values(read)
    categories = dict.fromkeys(side.row.category for side in sides if side.row.category is not None)
    steady = [float(side.outcome != "inconsistent") for side in read]
    return ModelRate(
        judge=judge,
        model=model,
        baseline=baseline,
        opponents=tuple(sorted({side.other for side in read})),
        n=len(read),
        wins=counts["win"],
        losses=counts["loss"],
        ties=counts["tie"],
        inconsistent=counts["inconsistent"],
        win_rate=counts["win"] / len(read) if read else None,
        loss_rate=counts["loss"] / len(read) if read else None,
        adjusted=mean_of(values, questions, _SCALE),
        first=_mean([side for side in read if side.row.turn == 1]),
        second=_mean([side for side in read if side.row.turn == 2]),  # noqa: PLR2004  the second turn
        categories={name: _mean([side for side in read if side.row.category == name]) for name in categories},
        consistency=mean_of(steady, questions, _SCALE),
        toward_first=flips["model_1", "model_2"],
        toward_second=flips["model_2", "model_1"],
        rows=len(sides),
        unread=len(sides) - len(read),
        repeated=len(read) - len({side.pair for side in read}),
        p_value=mean_p_value(values, questions) if values else None,
    )


def _values(sides: Sequence[_Side]) -> tuple[list[float], list[int]]:
    return [side.value for side in sides], [side.row.question for side in sides]


def _mean(sides: Sequence[_Side]) -> Mean:
    return mean_of(*_values(sides), _SCALE)


def _place(rate: ModelRate) -> tuple[float, str]:
    return (1.0 if rate.adjusted.mean is None else -rate.adjusted.mean), rate.model


def _adjusted(rates: Sequence[ModelRate]) -> list[ModelRate]:
    known = [each for each in rates if each.p_value is not None]
    if len({name for each in known for name in (each.model, *each.opponents)}) == _TWO:
        return [replace(each, p_value_holm=each.p_value) for each in rates]  # two models are one test, seen twice
    adjusted = iter(holm([each.p_value for each in known if each.p_value is not None]))
    return [each if each.p_value is None else replace(each, p_value_holm=next(adjusted)) for each in rates]
