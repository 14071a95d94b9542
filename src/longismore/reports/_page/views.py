"""The pairs as the page shows them: both answers once, and beside them what every judge said in both orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longismore.records import Order, Outcome, Status
from longismore.reports._escape import name_text
from longismore.reports._words import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longismore.records import Judgment, Verdict
    from longismore.reports._page.entry import Entry

__all__ = ["Call", "Said", "View", "make_views"]

_EVEN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One judge call on one order."""

    said: str
    """Win, tie or lose of the candidate, or why it says nothing."""
    scores: str = ""
    """In words, after a comma; empty where there are none."""
    completion: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one judge said of a pair."""

    judge: str
    outcome: Outcome | None
    calls: tuple[Call | None, Call | None]
    """Reference first and candidate first; ``None`` where there was no call."""

    @property
    def shown(self) -> str:
        """The verdict, with what the orders say where they differ."""
        said = self.outcome or "not judged"
        orders = [call.said for call in self.calls if call is not None]
        return str(said) if set(orders) <= {str(said)} else f"{said} ({', '.join(orders)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One pair with everything that was said of it."""

    models: str
    """Who against whom."""
    reference: str
    """Name of the model."""
    candidate: str
    testset: str
    id: str
    prompt: str
    answers: tuple[str | None, str | None]
    """Of reference and candidate; ``None`` where the file keeps no answers."""
    chars: tuple[int, int]
    said: list[Said] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Test set and id, as one printable line."""
        return name_text(self.id if self.id.startswith(self.testset) else f"{self.testset} {self.id}")

    @property
    def difference(self) -> int:
        """Characters that the candidate's answer is longer."""
        return self.chars[1] - self.chars[0]


def make_views(entries: Sequence[Entry]) -> list[View]:
    """Put what several judges said of the same two answers into one place, in the order of the files."""
    views: dict[tuple[object, ...], View] = {}
    for entry in entries:
        calls: dict[tuple[str, str], list[Judgment]] = {}
        for judgment in entry.judged.judgments:
            calls.setdefault((judgment.testset, judgment.id), []).append(judgment)
        for verdict in entry.judged.verdicts:
            view = _view(entry, verdict, calls.get((verdict.testset, verdict.id), []))
            key = (view.models, view.testset, view.id, view.prompt, view.answers, view.chars)
            views.setdefault(key, view).said.append(_said(entry, verdict, calls.get((verdict.testset, verdict.id), [])))
    return list(views.values())


def _view(entry: Entry, verdict: Verdict, calls: Sequence[Judgment]) -> View:
    first = calls[0] if calls else None
    return View(
        models=entry.models,
        reference=entry.reference,
        candidate=entry.candidate,
        testset=verdict.testset,
        id=verdict.id,
        prompt=verdict.prompt,
        answers=(None, None) if first is None else (first.reference.output, first.candidate.output),
        chars=(verdict.reference_chars, verdict.candidate_chars),
    )


def _said(entry: Entry, verdict: Verdict, calls: Sequence[Judgment]) -> Said:
    made: dict[Order, Judgment] = {}
    for call in calls:
        made.setdefault(call.order, call)  # of calls that were recorded twice the first makes the verdict
    orders = tuple(
        _call(made.get(order), status, preference)
        for order, status, preference in zip(Order, verdict.statuses, verdict.preferences, strict=True)
    )
    return Said(judge=entry.judge, outcome=verdict.outcome, calls=(orders[0], orders[1]))


def _call(judgment: Judgment | None, status: Status | None, preference: float | None) -> Call | None:
    if status is None:
        return None
    return Call(
        said=_outcome(status, preference),
        scores=_scores(judgment, preference),
        completion=None if judgment is None else judgment.completion,
    )


def _outcome(status: Status, preference: float | None) -> str:
    """Give what one call says of the candidate, or why it says nothing."""
    if status is not Status.JUDGED or preference is None:
        return status.value
    if preference == _EVEN:
        return Outcome.TIE.value
    return Outcome.WIN.value if preference > _EVEN else Outcome.LOSE.value


def _scores(judgment: Judgment | None, preference: float | None) -> str:
    if judgment is not None and judgment.score_reference is not None and judgment.score_candidate is not None:
        return f", scores: reference {judgment.score_reference:g}, candidate {judgment.score_candidate:g}"
    return "" if preference is None else f", preference {number(preference, 2)}"
