"""The audit as values: what `longismore.reports.audit` computes, and what is shown of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.reports._audit.calls import CallFigures
    from longismore.reports._audit.gold import GoldFigures
    from longismore.reports._audit.length import LengthFigures
    from longismore.reports._audit.order import OrderFigures
    from longismore.reports._rates import Rates
    from longismore.reports.agreement import GroupAgreement, PairAgreement

__all__ = ["Audit", "JudgeAudit", "JudgeFigures", "JudgePair"]

_OF_RATES = (
    "pairs",
    "n",
    "partial",
    "wins",
    "ties",
    "losses",
    "win_rate",
    "win_rate_ci",
    "winning_score",
    "winning_score_ci",
    "mean_chars_reference",
    "mean_chars_candidate",
    "empty_reference",
    "empty_candidate",
    "clusters",
    "length_slope",
    "length_slope_ci",
    "length_points",
    "length_points_ci",
    "length_prior_weight",
    "length_warning",
    "overlap",
)
"""What the audit shows of the rates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeFigures:
    """What one judge did on some pairs; see docs/audit.md for each figure."""

    rates: Rates
    winning_score_se: float | None
    """Standard error of the winning score, the distinct prompts being the sample."""
    winning_score_se_pairs: float | None
    """The same, if every pair were a sample of its own, as it is often published."""
    n_one_order: int
    """Pairs that the judge was meant to see in one order only."""
    order: OrderFigures
    length: LengthFigures
    calls: CallFigures
    gold: GoldFigures | None
    """``None`` where no labels were given."""

    def to_dict(self) -> dict[str, Any]:
        """Give all figures in one object, as JSON knows them."""
        rates = self.rates.to_dict()
        figures = {name: rates[name] for name in _OF_RATES}
        for name in ("winning_score_se", "winning_score_se_pairs", "n_one_order"):
            figures[name] = getattr(self, name)
        for part in (self.order, self.length, self.calls, self.gold):
            for field in () if part is None else fields(part):
                value = getattr(part, field.name)
                figures[field.name] = list(value) if isinstance(value, tuple) else value
        return figures


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAudit:
    """One judge, in all files together."""

    name: str
    fingerprint: str | None
    comparisons: tuple[tuple[str, str], ...]
    """Names of reference and candidate of what it judged."""
    pooled: JudgeFigures
    testsets: Mapping[str, JudgeFigures]

    def to_dict(self) -> dict[str, Any]:
        """Give the pooled figures, and those of each test set below ``testsets``."""
        return {
            "fingerprint": self.fingerprint,
            "comparisons": [{"reference": one, "candidate": other} for one, other in self.comparisons],
            **self.pooled.to_dict(),
            "testsets": {name: figures.to_dict() for name, figures in self.testsets.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePair:
    """Two judges on the pairs that both were asked about."""

    judges: tuple[str, str]
    pooled: PairAgreement
    testsets: Mapping[str, PairAgreement]

    def to_dict(self) -> dict[str, Any]:
        """Give the pooled figures, and those of each test set below ``testsets``."""
        return {
            "judges": list(self.judges),
            **self.pooled.to_dict(),
            "testsets": {name: figures.to_dict() for name, figures in self.testsets.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """All judges, and every two of them that share pairs."""

    judges: tuple[JudgeAudit, ...]
    pairs: tuple[JudgePair, ...]
    together: GroupAgreement | None
    """All judges at once, where there are more than two."""

    def to_dict(self) -> dict[str, Any]:
        """Give ``judges`` by name and the list ``pairs``; with more than two judges also ``together``."""
        document: dict[str, Any] = {
            "judges": {judge.name: judge.to_dict() for judge in self.judges},
            "pairs": [pair.to_dict() for pair in self.pairs],
        }
        return document if self.together is None else document | {"together": self.together.to_dict()}
