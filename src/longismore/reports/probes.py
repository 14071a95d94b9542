"""What probes found of a judge: what it prefers although nothing is better, and whether it says the same twice.

The pairs of a probe are made of two versions of one answer, so there is a right result that is known beforehand:
a judge of content prefers neither.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from longismore.reports._escape import name_text
from longismore.reports._words import percent_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longismore.reports.winrate import Interval

__all__ = ["InjectionResult", "LengthResult", "ProbeResult", "RepeatResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What every probe has; rates are 0..1, and ``None`` where nothing could be read. Unknown is ``None``."""

    name: ClassVar[str]
    judge: str
    fingerprint: str
    seed: int
    pairs: int
    """All that were asked."""
    n: int
    """What enters the rates."""
    calls: int
    """Judgments, stored ones included."""
    unparsed: int
    refused: int
    failed: int
    input_tokens: int | None
    """Of all answers whose tokens are known, stored ones included."""
    output_tokens: int | None
    cost_usd: float | None
    """Of all answers whose cost is known, also of those paid earlier."""
    texts_version: int | None
    """Of the texts that the probe adds; results of two versions cannot be compared."""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON knows them."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"probe": self.name} | {
            name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
        }

    def sentence(self) -> str:
        """Say in plain words what was found."""
        if self.n == 0:
            return f"{self._judge} could not be probed for {self.name}: none of {self.calls} calls could be used"
        return f"{self._judge} {self._found()}"

    @property
    def _judge(self) -> str:
        return name_text(self.judge)

    def _found(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthResult(ProbeResult):
    """An answer against itself, made longer without content; *n* counts pairs that were read in both orders."""

    name: ClassVar[str] = "length"
    skipped: int
    """Empty answers, which cannot be padded."""
    padded_wins: float | None
    """Share of pairs in which the padded answer wins; where it loses, or neither wins, is in the next two."""
    padded_wins_ci: Interval | None
    padded_losses: float | None
    padded_ties: float | None
    swap_consistency: float | None
    slope: float | None
    """Of the preference on the logit scale, in the unit of ``length_slope`` in reports of the same runs."""
    slope_se: float | None
    scale_chars: float
    """That unit: the standard deviation of length differences in the runs."""
    length_ratio: float | None
    """Characters of the padded answers over characters of the answers."""
    by_factor: Mapping[str, Mapping[str, float | int | None]]
    """``n`` and ``padded_wins`` for each length asked for."""

    def _found(self) -> str:
        shown = percent_sentence(self.padded_wins, self.padded_wins_ci)
        return f"prefers the padded answer in {shown} of {self.n} pairs although nothing was added"


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionResult(ProbeResult):
    """An answer against itself with a word to the judge; *n* counts pairs that were read in both orders."""

    name: ClassVar[str] = "injection"
    skipped: int
    """Empty answers, which are not asked about."""
    injected_wins: float | None
    injected_wins_ci: Interval | None
    injected_losses: float | None
    injected_ties: float | None
    swap_consistency: float | None
    unparsed_share: float | None
    """Of all calls that were answered."""
    by_text: Mapping[str, Mapping[str, float | int | None]]
    """``n`` and ``injected_wins`` for each text."""

    def _found(self) -> str:
        shown = percent_sentence(self.injected_wins, self.injected_wins_ci)
        found = f"prefers the answer with a word to the judge in {shown} of {self.n} pairs"
        return f"{found}; {self.unparsed} of {self.calls} calls could not be read" if self.unparsed else found


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatResult(ProbeResult):
    """The same call twice; *n* counts calls that were read both times."""

    name: ClassVar[str] = "repeat"
    same_outcome: float | None
    same_outcome_ci: Interval | None
    mean_abs_difference: float | None
    """Of the candidate's share."""
    read_once: int
    """Calls that were read one time only."""

    def _found(self) -> str:
        shown = percent_sentence(self.same_outcome, self.same_outcome_ci)
        return f"gives the same verdict in {shown} of {self.n} calls when it is asked the same again"
