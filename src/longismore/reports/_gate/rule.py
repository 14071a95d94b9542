"""What a gate asks for, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from longismore.errors import ConfigError, near_names

__all__ = ["AUDITS", "METRICS", "MODES", "GateRule"]

METRICS = ("win_rate", "preference", "lc_win_rate")
MODES = ("fixed", "obrien-fleming", "sequential")
AUDITS = ("warn", "refuse", "off")

_LOOKS = {"fixed": 1, "obrien-fleming": 5, "sequential": 20}
_MOST_LOOKS = 100
_EVEN = 0.5
_LEAST_ALPHA_OF_LC = 0.025
"""Its limits are those of a 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """When a candidate passes; rates and shares are 0..1."""

    margin: float = 0.03
    """How far below one half the candidate's rate may be and still pass."""
    metric: str = "win_rate"
    """``win_rate``, ``preference`` or ``lc_win_rate``, of all pairs pooled."""
    mode: str | None = None
    """``fixed``, ``obrien-fleming`` or ``sequential``; ``None``: in looks where calls are made, else fixed."""
    looks: int | None = None
    """How often the data are looked at; ``None``: what suits the mode."""
    alpha: float = 0.05
    """Probability of a false pass, and of a false regress, at most."""
    seed: int = 0
    """Of the order in which prompts are asked."""
    max_unjudged: float = 0.05
    """Share of the pairs asked that may be without a verdict; beyond, nothing passes."""
    audit: str = "warn"
    """What happens to a judge that is not steady enough: ``warn``, ``refuse`` or ``off``."""
    min_consistency: float = 0.6
    """Share of pairs in which the judge must keep its verdict when the order is swapped."""
    max_flip: float = 0.3
    """Share of pairs in which it may turn its verdict around."""
    max_unparsed: float = 0.05
    """Share of its answers that may be unreadable."""

    def __post_init__(self) -> None:
        if problems := [*self._unknown_names(), *self._out_of_range(), *self._contradictions()]:
            raise ConfigError(problems)

    def _unknown_names(self) -> list[str]:
        asked = (("metric", self.metric, METRICS), ("mode", self.mode, MODES), ("audit", self.audit, AUDITS))
        return [
            f'{name}: no such choice: "{value}"{near_names(value, choices)}'
            for name, value, choices in asked
            if value is not None and value not in choices
        ]

    def _out_of_range(self) -> list[str]:
        problems = [
            f"{name} is a share from 0 to 1, found {value}"
            for name in ("max_unjudged", "min_consistency", "max_flip", "max_unparsed")
            if not 0 <= (value := getattr(self, name)) <= 1
        ]
        if not 0 <= self.margin < _EVEN:
            problems.append(f"margin is at least 0 and below 0.5, e.g. 0.03 for three points, found {self.margin}")
        if not 0 < self.alpha < _EVEN:
            problems.append(f"alpha lies between 0 and 0.5, e.g. 0.05, found {self.alpha}")
        if self.looks is not None and not 1 <= self.looks <= _MOST_LOOKS:
            problems.append(f"looks is from 1 to {_MOST_LOOKS}, found {self.looks}")
        return problems

    def _contradictions(self) -> list[str]:
        problems = []
        if self.metric == "lc_win_rate":
            if self.mode not in {None, "fixed"}:
                problems.append(
                    f"mode {self.mode} does not go with metric lc_win_rate: its limits come from refitting on "
                    "resampled prompts, and nothing is proved of how they move from look to look; take mode fixed, or "
                    "metric win_rate"
                )
            if self.alpha < _LEAST_ALPHA_OF_LC:
                problems.append(f"alpha is at least 0.025 for metric lc_win_rate, found {self.alpha}")
        if self.looks not in {None, 1} and (self.mode == "fixed" or self.metric == "lc_win_rate"):
            problems.append(f"looks: a fixed gate looks once, found {self.looks}; leave it out, or take another mode")
        return problems

    @property
    def bar(self) -> float:
        """The rate that decides: one half less the margin."""
        return _EVEN - self.margin

    @property
    def most_looks(self) -> int:
        """How often the data are looked at, at most."""
        return self.looks or _LOOKS[self.mode or "fixed"]

    @property
    def level(self) -> float:
        """Probability with which each limit is wrong; those of ``lc_win_rate`` belong to a two-sided 95 % interval."""
        return _LEAST_ALPHA_OF_LC if self.metric == "lc_win_rate" else self.alpha

    @property
    def confidence(self) -> float:
        """Of each one-sided limit."""
        return 1 - self.level

    def settled(self, *, calls: bool) -> GateRule:
        """Fill in the mode: looks save calls, so they are the default where *calls* are made."""
        if self.mode is not None:
            return self
        looked = (calls or (self.looks or 1) > 1) and self.metric != "lc_win_rate"
        return replace(self, mode="obrien-fleming" if looked else "fixed")

    def is_finite(self) -> bool:
        """Whether an equal candidate would pass if only there were enough pairs."""
        return not math.isclose(self.margin, 0, abs_tol=1e-12)
