"""What the probes of `longismore.probes` ask, and whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longismore.comparison import pair_of
from longismore.errors import ConfigError, DataError, UnknownNameError
from longismore.judges import ChatJudge, Estimate, Range, combine
from longismore.judges._probe_pairs import injected_pairs, padded_pairs, texts_of
from longismore.judges._probe_texts import TEXTS_VERSION, ranked
from longismore.judges._repeat import repeated
from longismore.records import Order, Status
from longismore.reports._padding_slope import length_scale
from longismore.reports._probe_figures import injection_result, length_result, repeat_result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from longismore.judges import Judge
    from longismore.records import Judged, Judgment, Pair
    from longismore.reports.probes import InjectionResult, LengthResult, ProbeResult, RepeatResult
    from longismore.store import Store

__all__ = ["PROBES", "Probe", "plan_probes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Material:
    """What probes are made of."""

    judge: Judge
    pairs: list[Pair]
    """Distinct ones, in the order of their choice."""
    known: dict[tuple[str, Order], Judgment]
    """What this very judge has said, by the pair's texts and the order."""
    scale_chars: float
    seed: int

    def common(self, texts_version: int | None) -> dict[str, object]:
        """What every result says."""
        judge = {"judge": self.judge.name, "fingerprint": self.judge.fingerprint}
        return {**judge, "seed": self.seed, "texts_version": texts_version}


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe, ready to be asked."""

    name: str
    rounds: list[tuple[Judge, list[Pair]]]
    """Who is asked what."""
    result: Callable[[list[list[Judgment]]], ProbeResult]
    """Of the judgments of every round."""

    def estimate(self, store: Store) -> Estimate | None:
        """What all rounds take, or nothing for a judge without calls."""
        estimates = [judge.estimate(pairs, store) for judge, pairs in self.rounds if isinstance(judge, ChatJudge)]
        return _sum(estimates) if estimates else None


def plan_probes(
    names: Sequence[str], judged: Sequence[Judged], judge: Judge, limit: int | None, seed: int
) -> list[Probe]:
    """Find out what to ask; arguments and errors are those of `longismore.probes.run_probes`."""
    for name in names:
        if name not in PROBES:
            raise UnknownNameError("probe", name, PROBES)
    if not names:
        raise ConfigError(f"no probe was named; there are {', '.join(PROBES)}")
    _refuse_replay(judge)
    material = _material(judged, judge, limit, seed)
    return [_PLANS[name](material) for name in dict.fromkeys(names)]


def _refuse_replay(judge: Judge) -> None:
    from longismore.judges.replay import ReplayJudge

    if isinstance(judge, ReplayJudge):
        raise ConfigError(
            f"a probe asks what was never asked before, and replay:{judge.path} can only say what it recorded; "
            "name the judge itself, e.g. --judge openai/MODEL"
        )


def _material(judged: Sequence[Judged], judge: Judge, limit: int | None, seed: int) -> _Material:
    if limit is not None and limit < 1:
        raise ConfigError(f"a probe needs at least one pair, found the limit {limit}")
    judgments = [judgment for each in judged for judgment in each.judgments]
    pairs: dict[str, Pair] = {}
    known: dict[tuple[str, Order], Judgment] = {}
    for judgment in judgments:
        pair = pair_of(judgment)
        key = texts_of(pair)
        pairs.setdefault(key, pair)
        if judgment.fingerprint == judge.fingerprint and judgment.status is not Status.FAILED:
            known.setdefault((key, judgment.order), judgment)
    if not pairs:
        files = ", ".join(file for each in judged for file in each.files) or "no judgments were given"
        raise DataError(f"{files}: no answers to probe with; give a run folder or a judgments.jsonl, which keep them")
    read = [[verdict for verdict in each.verdicts if verdict.outcome is not None] for each in judged]
    return _Material(
        judge=judge,
        pairs=[pairs[key] for key in ranked(pairs, seed)[:limit]],
        known=known,
        scale_chars=length_scale([[one.candidate_chars - one.reference_chars for one in each] for each in read]),
        seed=seed,
    )


def _length(material: _Material) -> Probe:
    padded = padded_pairs(material.pairs, seed=material.seed)

    def result(rounds: list[list[Judgment]]) -> LengthResult:
        return length_result(
            combine(padded.pairs, rounds[0]),
            rounds[0],
            factors=padded.kinds,
            scale_chars=material.scale_chars,
            skipped=padded.skipped,
            **material.common(TEXTS_VERSION),
        )

    return Probe("length", [(material.judge, padded.pairs)], result)


def _injection(material: _Material) -> Probe:
    injected = injected_pairs(material.pairs)

    def result(rounds: list[list[Judgment]]) -> InjectionResult:
        return injection_result(
            combine(injected.pairs, rounds[0]),
            rounds[0],
            texts=injected.kinds,
            skipped=injected.skipped,
            **material.common(TEXTS_VERSION),
        )

    return Probe("injection", [(material.judge, injected.pairs)], result)


def _repeat(material: _Material) -> Probe:
    """The second time under another name in the store; the first answers are those that there are."""
    judge = material.judge
    first = [pair for pair in material.pairs if any((texts_of(pair), order) not in material.known for order in Order)]
    again = repeated(judge, 1) if isinstance(judge, ChatJudge) else judge

    def result(rounds: list[list[Judgment]]) -> RepeatResult:
        said, said_again = (_by_texts(each) for each in rounds)
        said = material.known | said
        calls = [(texts_of(pair), order) for pair in material.pairs for order in Order]
        twice = [(said[call], said_again[call]) for call in calls]
        return repeat_result(twice, pairs=len(material.pairs), **material.common(None))

    return Probe("repeat", [(judge, first), (again, material.pairs)], result)


def _by_texts(judgments: Sequence[Judgment]) -> dict[tuple[str, Order], Judgment]:
    return {(texts_of(pair_of(judgment)), judgment.order): judgment for judgment in judgments}


def _sum(estimates: Sequence[Estimate]) -> Estimate:
    def ranges(values: Sequence[Range]) -> Range:
        return Range(*(sum(side) for side in zip(*(value.values() for value in values), strict=True)))

    costs = [each.cost_usd for each in estimates if each.cost_usd is not None]
    return Estimate(
        calls=sum(each.calls for each in estimates),
        from_store=sum(each.from_store for each in estimates),
        input_tokens=ranges([each.input_tokens for each in estimates]),
        output_tokens=ranges([each.output_tokens for each in estimates]),
        cost_usd=ranges(costs) if len(costs) == len(estimates) else None,
        price=estimates[0].price,
    )


_PLANS: Mapping[str, Callable[[_Material], Probe]] = {"injection": _injection, "length": _length, "repeat": _repeat}
PROBES = tuple(_PLANS)
"""Every probe that there is."""
