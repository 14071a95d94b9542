"""Scores and win rates of MT-Bench in words: the same in the terminal, in Markdown and in LaTeX."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from longismore.reports._escape import name_text
from longismore.reports._paired.words import p_text
from longismore.reports._words import counted, number, percent_sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longismore.reports._mtbench.rates import ModelRate
    from longismore.reports._mtbench.records import Grade, TurnComparison
    from longismore.reports._mtbench.scores import Mean, ModelScore, ScoreDifference

__all__ = [
    "CATEGORIES",
    "category_names",
    "difference_sentence",
    "fingerprint_notes",
    "interval_text",
    "mean_text",
    "model_names",
    "rate_notes",
    "score_notes",
    "turns_text",
]

CATEGORIES = ("writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities")
"""In the order of the published questions."""
_DASH = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_STEADY = 0.7
_DIGITS = 12
"""Of a fingerprint; they tell two apart."""


def mean_text(mean: Mean, *, share: bool = False) -> str:
    """Write a mean score with two decimals, or a *share* in percent with one."""
    return number(None if mean.mean is None else (100 if share else 1) * mean.mean, 1 if share else 2)


def interval_text(mean: Mean, *, digits: int, scale: float = 1) -> str:
    """Write the limits of a mean times *scale*, with an en dash between them; nothing where there are none.

    With one digit the top of a scale is ``10``, as narrow as ``9.9``.
    """
    if mean.mean_ci is None:
        return ""
    texts = [number(scale * limit, digits) for limit in mean.mean_ci]
    return _DASH.join("10" if text == "10.0" else text for text in texts)


def category_names(scores: Iterable[ModelScore | ModelRate]) -> list[str]:
    """Give the categories of all models: the published ones in their order, then others as they come."""
    found = dict.fromkeys(name for score in scores for name in score.categories)
    return [*(name for name in CATEGORIES if name in found), *(name for name in found if name not in CATEGORIES)]


def model_names(scores: Sequence[ModelScore | ModelRate], longest: int = 120) -> list[str]:
    """Name the models, with their judges where several judged."""
    several = len({score.judge for score in scores}) > 1
    return [
        (name_text(score.model, longest) or "unnamed")
        + (f" (judge: {name_text(score.judge, longest) or 'unnamed'})" if several else "")
        for score in scores
    ]


def turns_text(turns: int, questions: int) -> str:
    """Count turns and their questions."""
    return f"{counted(turns, 'turn')} of {counted(questions, 'question')}"


def difference_sentence(difference: ScoreDifference, *, judge: bool = False) -> str:
    """Say which of two models is better on the same turns, or that it is not known.

    Args:
        difference: What is told.
        judge: Whether the judge is named, because there are several.
    """
    by = f" ({name_text(difference.judge)})" if judge else ""
    model, other = name_text(difference.model), name_text(difference.other)
    if difference.difference is None or difference.difference_ci is None:
        return f"{model} and {other}{by}: no turn has a score of both, so nothing can be said"
    low, high = difference.difference_ci
    told = f"{model} minus {other}{by}: {_signed(difference.difference)} ({_signed(low)} to {_signed(high)})"
    told += f" on the same {turns_text(difference.turns, difference.questions)}"
    told += f" (higher on {difference.higher}, lower on {difference.lower}){_tested(difference)}"
    if low <= 0 <= high:
        return f"{told}; the interval includes 0, so these questions do not show which of the two is better"
    return told


def _tested(difference: ScoreDifference) -> str:
    if difference.p_value is None or difference.p_value_holm is None:
        return ""
    holm = "" if difference.p_value_holm == difference.p_value else f" (after Holm {p_text(difference.p_value_holm)})"
    return f", {p_text(difference.p_value)}{holm}"


def _signed(value: float) -> str:
    shown = f"{abs(value):.2f}"
    return shown if float(shown) == 0 else f"{_MINUS if value < 0 else '+'}{shown}"


def score_notes(scores: Sequence[ModelScore]) -> list[str]:
    """Say what the means do not: what has no score, what is repeated, what cannot be compared."""
    notes = []
    for name, score in zip(model_names(scores), scores, strict=True):
        said = []
        if score.unread:
            said.append(f"{counted(score.unread, 'row')} of {score.rows} without a score, in no mean")
        if score.missing:
            turns = score.missing + score.both.n - score.repeated
            said.append(f"{score.missing} of {turns} turns without any score")
        if score.repeated:
            said.append(f"{counted(score.repeated, 'row')} for a turn that has a score already; each enters the means")
        notes += [f"{name}: {'; '.join(said)}"] if said else []
    return [*notes, *_prompts(scores), *_uncategorised(scores)]


def _prompts(scores: Sequence[ModelScore]) -> list[str]:
    """Warn where one judge was asked with other prompts about one model than about another."""
    notes = []
    for judge in dict.fromkeys(score.judge for score in scores):
        asked: dict[tuple[str, ...], list[str]] = {}
        for score in scores:
            if score.judge == judge and score.prompts:
                asked.setdefault(score.prompts, []).append(name_text(score.model))
        if len(asked) > 1:
            told = "; ".join(
                f"{', '.join(models)}: {', '.join(map(name_text, names))}" for names, models in asked.items()
            )
            notes.append(f"{name_text(judge)} was not asked the same way about all models, so beware: {told}")
    return notes


def _uncategorised(scores: Sequence[ModelScore | ModelRate]) -> list[str]:
    rows: Counter[str] = Counter()
    for score in scores:
        total = score.first.n + score.second.n
        rows["all"] += total
        rows["known"] += sum(mean.n for mean in score.categories.values())
    unknown = rows["all"] - rows["known"]
    return [f"{counted(unknown, 'row')} whose category is not known, in no category"] if unknown > 0 else []


def rate_notes(rates: Sequence[ModelRate]) -> list[str]:
    """Say what the win rates do not: how steady the judge was, what could not be read, what is repeated."""
    notes = []
    for judge, members in _judges(rates).items():
        inconsistent, total = (sum(getattr(rate, name) for rate in members) for name in ("inconsistent", "n"))
        if total:
            first, second = (sum(getattr(rate, f"toward_{place}") for rate in members) for place in ("first", "second"))
            told = f"{name_text(judge)} kept its verdict when the answers changed places in "
            told += f"{percent_sentence(1 - inconsistent / total, None)} of the comparisons"
            if first or second:
                told += (
                    f"; of those that flipped, {percent_sentence(first / (first + second), None)} to the first place"
                )
            notes.append(told + (": it is unsteady" if 1 - inconsistent / total < _STEADY else ""))
    for name, rate in zip(model_names(rates), rates, strict=True):
        said = []
        if rate.unread:
            said.append(f"{counted(rate.unread, 'row')} of {rate.rows} without a verdict in both orders, in no rate")
        if rate.repeated:
            said.append(f"{counted(rate.repeated, 'row')} for a turn that was compared already; each enters the rates")
        notes += [f"{name}: {'; '.join(said)}"] if said else []
    return [*notes, *_uncategorised(rates)]


def fingerprint_notes(rows: Iterable[Grade | TurnComparison]) -> list[str]:
    """Warn where several judges have one name, so that their judgments enter the same numbers."""
    marks: dict[str, dict[str | None, None]] = {}
    for row in rows:
        marks.setdefault(row.judge, {})[row.fingerprint] = None
    return [
        f"{name_text(judge) or 'unnamed'} is the name of judges with different settings, prompts or versions, whose "
        f"judgments are taken together here, so beware: fingerprints {', '.join(map(_shortened, found))}"
        for judge, found in marks.items()
        if len(found) > 1
    ]


def _shortened(fingerprint: str | None) -> str:
    return "unknown" if fingerprint is None else name_text(fingerprint[:_DIGITS])


def _judges(rates: Sequence[ModelRate]) -> Mapping[str, list[ModelRate]]:
    judges: dict[str, list[ModelRate]] = {}
    for rate in rates:
        judges.setdefault(rate.judge, []).append(rate)
    return judges
