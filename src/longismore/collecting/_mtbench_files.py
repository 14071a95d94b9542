"""MT-Bench judgments as numbers: mean scores of each turn, and win rates of whole turns in both orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longismore._jsonl import read_jsonl
from longismore.collecting._reading import Read, Without, file_time, moment, number_of
from longismore.collecting._walk import MT_BENCH
from longismore.errors import SchemaError
from longismore.mtbench import read_comparisons, read_grades
from longismore.reports.collection import Number, Source
from longismore.reports.mtbench import compare_models, score_models

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from longismore.reports.mtbench import Grade, Mean, ModelRate, ModelScore, TurnComparison

__all__ = ["read_mtbench_file"]

_BENCHMARK = "mt_bench"
_QUESTIONS = 80
"""Of the published set."""
_CLUSTERED = "clustered by question"


def read_mtbench_file(path: Path) -> Read:
    """Read a ``*_single.jsonl`` or a ``*_pair.jsonl``.

    Raises:
        DataError: The file cannot be read.
        SchemaError: It has no rows, or one is wrong.
    """
    rows = [row for _, row in read_jsonl(path)]
    if not rows:
        raise SchemaError(str(path), "the file is empty")
    read = Read()
    if "g1_winner" in rows[0]:
        _add_rates(read, read_comparisons(path), _Rows(path, rows))
    else:
        _add_scores(read, read_grades(path), _Rows(path, rows))
    return read


@dataclass(frozen=True, slots=True)
class _Rows:
    """A file as it stands, for what no score needs: times, costs and fingerprints, which only our rows have."""

    path: Path
    rows: Sequence[Mapping[str, Any]]

    def source(self, model: str, judge: str) -> Source:
        """Give the source of a model's numbers, with what its own rows cost."""
        rows = self._rows_of(model, judge)
        stamps = [number_of(row.get("tstamp")) for row in rows]
        costs = [number_of(row.get("cost_usd")) for row in rows]
        return Source(
            path=str(self.path),
            kind=MT_BENCH,
            created=moment(max((stamp for stamp in stamps if stamp is not None), default=None)) or file_time(self.path),
            is_paid=True,
            cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        )

    def fingerprint(self, model: str, judge: str) -> str | None:
        """Give the judge's, where every row names it."""
        found = [row.get("fingerprint") for row in self._rows_of(model, judge)]
        known = {each for each in found if isinstance(each, str)}
        return " and ".join(sorted(known)) if all(isinstance(each, str) for each in found) else None

    def _rows_of(self, model: str, judge: str) -> list[Mapping[str, Any]]:
        return [
            row
            for row in self.rows
            if model in (row.get("model"), row.get("model_1"), row.get("model_2")) and row["judge"][0] == judge
        ]


def _add_scores(read: Read, grades: Sequence[Grade], rows: _Rows) -> None:
    for score in score_models(grades):
        asked = {grade.question for grade in grades if (grade.model, grade.judge) == (score.model, score.judge)}
        means = {"score": score.both, "turn 1": score.first, "turn 2": score.second, **score.categories}
        versions = {
            "judge's prompts": " and ".join(score.prompts),
            "judge fingerprint": rows.fingerprint(score.model, score.judge),
            "questions": _ranges(asked),
        }
        settings = {"judge": score.judge, **_limit(asked)}
        source = rows.source(score.model, score.judge)
        read.numbers += _numbers(score, means, read, source=source, settings=settings, versions=versions)
        _count(score, read, source, what="grades")


def _add_rates(read: Read, comparisons: Sequence[TurnComparison], rows: _Rows) -> None:
    baseline = _baseline(comparisons)
    everyone = sorted({name for row in comparisons for name in (row.model_1, row.model_2)})
    for rate in compare_models(comparisons, baseline=baseline):
        asked = {row.question for row in comparisons if row.judge == rate.judge and _is_of(row, rate.model, baseline)}
        means = {"win rate": rate.adjusted, "win rate, turn 1": rate.first, "win rate, turn 2": rate.second}
        means |= {f"win rate, {category}": mean for category, mean in rate.categories.items()}
        settings = {"judge": rate.judge, "reference": baseline or "all others", **_limit(asked)}
        versions = {
            "judge fingerprint": rows.fingerprint(rate.model, rate.judge),
            "questions": _ranges(asked),
        }
        if baseline is None:
            versions["models compared"] = " and ".join(everyone)
        source = rows.source(rate.model, rate.judge)
        read.numbers += _numbers(rate, means, read, source=source, settings=settings, versions=versions)
        _count(rate, read, source, what="comparisons")


def _is_of(row: TurnComparison, model: str, baseline: str | None) -> bool:
    models = {row.model_1, row.model_2}
    return model in models and (baseline is None or baseline in models)


def _baseline(comparisons: Sequence[TurnComparison]) -> str | None:
    """The model that all others are compared with, where one file has no other comparisons."""
    common = set.intersection(*({row.model_1, row.model_2} for row in comparisons))
    if len(common) == 1:
        return common.pop()
    # Of two models alone, the second one is whom FastChat compares with, and so do we.
    return comparisons[0].model_2 if common else None


def _limit(asked: set[int]) -> dict[str, str]:
    return {} if len(asked) == _QUESTIONS else {"questions": f"{len(asked)} of {_QUESTIONS}"}


def _ranges(asked: set[int]) -> str:
    """Name questions by their numbers: ``81-90, 101``; as many others are other questions."""
    ranges: list[list[int]] = []
    for number in sorted(asked):
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    return ", ".join("-".join(map(str, ends)) for ends in ranges)


def _numbers(
    found: ModelScore | ModelRate,
    means: Mapping[str, Mean],
    read: Read,
    *,
    source: Source,
    settings: Mapping[str, str],
    versions: Mapping[str, str | None],
) -> Iterator[Number]:
    main = list(means)[:3]
    for metric, mean in means.items():
        if mean.mean is None:
            read.without_value.append(Without(found.model, f"{_BENCHMARK}/{metric}"))
            continue
        yield Number(
            model=found.model,
            benchmark=_BENCHMARK,
            metric=metric,
            value=mean.mean,
            source=source,
            interval=mean.mean_ci,
            interval_kind=None if mean.mean_ci is None else _CLUSTERED,
            n=mean.n,
            is_rate=metric.startswith("win rate"),
            is_shown=metric in main,
            settings=settings,
            versions=versions,
        )


def _count(found: ModelScore | ModelRate, read: Read, source: Source, *, what: str) -> None:
    """Say how many rows enter nothing, or twice."""
    said = {f"{what} that cannot be read and enter nothing": found.unread, f"repeated {what}": found.repeated}
    parts = [f"{which}: {count} of {found.rows}" for which, count in said.items() if count]
    if parts:
        read.notes.append(f"{source.path}: of {found.model} by {found.judge}, {'; '.join(parts)}")
