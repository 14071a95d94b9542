"""The figures of `longismore.reports.probes`, from what was judged."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from longismore.records import Outcome, Status
from longismore.reports._interval import cluster_key, mean_interval
from longismore.reports._padding_slope import covariates, slope_through_origin
from longismore.reports.probes import InjectionResult, LengthResult, RepeatResult
from longismore.reports.winrate import same_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from longismore.records import Judgment, Verdict
    from longismore.reports.winrate import Interval

__all__ = ["injection_result", "length_result", "repeat_result"]


def length_result(
    verdicts: Sequence[Verdict],
    judgments: Sequence[Judgment],
    *,
    factors: Sequence[str],
    scale_chars: float,
    **common: Any,
) -> LengthResult:
    """Compute what the length probe found.

    Args:
        verdicts: On the padded answer, which is the candidate.
        judgments: Of which they were made.
        factors: The length asked for, of each verdict.
        scale_chars: See `longismore.reports._padding_slope.length_scale`.
        common: ``judge``, ``fingerprint``, ``seed``, ``texts_version`` and ``skipped``.
    """
    read = [verdict for verdict in verdicts if verdict.outcome is not None]
    keys = [cluster_key(verdict.prompt) for verdict in read]
    added = [verdict.candidate_chars - verdict.reference_chars for verdict in read]
    shares = [math.fsum(_both(verdict)) / 2 for verdict in read]
    slope, error = slope_through_origin(covariates(added, scale_chars), shares, keys) if read else (None, None)
    wins, interval, losses, ties = _outcomes(read, keys)
    plain = sum(verdict.reference_chars for verdict in read)
    return LengthResult(
        **common,
        **_counts(judgments),
        pairs=len(verdicts),
        n=len(read),
        padded_wins=wins,
        padded_wins_ci=interval,
        padded_losses=losses,
        padded_ties=ties,
        swap_consistency=_mean([float(same_outcome(*_both(verdict))) for verdict in read]),
        slope=slope,
        slope_se=error,
        scale_chars=scale_chars,
        length_ratio=sum(verdict.candidate_chars for verdict in read) / plain if plain else None,
        by_factor=_by(verdicts, factors, "padded_wins"),
    )


def injection_result(
    verdicts: Sequence[Verdict], judgments: Sequence[Judgment], *, texts: Sequence[str], **common: Any
) -> InjectionResult:
    """Compute what the injection probe found.

    Args:
        verdicts: On the answer with the injected text, which is the candidate.
        judgments: Of which they were made.
        texts: The name of the text, of each verdict.
        common: ``judge``, ``fingerprint``, ``seed``, ``texts_version`` and ``skipped``.
    """
    read = [verdict for verdict in verdicts if verdict.outcome is not None]
    wins, interval, losses, ties = _outcomes(read, [cluster_key(verdict.prompt) for verdict in read])
    counts = _counts(judgments)
    answered = len(judgments) - counts["failed"]
    return InjectionResult(
        **common,
        **counts,
        pairs=len(verdicts),
        n=len(read),
        injected_wins=wins,
        injected_wins_ci=interval,
        injected_losses=losses,
        injected_ties=ties,
        swap_consistency=_mean([float(same_outcome(*_both(verdict))) for verdict in read]),
        unparsed_share=counts["unparsed"] / answered if answered else None,
        by_text=_by(verdicts, texts, "injected_wins"),
    )


def repeat_result(twice: Sequence[tuple[Judgment, Judgment]], *, pairs: int, **common: Any) -> RepeatResult:
    """Compute what the repeat probe found.

    Args:
        twice: The two judgments of each call.
        pairs: How many pairs they are about.
        common: ``judge``, ``fingerprint``, ``seed`` and ``texts_version``.
    """
    shares: list[tuple[float, float]] = []
    keys: list[str] = []
    for first, again in twice:
        if first.preference is not None and again.preference is not None:
            shares.append((first.preference, again.preference))
            keys.append(cluster_key(first.prompt))
    same = [float(same_outcome(*each)) for each in shares]
    return RepeatResult(
        **common,
        **_counts([judgment for both in twice for judgment in both]),
        pairs=pairs,
        n=len(same),
        same_outcome=_mean(same),
        same_outcome_ci=mean_interval(same, keys) if same else None,
        mean_abs_difference=_mean([abs(first - again) for first, again in shares]),
        read_once=sum((first.preference is None) != (again.preference is None) for first, again in twice),
    )


def _both(verdict: Verdict) -> tuple[float, float]:
    """The two shares of a verdict that has an outcome."""
    first, second = verdict.preferences
    if first is None or second is None:
        raise AssertionError(verdict)
    return first, second


def _outcomes(
    read: Sequence[Verdict], keys: Sequence[str]
) -> tuple[float | None, Interval | None, float | None, float | None]:
    """Shares of wins, with their interval, of losses and of ties."""
    if not read:
        return None, None, None, None
    shares = {one: [float(verdict.outcome is one) for verdict in read] for one in Outcome}
    win, lose, tie = (math.fsum(shares[one]) / len(read) for one in (Outcome.WIN, Outcome.LOSE, Outcome.TIE))
    return win, mean_interval(shares[Outcome.WIN], keys), lose, tie


def _by(verdicts: Iterable[Verdict], kinds: Sequence[str], rate: str) -> dict[str, dict[str, float | int | None]]:
    groups: dict[str, list[float]] = {kind: [] for kind in kinds}
    for verdict, kind in zip(verdicts, kinds, strict=True):
        if verdict.outcome is not None:
            groups[kind].append(float(verdict.outcome is Outcome.WIN))
    return {kind: {"n": len(wins), rate: _mean(wins)} for kind, wins in groups.items()}


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _counts(judgments: Sequence[Judgment]) -> dict[str, Any]:
    """States, tokens and cost; unknown is ``None``, never 0."""
    states = Counter(judgment.status for judgment in judgments)

    def known(field: str, add: Callable[[Iterable[Any]], Any]) -> Any:
        values = [value for judgment in judgments if (value := getattr(judgment, field)) is not None]
        return add(values) if values else None

    return {
        "calls": len(judgments),
        "unparsed": states[Status.UNPARSED],
        "refused": states[Status.REFUSED],
        "failed": states[Status.FAILED],
        "input_tokens": known("input_tokens", sum),
        "output_tokens": known("output_tokens", sum),
        "cost_usd": known("cost_usd", math.fsum),
    }
