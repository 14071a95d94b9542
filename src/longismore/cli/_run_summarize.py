"""What ``longismore summarize`` does, once its arguments are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, TextIO

from longismore.cli._length_prior import PriorChoice
from longismore.errors import ConfigError
from longismore.judged import read_judged
from longismore.reports import printable, results_table
from longismore.reports.bradley_terry import bradley_terry
from longismore.reports.paired import compare_candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from longismore.records import Judged
    from longismore.reports import Results
    from longismore.reports.bradley_terry import Ratings
    from longismore.reports.paired import PairedComparison

__all__ = ["SummaryRequest", "run_summarize"]

_ALL_PAIRS = 10
"""With more pairs of candidates, each is compared with the best only."""
_FEWEST_RATED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRequest:
    """One call of the command."""

    files: Sequence[str]
    length_prior: str | None
    official: Path | None
    seed: int
    draws: int


@dataclass(frozen=True, slots=True)
class _Found:
    """Everything that is shown."""

    judged: Sequence[Judged]
    results: Sequence[Results]
    official: Sequence[dict[str, float] | None]
    paired: Sequence[PairedComparison]
    ratings: Sequence[Ratings]


def run_summarize(request: SummaryRequest, *, out: TextIO, as_json: bool) -> bool:
    """Read, compute, show.

    Returns:
        Whether any pair was judged.

    Raises:
        UsageError: A file, or an option, will not do.
    """
    found = _find(request)
    if as_json:
        out.write(json.dumps(_document(found), indent=1, allow_nan=False) + "\n")
    else:
        _show(found, out)
    return any(results.pooled.n for results in found.results)


def _find(request: SummaryRequest) -> _Found:
    judged = read_judged(request.files)
    choice = PriorChoice(request.length_prior)
    results = choice.results(judged, seed=request.seed, draws=request.draws)
    groups: dict[tuple[str, str | None, str], list[int]] = {}
    for place, each in enumerate(judged):
        groups.setdefault((each.judge, each.fingerprint, each.reference), []).append(place)
    paired = [
        compare_candidates(one, other, seed=request.seed, draws=request.draws, prior=choice.of(one.judge))
        for places in groups.values()
        for one, other in _pairs([judged[place] for place in places], [results[place] for place in places])
    ]
    return _Found(judged, results, _official(request, judged), paired, _ratings(request, judged))


def _pairs(members: Sequence[Judged], results: Sequence[Results]) -> Iterator[tuple[Judged, Judged]]:
    """Candidates to compare: all with all, or, where that are many, each with the best at equal length."""
    rated = [
        (each.pooled.lc_win_rate, member)
        for each, member in zip(results, members, strict=True)
        if each.pooled.lc_win_rate is not None
    ]
    ranked = [member for _, member in sorted(rated, key=lambda pair: -pair[0])]
    if len(ranked) * (len(ranked) - 1) // 2 <= _ALL_PAIRS:
        yield from combinations(ranked, 2)
    else:
        yield from ((ranked[0], other) for other in ranked[1:])


def _ratings(request: SummaryRequest, judged: Sequence[Judged]) -> list[Ratings]:
    """Ratings by each judge that compared more than two models."""
    judges: dict[tuple[str, str | None], list[Judged]] = {}
    for each in judged:
        if any(verdict.outcome is not None for verdict in each.verdicts):
            judges.setdefault((each.judge, each.fingerprint), []).append(each)
    return [
        bradley_terry(members, seed=request.seed, draws=request.draws)
        for members in judges.values()
        if len({name for each in members for name in (each.reference, each.candidate)}) >= _FEWEST_RATED
    ]


def _official(request: SummaryRequest, judged: Sequence[Judged]) -> list[dict[str, float] | None]:
    if request.official is None:
        return [None] * len(judged)
    from longismore.harness._alpaca_official import official_lc

    found: list[dict[str, float] | None] = []
    for each in judged:
        if not all(verdict.one_order for verdict in each.verdicts):
            raise ConfigError(
                f"--official: {', '.join(each.files)} is no annotations.json of AlpacaEval; its own length control "
                "is for its 805 instructions, judged by its annotators"
            )
        rows = [
            {
                "instruction": judgment.prompt,
                "output_1": judgment.reference.output,
                "generator_1": judgment.reference.model,
                "output_2": judgment.candidate.output,
                "generator_2": judgment.candidate.model,
                "annotator": judgment.judge,
                "preference": None if judgment.preference is None else 1 + judgment.preference,
            }
            for judgment in each.judgments
        ]
        found.append(official_lc(rows, request.official))
    return found


def _document(found: _Found) -> dict[str, Any]:
    """One comparison as ``compare --json`` has it, with its names; several as a list of them."""
    comparisons = [
        {
            "judge": each.judge,
            "fingerprint": each.fingerprint,
            "reference": each.reference,
            "candidate": each.candidate,
            "files": list(each.files),
        }
        | ({} if official is None else {"official": official})
        | results.to_dict()
        for each, results, official in zip(found.judged, found.results, found.official, strict=True)
    ]
    if len(comparisons) == 1:
        return comparisons[0]
    return {
        "comparisons": comparisons,
        "paired": [each.to_dict() for each in found.paired],
        "ratings": [each.to_dict() for each in found.ratings],
    }


def _show(found: _Found, out: TextIO) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, highlight=False)
    for each, results, official in zip(found.judged, found.results, found.official, strict=True):
        names = {"reference": each.reference, "candidate": each.candidate, "judge": each.judge}
        table = results_table(results, **names, note=_note(each))
        console.print(table)
        if official is not None:
            shown = f"{official['length_controlled_winrate']:.2f}%"
            raw = f"{official['win_rate']:.2f}%"
            console.print(Text(f"note: alpaca_eval's own length_controlled_v1: {shown} (its raw win rate: {raw})"))
        console.print()
    for heading, members in (("Candidates in pairs", found.paired), ("Ratings", found.ratings)):
        if members:
            console.print(Text(heading, style="bold"))
        for member in members:
            for sentence in member.sentences():
                console.print(Text(printable(f"- {sentence}")))


def _note(judged: Judged) -> str | None:
    """The remark on the judge that its run folder keeps."""
    judge = judged.run.get("judge")
    note = judge.get("note") if isinstance(judge, dict) else None
    return str(note) if note else None
